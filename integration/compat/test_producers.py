"""Idempotent producers: Kafka answers what our tests say it answers, and reads the snapshots that we write."""
import importlib
import pathlib
import shutil
import subprocess
import sys

import pytest

import kafka_peer
import raw_kafka
from node import ROOT, Node

TRANSACTIONAL = 0x10
DATA = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "producers"


def batches():
    for line in (DATA / "answers.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            yield tuple(map(int, line.split()))


def entries(snapshot):
    return sorted(snapshot[at:at + 46] for at in range(10, len(snapshot), 46))


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """examples/python/cafka_client.py, with the messages that it needs."""
    made = tmp_path_factory.mktemp("generated")
    subprocess.run([shutil.which("protoc"), f"--python_out={made}", "-I", ROOT / "proto", "native.proto"], check=True)
    sys.path[:0] = [str(made), str(ROOT / "examples" / "python")]
    yield importlib.import_module("cafka_client")
    del sys.path[:2]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    broker = kafka_peer.Broker(tmp_path_factory.mktemp("producers"))
    broker.start()
    yield broker
    broker.stop()


def test_answers_and_snapshot(kafka):
    kafka.topics("--create", "--topic", "answers", "--partitions", "1", "--config", "retention.ms=-1")
    connection = raw_kafka.Connection(kafka.port)
    wrong, seen = [], set()
    for number, (producer_id, epoch, sequence, records, code, base_offset) in enumerate(batches()):
        timestamp = 1700000000000 + number
        got = connection.produce("answers", 0, raw_kafka.batch([b"v"] * records, producer_id, epoch, sequence, timestamp))
        if got[:2] != (code, base_offset):
            wrong.append(((producer_id, epoch, sequence, records), got))
        if code == 0:
            # a duplicate is told by the time of the original, under CreateTime too
            assert (got[2] == -1) == (base_offset not in seen)
            seen.add(base_offset)
    # a transactional batch whose request names no transaction
    code, *_ = connection.produce("answers", 0, raw_kafka.batch([b"v"], 9000, 0, 0, attributes=TRANSACTIONAL))
    connection.close()
    assert wrong == []
    assert code == 53
    kafka.stop()
    written = sorted((kafka.data / "answers-0").glob("*.snapshot"))
    assert [f.name for f in written] == ["00000000000000000025.snapshot"]
    ours = (DATA / "answers.snapshot").read_bytes()
    assert entries(written[0].read_bytes()) == entries(ours)
    assert written[0].read_bytes()[:2] == ours[:2]


def test_our_node_answers_the_same_and_kafka_reads_its_snapshot(tmp_path, native):
    node = Node(tmp_path / "node").start()
    try:
        client = native.Client("127.0.0.1", node.port)
        client.create_topic("answers", partitions=1)
        wrong = []
        for number, (producer_id, epoch, sequence, records, code, base_offset) in enumerate(batches()):
            sent = raw_kafka.batch([b"v"] * records, producer_id, epoch, sequence, 1700000000000 + number)
            part = native.native.ProducePartition(topic_id=client.topic_id("answers"), partition=0, payload_bytes=len(sent), current_leader_epoch=-1)
            request = native.native.ProduceRequest(acks=-1, timeout_ms=30000, partitions=[part])
            got = client.request(sent, produce=request)[0].partitions[0]
            if (got.error.code, got.base_offset) != (code, base_offset):
                wrong.append(((producer_id, epoch, sequence, records), got))
        client.close()
        assert wrong == []
        assert node.stop() == 0
    finally:
        node.kill()
    name = "00000000000000000025.snapshot"
    written = node.data / "answers-0" / name
    assert entries(written.read_bytes()) == entries((DATA / "answers.snapshot").read_bytes())
    dumped = kafka_peer.tool("org.apache.kafka.tools.DumpLogSegments", "--files", written)
    assert [line.split()[1] for line in dumped.splitlines() if line.startswith("producerId")] == ["1000", "2000", "3000", "4000", "5000", "6000"]
    assert "producerId: 4000 producerEpoch: 0 coordinatorEpoch: -1" in dumped and "firstSequence: 2 lastSequence: 2 lastOffset: 18" in dumped


def test_a_directory_that_changes_hands(tmp_path):
    """Kafka, our node, Kafka, our node on one directory: Kafka takes no notice of our `.sequences` files, and we of one that its snapshot has overtaken."""
    taken = kafka_peer.Broker(tmp_path / "taken")
    taken.start()
    try:
        taken.topics("--create", "--topic", "t", "--partitions", "1", "--config", "retention.ms=-1")
        sent = [raw_kafka.batch([b"%d" % number], 77, 0, number) for number in range(8)]

        def answers(port, numbers):
            with raw_kafka.Connection(port) as connection:
                return [connection.produce("t", 0, sent[number])[:2] for number in numbers]

        assert answers(taken.port, range(3)) == [(0, 0), (0, 1), (0, 2)]
        taken.stop()
        node = Node(tmp_path, data=taken.data, node_id=1).start()
        try:
            assert answers(node.port, range(6)) == [(45, -1), (45, -1), (0, 2), (0, 3), (0, 4), (0, 5)]
            assert node.stop() == 0
        finally:
            node.kill()
        left = taken.data / "t-0" / "00000000000000000006.sequences"
        assert left.exists()
        taken.start()
        assert answers(taken.port, [5, 6]) == [(0, 5), (0, 6)]
        taken.stop()
        assert left.exists()
    finally:
        taken.stop()
    node = Node(tmp_path, data=taken.data, node_id=1).start()
    try:
        assert not left.exists()
        assert answers(node.port, [4, 5, 6, 7]) == [(45, -1), (45, -1), (0, 6), (0, 7)]
    finally:
        node.stop()
