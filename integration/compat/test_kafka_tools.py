"""Apache Kafka's own command-line tools against a node: producing, consuming by partition, offsets, versions."""
import re
import shutil

import pytest

from kafka_peer import dump, tool

CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"


def produce(node, topic, lines, *options):
    return tool(CONSOLE_PRODUCER, "--bootstrap-server", node.address, "--topic", topic, *options, stdin=b"".join(line + b"\n" for line in lines))


def consume(node, topic, count, *options, partition=0):
    position = () if "--offset" in options else ("--from-beginning",)
    return tool(CONSOLE_CONSUMER, "--bootstrap-server", node.address, "--topic", topic, "--partition", partition, "--max-messages", count,
                "--timeout-ms", 30000, *position, *options).encode().splitlines()


def offsets(node, *options):
    found = tool("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", node.address, *options)
    return sorted(found.split())


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_console_producer_and_consumer(node, topic, codec):
    node.cafka("topic", "create", topic, "--partitions", "1")
    lines = [f"값 {i} {'x' * (i % 300)}".encode() for i in range(2000)]
    produce(node, topic, lines, "--compression-codec", codec)
    assert consume(node, topic, len(lines)) == lines


@pytest.mark.parametrize("acks", ["0", "1", "-1"])
def test_acks(node, topic, acks):
    node.cafka("topic", "create", topic, "--partitions", "1")
    produce(node, topic, [b"one", b"two"], "--request-required-acks", acks, "--producer-property", "enable.idempotence=false")
    assert consume(node, topic, 2) == [b"one", b"two"]


def test_idempotent_producer(node, topic, tmp_path):
    node.cafka("topic", "create", topic, "--partitions", "1")
    lines = [b"%d" % i for i in range(3000)]
    produce(node, topic, lines, "--producer-property", "enable.idempotence=true", "--producer-property", "linger.ms=1")
    assert consume(node, topic, len(lines)) == lines
    copy = tmp_path / "copy"
    shutil.copytree(node.data / f"{topic}-0", copy)
    ids = set(re.findall(r"producerId: (-?\d+)", dump(copy)))
    assert len(ids) == 1 and "-1" not in ids


def test_transactional_producer_is_refused_at_once(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1")
    with pytest.raises(AssertionError, match="transactions are not served"):
        tool("org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", "10", "--record-size", "10", "--throughput", "-1",
             "--transactional-id", "payments", "--transaction-duration-ms", "100",
             "--bootstrap-server", node.address, timeout=60)


def test_consumer_from_an_offset(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1")
    produce(node, topic, [b"%d" % i for i in range(10)])
    assert consume(node, topic, 3, "--offset", "7") == [b"7", b"8", b"9"]


def test_get_offsets(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "2")
    produce(node, topic, [b"%d" % i for i in range(10)], "--producer-property", "batch.size=1")
    first, second = (int(line.rsplit(":", 1)[1]) for line in offsets(node, "--topic", topic))
    assert first + second == 10
    assert offsets(node, "--topic", topic, "--time", "earliest") == [f"{topic}:0:0", f"{topic}:1:0"]
    newest = offsets(node, "--topic", topic, "--time", "max-timestamp")  # the first of the last millisecond
    assert all(int(line.rsplit(":", 1)[1]) < 10 for line in newest) and newest


def test_performance_tools(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "2")
    done = tool("org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", "50000", "--record-size", "100",
                "--throughput", "-1", "--bootstrap-server", node.address)
    assert "50000 records sent" in done


def test_broker_api_versions(node):
    listed = tool("org.apache.kafka.tools.BrokerApiVersionsCommand", "--bootstrap-server", node.address)
    assert node.address in listed
    for name, usable in [("Produce(0)", 13), ("Fetch(1)", 18), ("ListOffsets(2)", 11), ("Metadata(3)", 13), ("ApiVersions(18)", 4)]:
        line = next(line for line in listed.splitlines() if name in line)
        assert f"[usable: {usable}]" in line, line
    assert "UNSUPPORTED" in listed  # what is not served is not claimed
