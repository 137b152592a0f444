"""Requests that no proper Kafka client sends, one by one, as raw frames: each is refused as docs/kafka-protocol.md says, and the node goes on serving others."""
import socket
import struct
import time
import zlib

import pytest

import raw_kafka
from acked_load import consume_all
from raw_kafka import NO_TAGS, Connection, array, batch, compact, frame, header, record, uvarint, varint

CONTROL, TRANSACTIONAL = 0x20, 0x10
HOUR_MS = 3_600_000
LARGE = 1000  # max.message.bytes of the topics here that have one
TAGS = raw_kafka.tagged({0x7000: b"from the future", 0x7001: b""})


def serves(node):
    """A client that comes now finds a node that stores what it is sent."""
    with Connection(node.port) as connection:
        answer = connection.metadata("healthy", auto_create=True)
        assert (answer.code, answer.partitions) == (0, 1)
        assert connection.produce("healthy", 0, batch([b"v"])).code == 0


@pytest.fixture(autouse=True)
def node_goes_on(request):
    yield
    if "node" in request.fixturenames:
        node = request.getfixturevalue("node")
        assert node.process.poll() is None
        serves(node)


@pytest.fixture
def made(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1")
    return topic


@pytest.fixture
def connection(node):
    with Connection(node.port) as made:
        yield made


# ---- frames and headers ----

def api_versions(version=3):
    return frame(header(raw_kafka.API_VERSIONS, version) + compact("test") + compact("1") + NO_TAGS)


@pytest.mark.parametrize("key, version", [
    (0, 0), (0, 1), (0, 2), (0, 14), (1, 3), (1, 19), (3, 14), (3, -1), (22, 6),  # versions that are not served
    (4, 0), (5, 0), (6, 0), (7, 0), (52, 0), (53, 0), (56, 0), (58, 0), (62, 0), (63, 0), (67, 0), (70, 0), (73, 0),  # traffic of brokers and controllers
    (71, 0), (72, 0), (999, 0), (-1, 0), (32767, 32767), (-32768, -32768),
])
def test_unsupported_api_or_version(connection, key, version):
    connection.socket.sendall(frame(header(key, version) + bytes(64)))
    assert connection.is_closed_by_peer()


@pytest.mark.parametrize("first", [b"", api_versions()], ids=["first", "behind-a-good-request"])
@pytest.mark.parametrize("length", [0, -1, -(2 ** 31), 104857601, 2 ** 31 - 1])
def test_length_of_a_frame(node, connection, first, length):
    before = node.resident_bytes()
    connection.socket.sendall(first)
    if first:
        assert connection.answer(1, header_tags=False).unpack("h") == (0,)
    connection.socket.sendall(struct.pack(">i", length) + bytes(200))
    assert connection.is_closed_by_peer()
    assert node.resident_bytes() - before < 16 << 20


@pytest.mark.parametrize("size", range(1, 10))
def test_frame_shorter_than_a_header(connection, size):
    connection.socket.sendall(frame(header(3, 12)[:size]))
    assert connection.is_closed_by_peer()


def test_body_cut_short_anywhere(node):
    whole = header(raw_kafka.PRODUCE, 9) + raw_kafka.produce_body("t", 0, batch([b"v"]))
    for size in range(len(header(raw_kafka.PRODUCE, 9)), len(whole)):
        with Connection(node.port) as connection:
            connection.socket.sendall(frame(whole[:size]))
            assert connection.is_closed_by_peer(), f"the first {size} bytes of {len(whole)}"


def test_announced_and_never_sent(node):
    """Many frames that are announced as large as they may be take no memory before their bytes come."""
    before = node.resident_bytes()
    waiting = [Connection(node.port) for _ in range(50)]
    try:
        for each in waiting:
            each.socket.sendall(struct.pack(">i", 104857600) + header(0, 9))
        serves(node)
        assert node.resident_bytes() - before < 32 << 20
    finally:
        for each in waiting:
            each.close()


COUNT = 2 ** 31 - 2
LYING_COUNTS = {
    "tags of the header": (header(3, 12, tags=uvarint(COUNT)), b""),
    "length of a tag of the header": (header(3, 12, tags=uvarint(1) + uvarint(0x7000) + uvarint(COUNT)), b"abc"),
    "length of the client id": (struct.pack(">hhih", 3, 12, 1, 32767), b"abc"),
    "topics of metadata": (header(3, 12), array([], COUNT)),
    "topics of metadata, more than 32 bits": (header(3, 12), b"\xff" * 9 + b"\x01"),
    "name of metadata": (header(3, 12), array([bytes(16)]) + uvarint(COUNT) + b"abc"),
    "topics of produce": (header(0, 9), compact(None) + struct.pack(">hi", -1, 1000) + array([], COUNT)),
    "partitions of produce": (header(0, 9), compact(None) + struct.pack(">hi", -1, 1000) + array([compact("t") + array([], COUNT)])),
    "records of produce": (header(0, 9), compact(None) + struct.pack(">hi", -1, 1000) + array([compact("t") + array([struct.pack(">i", 0) + uvarint(COUNT)])])),
    "tags of produce": (header(0, 9), raw_kafka.produce_body("t", 0, b"", tags=uvarint(COUNT))),
    "topics of fetch": (header(1, 12), struct.pack(">iiiibii", -1, 0, 1, 1 << 20, 0, 0, -1) + array([], COUNT)),
    "topics of metadata version 1": (struct.pack(">hhih", 3, 1, 1, -1), struct.pack(">i", 2 ** 31 - 1)),
    "negative topics of metadata version 1": (struct.pack(">hhih", 3, 1, 1, -1), struct.pack(">i", -2)),
}


@pytest.mark.parametrize("of", LYING_COUNTS)
def test_counts_that_lie(node, connection, of):
    before = node.resident_bytes()
    start, rest = LYING_COUNTS[of]
    connection.socket.sendall(frame(start + rest))
    assert connection.is_closed_by_peer()
    assert node.resident_bytes() - before < 16 << 20


def test_unknown_tagged_fields_are_skipped(connection, made):
    answer = connection.ask(raw_kafka.PRODUCE, 9, raw_kafka.produce_body(made, 0, batch([b"v"]), tags=TAGS), tags=TAGS)
    assert raw_kafka.read_produced(answer)[:2] == (0, 0)
    assert connection.metadata(made, tags=TAGS).partitions == 1


def test_api_versions_that_are_not_proper(connection):
    answer = connection.ask(raw_kafka.API_VERSIONS, 99, b"")
    assert answer.unpack("hi") == (35, 1) and answer.unpack("hhh") == (18, 0, 4)
    for name, version in (("", "1"), ("test", ""), ("te st", "1"), ("-", "1")):
        answer = connection.ask(raw_kafka.API_VERSIONS, 3, compact(name) + compact(version) + NO_TAGS)
        assert answer.unpack("h") == (42,), (name, version)
    assert connection.ask(raw_kafka.API_VERSIONS, 3, compact("test") + compact("1") + NO_TAGS).unpack("h") == (0,)


# ---- record batches ----

def magic_1():
    """One message of the format before record batches, CRC and all."""
    message = struct.pack(">bbq", 1, 0, int(time.time() * 1000)) + struct.pack(">i", -1) + struct.pack(">i", 1) + b"v"
    message = struct.pack(">I", zlib.crc32(message)) + message
    return struct.pack(">qi", 0, len(message)) + message


GOOD = batch([b"v"])
CORRUPT = {
    "bad crc": batch([b"v"], crc=1),
    "flipped bit": GOOD[:-3] + bytes([GOOD[-3] ^ 1]) + GOOD[-2:],
    "magic 9": batch([b"v"], magic=9),
    "magic -1": batch([b"v"], magic=-1),
    "length 13": batch([b"v"], length=13),
    "length 0": batch([b"v"], length=0),
    "negative length": batch([b"v"], length=-1),
    "length 14": batch([b"v"], length=14),
    "length 48": batch([b"v"], length=48),
    "a byte too short": batch([b"v"], length=len(GOOD) - 12 - 1),
    "magic 9 behind the batch": GOOD + batch([b"v"], magic=9),
    "length 13 behind the batch": GOOD + batch([b"v"], length=13),
}
INVALID = {
    "count 2 of 1": batch(record(), count=2),
    "count 1 of 2": batch(record() + record(delta=1), count=1),
    "count 0 of 1": batch(record(), count=0, last_delta=0),
    "negative count": batch(record(), count=-1, last_delta=0),
    "count 2^31-1": batch(record(), count=2 ** 31 - 1),
    "last delta 5 of 1": batch(record(), last_delta=5),
    "negative last delta": batch(record(), last_delta=-5),
    "record longer than the batch": batch(record(length=1000)),
    "record longer than it is": batch(record(length=9) + record(delta=1), count=2),
    "record shorter than it is": batch(record(length=3)),
    "negative length of a record": batch(record(length=-1)),
    "key beyond the record": batch(record(key=b"k", key_length=1000)),
    "value beyond the record": batch(record(value_length=1000)),
    "value of -2 bytes": batch(record(value_length=-2)),
    "headers that are not there": batch(record(headers=varint(5))),
    "2^31-1 headers": batch(record(headers=varint(2 ** 31 - 1))),
    "negative headers": batch(record(headers=varint(-1))),
    "header beyond the record": batch(record(headers=varint(1) + varint(1000) + b"name" + varint(0))),
    "header without a name": batch(record(headers=varint(1) + varint(-1) + varint(0))),
    "bytes behind the records": batch(record() + b"rest"),
    "length too long": batch([b"v"], length=len(GOOD) - 12 + 50),
    "control batch": batch([b"v"], attributes=CONTROL),
    "magic 1": magic_1(),
    "magic 0 of a record batch": batch([b"v"], magic=0),
    "magic 1 of a record batch": batch([b"v"], magic=1),
    "magic 1, length 14": batch([b"v"], magic=1, length=14),
    "magic 1 behind the batch": GOOD + magic_1(),
    "two batches": GOOD + GOOD,
    "half a batch": GOOD[:40],
    "no batch": b"",
    "batch without records": batch(b"", count=0, last_delta=-1),
    "base offset 7": batch([b"v"], base_offset=7),
    "negative base offset": batch([b"v"], base_offset=-1),
}
# Here Kafka 4.3.1 answers something else.
STRICTER = {  # it stores these
    "first delta 3": (87, batch(record(delta=3))),
    "negative delta": (87, batch(record(delta=-1))),
    "delta repeats": (87, batch(record() + record(), count=2)),
    "a batch and a half": (87, GOOD + GOOD[:40]),
}
OTHERWISE = {  # it answers -1 UNKNOWN_SERVER_ERROR, to null nothing
    "number that never ends": (87, batch(b"\xff" * 40)),
    "length 2^31-1": (87, batch([b"v"], length=2 ** 31 - 1)),
    "gzip that is none": (2, batch(record(), attributes=1)),
    "a codec that there is not": (76, batch(record(), attributes=6)),
    "null": (87, None),
}


def check_refused(connection, node, topic, records, code, **of_body):
    answer = connection.produce(topic, 0, records, **of_body)
    assert (answer.code, answer.base_offset) == (code, -1), answer
    with Connection(node.port) as other:  # nothing of it was stored
        assert other.produce(topic, 0, batch([b"good"], timestamp=None))[:2] == (0, 0)
    assert consume_all(node, topic) == {0: [(0, b"good")]}


@pytest.mark.parametrize("what", CORRUPT)
def test_corrupt_batch(connection, node, made, what):
    check_refused(connection, node, made, CORRUPT[what], 2)


@pytest.mark.parametrize("what", INVALID)
def test_invalid_batch(connection, node, made, what):
    check_refused(connection, node, made, INVALID[what], 87)


@pytest.mark.parametrize("what", [*STRICTER, *OTHERWISE])
def test_batch_that_kafka_answers_otherwise(connection, node, made, what):
    code, records = {**STRICTER, **OTHERWISE}[what]
    check_refused(connection, node, made, records, code)


def test_null_key_to_a_compacted_topic(connection, node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1", "--config", "cleanup.policy=compact")
    assert connection.produce(topic, 0, batch([b"v"])).code == 87
    assert connection.produce(topic, 0, batch(record(key=b"k")))[:2] == (0, 0)


def test_timestamp_too_far_in_the_future(connection, node, made):
    check_refused(connection, node, made, batch([b"v"], timestamp=int(time.time() * 1000) + 2 * HOUR_MS), 32)


@pytest.mark.parametrize("acks", [7, 2, -2, 32767, -32768])
def test_acks(connection, node, made, acks):
    check_refused(connection, node, made, GOOD, 21, acks=acks)


UNSERVED = frame(header(999, 0))
CUT_SHORT = frame(header(raw_kafka.PRODUCE, 9) + b"\0")


@pytest.mark.parametrize("wrong", [UNSERVED, CUT_SHORT, struct.pack(">i", -1)], ids=["unserved", "cut-short", "negative-length"])
def test_what_was_asked_before_a_wrong_request_is_answered(connection, made, wrong):
    asked = frame(header(raw_kafka.PRODUCE, 9, correlation=7) + raw_kafka.produce_body(made, 0, GOOD))
    connection.socket.sendall(asked + asked + wrong)
    assert [raw_kafka.read_produced(connection.answer(7))[:2] for _ in range(2)] == [(0, 0), (0, 1)]
    assert connection.is_closed_by_peer()


@pytest.mark.parametrize("last_epoch", [-1, 0], ids=["plain", "with-its-last-epoch"])
def test_fetch_that_waits_before_a_wrong_request_is_answered_at_once(node, made, last_epoch):
    with Connection(node.port, timeout=20) as connection:
        assert connection.produce(made, 0, GOOD).code == 0
        body = raw_kafka.fetch_body(made, 1, max_wait=60_000, last_epoch=last_epoch)
        connection.socket.sendall(frame(header(raw_kafka.FETCH, 12, correlation=7) + body) + UNSERVED)
        assert connection.answer(7).unpack("ih") == (0, 0)
        assert connection.is_closed_by_peer()


def test_error_that_has_no_response(connection, made):
    connection.send(raw_kafka.PRODUCE, 9, raw_kafka.produce_body(made, 0, batch([b"v"], crc=1), acks=0))
    assert connection.is_closed_by_peer()


def test_too_large(connection, node, topic):
    node.cafka("topic", "create", topic, "--partitions", "1", "--config", f"max.message.bytes={LARGE}")
    check_refused(connection, node, topic, batch([b"v" * LARGE]), 10)


def test_transactional_batch(connection, node, made):
    check_refused(connection, node, made, batch([b"v"], 9000, 0, 0, attributes=TRANSACTIONAL), 53)


def test_transactional_id(connection, node, made):
    check_refused(connection, node, made, GOOD, 53, transactional_id="t")


def test_unknown_producer_begins_anywhere(connection, made):
    assert connection.produce(made, 0, batch([b"v"], 123456789, 0, 17))[:2] == (0, 0)
    assert connection.produce(made, 0, batch([b"v"], 123456789, 0, 19))[:2] == (45, -1)
    assert connection.produce(made, 0, batch([b"v"], 123456789, 0, 18))[:2] == (0, 1)


# ---- topics and partitions ----

@pytest.mark.parametrize("name", ["__consumer_offsets", "__transaction_state", "__share_group_state"])
def test_internal_topic(connection, node, name):
    assert connection.produce(name, 0, GOOD).code == 3
    node.cafka("topic", "create", name, "--partitions", "1")
    assert connection.produce(name, 0, GOOD).code == 17
    assert connection.produce(connection.metadata(name).topic_id, 0, GOOD).code == 17
    assert consume_all(node, name) == {}


def test_unknown_topic(connection):
    assert connection.produce("no-such-topic", 0, GOOD)[:2] == (3, -1)
    assert connection.metadata("no-such-topic").code == 3


@pytest.mark.parametrize("topic_id", [bytes(16), bytes(range(16)), b"\xff" * 16], ids=["zero", "some", "ones"])
def test_unknown_topic_id(connection, topic_id):
    assert connection.produce(topic_id, 0, GOOD)[:2] == (100, -1)


@pytest.mark.parametrize("partition", [1, -1, 2 ** 31 - 1, -(2 ** 31)])
def test_partition_that_there_is_not(connection, made, partition):
    assert connection.produce(made, partition, GOOD)[:2] == (3, -1)
    assert connection.produce(connection.metadata(made).topic_id, partition, GOOD)[:2] == (3, -1)


NAMES = ["", ".", "..", "a" * 250, "a/b", "열쇠", "a\0b", b"\xff\xfe", b"a\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f", b"ok\x80"]  # the last are not UTF-8


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_name_that_cannot_be(connection, name):
    assert connection.metadata(name, auto_create=True)[::2] == (17, 0)
    named = array([compact(name) + array([struct.pack(">i", 0) + compact(GOOD) + NO_TAGS]) + NO_TAGS])
    answer = connection.ask(raw_kafka.PRODUCE, 9, compact(None) + struct.pack(">hi", -1, 30000) + named + NO_TAGS)
    assert raw_kafka.read_produced(answer)[:2] == (3, -1)


# ---- fetch sessions and configuration ----

def test_fetch_session_that_there_is_not(connection, made):
    assert connection.fetch(made, session=(123456, 1)) == (70, 0)
    assert connection.fetch(made, session=(-5, 1)) == (70, 0)


def test_epoch_of_a_fetch_session(connection, made):
    code, session = connection.fetch(made, session=(0, 0))
    assert code == 0 and session != 0
    assert connection.fetch(session=(session, 7))[0] == 71
    assert connection.fetch(session=(session, 1)) == (0, session)
    assert connection.fetch(session=(session, 1))[0] == 71
    assert connection.fetch(session=(session, 2)) == (0, session)
    assert connection.fetch(session=(0, 5))[0] == 70


@pytest.mark.parametrize("key, value", [("no.such.key", "1"), ("retention.ms", "soon"), ("", "1")])
def test_configuration_that_cannot_be(connection, made, key, value):
    configs = array([compact(key) + b"\0" + compact(value) + NO_TAGS])
    body = array([b"\x02" + compact(made) + configs + NO_TAGS]) + b"\0" + NO_TAGS
    answer = connection.ask(raw_kafka.INCREMENTAL_ALTER_CONFIGS, 1, body)
    assert answer.unpack("i") == (0,) and answer.count() == 1
    assert answer.unpack("h") == (40,)


# ---- a client that never reads ----

def test_a_client_that_never_reads(new_node):
    node = new_node().start()
    node.cafka("topic", "create", "large", "--partitions", "1")
    value = b"x" * 1_000_000
    sent = batch([value])
    with Connection(node.port) as connection:
        for _ in range(16):
            assert connection.produce("large", 0, sent).code == 0
    serves(node)
    before = node.resident_bytes()
    fetch = frame(header(raw_kafka.FETCH, 12) + raw_kafka.fetch_body("large", max_bytes=16 << 20))
    # topics as many as fit: each response is as large as its request
    metadata = frame(header(raw_kafka.METADATA, 12) + raw_kafka.metadata_body([f"missing-{number}" for number in range(3000)]))
    greedy = [Connection(node.port, receive_buffer=4096) for _ in range(4)]
    try:
        peak = 0
        for number, each in enumerate(greedy):
            each.socket.settimeout(0.5)
            try:
                for _ in range(1000):
                    each.socket.sendall(fetch if number % 2 else metadata)
            except socket.timeout:
                pass  # the node has stopped reading
            serves(node)
            peak = max(peak, node.resident_bytes())
        bound = len(greedy) * (16 << 20) + (32 << 20)
        print(f"resident: {before >> 20} MiB before, {peak >> 20} MiB with {len(greedy)} clients that do not read")
        assert peak - before < bound
    finally:
        for each in greedy:
            each.close()
    serves(node)
    assert node.process.poll() is None
