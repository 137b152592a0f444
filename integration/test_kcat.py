"""kcat, which is librdkafka: other people's client against a node."""
import json
import shutil
import subprocess

import pytest

KCAT = shutil.which("kcat")
pytestmark = pytest.mark.skipif(not KCAT, reason="kcat is not installed")
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def kcat(node, *arguments, stdin=None, timeout=60):
    done = subprocess.run([KCAT, "-b", node.address, *map(str, arguments)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    assert done.returncode == 0, f"kcat {' '.join(map(str, arguments))} exited {done.returncode}:\n{done.stderr.decode(errors='replace')}"
    return done.stdout


def consume(node, topic, *options):
    return kcat(node, "-C", "-t", topic, "-o", "beginning", "-e", "-q", *options)


def test_lists_brokers_and_topics(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "3")
    listed = json.loads(kcat(node, "-L", "-J"))
    assert [(b["id"], b["name"]) for b in listed["brokers"]] == [(1, node.address)]
    (found,) = [t for t in listed["topics"] if t["topic"] == topic]
    assert [(p["partition"], p["leader"]) for p in found["partitions"]] == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_produced_is_consumed(node, topic, codec):
    node.cafka("topic", "create", topic, "--partitions", "1")
    lines = b"".join(f"열쇠{i}:값 {i} {'x' * (i % 300)}\n".encode() for i in range(5000))
    kcat(node, "-P", "-t", topic, "-K:", "-z", codec, stdin=lines)
    assert consume(node, topic, "-K:") == lines


def test_idempotent_producer(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1")
    lines = b"".join(b"%d\n" % i for i in range(5000))
    kcat(node, "-P", "-t", topic, "-X", "enable.idempotence=true", stdin=lines)
    assert consume(node, topic) == lines


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_acks(node, topic, acks):
    node.cafka("topic", "create", topic, "--partitions", "1")
    kcat(node, "-P", "-t", topic, "-X", f"acks={acks}", stdin=b"one\ntwo\n")
    assert consume(node, topic) == b"one\ntwo\n"


def test_creates_a_missing_topic(node, topic):
    kcat(node, "-P", "-t", topic, stdin=b"first\n")
    assert consume(node, topic) == b"first\n"


def test_offsets_by_time(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1")
    kcat(node, "-P", "-t", topic, stdin=b"one\ntwo\n")
    (timestamp,) = kcat(node, "-C", "-t", topic, "-p", 0, "-o", 1, "-c", 1, "-q", "-f", "%T").split()
    found = kcat(node, "-Q", "-t", f"{topic}:0:{timestamp.decode()}").decode().strip()
    assert found in (f"{topic} [0] offset 0", f"{topic} [0] offset 1")  # the first of that millisecond
    assert kcat(node, "-Q", "-t", f"{topic}:0:-1").decode().strip() == f"{topic} [0] offset 2"
    assert kcat(node, "-Q", "-t", f"{topic}:0:-2").decode().strip() == f"{topic} [0] offset 0"


def test_both_protocols_see_the_same_records(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1")
    node.cafka("produce", topic, stdin=b"by the native protocol\n")
    kcat(node, "-P", "-t", topic, stdin=b"by Kafka's\n")
    expected = b"by the native protocol\nby Kafka's\n"
    assert consume(node, topic) == expected
    assert node.cafka("consume", topic, "--from-beginning", "--exit-at-end").stdout == expected


def test_a_consumer_waits_for_what_comes(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1")
    waiting = subprocess.Popen([KCAT, "-b", node.address, "-C", "-t", topic, "-p", "0", "-o", "beginning", "-c", "1", "-q"], stdout=subprocess.PIPE)
    try:
        kcat(node, "-P", "-t", topic, stdin=b"at last\n")
        assert waiting.communicate(timeout=30)[0] == b"at last\n"
    finally:
        waiting.kill()
