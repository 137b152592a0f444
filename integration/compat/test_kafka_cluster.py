"""Three nodes as Kafka's own tools see them: the walk-through of introductory articles, from the list of brokers to a dead one that is back."""
import json
import subprocess

import pytest
from cluster import Cluster
from kafka_peer import jars, tool

TOPICS = "org.apache.kafka.tools.TopicCommand"
ELECTION = "org.apache.kafka.tools.LeaderElectionCommand"
QUORUM = "org.apache.kafka.tools.MetadataQuorumCommand"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("three"), leader_imbalance_check_interval_seconds=1).start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def servers(cluster):
    return ",".join(node.address for node in cluster.nodes)


def described(servers, topic, *options):
    """{partition: (leader, [replicas], [in sync])} as kafka-topics prints it."""
    rows = {}
    for line in tool(TOPICS, "--bootstrap-server", servers, "--describe", "--topic", topic, *options).splitlines():
        if not line.startswith("\t"):
            continue
        fields = dict(field.split(": ", 1) if ": " in field else (field.rstrip(":"), "") for field in line.strip().split("\t"))
        numbers = lambda key: [int(each) for each in fields[key].split(",") if each]
        rows[int(fields["Partition"])] = (int(fields["Leader"]), numbers("Replicas"), numbers("Isr"))
    return rows


def refused(main_class, *arguments):
    done = subprocess.run(["java", "-Xmx256M", "-cp", f"{jars()}/*", main_class, *map(str, arguments)], capture_output=True, timeout=180)
    assert done.returncode != 0, done.stdout.decode()
    return done.stdout.decode() + done.stderr.decode()


def test_each_server_lists_its_versions(cluster, servers):
    told = tool("org.apache.kafka.tools.BrokerApiVersionsCommand", "--bootstrap-server", servers)
    for node in cluster.nodes:
        assert f"{node.address} (id: {node.id} rack: null isFenced: false) -> (" in told, told[:500]


def test_a_broker_dies_and_comes_back(cluster, servers):
    assert "Created topic walk." in tool(TOPICS, "--bootstrap-server", servers, "--create", "--topic", "walk", "--partitions", 3, "--replication-factor", 3)
    rows = described(servers, "walk")
    assert sorted(leader for leader, _, _ in rows.values()) == [1, 2, 3]
    assert all(leader == replicas[0] and sorted(isr) == [1, 2, 3] for leader, replicas, isr in rows.values())
    tool("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", servers, "--topic", "walk", stdin=b"".join(b"%d\n" % i for i in range(300)))

    cluster.node(2).kill()
    cluster.wait_for("walk", lambda leader, replicas, isr: leader not in (None, 2) and 2 not in isr, cluster.node(1))
    without = described(servers, "walk")
    assert all(leader != 2 and sorted(isr) == [1, 3] for leader, _, isr in without.values())
    assert described(servers, "walk", "--under-replicated-partitions") == without
    assert described(servers, "walk", "--unavailable-partitions") == {}
    read = []
    for partition in rows:
        count = int(tool("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", servers, "--topic-partitions", f"walk:{partition}").split(":")[2])
        if count:
            read += tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", servers, "--topic", "walk", "--partition", partition,
                         "--offset", "earliest", "--max-messages", count).split()
    assert sorted(map(int, read)) == list(range(300))

    cluster.node(2).start()
    cluster.wait_for("walk", lambda leader, replicas, isr: leader == replicas[0] and sorted(isr) == [1, 2, 3], what="the preferred leaders' return")
    assert {number: row[0] for number, row in described(servers, "walk").items()} == {number: row[0] for number, row in rows.items()}


def test_more_replicas_than_brokers_are_refused(servers):
    said = refused(TOPICS, "--bootstrap-server", servers, "--create", "--topic", "four", "--partitions", 1, "--replication-factor", 4)
    # Word for word what Kafka 4.3.1 says.
    assert "Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached because only 3 broker(s) are registered" in said


def test_the_quorum(cluster, servers):
    status = dict(line.split(":", 1) for line in tool(QUORUM, "--bootstrap-server", servers, "describe", "--status").splitlines() if line)
    assert int(status["LeaderId"]) in (1, 2, 3) and int(status["HighWatermark"]) > 0 and int(status["MaxFollowerLag"]) == 0
    voters = json.loads(status["CurrentVoters"])
    assert [(each["id"], each["endpoints"]) for each in voters] == [(node.id, [f"CONTROLLER://127.0.0.1:{port}"])
                                                                     for node, port in zip(cluster.nodes, cluster.ports)]
    assert json.loads(status["CurrentObservers"]) == []
    rows = [line.split() for line in tool(QUORUM, "--bootstrap-server", servers, "describe", "--replication").splitlines() if line][1:]
    assert [int(row[0]) for row in sorted(rows)] == [1, 2, 3] and sorted(row[-1] for row in rows) == ["Follower", "Follower", "Leader"]
    assert [row[0] for row in rows if row[-1] == "Leader"] == [status["LeaderId"].strip()]


def test_elections(servers):
    tool(TOPICS, "--bootstrap-server", servers, "--create", "--topic", "elect", "--partitions", 2, "--replication-factor", 3)
    elect = lambda kind, *which: (ELECTION, "--bootstrap-server", servers, "--election-type", kind, *which)
    assert tool(*elect("preferred", "--all-topic-partitions")) == ""
    assert "Valid replica already elected for partitions elect-1" in tool(*elect("preferred", "--topic", "elect", "--partition", 1))
    assert "Valid replica already elected for partitions elect-0" in tool(*elect("unclean", "--topic", "elect", "--partition", 0))
    assert "UnknownTopicOrPartitionException" in refused(*elect("preferred", "--topic", "elect", "--partition", 7))
