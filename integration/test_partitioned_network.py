"""Nodes cut off from each other, each in a network namespace of its own: what was acknowledged stays, what the cut-off side wrote alone goes."""
import time

import network
import pytest
from cluster import Cluster, HistoryWriter

pytestmark = pytest.mark.skipif(bool(network.why_not()), reason=network.why_not())
TOPIC = "torn"


@pytest.fixture
def machines():
    made = network.Network(3)
    yield made
    made.close()


@pytest.fixture
def cluster(tmp_path, machines):
    made = Cluster(tmp_path, machines=machines).start()
    yield made
    made.kill()


def check_equal_replicas(cluster, topic, partition=0):
    deadline = time.monotonic() + 30
    digests = {}
    while len(digests) != 3 or len(set(digests.values())) != 1:
        assert time.monotonic() < deadline, f"replicas of {topic}-{partition} differ: {digests}"
        digests = cluster.log_digests(topic, partition)


def test_an_old_leader_with_its_clients(cluster, machines):
    """Writes on both sides of the cut: after healing exactly those are there that were acknowledged, and the cut-off side acknowledged none."""
    cluster.nodes[0].cafka("topic", "create", TOPIC)
    old = cluster.node(cluster.wait_for_whole_isr(TOPIC)[0][0])
    others = cluster.others(old.id)
    outside = HistoryWriter(cluster, TOPIC, inside=machines.clients).start()
    outside.wait_for(50)

    machines.pull_out(old.id)
    # A client beside the old leader, on its side of the cut. It waits for none of its answers longer than a second.
    beside = HistoryWriter(cluster, TOPIC, nodes=[old], inside=machines.namespace(old.id), first=1_000_000, timeout=1).start()
    cluster.wait_for(TOPIC, lambda leader, replicas, isr: leader not in (None, old.id) and old.id not in isr, others[0], "life without the old leader")
    outside.wait_for(100)
    beside.finish()
    assert beside.number >= 1_000_000 and not beside.acked, "a leader without the others acknowledged what they do not have"
    written = (old.data / f"{TOPIC}-0" / ("0" * 20 + ".log")).read_bytes()

    machines.put_back(old.id)
    cluster.wait_for_whole_isr(TOPIC, others[0])
    outside.wait_for(50)
    assert outside.finish().check(cluster.node(cluster.describe(TOPIC, others[0])[0][0])) >= len(outside.acked) > 0  # none of the other side's is there
    check_equal_replicas(cluster, TOPIC)
    assert beside.value(1_000_000) in written, "the old leader wrote nothing while it was cut off: this test shows nothing"


def test_the_controller_cut_off_from_all(cluster, machines):
    """Its partitions are led by others within seconds, and of two controllers only the one with a majority decides."""
    cluster.nodes[0].cafka("topic", "create", TOPIC, "--partitions", 3)
    cluster.wait_for_whole_isr(TOPIC)
    lead = int(cluster.nodes[0].cafka("quorum", "status").stdout.split(b"Leader: ")[1].split(b"\t")[0])
    old, others = cluster.node(lead), cluster.others(lead)
    writers = [HistoryWriter(cluster, TOPIC, partition, inside=machines.clients, timeout=2).start() for partition in range(3)]
    for writer in writers:
        writer.wait_for(20)
    machines.pull_out(lead)
    cluster.wait_for(TOPIC, lambda leader, replicas, isr: leader not in (None, lead) and lead not in isr, others[0], "life without the controller")
    for writer in writers:
        writer.wait_for(20)
    others[0].cafka("topic", "create", "meanwhile")
    old.clients_inside = machines.namespace(lead)
    refused = old.cafka("topic", "create", "alone", "--timeout-ms", 3000, check=False)
    assert refused.returncode != 0 and b"REQUEST_TIMED_OUT" in refused.stderr, refused
    assert b"alone" not in old.cafka("topic", "list").stdout  # not before a majority has it
    machines.put_back(lead)
    cluster.wait_for_whole_isr(TOPIC, others[0])
    rows = cluster.describe(TOPIC, others[0])
    for writer in writers:
        assert writer.finish().check(cluster.node(rows[writer.partition][0])) >= len(writer.acked) > 0
        check_equal_replicas(cluster, TOPIC, writer.partition)
    # Whether the other one was made was left open: it may have waited for the cable. But nobody sees for good what others do not.
    for node in cluster.nodes:
        node.clients_inside = machines.namespace(node.id)
    deadline = time.monotonic() + 30
    told = {}
    while len(set(told.values())) != 1 or b"meanwhile" not in told[1]:
        assert time.monotonic() < deadline, told
        told = {node.id: node.cafka("topic", "list").stdout for node in cluster.nodes}


def test_cables_that_come_and_go(cluster, machines):
    cluster.nodes[0].cafka("topic", "create", TOPIC, "--partitions", 3)
    cluster.wait_for_whole_isr(TOPIC)
    writers = [HistoryWriter(cluster, TOPIC, partition, inside=machines.clients, timeout=2).start() for partition in range(3)]
    for number in (1, 2, 3):
        for writer in writers:
            writer.wait_for(10)
        machines.pull_out(number)
        others = cluster.others(number)
        cluster.wait_for(TOPIC, lambda leader, replicas, isr: leader not in (None, number), others[0], f"life without {number}")
        machines.put_back(number)
        cluster.wait_for_whole_isr(TOPIC, others[0])
    rows = cluster.describe(TOPIC)
    for writer in writers:
        assert writer.finish().check(cluster.node(rows[writer.partition][0])) >= len(writer.acked) > 0
        check_equal_replicas(cluster, TOPIC, writer.partition)
