"""Three nodes: how they form a cluster, what they do when one dies, hangs or is told nonsense, and that nothing acknowledged is lost.

CAFKA_CLUSTER_ROUNDS: how often a node is killed under load (6)."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

import raw_kafka
from cluster import Cluster, HistoryWriter
from node import CAFKA, Node
from ports import free_port

ROUNDS = int(os.environ.get("CAFKA_CLUSTER_ROUNDS", "6"))
PARTITIONS = 3


def running(made):
    """Whatever a test has done to the nodes, none is left."""
    yield made
    for node in made.nodes:
        if node.process and node.process.poll() is None:
            node.process.send_signal(signal.SIGCONT)
    made.kill()


@pytest.fixture
def cluster(tmp_path):
    yield from running(Cluster(tmp_path).start())


@pytest.fixture
def impatient(tmp_path):
    """Says soon that nobody decides."""
    yield from running(Cluster(tmp_path, controller_quorum_request_timeout_ms=3000).start())


def check_all(cluster, topic, writers):
    """Every writer's history against what is served, and every replica byte for byte."""
    rows = cluster.wait_for_whole_isr(topic)
    for writer in writers:
        assert writer.finish().check(cluster.node(rows[writer.partition][0])) >= len(writer.acked) > 0
    for partition in rows:
        deadline = time.monotonic() + 30
        digests = {}
        while len(digests) != 3 or len(set(digests.values())) != 1:  # the followers may be a fetch behind what was never acknowledged
            assert time.monotonic() < deadline, f"replicas of {topic}-{partition} differ: {digests}"
            digests = cluster.log_digests(topic, partition)


def write_to(cluster, topic):
    cluster.nodes[0].cafka("topic", "create", topic, "--partitions", PARTITIONS)
    cluster.wait_for_whole_isr(topic)
    return [HistoryWriter(cluster, topic, partition).start() for partition in range(PARTITIONS)]


def test_any_node_serves_the_cluster(cluster):
    for node in cluster.nodes:
        name = f"made-at-{node.id}"
        node.cafka("topic", "create", name, "--partitions", 6)
        for other in cluster.nodes:
            rows = cluster.wait_for_whole_isr(name, other)
            assert sorted(leader for leader, _, _ in rows.values()) == [1, 1, 2, 2, 3, 3]
    node.cafka("produce", "made-at-1", stdin=b"".join(b"%d\n" % i for i in range(1000)))
    for other in cluster.nodes:
        assert sorted(map(int, other.cafka("consume", "made-at-1", "--from-beginning", "--exit-at-end").stdout.split())) == list(range(1000))
    refused = node.cafka("topic", "create", "too-many", "--replication-factor", 4, check=False)
    assert refused.returncode != 0 and b"The target replication factor of 4 cannot be reached because only 3 broker(s) are registered" in refused.stderr
    told = [other.cafka("cluster", "describe").stdout.decode().splitlines()[0] for other in cluster.nodes]
    assert len(set(told)) == 1 and "Nodes: 3" in told[0]
    node.cafka("topic", "delete", "made-at-2")
    for other in cluster.nodes:
        deadline = time.monotonic() + 30
        while "made-at-2" in other.cafka("topic", "list").stdout.decode():
            assert time.monotonic() < deadline


def test_all_stop_and_start_and_all_is_there(cluster):
    writers = write_to(cluster, "kept")
    for writer in writers:
        writer.wait_for(50)
        writer.finish()
    for end in cluster.stop, cluster.kill:
        end()
        cluster.start()
        cluster.wait_for_whole_isr("kept")
        for writer in writers:
            writer.check(cluster.node(cluster.describe("kept")[writer.partition][0]))


def test_nodes_are_killed_in_turn_under_load(cluster):
    writers = write_to(cluster, "load")
    for round in range(ROUNDS):
        victim = cluster.node(round % 3 + 1)
        for writer in writers:
            writer.wait_for(30)
        victim.kill()
        at = cluster.others(victim.id)[0]
        cluster.wait_for("load", lambda leader, replicas, isr: leader not in (None, victim.id) and victim.id not in isr, at, f"life without {victim.id}")
        for writer in writers:
            writer.wait_for(30)
        victim.start()
        cluster.wait_for_whole_isr("load")
    check_all(cluster, "load", writers)
    # NOT_ENOUGH_REPLICAS and the like never came: two of three were always there.
    assert not {code for writer in writers for code in writer.refused} - {3, 5, 6, 7}, [writer.refused for writer in writers]


def test_the_end_of_the_controller_is_no_error_to_who_writes_elsewhere(cluster):
    for round in range(2):
        topic = f"round-{round}"
        cluster.nodes[0].cafka("topic", "create", topic, "--partitions", PARTITIONS)
        rows = cluster.wait_for_whole_isr(topic)
        said = cluster.nodes[0].cafka("quorum", "status").stdout
        controller = cluster.node(int(said.split(b"Leader: ")[1].split(b"\t")[0]))
        writers = [HistoryWriter(cluster, topic, partition, nodes=[cluster.node(leader)]).start()
                   for partition, (leader, _, _) in rows.items() if leader != controller.id]
        assert len(writers) == 2
        for writer in writers:
            writer.wait_for(30)
        controller.kill()
        at = cluster.others(controller.id)[0]
        cluster.wait_for(topic, lambda leader, replicas, isr: controller.id not in isr, at, "an in-sync set without the controller that was")
        for writer in writers:
            writer.wait_for(30)
        controller.start()
        cluster.wait_for_whole_isr(topic)
        for writer in writers:
            assert writer.finish().check(writer.nodes[0]) == len(writer.acked)
            assert not writer.refused and not writer.unknown


def test_a_node_that_hangs_is_replaced_and_comes_back(cluster):
    writers = write_to(cluster, "hang")
    for victim in cluster.nodes:
        for writer in writers:
            writer.wait_for(30)
        victim.process.send_signal(signal.SIGSTOP)
        at = cluster.others(victim.id)[0]
        cluster.wait_for("hang", lambda leader, replicas, isr: leader not in (None, victim.id) and victim.id not in isr, at, f"life without {victim.id}")
        for writer in writers:
            writer.wait_for(30)
        victim.process.send_signal(signal.SIGCONT)
        cluster.wait_for_whole_isr("hang")
    check_all(cluster, "hang", writers)


def test_all_are_killed_at_once_under_load(cluster):
    writers = write_to(cluster, "crash")
    for _ in range(2):
        for writer in writers:
            writer.wait_for(50)
        cluster.kill()
        cluster.start()
        for writer in writers:
            writer.wait_for(50)
    check_all(cluster, "crash", writers)


def check_no_majority(node):
    """The first change may still reach a controller that does not know yet that it is alone: it is in doubt then. The next one finds none."""
    for name in "perhaps", "never":
        refused = node.cafka("topic", "create", name, check=False, timeout=60)
        assert refused.returncode != 0 and b"REQUEST_TIMED_OUT" in refused.stderr, refused
    assert b"not done: no controller: 2 of the 3 voters must be up" in refused.stderr, refused.stderr


def test_one_alone_takes_no_writes_that_could_be_lost(impatient):
    writers = write_to(impatient, "alone")
    for writer in writers:
        writer.wait_for(20)
        writer.finish()
    for node in impatient.nodes[1:]:
        node.kill()
    check_no_majority(impatient.nodes[0])
    said = impatient.nodes[0].cafka("produce", "alone", "--delivery-timeout-ms", "2000", stdin=b"0-0\n", check=False, timeout=60)
    assert said.returncode != 0, said
    for writer in writers:
        writer.unknown.add(0)  # it may be in the log of the one, which may lead again
    for node in impatient.nodes[1:]:
        node.start()
    impatient.wait_for_whole_isr("alone")
    for writer in writers:
        writer.check(impatient.node(impatient.describe("alone")[writer.partition][0]))


def test_a_voter_whose_disk_is_lost_comes_back_as_an_observer(impatient):
    writers = write_to(impatient, "lost")
    for writer in writers:
        writer.wait_for(50)
    victim = impatient.node(3)
    victim.kill()
    shutil.rmtree(victim.data)
    victim.start()
    impatient.wait_for_whole_isr("lost")
    for writer in writers:
        writer.wait_for(50)
    check_all(impatient, "lost", writers)
    shown = json.loads(impatient.node(1).cafka("quorum", "status", "--json").stdout)["replicas"]
    assert sorted((each["node"], each["role"]) for each in shown if each["role"] != "leader") in ([(2, "follower"), (3, "follower"), (3, "observer")],
                                                                                                  [(1, "follower"), (3, "follower"), (3, "observer")])
    # It is no voter: with one of the two that are left there is no majority.
    impatient.node(2).kill()
    check_no_majority(impatient.node(3))


def test_nobody_starts_from_a_damaged_list_of_voters_or_without_the_others(cluster):
    cluster.stop()
    node = cluster.nodes[0]
    voters = node.data / ".cafka_voters"
    kept = voters.read_text()
    for damaged in kept[:-20], kept.replace("voters=1@", "voters=x@"), "", kept.replace("version=1", "version=2"):
        voters.write_text(damaged)
        node.launch()
        assert node.process.wait(timeout=30) == 1
        assert "is damaged: restore it" in node.wait_for_line("damaged", 5)
    voters.write_text(kept)
    with_others = dict(node.overrides)
    del node.overrides["controller.quorum.voters"]
    node.launch()
    assert node.process.wait(timeout=30) == 1
    assert node.wait_for_line("name them in controller.quorum.voters", 5)
    node.overrides = with_others
    cluster.start()


def is_closed(connection):
    connection.settimeout(30)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def kill_and_start(cluster, topic, victim):
    """Afterwards it follows where it led, unless leaders have gone back by themselves."""
    victim.kill()
    at = cluster.others(victim.id)[0]
    cluster.wait_for(topic, lambda leader, replicas, isr: leader not in (None, victim.id), at, f"life without {victim.id}")
    victim.start()
    cluster.wait_for_whole_isr(topic)


def test_preferred_leaders_return_by_themselves(tmp_path):
    cluster = Cluster(tmp_path, leader_imbalance_check_interval_seconds=1).start()
    try:
        writers = write_to(cluster, "home")
        kill_and_start(cluster, "home", cluster.node(2))
        cluster.wait_for("home", lambda leader, replicas, isr: leader == replicas[0], what="the preferred leaders' return")
        check_all(cluster, "home", writers)
    finally:
        cluster.kill()


def test_leaders_are_elected_when_told(tmp_path):
    cluster = Cluster(tmp_path, auto_leader_rebalance_enable="false").start()
    try:
        node, victim = cluster.node(1), cluster.node(2)
        node.cafka("topic", "create", "told", "--partitions", 3)
        cluster.wait_for_whole_isr("told")
        status = lambda: json.loads(node.cafka("cluster", "status", "--json", check=False).stdout)
        assert status()["healthy"] and node.cafka("cluster", "status").returncode == 0
        victim.kill()
        cluster.wait_for("told", lambda leader, replicas, isr: leader not in (None, 2) and 2 not in isr, node, "life without 2")
        said = status()
        assert not said["healthy"] and said["brokers"] == {"registered": 3, "down": [2]} and said["partitions"]["under_replicated"] == 3
        assert node.cafka("cluster", "status", check=False).returncode == 1
        shown = json.loads(node.cafka("cluster", "brokers", "--json").stdout)
        assert [(each["node"], each["state"]) for each in shown] == [(1, "up"), (2, "down"), (3, "up")] and shown[1]["leads"] == 0
        assert len(node.cafka("topic", "describe", "--under-replicated").stdout.splitlines()) == 3
        assert node.cafka("topic", "describe", "--unavailable", "--under-min-isr").stdout == b""
        (lost,) = [number for number, (_, replicas, _) in cluster.describe("told").items() if replicas[0] == 2]
        refused = node.cafka("topic", "elect", "told", "--partition", lost, check=False)
        assert refused.returncode == 1 and b"PREFERRED_LEADER_NOT_AVAILABLE" in refused.stderr
        victim.start()
        rows = cluster.wait_for_whole_isr("told")
        assert rows[lost][0] != 2 and status()["partitions"]["led_by_another"] == 1
        for at in cluster.nodes:  # any node takes it to the controller
            said = at.cafka("topic", "elect", "told").stdout.decode()
            assert said == (f"Elected a leader of told-{lost}.\n2 partitions needed no election.\n" if at is node else "3 partitions needed no election.\n")
        cluster.wait_for("told", lambda leader, replicas, isr: leader == replicas[0], what="what was elected")
        missing = node.cafka("topic", "elect", "told", "--partition", 9, check=False)
        assert missing.returncode == 1 and b"told-9: UNKNOWN_TOPIC_OR_PARTITION" in missing.stderr
    finally:
        cluster.kill()


def test_the_quorum_is_told_by_every_node(cluster):
    told = [json.loads(node.cafka("quorum", "status", "--json").stdout) for node in cluster.nodes]
    assert len({(each["leader"], each["epoch"]) for each in told}) == 1
    for each in told:
        assert [(replica["node"], replica["port"]) for replica in each["replicas"]] == list(zip((1, 2, 3), cluster.ports))
        assert sorted(replica["role"] for replica in each["replicas"]) == ["follower", "follower", "leader"]
        assert all(replica["lag"] == 0 for replica in each["replicas"] if replica["role"] == "leader")
    lead = told[0]["leader"]
    cluster.node(lead).kill()
    after = json.loads(cluster.others(lead)[0].cafka("quorum", "status", "--json").stdout)
    assert after["leader"] != lead and after["epoch"] > told[0]["epoch"]


def test_the_port_between_nodes_minds_no_strangers(cluster):
    """Garbage, a client of Kafka's and silence: closed, one line in the log, and the cluster goes on."""
    victim = cluster.nodes[0]
    port = cluster.ports[0]
    before = victim.resident_bytes()
    with socket.create_connection(("127.0.0.1", port)) as browser:
        browser.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert is_closed(browser)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(raw_kafka.frame(raw_kafka.header(raw_kafka.API_VERSIONS, 3) + raw_kafka.compact("a") * 2 + raw_kafka.NO_TAGS))
        assert is_closed(client)
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    for each in silent:
        assert is_closed(each)
        each.close()
    assert victim.resident_bytes() < before + (16 << 20)
    cluster.nodes[0].cafka("topic", "create", "after")
    cluster.wait_for_whole_isr("after")


def start_error(tmp_path, code=1, **settings):
    node = Node(tmp_path, **settings)
    node.overrides["listeners"] = settings.get("listeners", f"PLAINTEXT://{node.address},CONTROLLER://127.0.0.1:1")
    node.launch()
    node.process.wait(timeout=30)
    node._reader.join(timeout=10)
    assert node.process.returncode == code, node.lines
    return "\n".join(node.lines)


def test_what_cannot_be_is_refused_at_the_start(tmp_path):
    voters = "1@127.0.0.1:19092,2@127.0.0.1:19093,3@127.0.0.1:19094"
    said = start_error(tmp_path / "a", code=2, node_id=9, controller_listener_names="CONTROLLER", controller_quorum_voters=voters)
    assert "the node id 9 must be included in the set of voters controller.quorum.voters=1,2,3" in said
    said = start_error(tmp_path / "b", code=2, node_id=1, controller_quorum_voters=voters, listeners="PLAINTEXT://127.0.0.1:0")
    assert "controller.listener.names" in said
    said = start_error(tmp_path / "c", node_id=1, controller_listener_names="CONTROLLER", controller_quorum_voters=voters,
                       listeners="PLAINTEXT://127.0.0.1:0,CONTROLLER://:1")
    assert "node.insecure=true" in said and "private network" in said


def test_a_demo_of_three_nodes(tmp_path):
    """From one command; a node that is killed leaves the others, Ctrl-C leaves nothing."""
    ports = {free_port() for _ in range(30)}
    first = next(port for port in sorted(ports) if all(is_free(port + distance + i) for distance in (0, 10000) for i in range(3)))
    demo = subprocess.Popen([CAFKA, "cluster", "demo", "--port", str(first)], stdout=subprocess.PIPE, env=dict(os.environ, TMPDIR=str(tmp_path)))
    try:
        lines = []
        while not lines or lines[-1] != b"Ctrl-C stops all.\n":
            lines.append(demo.stdout.readline())
            assert lines[-1], b"".join(lines)
        pids = [int(line.split()[-1]) for line in lines if b" pid " in line]
        assert len(pids) == 3 and b"kill -9 %d" % pids[0] in b"".join(lines)
        ask = lambda *words: subprocess.run([CAFKA, *words, "-b", f"127.0.0.1:{first + 1},127.0.0.1:{first + 2}"], capture_output=True, timeout=60)
        assert ask("topic", "create", "hello", "--partitions", "3").returncode == 0
        os.kill(pids[0], signal.SIGKILL)
        told = demo.stdout.readline().decode()
        assert told.startswith("node 1 was ended by signal 9 (Killed); `cafka start ") and "node-1.properties` starts it again" in told
        assert ask("topic", "create", "again").returncode == 0
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0
        assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")] and not list(tmp_path.iterdir())
    finally:
        demo.kill()
        demo.wait()
    taken = socket.socket()
    with taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        failed = subprocess.run([CAFKA, "cluster", "demo", "--port", str(first)], capture_output=True, timeout=60, env=dict(os.environ, TMPDIR=str(tmp_path)))
    assert failed.returncode == 1 and b"node 1 ended with code 1 before it was up" in failed.stderr and b"ddress already in use" in failed.stderr


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def test_a_node_of_another_cluster_is_kept_out(tmp_path):
    ours = Cluster(tmp_path / "ours").start()
    theirs = Cluster(tmp_path / "theirs").start()
    try:
        stranger = theirs.node(3)
        stranger.stop()
        theirs.kill()
        stranger.overrides["controller.quorum.voters"] = ours.node(3).overrides["controller.quorum.voters"]
        ours.node(3).stop()
        stranger.launch()
        stranger.wait_for_line("cluster", 30)
        line = ours.node(1).wait_for_line(r"refused|cluster .* expected|belongs to cluster", 30)
        assert "cluster" in line
        stranger.kill()
        ours.node(3).start()
    finally:
        ours.kill()
        theirs.kill()
