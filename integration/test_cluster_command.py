"""`cafka cluster`: what it tells of a node is what the node answers to a raw ApiVersions request; a node that cannot be reached is said to be so."""
import json
import subprocess

import compatibility_page
import pytest
import raw_kafka
from node import CAFKA
from ports import free_port


def fields(line):
    return dict(field.split(": ", 1) for field in line.strip("\t\n").split("\t"))


def api_versions(port):
    """(APIs as {key: (lowest, highest)}, features as {name: level}, their epoch), by version 4 of the request."""
    body = raw_kafka.compact("raw") + raw_kafka.compact("1") + raw_kafka.NO_TAGS
    with raw_kafka.Connection(port) as connection:
        answer = connection.ask(raw_kafka.API_VERSIONS, 4, body)
    assert answer.unpack("h") == (0,)
    apis = {}
    for _ in range(answer.count()):
        key, lowest, highest = answer.unpack("hhh")
        answer.skip_tags()
        apis[key] = (lowest, highest)
    answer.unpack("i")
    tagged = {}
    for _ in range(answer.uvarint()):
        tag = answer.uvarint()
        tagged[tag] = raw_kafka.Reader(answer.take(answer.uvarint()))
    (epoch,) = tagged[1].unpack("q")
    features = {}
    for _ in range(tagged[2].count()):
        name = tagged[2].compact().decode()
        highest, lowest = tagged[2].unpack("hh")
        tagged[2].skip_tags()
        assert highest == lowest
        features[name] = highest
    return apis, features, epoch


@pytest.fixture
def unreachable(new_node):
    """A node that clients are sent away from to a port where nobody listens."""
    dead = free_port()
    node = new_node(advertised_listeners=f"PLAINTEXT://127.0.0.1:{dead}")
    return node.start(), dead


def test_describe(node):
    out = node.cafka("cluster", "describe").stdout.decode().splitlines()
    cluster, row = fields(out[0]), fields(out[1])
    assert len(out) == 2 and cluster["Controller"] == "1" and cluster["Nodes"] == "1"
    assert row["Node"] == "1" and row["Address"] == node.address and row["NativeProtocol"] == "1"
    assert row["Software"] == subprocess.run([CAFKA, "version"], capture_output=True, text=True, timeout=60).stdout.strip()
    described = json.loads(node.cafka("cluster", "describe", "--json").stdout)
    assert described["cluster_id"] == cluster["ClusterId"] and described["controller"] == 1
    assert described["nodes"] == [{"node": 1, "host": "127.0.0.1", "port": node.port, "rack": None, "software": row["Software"], "native_protocol": 1,
                                   "error": None}]


def test_the_rack_is_shown(new_node):
    node = new_node(broker_rack="r-1").start()
    assert fields(node.cafka("cluster", "describe").stdout.decode().splitlines()[1])["Rack"] == "r-1"


def test_apis_are_what_a_raw_request_is_answered(node):
    apis, features, epoch = api_versions(node.port)
    assert apis == compatibility_page.advertised(node.port) and "metadata.version" in features
    lines = [fields(line) for line in node.cafka("cluster", "apis").stdout.decode().splitlines()]
    assert lines[0]["Node"] == "1" and lines[0]["Address"] == node.address and lines[0]["Apis"] == str(len(apis))
    told = [line for line in lines if "Api" in line]
    assert {int(line["Key"]): (int(line["MinVersion"]), int(line["MaxVersion"])) for line in told} == apis
    assert {int(line["Key"]): line["Api"] for line in told} == compatibility_page.SERVED
    assert {line["Feature"]: int(line["FinalizedLevel"]) for line in lines if "Feature" in line} == features

    one = json.loads(node.cafka("cluster", "apis", "--node", "1", "--json").stdout)
    assert {each["key"]: (each["min_version"], each["max_version"]) for each in one["apis"]} == apis
    assert {each["name"]: each["level"] for each in one["finalized_features"]} == features
    assert one["finalized_features_epoch"] >= epoch and one["error"] is None


def test_a_node_that_does_not_exist(node):
    done = node.cafka("cluster", "apis", "--node", "7", "--node", "1", check=False)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 1 and done.stderr == b""
    assert lines[0].startswith("Node: 1\t") and "Api: Produce" in lines[1]
    assert lines[-1] == "Node: 7\tAddress: unknown\tError: BROKER_ID_NOT_REGISTERED: the cluster has no node 7; it has 1"


def test_a_node_that_cannot_be_reached(unreachable):
    node, dead = unreachable
    described = node.cafka("cluster", "describe", check=False)
    cluster, row = map(fields, described.stdout.decode().splitlines())
    assert described.returncode == 1 and cluster["Nodes"] == "1" and len(cluster["ClusterId"]) == 22
    assert row["Address"] == f"127.0.0.1:{dead}" and "Connection refused" in row["Error"] and "advertised.listeners" in row["Error"]
    apis = node.cafka("cluster", "apis", "--json", check=False)
    assert apis.returncode == 1
    row = json.loads(apis.stdout)
    assert row["node"] == 1 and row["port"] == dead and row["apis"] == [] and "Connection refused" in row["error"]


def test_nobody_there(node):
    for command in (["cluster", "describe"], ["cluster", "apis"], ["cluster", "status"], ["cluster", "brokers"], ["quorum", "status"]):
        done = subprocess.run([CAFKA, *command, "-b", f"127.0.0.1:{free_port()}", "--timeout-ms", "300"], capture_output=True, timeout=60)
        assert done.returncode == 1 and done.stdout == b"" and b"cannot connect" in done.stderr


@pytest.mark.parametrize("command, example", [("cluster describe", "cafka cluster describe"), ("cluster apis", "cafka cluster apis --node 1"),
                                              ("cluster status", "until cafka cluster status"), ("cluster brokers", "cafka cluster brokers --json"),
                                              ("cluster demo", "cafka cluster demo --nodes 5"), ("quorum status", "cafka quorum status --json"),
                                              ("topic elect", "cafka topic elect --all")])
def test_help(node, command, example):
    out = node.cafka(*command.split(), "--help").stdout.decode()
    assert "Examples:" in out and example in out
