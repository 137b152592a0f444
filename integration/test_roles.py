"""Nodes that only store and nodes that only vote: how they form a cluster, and what is left when some of either are gone."""
import json
import socket
import time

import pytest

import raw_kafka
from cluster import Cluster, HistoryWriter

PARTITIONS = 6
BROKERS, CONTROLLERS = {1, 2, 6}, {3, 4, 5}  # so that each dials some of higher and some of lower ids
ROLES = [Cluster.CONTROLLER if number in CONTROLLERS else Cluster.BROKER for number in range(1, 7)]


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path, roles=ROLES)
    yield made
    made.kill()


def status(node):
    return json.loads(node.cafka("quorum", "status", "--json").stdout)


def roles_of(node):
    """{node: role} as the quorum's leader tells it."""
    return {each["node"]: each["role"] for each in status(node)["replicas"]}


def wait_until(holds, what, timeout=60):
    deadline = time.monotonic() + timeout
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} did not come to pass"
    return found


def write_to(cluster, topic):
    cluster.nodes[0].cafka("topic", "create", topic, "--partitions", PARTITIONS, "--replication-factor", 3)
    cluster.wait_for_whole_isr(topic)
    return [HistoryWriter(cluster, topic, partition).start() for partition in range(PARTITIONS)]


def test_three_controllers_and_three_brokers(cluster):
    cluster.start()
    one = cluster.nodes[0]
    assert {node.id for node in cluster.nodes} == BROKERS
    writers = write_to(cluster, "apart")
    for writer in writers:
        writer.wait_for(20)

    # Who is what, as each of the ways to ask has it.
    wait_until(lambda: set(roles_of(one)) == BROKERS | CONTROLLERS, "that all follow the metadata")
    seen = roles_of(one)
    assert {node for node, role in seen.items() if role == "observer"} == BROKERS
    assert sorted(seen[node] for node in CONTROLLERS) == ["follower", "follower", "leader"]
    for node in cluster.nodes:
        assert {broker["node"] for broker in json.loads(node.cafka("cluster", "brokers", "--json").stdout)} == BROKERS
        told = json.loads(node.cafka("cluster", "describe", "--json").stdout)
        assert {each["node"] for each in told["nodes"]} == BROKERS
        assert told["controller"] in BROKERS, "clients would look for it among the brokers"
        assert {(each["host"], each["port"]) for each in told["nodes"]} == {(each.host, each.port) for each in cluster.nodes}
    assert b", healthy" in wait_until(lambda: (said := one.cafka("cluster", "status", check=False)).returncode == 0 and said.stdout, "health")
    assert all(set(replicas) == BROKERS for _, replicas, _ in cluster.describe("apart").values())
    assert not any(list(controller.data.glob("apart-*")) for controller in cluster.controllers)

    # The one that leads is killed: another does, and nobody's writes stand still for long.
    lead = status(one)["leader"]
    assert lead in CONTROLLERS
    cluster.node(lead).kill()
    next_lead = wait_until(lambda: (said := one.cafka("quorum", "status", "--json", check=False)).returncode == 0 and
                           json.loads(said.stdout)["leader"] not in (lead, -1) and json.loads(said.stdout)["leader"], "another controller")
    assert next_lead in CONTROLLERS
    one.cafka("topic", "create", "without-one", "--partitions", 3, "--replication-factor", 3)
    for writer in writers:
        writer.wait_for(20)

    # So is a broker: fenced because nobody listens at its port for nodes any more, well before its session of 1.5 s ends.
    victim = cluster.node(6)
    victim.kill()
    killed = time.monotonic()
    cluster.wait_for("apart", lambda leader, replicas, isr: leader not in (None, 6) and 6 not in isr, one, "life without broker 6")
    fenced_after = time.monotonic() - killed
    assert cluster.node(next_lead).find_line("broker 6 is gone: nothing listens at its address; fenced"), f"fenced only after {fenced_after:.1f} s"
    for writer in writers:
        writer.wait_for(20)
    cluster.node(lead).start()
    victim.start()
    cluster.wait_for_whole_isr("apart")

    # All stop, all are killed: the same cluster again.
    for end in cluster.stop, cluster.kill:
        for writer in writers:
            writer.wait_for(20)
        end()
        cluster.start()
        cluster.wait_for_whole_isr("apart")
    for controller in cluster.controllers:
        assert controller.wait_for_line("for nodes only")
    rows = cluster.wait_for_whole_isr("apart")
    for writer in writers:
        assert writer.finish().check(cluster.node(rows[writer.partition][0])) >= len(writer.acked) > 0
    cluster.stop()
    for node in cluster.all():
        assert node.process.returncode == 0
        assert node.find_line("stopped$"), "cleanly"


def test_a_broker_that_is_first_waits_and_joins(cluster):
    early = cluster.nodes[0]
    early.launch()
    early.wait_for_line("this broker belongs to no cluster yet: it waits for the controllers")
    for controller in cluster.controllers[:2]:
        controller.launch()
    assert cluster.controllers[0].wait_for_line("one is formed when all of controller.quorum.voters are up")
    early.wait_for_line("no link to node 5")
    cluster.controllers[2].launch()
    for node in [early, *cluster.controllers]:
        node.wait_for_line("listening on", 60)
    assert len([line for line in early.lines if "waits for the controllers" in line]) == 1
    early.cafka("topic", "create", "alone", "--replication-factor", 1)
    too_many = early.cafka("topic", "create", "no", "--replication-factor", 2, check=False)
    assert b"cannot be reached because only 1 broker(s) are registered" in too_many.stderr  # controllers are no place for replicas
    early.cafka("produce", "alone", "--acks", "1", stdin=b"x\n", check=False)

    # A formed one that comes back before them waits as well.
    for node in [early, *cluster.controllers]:
        node.kill()
    early.launch()
    early.wait_for_line("this node waits until one of the controllers leads")
    for controller in cluster.controllers[1:]:
        controller.launch()
    early.wait_for_line("listening on", 60)
    assert "alone" in early.cafka("topic", "list").stdout.decode()


def test_clients_are_turned_away_from_a_controller(cluster):
    cluster.start()
    controller = cluster.controllers[0]
    with socket.create_connection(("127.0.0.1", controller.node_port)) as client:
        client.settimeout(20)
        client.sendall(raw_kafka.frame(raw_kafka.header(18, 0)))
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            pass  # it did not read all that was sent
    assert "this port is for nodes only; clients have the ports of `listeners`" in controller.wait_for_line("it is no node of cafka")


def test_one_controller_and_brokers_that_come_later(tmp_path):
    cluster = Cluster(tmp_path, roles=[Cluster.CONTROLLER, Cluster.BROKER, Cluster.BROKER])
    try:
        controller, first, second = cluster.controllers[0], *cluster.nodes
        controller.start()  # a quorum of one needs nobody
        first.start()
        second.start()
        first.cafka("topic", "create", "two", "--replication-factor", 2)
        cluster.wait_for_whole_isr("two")
        controller.stop()
        controller.start()
        first.cafka("topic", "create", "again", "--replication-factor", 2)
        wait_until(lambda: b"again" in second.cafka("topic", "list").stdout, "another broker hears of it")
        cluster.wait_for_whole_isr("again", second)
    finally:
        cluster.kill()


def test_a_voter_does_not_become_a_mere_broker_nor_the_reverse(cluster):
    cluster.start()
    cluster.stop()
    voter = cluster.controllers[0]
    others = ",".join(each for each in voter.overrides["controller.quorum.voters"].split(",") if not each.startswith(f"{voter.id}@"))
    voter.overrides.update({"process.roles": "broker", "controller.quorum.voters": others,
                            "listeners": f"PLAINTEXT://{voter.address},{voter.overrides['listeners']}"})
    voter.launch()
    assert voter.process.wait(timeout=30) == 1
    assert "process.roles must have the 'controller' role here" in voter.wait_for_line("is that of a voter", 5)

    broker = cluster.nodes[0]
    kept = dict(broker.overrides)
    broker.overrides["process.roles"] = "broker,controller"
    broker.launch()
    assert broker.process.wait(timeout=30) == 2
    assert "must be included in the set of voters controller.quorum.voters=3,4,5" in broker.wait_for_line("the node id 1", 5)
    broker.overrides.update(kept)
