"""Administration over Kafka's protocol: the same requests, byte for byte, to a node of ours and to Apache Kafka, and the same answers; then Kafka's own tools."""
import concurrent.futures
import contextlib
import json
import pathlib
import re
import subprocess
import time

import pytest

import kafka_peer
from node import Node

HERE = pathlib.Path(__file__).resolve().parent
NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def java(*arguments):
    return ["java", "-Xmx256M", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{kafka_peer.jars()}/*", *map(str, arguments)]


# Requests that leave all as it is, or as the first of them left it. Kafka's brokers see a change a moment after it is answered, so Kafka may be
# asked one of these again until it answers as we do; we are never asked twice.
REPEATABLE = "Describe", "List", "Metadata", "DeleteRecords"
SETTLED_WITHIN = 30  # seconds


class Asker:
    """A connection to a node, through Kafka's own codec."""

    def __init__(self, node, errors):
        self.errors = errors
        with open(errors, "wb") as stderr:
            self.process = subprocess.Popen(java(HERE / "RawRequests.java", *node.address.rsplit(":", 1)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=stderr, text=True)

    def __call__(self, name, version, body):
        self.process.stdin.write(f"{name} {version} {json.dumps(body)}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().strip()
        assert line, f"no answer to {name} {version} {body}: {self.errors.read_text()[-4000:]}"
        return line if line == "closed" else json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    base = tmp_path_factory.mktemp("admin")
    with contextlib.ExitStack() as stack:
        both = Node(base / "ours").start(), kafka_peer.Broker(base / "theirs").start()
        for node, name in zip(both, ("ours", "theirs")):
            stack.callback(node.stop)
            node.ask = Asker(node, base / f"{name}.errors")
            stack.callback(node.ask.close)
        yield both


def simple(value, key=None):
    """An answer without what differs by nature: ids, sizes, the order of lists, the words of errors that Kafka has no words of its own for."""
    if isinstance(value, dict):
        value = {name: simple(each, name) for name, each in value.items()}
        if value.get("errorCode") in (0, 3, 6, 100) and "errorMessage" in value:
            value["errorMessage"] = None
        if "name" in value and value["name"] == "min.insync.replicas":  # Kafka writes it for all brokers when it formats its directories
            value.pop("configSource", None)
            value.pop("synonyms", None)
        return value
    if isinstance(value, list):
        ours_alone = ("durability",)
        theirs_alone = ("__consumer_offsets",)  # made by an earlier test
        items = [simple(each) for each in value if not (isinstance(each, dict) and (each.get("name") in ours_alone or each.get("topic") in theirs_alone))]
        return sorted(items, key=lambda each: json.dumps(each, sort_keys=True)) if key not in ("replicaNodes", "isrNodes") else items
    if key == "topicId":
        return value == NO_ID
    if key in ("totalBytes", "usableBytes"):
        return value > 0
    if key == "logDir":
        return "DIR"
    if key == "documentation":
        return bool(value)
    if key == "errorMessage" and value:
        # A newer reason in the same sentence, for what is not known here.
        return value.replace(" or some brokers have all their log directories cordoned", "")
    return value


def compare(nodes, requests):
    """Asks both nodes the same, one request after the other; what they answered."""
    answers, told = [], []
    ours, theirs = nodes
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for request in requests:
            mine, kafka = pool.map(lambda node: node.ask(*request), nodes)
            deadline = time.monotonic() + SETTLED_WITHIN
            while simple(mine) != simple(kafka) and request[0].startswith(REPEATABLE) and time.monotonic() < deadline:
                kafka = theirs.ask(*request)
            answers.append((mine, kafka))
            if simple(mine) != simple(kafka):
                name, version, body = request
                told.append(f"{name} {version} {json.dumps(body)[:300]}\n  ours:  {json.dumps(simple(mine))[:1500]}\n  Kafka: {json.dumps(simple(kafka))[:1500]}")
    assert not told, f"{len(told)} of {len(requests)} answers differ:\n" + "\n".join(told)
    return answers


def create(*topics, version=7, validate=False):
    return "CreateTopics", version, {"topics": list(topics), "timeoutMs": 10000, "validateOnly": validate}


def topic(name, partitions=1, factor=1, assignment=(), **configs):
    return {"name": name, "numPartitions": partitions, "replicationFactor": factor,
            "assignments": [{"partitionIndex": number, "brokerIds": brokers} for number, brokers in assignment],
            "configs": [{"name": key.replace("__", "."), "value": value} for key, value in configs.items()]}


def delete(*names, version=6, ids=()):
    if version < 6:
        return "DeleteTopics", version, {"topicNames": list(names), "timeoutMs": 10000}
    return "DeleteTopics", version, {"topics": [{"name": name, "topicId": NO_ID} for name in names] + [{"name": None, "topicId": each} for each in ids],
                                     "timeoutMs": 10000}


def grow(name, count, assignment=None, version=3, validate=False):
    return "CreatePartitions", version, {"topics": [{"name": name, "count": count, "assignments": assignment and [{"brokerIds": each} for each in assignment]
                                                     if assignment else assignment}], "timeoutMs": 10000, "validateOnly": validate}


def cut(version, *topics):
    return "DeleteRecords", version, {"topics": [{"name": name, "partitions": [{"partitionIndex": number, "offset": offset} for number, offset in partitions]}
                                                 for name, partitions in topics], "timeoutMs": 5000}


def page(names, limit=2000, cursor=None):
    return "DescribeTopicPartitions", 0, {"topics": [{"name": name} for name in names], "responsePartitionLimit": limit,
                                          "cursor": cursor and {"topicName": cursor[0], "partitionIndex": cursor[1]}}


def change(kind, name, *configs, version=1, validate=False):
    return "IncrementalAlterConfigs", version, {"resources": [{"resourceType": kind, "resourceName": name, "configs": [
        {"name": key, "configOperation": operation, "value": value} for key, operation, value in configs]}], "validateOnly": validate}


def replace(kind, name, *configs, version=2, validate=False):
    return "AlterConfigs", version, {"resources": [{"resourceType": kind, "resourceName": name, "configs": [
        {"name": key, "value": value} for key, value in configs]}], "validateOnly": validate}


def describe(kind, name, keys=None, synonyms=True, documentation=False, version=4):
    body = {"resources": [{"resourceType": kind, "resourceName": name, "configurationKeys": keys}], "includeSynonyms": synonyms}
    return "DescribeConfigs", version, body | ({"includeDocumentation": documentation} if version >= 3 else {})


def test_topics(nodes):
    compare(nodes, [
        create(topic("t1", 3, segment__bytes="2000000")), create(topic("t1")), create(topic("t_1")), create(topic("t.1")), create(topic("")),
        create(topic(".")), create(topic("x" * 250)), create(topic("bad name")), create(topic("p", 0)), create(topic("p", -2)), create(topic("r", 1, 0)),
        create(topic("r", 1, 2)), create(topic("r", 4, 3)), create(topic("d", -1, -1)), create(topic("m", -1, -1, [(0, [1]), (1, [1])])),
        create(topic("m2", 2, 1, [(0, [1])])), create(topic("m2", -1, -1, [(0, [1, 1])])), create(topic("m2", -1, -1, [(0, [7])])),
        create(topic("m2", -1, -1, [(0, [1]), (2, [1])])), create(topic("m2", -1, -1, [(0, [])])), create(topic("m2", -1, -1, [(0, [1]), (0, [1])])),
        create(topic("m2", -1, 1, [(0, [1])])), create(topic("m2", 1, -1, [(0, [1])])), create(topic("m2", -1, -1, [(1, [1])])),
        create(topic("m2", -1, -1, [(0, [-1])])),
        create(topic("c", foo="bar")), create(topic("c", retention__ms="abc")), create(topic("c", retention__ms="-5")), create(topic("c", cleanup__policy="x")),
        create(topic("c", retention__ms=None)), create(topic("c", segment__bytes="10")), create(topic("c", preallocate="maybe")),
        create(topic("c", min__compaction__lag__ms="10", max__compaction__lag__ms="5")), create(topic("c", compression__gzip__level="0")),
        create(topic("c", retention__bytes="99999999999999999999")), create(topic("c", remote__storage__enable="true")),
        create(topic("c13", cleanup__policy="")), create(topic("c", compression__type="none")), create(topic("c", segment__ms="0")),
        create(topic("c", local__retention__ms="-3")), create(topic("c", message__format__version="3.0")),
        create(topic("c", follower__replication__throttled__replicas="x")), create(topic("c14", leader__replication__throttled__replicas="0:1,1:1")),
        create(topic("t1", retention__ms=None)), create(topic("r", 1, 2, retention__ms="x")),
        create(topic("dup"), topic("dup", 2), topic("ok")), create(topic("v", 2), validate=True), create(topic("t1"), validate=True),
        create(topic("__consumer_offsets")), create(topic("__cluster_metadata")), create(topic("many", 10001)),
        create(topic("w4"), version=4), create(topic("w5"), version=5), create(topic("w2"), version=2), create(topic("w2"), version=2), create(),
        create(topic("w3"), version=3), create(topic("w6"), version=6),
        delete("nope"), delete("nope", version=1), delete("w2", version=3), delete("w3", version=2), delete("w5", version=4), delete("w6", version=5), delete("w4", "w4"), delete("__cluster_metadata"), delete(ids=["vB8ynGXlRVO_zJu2u2ZWNA"]),
        delete(ids=[NO_ID]), ("DeleteTopics", 6, {"topics": [{"name": "d", "topicId": "vB8ynGXlRVO_zJu2u2ZWNA"}], "timeoutMs": 1000}), delete(""), delete(),
        delete("w4"), delete("c13", version=5),
        grow("t1", 3), grow("t1", 2), grow("t1", 4), grow("nope", 3), grow("t1", 0), grow("t1", -1), grow("t1", 6, [[1]]), grow("t1", 6, [[1], [1]]),
        grow("t1", 7, [[2]]), grow("t1", 7, [[1, 1]]), grow("t1", 7, [[]]), grow("t1", 8, validate=True), grow("t1", 8, []), grow("t1", 7, version=0),
        grow("t1", 7, version=1), grow("t1", 8, version=2), grow("__consumer_offsets", 2),
        ("CreatePartitions", 3, {"topics": [{"name": each, "count": 20, "assignments": None} for each in ("t1", "t1", "d")], "timeoutMs": 10000,
                                 "validateOnly": True}),
        page(["t1"], 2), page(["t1", "m", "nope"], 3), page(["t1", "m"], 3, ("t1", 2)), page([], 3), page([], 2, ("m", 1)), page(["t1"], 0), page(["t1"], -1),
        page(["nope", "bad name", "m"], 1), page(["nope", "zz", "m"], 2), page(["m"], 100, ("m", 99)), page(["m", "z"], 2), page(["m"], 10, ("t1", 0)),
        page([], 10, ("zzzz", 0)), page(["t1"], 10, ("t1", -1)), page(["m", "m"]), page(["__consumer_offsets", "m"], 1), page(["aa", "m"], 10, ("aa", 1)),
        cut(2, ("t1", [(0, 0)])), cut(2, ("t1", [(0, 5)])), cut(2, ("t1", [(0, -1)])), cut(2, ("t1", [(0, -2)])), cut(2, ("t1", [(99, 0)])),
        cut(1, ("nope", [(0, 0)])), cut(0, ("__consumer_offsets", [(0, 0)])), cut(2, ("t1", [(0, 3), (0, 0)])),
        cut(2, ("t1", [(0, 0), (99, 1)]), ("nope", [(1, 1)])), cut(2),
        create(topic("compacted", cleanup__policy="compact"), version=4), cut(2, ("compacted", [(0, -1)])),
    ])


def test_elections(nodes):
    elect = lambda kind, topics, version=2: ("ElectLeaders", version, {"electionType": kind, "timeoutMs": 10000, "topicPartitions": topics and [
        {"topic": name, "partitions": list(numbers)} for name, numbers in topics]} if version else {"timeoutMs": 10000, "topicPartitions": topics and [
            {"topic": name, "partitions": list(numbers)} for name, numbers in topics]})
    compare(nodes, [create(topic("led", 2), version=4)] + [elect(kind, topics, version) for version in range(3) for kind in range(2) for topics in (
        [("led", [0, 1])], [("led", [0, 0, 7])], [("absent", [0])], [], None)])


def test_configs(nodes):
    whole = ["compression.type", "retention.ms", "retention.bytes", "segment.bytes", "max.message.bytes", "min.insync.replicas", "cleanup.policy", "segment.ms",
             "flush.ms", "flush.messages", "preallocate", "local.retention.ms", "file.delete.delay.ms", "leader.replication.throttled.replicas", "foo"]
    compare(nodes, [
        create(topic("k", 1, retention__ms="5"), version=4),
        change(TOPIC, "k", ("retention.ms", SET, "1000")), change(TOPIC, "k", ("retention.ms", APPEND, "1")), change(TOPIC, "k", ("cleanup.policy", APPEND, "compact")),
        describe(TOPIC, "k", ["cleanup.policy"]), change(TOPIC, "k", ("cleanup.policy", APPEND, "compact")), change(TOPIC, "k", ("cleanup.policy", SUBTRACT, "delete")),
        describe(TOPIC, "k", ["cleanup.policy"]), change(TOPIC, "k", ("cleanup.policy", SUBTRACT, "nope")), change(TOPIC, "k", ("cleanup.policy", APPEND, "nope")),
        change(TOPIC, "k", ("cleanup.policy", SUBTRACT, "compact")), describe(TOPIC, "k", ["cleanup.policy"]), change(TOPIC, "k", ("foo", SET, "1")),
        change(TOPIC, "k", ("foo", DELETE, None)), change(TOPIC, "k", ("foo", APPEND, "1")), change(TOPIC, "k", ("retention.ms", SET, None)),
        change(TOPIC, "k", ("retention.ms", DELETE, None)), change(TOPIC, "k", ("retention.ms", SET, "1"), ("retention.ms", SET, "2")),
        change(TOPIC, "absent", ("retention.ms", SET, "1")), change(TOPIC, "", ("retention.ms", SET, "1")), change(TOPIC, "bad name", ("retention.ms", SET, "1")),
        change(TOPIC, "k", ("compression.type", SET, "gzip"), ("flush.messages", SET, "5"), version=0), describe(TOPIC, "k", whole, documentation=True),
        change(TOPIC, "k", ("retention.ms", SET, "7"), validate=True), change(TOPIC, "k"), change(TOPIC, "k", ("follower.replication.throttled.replicas", SET, "*")),
        change(TOPIC, "k", ("leader.replication.throttled.replicas", APPEND, "0:1")), change(TOPIC, "k", ("", SET, "1")),
        ("IncrementalAlterConfigs", 1, {"resources": [{"resourceType": TOPIC, "resourceName": each, "configs": []} for each in ("k", "k", "absent2")],
                                        "validateOnly": False}),
        replace(TOPIC, "k", ("retention.ms", "5")), describe(TOPIC, "k", whole), describe(TOPIC, "k"), replace(TOPIC, "k", ("retention.ms", None)),
        replace(TOPIC, "k", ("foo", "1")), replace(TOPIC, "absent", ("retention.ms", "1")), replace(TOPIC, "k", ("retention.ms", "1"), ("retention.ms", "2")),
        replace(TOPIC, "k", ("retention.ms", "x"), version=0), replace(TOPIC, "k", validate=True, version=1), replace(TOPIC, "k"), describe(TOPIC, "k", ["retention.ms"]),
        replace(TOPIC, "", ("retention.ms", "1")),
        # of brokers
        change(BROKER, "1", ("log.cleaner.threads", SET, "2")), describe(BROKER, "1", ["log.cleaner.threads"]),
        change(BROKER, "", ("log.cleaner.threads", SET, "2")), describe(BROKER, "1", ["log.cleaner.threads"]), change(BROKER, "1", ("log.cleaner.threads", DELETE, None)), change(BROKER, "", ("log.cleaner.threads", DELETE, None)),
        change(BROKER, "2", ("log.cleaner.threads", SET, "2")), change(BROKER, "x", ("log.cleaner.threads", SET, "2")), change(BROKER, "1", ("node.id", SET, "2")),
        change(BROKER, "1", ("num.partitions", SET, "2")), change(BROKER, "1", ("message.max.bytes", SET, "abc")), change(BROKER, "1", ("background.threads", SET, "0")),
        change(BROKER, "1", ("log.cleanup.policy", APPEND, "compact")), change(BROKER, "1", ("log.cleanup.policy", DELETE, None)),
        change(BROKER, "1", ("ssl.keystore.password", SET, "secret")), change(BROKER, "", ("unclean.leader.election.enable", SET, "maybe")),
        change(BROKER, "1", ("log.retention.ms", APPEND, "1")), change(BROKER, "1", ("node.id", DELETE, None)), change(BROKER, "1", ("log.retention.ms", SET, None)),
        change(BROKER, "1", ("min.insync.replicas", SET, "2")),
        change(BROKER, "", ("log.retention.ms", SET, "88888888")), change(BROKER, "1", ("log.retention.ms", SET, "99999999")),
        describe(BROKER, "1", ["log.retention.ms", "log.retention.hours", "log.retention.minutes"]), describe(TOPIC, "k", ["retention.ms"]),
        replace(BROKER, "1"), describe(TOPIC, "k", ["retention.ms"]), change(BROKER, "", ("log.retention.ms", DELETE, None)),
        replace(BROKER, "1", ("node.id", "1")), replace(BROKER, "", ("node.id", "1")),
        describe(BROKER, "1", ["log.retention.ms", "log.roll.ms", "log.flush.interval.ms", "log.dir", "ssl.keystore.password", "num.io.threads",
                               "background.threads", "compression.type", "delegation.token.secret.key", "transaction.max.timeout.ms"]),
        describe(BROKER, "2"), describe(BROKER, "x"), describe(TOPIC, "absent"), describe(TOPIC, "bad name"), describe(TOPIC, ""),
        describe(TOPIC, "k", ["retention.ms", "segment.ms", "retention.ms"], synonyms=False, version=1), describe(TOPIC, "k", [], version=2),
        describe(TOPIC, "k", ["retention.ms"], version=3),
        # what has no configuration, or none of that name
        change(LOGGER, "1", ("kafka.x", SET, "DEBUG")), change(LOGGER, "1", ("kafka", APPEND, "DEBUG")), change(LOGGER, "9", ("kafka", SET, "DEBUG")),
        change(LOGGER, "", ("root", SET, "DEBUG")), change(LOGGER, "1", ("root", DELETE, None)), describe(LOGGER, "2"), describe(LOGGER, ""),
        change(1, "k", ("a", SET, "b")), change(0, "k", ("a", SET, "b")), change(99, "k", ("a", SET, "b")), replace(LOGGER, "1", ("root", "INFO")), replace(1, "x"),
        ("ListConfigResources", 1, {"resourceTypes": [BROKER]}), ("ListConfigResources", 1, {"resourceTypes": [LOGGER]}),
        ("ListConfigResources", 1, {"resourceTypes": [METRICS]}), ("ListConfigResources", 1, {"resourceTypes": [GROUP]}),
        ("ListConfigResources", 1, {"resourceTypes": [1]}), ("ListConfigResources", 1, {"resourceTypes": [TOPIC, 99]}), ("ListConfigResources", 0, {}),
        ("ListConfigResources", 1, {"resourceTypes": [TOPIC]}), ("ListConfigResources", 1, {"resourceTypes": []}),
    ])


def test_every_broker_key(nodes):
    """The keys that Kafka lists are listed here, of the same type, sensitive as there; read-only there means read-only here."""
    ours, theirs = (node.ask(*describe(BROKER, "1", documentation=True))["results"][0]["configs"] for node in nodes)
    mine = {each["name"]: each for each in ours}
    # Kafka's are none, for nothing, or smaller than what the system finds by itself.
    own_defaults = ("node.id", "process.roles", "broker.id", "socket.send.buffer.bytes", "socket.receive.buffer.bytes",
                    # a node that dies is missed sooner
                    "broker.session.timeout.ms", "broker.heartbeat.interval.ms", "controller.quorum.request.timeout.ms",
                    "leader.imbalance.check.interval.seconds",
                    # no key store of Java's is read
                    "ssl.keystore.type", "ssl.truststore.type")
    wrong = []
    for each in theirs:
        found = mine.get(each["name"])
        if not found or not found["documentation"] or (found["configType"], found["isSensitive"]) != (each["configType"], each["isSensitive"]):
            wrong.append((each, found))
        elif each["readOnly"] and not found["readOnly"]:
            wrong.append((each, found))
        elif each["configSource"] == found["configSource"] == 5 and each["name"] not in own_defaults and (found["value"] or "") != (each["value"] or ""):
            wrong.append((each, found))
    assert not wrong, "\n".join(json.dumps({key: (a[key], b and b[key]) for key in ("name", "value", "configType", "readOnly", "isSensitive")}) for a, b in wrong)


def test_log_dirs(nodes):
    sizes = lambda version, topics: ("DescribeLogDirs", version, {"topics": topics and [{"topic": name, "partitions": list(numbers)} for name, numbers in topics]})
    compare(nodes, [create(topic("sized", 2), version=4)] + [sizes(version, [("sized", [0, 1])]) for version in range(1, 6)] + [
        sizes(5, [("sized", [])]), sizes(5, [("absent", [0])]), sizes(5, [("sized", [9])]), sizes(5, []), sizes(5, [("sized", [0, 0]), ("sized", [1])])])
    ours, _ = nodes
    everything = ours.ask(*sizes(5, None))["results"]
    assert [each["logDir"] for each in everything] == [str(ours.data)]
    assert {each["name"] for each in everything[0]["topics"]} >= {"sized"}


def tool(node, main_class, *arguments):
    """Exit code and output of one of Kafka's tools."""
    done = subprocess.run(java(main_class, "--bootstrap-server", node.address, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120)
    # what its logger says begins with a time
    lines = [line for line in done.stdout.decode().splitlines() if not re.match(r"\[?20\d\d-|SLF4J|\tat |Caused by", line)]
    return done.returncode, lines


TOPICS, CONFIGS = "org.apache.kafka.tools.TopicCommand", "kafka.admin.ConfigCommand"


def test_tools(nodes, tmp_path):
    ours, theirs = nodes

    def both(main_class, *arguments, normal=lambda lines: lines):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            mine, kafka = pool.map(lambda node: tool(node, main_class, *arguments), nodes)
        deadline = time.monotonic() + SETTLED_WITHIN
        while (mine[0], normal(mine[1])) != (kafka[0], normal(kafka[1])) and arguments[0] in ("--describe", "--list") and time.monotonic() < deadline:
            kafka = tool(theirs, main_class, *arguments)
        assert (mine[0], normal(mine[1])) == (kafka[0], normal(kafka[1])), f"{main_class} {arguments}"
        return mine

    def without_ids(lines):
        return [re.sub(r"TopicId: \S+", "TopicId: ID", re.sub("min.insync.replicas=1,?", "", line)).rstrip() for line in lines]

    both(TOPICS, "--create", "--topic", "tools", "--partitions", 3, "--replication-factor", 1, "--config", "retention.ms=1000")
    both(TOPICS, "--create", "--topic", "tools")
    both(TOPICS, "--create", "--topic", "tools", "--if-not-exists")
    both(TOPICS, "--create", "--topic", "placed", "--replica-assignment", "1,1")
    code, said = tool(ours, TOPICS, "--create", "--topic", "refused", "--replication-factor", 3)
    assert code == 1 and "The target replication factor of 3 cannot be reached because only 1 broker(s) are registered" in "\n".join(said)
    both(TOPICS, "--describe", "--topic", "tools", normal=without_ids)
    both(TOPICS, "--alter", "--topic", "tools", "--partitions", 4)
    both(TOPICS, "--alter", "--topic", "tools", "--partitions", 2)
    both(CONFIGS, "--alter", "--entity-type", "topics", "--entity-name", "tools", "--add-config", "flush.ms=5,cleanup.policy=[compact,delete]", "--delete-config",
         "retention.ms")
    sorted_lines = lambda lines: sorted(line for line in lines if "min.insync.replicas" not in line and "durability" not in line)
    both(CONFIGS, "--describe", "--entity-type", "topics", "--entity-name", "tools", normal=sorted_lines)
    both(CONFIGS, "--describe", "--all", "--entity-type", "topics", "--entity-name", "tools", normal=sorted_lines)
    both(CONFIGS, "--alter", "--entity-type", "brokers", "--entity-name", "1", "--add-config", "message.max.bytes=500000")
    both(CONFIGS, "--describe", "--entity-type", "brokers", "--entity-name", "1", normal=lambda lines: [line for line in lines if "message.max.bytes" in line])
    both(CONFIGS, "--alter", "--entity-type", "brokers", "--entity-default", "--add-config", "log.retention.ms=123456789")
    both(CONFIGS, "--describe", "--entity-type", "brokers", "--entity-default", normal=sorted_lines)
    ours.cafka("produce", "tools", "--key-separator", ":", stdin=b"a:one\nb:two\nc:three\n")
    offsets = tmp_path / "offsets.json"
    offsets.write_text(json.dumps({"partitions": [{"topic": "tools", "partition": 0, "offset": 0}], "version": 1}))
    both("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", offsets, normal=sorted)
    code, said = tool(ours, "org.apache.kafka.tools.LogDirsCommand", "--describe", "--topic-list", "tools")
    described = json.loads(next(line for line in said if line.startswith("{")))["brokers"][0]["logDirs"][0]
    assert code == 0 and described["error"] is None and len(described["partitions"]) == 4
    assert sum(each["size"] for each in described["partitions"]) == sum(file.stat().st_size for file in ours.data.glob("tools-*/*.log")) > 0
    both(TOPICS, "--list", normal=lambda lines: sorted(line for line in lines if line in ("tools", "placed")))
    both(TOPICS, "--delete", "--topic", "tools")
    both(TOPICS, "--delete", "--topic", "tools")
    both(TOPICS, "--delete", "--topic", "tools", "--if-exists")


def test_dynamic_configs_need_no_restart(nodes):
    """max.message.bytes of a topic, of the broker, of all brokers: each holds for the next batch."""
    ours, _ = nodes
    for request in create(topic("limits"), version=4), replace(BROKER, "1"), change(BROKER, "", ("message.max.bytes", SET, "2000")):
        ours.ask(*request)
    large = b"x" * 3000 + b"\n"
    assert ours.cafka("produce", "limits", stdin=large, check=False).returncode != 0
    ours.ask(*change(BROKER, "1", ("message.max.bytes", SET, "4000")))
    assert ours.cafka("produce", "limits", stdin=large).returncode == 0
    ours.ask(*change(TOPIC, "limits", ("max.message.bytes", SET, "1000")))
    assert ours.cafka("produce", "limits", stdin=large, check=False).returncode != 0
    ours.ask(*replace(TOPIC, "limits"))
    assert ours.cafka("produce", "limits", stdin=large).returncode == 0
    for request in replace(BROKER, "1"), change(BROKER, "", ("message.max.bytes", DELETE, None)):
        ours.ask(*request)


def test_deletion_can_be_disabled(tmp_path):
    with contextlib.ExitStack() as stack:
        node = Node(tmp_path / "kept", delete_topic_enable="false").start()
        stack.callback(node.stop)
        ask = Asker(node, tmp_path / "errors")
        stack.callback(ask.close)
        answers = [ask(*request) for request in (create(topic("kept"), version=4), delete("kept"), delete("kept", version=1), page(["kept"]))]
        assert [each["errorCode"] for each in answers[1]["responses"] + answers[2]["responses"]] == [73, 42]
        assert answers[3]["topics"][0]["errorCode"] == 0
