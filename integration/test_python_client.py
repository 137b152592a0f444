"""examples/python/cafka_client.py against a node: the specification in docs/native-protocol.md is enough to write a client from."""
import random
import socket
import struct
import sys
import threading
import time

import pytest


@pytest.fixture
def client(cafka_client, node):
    made = cafka_client.Client("127.0.0.1", node.port)
    yield made
    made.close()


def test_crc(cafka_client):
    assert cafka_client.crc32c(b"123456789") == 0xE3069283


def test_batches_round_trip(cafka_client):
    records = [(None, b"value"), (b"key", None), ("열쇠".encode(), "값".encode() * 1000), (b"", b"")]
    decoded = list(cafka_client.decode_batches(cafka_client.encode_batch(records, 1234) * 2))
    assert [(r.key, r.value) for r in decoded] == records * 2
    assert [r.offset for r in decoded] == [0, 1, 2, 3] * 2
    assert {r.timestamp for r in decoded} == {1234}


def test_hello(client):
    assert client.node.version == 1
    assert client.node.max_frame_bytes > 0 and client.node.max_fetch_bytes > 0


def test_records_there_and_back(client, topic):
    created = client.create_topic(topic, partitions=3)
    assert created.partition_count == 3
    chance = random.Random(7)
    written = {partition: [] for partition in range(3)}
    for _ in range(200):
        partition = chance.randrange(3)
        batch = [("키-%d" % chance.randrange(50)).encode() if chance.random() < 0.9 else None for _ in range(chance.randrange(1, 30))]
        records = [(key, chance.randbytes(chance.randrange(0, 300))) for key in batch]
        assert client.produce(topic, partition, records, acks=chance.choice([1, -1])) == len(written[partition])
        written[partition] += records
    for partition, expected in written.items():
        assert client.offset(topic, partition, timestamp=-2) == 0
        assert client.offset(topic, partition) == len(expected)
        read = []
        while len(read) < len(expected):
            more = client.fetch(topic, partition, len(read), max_bytes=20_000)
            assert [r.offset for r in more] == list(range(len(read), len(read) + len(more)))
            read += more
        assert [(r.key, r.value) for r in read] == expected


def test_a_fetch_waits_for_a_record(cafka_client, client, node, topic):
    client.create_topic(topic, partitions=1)
    other = cafka_client.Client("127.0.0.1", node.port)
    got = []
    reader = threading.Thread(target=lambda: got.extend(other.fetch(topic, 0, 0, max_wait_ms=20_000)))
    started = time.monotonic()
    reader.start()
    client.produce(topic, 0, [(b"k", b"late")])
    reader.join(timeout=30)
    assert [r.value for r in got] == [b"late"]
    assert time.monotonic() - started < 15
    other.close()


def test_acks_0_is_appended_without_an_answer(client, topic):
    client.create_topic(topic, partitions=1)
    for i in range(5):
        assert client.produce(topic, 0, [(None, b"%d" % i)], acks=0) is None
    assert client.produce(topic, 0, [(None, b"last")]) == 5  # one connection, one order


def test_errors_are_the_protocols(cafka_client, client, topic):
    with pytest.raises(cafka_client.ServerError) as unknown:
        client.describe_topic("no-such-topic")
    assert unknown.value.code == 3
    client.create_topic(topic, partitions=1)
    with pytest.raises(cafka_client.ServerError) as exists:
        client.create_topic(topic, partitions=1)
    assert exists.value.code == 36
    with pytest.raises(cafka_client.ServerError) as above:
        client.fetch(topic, 0, 99)
    assert above.value.code == 1
    with pytest.raises(cafka_client.ServerError) as partition:
        client.produce(topic, 7, [(None, b"x")])
    assert partition.value.code == 3


def test_a_damaged_batch_is_refused_and_not_written(cafka_client, client, topic):
    client.create_topic(topic, partitions=1)
    batch = bytearray(cafka_client.encode_batch([(None, b"whole")], 0))
    batch[-3] ^= 1
    part = cafka_client.native.ProducePartition(topic_id=client.topic_id(topic), payload_bytes=len(batch), current_leader_epoch=-1)
    answer, _ = client.request(bytes(batch), produce=cafka_client.native.ProduceRequest(acks=-1, timeout_ms=5000, partitions=[part]))
    assert answer.partitions[0].error.code == 2
    assert not answer.partitions[0].may_be_written
    assert client.offset(topic, 0) == 0


def test_everything_is_there_after_kill_and_restart(cafka_client, new_node):
    node = new_node()
    node.start()
    client = cafka_client.Client("127.0.0.1", node.port)
    client.create_topic("kept", partitions=1)
    for i in range(50):
        client.produce("kept", 0, [(b"k%d" % i, "값 %d".encode() % i)])
    node.kill()
    node.start()
    client = cafka_client.Client("127.0.0.1", node.port)
    read = []
    while len(read) < 50:
        read += client.fetch("kept", 0, len(read))
    assert [(r.offset, r.key, r.value) for r in read] == [(i, b"k%d" % i, "값 %d".encode() % i) for i in range(50)]
    client.close()


PREFACE = b"\xcaFKA\0\0\0\1"
HELLO = bytes.fromhex("0000000c 00000008 0807 5204 0801 1001")


@pytest.mark.parametrize("bad", [
    b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", PREFACE[:4] + b"\0\0\0\2", PREFACE + b"\xff\xff\xff\xff", PREFACE + b"\0\0\0\0",
    PREFACE + b"\0\0\0\4\0\0\0\1", PREFACE + b"\0\0\0\7\0\0\0\3\xff\xff\xff", PREFACE + HELLO + struct.pack(">I", (100 << 20) + 1),
])
def test_garbage_closes_its_connection_only(node, client, bad):
    with socket.create_connection(("127.0.0.1", node.port), 30) as raw:
        raw.sendall(bad)
        while raw.recv(1000):
            pass
    assert client.describe_topic  # and the healthy one goes on:
    assert client.request(metadata=sys.modules["native_pb2"].MetadataRequest(all_topics=True))[0].controller_id == client.node.node_id


def test_the_specifications_example_bytes(node):
    with socket.create_connection(("127.0.0.1", node.port), 30) as raw:
        raw.sendall(PREFACE + HELLO)
        length, header_length = struct.unpack(">II", raw.recv(8, socket.MSG_WAITALL))
        header = raw.recv(header_length, socket.MSG_WAITALL)
        assert length == 4 + header_length
        assert header[:2] == b"\x08\x07"  # correlation id 7
