"""After the majority of the voters is lost for good: one survivor goes on, and who comes back from the past makes no second cluster in silence."""
import json
import shutil
import subprocess

import pytest

from cluster import Cluster
from node import CAFKA, CONFIG

YES = "--yes-lose-committed-metadata"
VALUES = b"".join(b"%d\n" % i for i in range(500))


def recover(node, *flags):
    command = node.command()
    return subprocess.run([CAFKA, "quorum", "recover", str(CONFIG), *command[command.index(str(CONFIG)) + 1:], *flags], capture_output=True, timeout=60)


def values_at(node):
    return sorted(map(int, node.cafka("consume", "kept", "--from-beginning", "--exit-at-end").stdout.split()))


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path).start()
    made.node(1).cafka("topic", "create", "kept", "--partitions", 3)
    made.wait_for_whole_isr("kept")
    made.node(1).cafka("produce", "kept", "--acks", "all", stdin=VALUES)
    yield made
    made.kill()


def lose_majority(cluster):
    cluster.kill()
    for node in cluster.nodes[1:]:
        shutil.move(node.data, node.base / "past")


def lead_again(cluster, survivor):
    """Nobody is in sync any more once the lost ones are fenced: the operator says that what the survivor has shall do, and that one replica is enough."""
    rows = cluster.wait_for("kept", lambda leader, replicas, isr: leader is None, survivor, "the end of the lost ones' sessions")
    survivor.cafka("topic", "alter", "kept", "--config", "min.insync.replicas=1")
    for partition in rows:
        survivor.cafka("topic", "elect", "kept", "--partition", partition, "--unclean")
    cluster.wait_for("kept", lambda leader, replicas, isr: leader == 1 and isr == [1], survivor, "the survivor's leadership")


def test_one_survivor_goes_on_and_empty_nodes_join(cluster):
    survivor = cluster.node(1)
    cluster_id = survivor.cafka("cluster", "describe").stdout.decode().split()[1]
    lose_majority(cluster)
    shown = recover(survivor)
    assert shown.returncode == 2 and b"At risk:" in shown.stdout and b"nothing was changed" in shown.stderr, shown
    assert b"of 0 one that was not in sync" in shown.stdout and b"1@" in shown.stdout and b"3@" in shown.stdout
    assert "recoveries" not in (survivor.data / ".cafka_voters").read_text()
    done = recover(survivor, YES)
    assert done.returncode == 0 and b"is the only voter of cluster" in done.stdout and b"recovery 1" in done.stdout, done
    assert recover(survivor, YES).returncode == 1  # it is the only one already
    survivor.start()
    assert recover(survivor, YES).returncode == 1 and b"the node runs" in recover(survivor).stderr
    lead_again(cluster, survivor)
    assert values_at(survivor) == list(range(500))
    assert survivor.cafka("cluster", "describe").stdout.decode().split()[1] == cluster_id
    for node in cluster.nodes[1:]:
        node.start()
    rows = cluster.wait_for_whole_isr("kept")
    assert all(sorted(isr) == [1, 2, 3] for _, _, isr in rows.values())
    for node in cluster.nodes:
        assert values_at(node) == list(range(500))
    node.cafka("topic", "create", "new")
    node.cafka("produce", "kept", "--acks", "all", stdin=b"500\n")
    status = json.loads(node.cafka("quorum", "status", "--json").stdout)
    assert sorted((each["node"], each["role"]) for each in status["replicas"]) == [(1, "leader"), (2, "observer"), (3, "observer")]
    # Once more from the beginning, all of them.
    cluster.stop()
    cluster.start()
    cluster.wait_for_whole_isr("kept")
    assert values_at(node) == list(range(501))


def test_who_comes_back_from_the_past_stops(cluster):
    survivor = cluster.node(1)
    lose_majority(cluster)
    assert recover(survivor, YES).returncode == 0
    survivor.start()
    lead_again(cluster, survivor)
    survivor.cafka("topic", "create", "later", "--replication-factor", 1)
    for node in cluster.nodes[1:]:  # both, so that by their own list of voters they are a majority
        shutil.move(node.base / "past", node.data)
        node.launch()
    for node in cluster.nodes[1:]:
        assert node.process.wait(timeout=60) == 1
        node._reader.join(timeout=10)
        assert "was recovered without node" in node.find_line("This node stops"), node.lines
    assert survivor.wait_for_line("a past of cluster .* that was given up", 10)
    assert "later" in survivor.cafka("topic", "list").stdout.decode()
    assert values_at(survivor) == list(range(500))
    survivor.cafka("topic", "create", "still", "--replication-factor", 1)


def test_a_second_cluster_ends_when_it_meets_the_first(cluster):
    survivor = cluster.node(1)
    lose_majority(cluster)
    assert recover(survivor, YES).returncode == 0
    for node in cluster.nodes[1:]:
        shutil.move(node.base / "past", node.data)
        node.launch()
    for node in cluster.nodes[1:]:  # the survivor is down: they cannot know
        node.wait_for_line("listening on", 60)
    survivor.start()
    for node in cluster.nodes[1:]:
        assert node.process.wait(timeout=60) == 1
    lead_again(cluster, survivor)
    assert values_at(survivor) == list(range(500))


def test_what_is_no_survivor_is_refused(cluster, new_node, tmp_path):
    alone = new_node("alone")
    alone.start()
    alone.stop()
    refused = recover(alone)
    assert refused.returncode == 1 and b"there is no quorum to recover" in refused.stderr
    observer = cluster.node(3)
    observer.kill()
    shutil.rmtree(observer.data)
    observer.start()
    observer.stop()
    refused = recover(observer, YES)
    assert refused.returncode == 1 and b"is no voter of its cluster" in refused.stderr
