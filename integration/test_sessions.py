"""A broker past its session, two processes of one node.id, and DeleteRecords on several replicas."""
import signal
import time

import pytest

import raw_kafka
from cluster import NOT_LEADER, Cluster
from node import Node
from ports import free_port
from test_cluster import running


@pytest.fixture
def cluster(tmp_path):
    yield from running(Cluster(tmp_path).start())


def test_a_leader_that_is_past_its_session_takes_only_what_waits_for_others(cluster):
    topic = "alone"
    cluster.nodes[0].cafka("topic", "create", topic, "--partitions", 1)
    leader = cluster.node(cluster.wait_for_whole_isr(topic)[0][0])
    with raw_kafka.Connection(leader.port, host=leader.host) as connection:
        produce = lambda acks: raw_kafka.produce_body(topic, 0, raw_kafka.batch([b"x"]), acks=acks)
        assert raw_kafka.read_produced(connection.ask(raw_kafka.PRODUCE, 9, produce(-1))).code == 0
        for node in cluster.others(leader.id):
            node.kill()
        deadline = time.monotonic() + 30
        while (said := raw_kafka.read_produced(connection.ask(raw_kafka.PRODUCE, 9, produce(1)))).code != NOT_LEADER:
            assert said.code == 0 and time.monotonic() < deadline, said
        assert "session" in said.message, said
        # acks=0 has no answer: the end of the connection says it.
        with raw_kafka.Connection(leader.port, host=leader.host) as silent:
            silent.send(raw_kafka.PRODUCE, 9, produce(0))
            assert silent.is_closed_by_peer()
    assert leader.cafka("consume", topic, "--from-beginning", "--max-messages", 1).stdout == b"x\n"
    for node in cluster.others(leader.id):
        node.start()
    cluster.wait_for_whole_isr(topic)
    with raw_kafka.Connection(cluster.node(cluster.describe(topic)[0][0]).port) as connection:
        assert raw_kafka.read_produced(connection.ask(raw_kafka.PRODUCE, 9, produce(1))).code == 0


def test_a_second_process_of_a_node_is_turned_away(cluster, tmp_path):
    cluster.nodes[0].cafka("topic", "create", "t", "--partitions", 3)
    cluster.wait_for_whole_isr("t")
    first = cluster.node(2)
    twin = Node(tmp_path / "twin", **{key.replace(".", "_"): value for key, value in first.overrides.items()})
    twin.overrides["listeners"] = f"PLAINTEXT://{twin.address},CONTROLLER://127.0.0.1:{free_port()}"
    gone = lambda: sum("the link to node" in line and "is gone" in line for node in cluster.nodes for line in node.lines)
    before = gone()
    twin.launch()
    try:
        twin.wait_for_line(r"another process is node 2, and is alive: give each its own node.id", 30)
        time_to_fight = time.monotonic() + 3  # it dials four times a second
        while time.monotonic() < time_to_fight:
            assert cluster.nodes[0].cafka("produce", "t", stdin=b"x\n").returncode == 0
        assert sum("another process is node 2" in line for line in twin.lines) == 1
        assert gone() == before, "the first process lost a link to the second"
        assert twin.process.poll() is None and not twin.find_line("listening on")
    finally:
        twin.kill()


def test_records_are_deleted_on_every_live_replica(cluster):
    topic = "shorter"
    cluster.nodes[0].cafka("topic", "create", topic, "--partitions", 1)
    leader, replicas, _ = cluster.wait_for_whole_isr(topic)[0]
    at, follower = cluster.node(leader), cluster.others(leader)[0]
    at.cafka("produce", topic, stdin=b"".join(b"%d\n" % number for number in range(100)))
    assert b"begins at offset 40" in at.cafka("topic", "delete-records", topic, "--before", "0:40").stdout
    # One that is alive, and has not followed, is waited for.
    follower.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        done = at.cafka("topic", "delete-records", topic, "--before", "0:60", check=False)
    finally:
        follower.process.send_signal(signal.SIGCONT)
    # It was fenced meanwhile, or the time ran out: either way not before its session had ended.
    assert time.monotonic() - began > 0.5
    assert b"begins at offset 60" in done.stdout or b"REQUEST_TIMED_OUT" in done.stderr, done
    cluster.wait_for_whole_isr(topic)
    assert b"begins at offset 70" in cluster.nodes[0].cafka("topic", "delete-records", topic, "--before", "0:70").stdout
    # Whoever leads next begins there too.
    last = cluster.describe(topic)[0][0]
    cluster.node(last).kill()
    other = cluster.others(last)[0]
    cluster.wait_for(topic, lambda now, *_: now not in (None, last), other)
    assert other.cafka("consume", topic, "--from-beginning", "--max-messages", 1).stdout == b"70\n"
