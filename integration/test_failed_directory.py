"""A disk of several, or the only one, fails under a node of a cluster; a replica's log is damaged while its node is down."""
import json
import subprocess
import time

import pytest

import ext4_image
from cluster import Cluster, HistoryWriter
from test_cluster import running

needs_a_disk = pytest.mark.skipif(ext4_image.unavailable() is not None, reason=f"a small loop mount {ext4_image.unavailable()}")
PARTITIONS = 4


@pytest.fixture
def disk(tmp_path):
    with ext4_image.Ext4Image(tmp_path, size_mib=128) as made:
        yield made


def break_down(disk):
    """What ext4 does when it meets an error that it cannot live with: from here on nothing can be written or synced."""
    subprocess.run(["/bin/mount", "-o", "remount,abort", disk.mount_point], check=False)


def repair(disk):
    disk.unmount()
    subprocess.run(["/sbin/e2fsck", "-p", "-f", disk.image], check=False)
    disk.mount()


def directory_of(node, path):
    rows = [json.loads(line) for line in node.cafka("log", "dirs", "--json", check=False).stdout.splitlines()]
    return next(row for row in rows if row["logDir"] == str(path))


@pytest.fixture
def cluster(tmp_path, disk):
    """Node 2 has two directories: its own, with the metadata log, and one on `disk`."""
    made = Cluster(tmp_path)
    second = made.node(2)
    second.failing = disk.mount_point / "data"
    second.overrides["log.dirs"] = f"{second.data},{second.failing}"
    second.overrides["metadata.log.dir"] = str(second.data)
    yield from running(made.start())


def names_in(directory, topic):
    return sorted(each.name for each in directory.glob(f"{topic}-*"))


@needs_a_disk
def test_replicas_move_off_a_directory_that_fails(cluster, disk):
    topic, second = "moving", cluster.node(2)
    cluster.nodes[0].cafka("topic", "create", topic, "--partitions", PARTITIONS)
    cluster.wait_for_whole_isr(topic)
    hit = names_in(second.failing, topic)
    assert 0 < len(hit) < PARTITIONS, "both directories should hold some"
    writers = [HistoryWriter(cluster, topic, partition).start() for partition in range(PARTITIONS)]
    for writer in writers:
        writer.wait_for(50)
    break_down(disk)
    second.wait_for_line(r"log directory .* is offline", 30)
    # They start over in the other directory, from the leader, and count once they have all of it.
    for name in hit:
        second.wait_for_line(rf"{name} starts over in {second.data}", 30)
    cluster.wait_for_whole_isr(topic)
    for writer in writers:
        writer.wait_for(50)
    assert names_in(second.data, topic) == [f"{topic}-{number}" for number in range(PARTITIONS)]
    assert names_in(second.failing, topic) == hit, "what is on the failed disk stays"
    assert directory_of(second, second.failing)["error"] is not None
    assert len(directory_of(second, second.data)["partitions"]) == PARTITIONS
    check_all_of(cluster, topic, writers)

    # The disk comes back with the old copies: they are not taken for the replicas.
    second.kill()
    repair(disk)
    second.start()
    cluster.wait_for_whole_isr(topic)
    assert names_in(second.failing, topic) != hit
    strays = [name for name in names_in(second.failing, topic) if name.endswith("-stray")]
    assert sorted(name.split(".")[0] for name in strays) == hit
    check_all_of(cluster, topic, [])


def check_all_of(cluster, topic, writers):
    rows = cluster.wait_for_whole_isr(topic)
    for writer in writers:
        assert writer.finish().check(cluster.node(rows[writer.partition][0])) >= len(writer.acked) > 0
    for partition in rows:
        deadline = time.monotonic() + 30
        while len(set((digests := cluster.log_digests(topic, partition)).values())) != 1 or len(digests) != 3:
            assert time.monotonic() < deadline, f"replicas of {topic}-{partition} differ: {digests}"


@pytest.fixture
def on_one_disk(tmp_path, disk):
    """All that node 3 has lies on `disk`."""
    made = Cluster(tmp_path)
    made.node(3).data = disk.mount_point / "data"
    yield from running(made.start())


@needs_a_disk
def test_a_node_whose_last_directory_fails_stops(on_one_disk, disk):
    cluster, topic = on_one_disk, "left"
    third = cluster.node(3)
    cluster.nodes[0].cafka("topic", "create", topic, "--partitions", 3)
    cluster.wait_for_whole_isr(topic)
    writers = [HistoryWriter(cluster, topic, partition).start() for partition in range(3)]
    for writer in writers:
        writer.wait_for(20)
    break_down(disk)
    assert third.process.wait(timeout=60) != 0
    assert third.find_line(r"this node stops|no longer keeps metadata"), third.lines[-20:]
    cluster.wait_for(topic, lambda leader, replicas, isr: leader in (1, 2) and sorted(isr) == [1, 2])
    for writer in writers:
        writer.wait_for(20)
        writer.finish().check(cluster.node(cluster.describe(topic)[writer.partition][0]))


@pytest.fixture
def sound(tmp_path):
    yield from running(Cluster(tmp_path).start())


def test_a_damaged_replica_is_fetched_anew(sound):
    topic, second = "damaged", sound.node(2)
    sound.nodes[0].cafka("topic", "create", topic, "--partitions", 1)
    sound.wait_for_whole_isr(topic)
    writer = HistoryWriter(sound, topic).start()
    writer.wait_for(200)
    assert second.stop() == 0  # its recovery point is the end of its log
    segment = second.data / f"{topic}-0" / ("0" * 20 + ".log")
    kept = segment.read_bytes()[: segment.stat().st_size // 2]
    segment.write_bytes(kept)
    second.start()
    second.wait_for_line(rf"{topic}-0 is not served", 30)
    second.wait_for_line(rf"{topic}-0 starts over in", 30)
    check_all_of(sound, topic, [writer])
    strays = list(second.data.glob(f"{topic}-0.*-stray"))
    assert len(strays) == 1 and (strays[0] / segment.name).read_bytes() == kept, "the damaged files are kept as they were"
    # A second start finds nothing to complain of.
    assert second.stop() == 0
    second.start()
    sound.wait_for_whole_isr(topic)
    assert not second.find_line(r"is not served|starts over")
