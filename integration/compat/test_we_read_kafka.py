"""A node opens a directory that Kafka 4.3 left, after an orderly stop and after kill -9, and goes on from there."""
import json
import shutil
import signal

import pytest

import kafka_peer
from node import Node

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
RECORDS = 6000


def value(codec, i):
    return f"{codec}-{i}-{'가나다' * (i % 100)}"


@pytest.fixture(scope="module", params=["stopped", "killed"])
def kafka_directory(request, tmp_path_factory):
    """Kafka's data after several codecs, several segments, deleted records, a deleted topic; and the broker it belongs to."""
    base = tmp_path_factory.mktemp(request.param)
    broker = kafka_peer.Broker(base / "kafka", log_segment_bytes="1048576", metadata_log_max_record_bytes_between_snapshots="2000")
    broker.start()
    try:
        for codec in CODECS:
            broker.topics("--create", "--topic", codec, "--partitions", "1", "--config", "retention.ms=777777777")
            broker.produce(codec, [f"k{i}\t{value(codec, i)}" for i in range(RECORDS)],
                           "--property", "parse.key=true", "--compression-codec", codec, "--batch-size", "16000")
        broker.topics("--create", "--topic", "gone", "--partitions", "2")
        broker.topics("--delete", "--topic", "gone")
        broker.described = broker.topics("--describe")
    finally:
        broker.stop(signal.SIGTERM if request.param == "stopped" else signal.SIGKILL)
    return broker


def topic_ids(described):
    return {fields[0].split(": ")[1]: fields[1].split(": ")[1] for line in described.splitlines()
            if line.startswith("Topic: ") and (fields := line.split("\t"))}


def files_below(directory):
    return {str(p.relative_to(directory)) for p in directory.rglob("*.log")}


@pytest.fixture
def node(kafka_directory, tmp_path):
    """A node of ours on a copy of Kafka's directory."""
    data = tmp_path / "data"
    shutil.copytree(kafka_directory.data, data)
    ours = Node(tmp_path, data=data, node_id=1)
    ours.before = files_below(data)
    ours.start()
    yield ours
    ours.stop()


def test_every_record_is_served(node):
    for codec in CODECS:
        out = node.cafka("consume", codec, "--from-beginning", "--exit-at-end", "--json").stdout
        rows = [json.loads(line) for line in out.splitlines()]
        assert [(r["offset"], r["key"], r["value"]) for r in rows] == [(i, f"k{i}", value(codec, i)) for i in range(RECORDS)]


def test_identity_goes_on(kafka_directory, node):
    identity = (node.data / "meta.properties").read_text()
    assert f"cluster.id={kafka_directory.cluster_id}" in identity
    described = node.cafka("topic", "describe").stdout.decode()
    theirs, ours = topic_ids(kafka_directory.described), topic_ids(described)
    assert {name: ours.get(name) for name in theirs} == theirs
    assert "retention.ms=777777777" in described


def test_leader_epochs_go_on(node):
    checkpoint = (node.data / "none-0" / "leader-epoch-checkpoint").read_text().split("\n")
    node.cafka("produce", "none", stdin=b"after\n")
    assert node.stop() == 0
    lines = (node.data / "none-0" / "leader-epoch-checkpoint").read_text().split("\n")
    assert lines[2] == checkpoint[2], "the epochs that Kafka wrote stay"
    epochs = [tuple(map(int, line.split())) for line in lines[2:] if line]
    assert epochs == sorted(epochs) and epochs[-1][1] == RECORDS and epochs[-1][0] > epochs[0][0]


def test_nothing_is_deleted_and_deleted_topics_stay_gone(node):
    assert "gone" not in node.cafka("topic", "list").stdout.decode().split()
    assert node.stop() == 0
    assert node.before - files_below(node.data) == set()


def test_it_takes_more(node):
    node.cafka("produce", "zstd", "--compression", "zstd", stdin=b"one more\n")
    out = node.cafka("consume", "zstd", "--offset", str(RECORDS), "--exit-at-end", "--json").stdout
    assert [json.loads(line)["value"] for line in out.splitlines()] == ["one more"]


def test_a_directory_that_kafka_holds_is_refused(tmp_path):
    broker = kafka_peer.Broker(tmp_path / "kafka")
    broker.start()
    try:
        ours = Node(tmp_path / "ours", data=broker.data, node_id=1)
        ours.launch()
        assert ours.process.wait(timeout=30) != 0
        ours.signal(signal.SIGTERM)
        assert any(str(broker.data) in line and "in use" in line for line in ours.lines), ours.lines
    finally:
        broker.stop()
