"""What integration/test_kafka_bad_input.py expects of cafka is what Kafka answers."""
import struct
import time

import pytest

import kafka_peer
import raw_kafka
import test_kafka_bad_input as bad
from raw_kafka import NO_TAGS, Connection, array, batch, compact, frame, header


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    broker = kafka_peer.Broker(tmp_path_factory.mktemp("bad-input"))
    broker.start()
    broker.topics("--create", "--topic", "t", "--partitions", "1")
    yield broker
    broker.stop()


@pytest.fixture
def connection(kafka):
    with Connection(kafka.port) as made:
        yield made


@pytest.mark.parametrize("code, table", [(2, bad.CORRUPT), (87, bad.INVALID)], ids=["corrupt", "invalid"])
def test_batches(connection, code, table):
    answers = {what: connection.produce("t", 0, records)[:2] for what, records in table.items()}
    assert answers == dict.fromkeys(table, (code, -1))


def test_what_kafka_stores(kafka):
    for what, (_, records) in bad.STRICTER.items():
        with Connection(kafka.port) as connection:
            assert connection.produce("t", 0, records).code == 0, what


def test_other_refusals(connection):
    good = bad.GOOD
    too_new = batch([b"v"], timestamp=int(time.time() * 1000) + 2 * bad.HOUR_MS)
    assert [connection.produce("t", 0, good, acks=acks).code for acks in (7, 2, -2, 32767)] == [21] * 4
    assert connection.produce("t", 0, too_new).code == 32
    assert connection.produce("t", 0, batch([b"v"], 9000, 0, 0, attributes=bad.TRANSACTIONAL)).code == 53
    assert connection.produce("__consumer_offsets", 0, good).code == 3
    assert connection.produce("t", 1, good).code == 3
    assert connection.produce(bytes(range(16)), 0, good).code == 100
    assert [connection.fetch("t", session=session) for session in ((123456, 1), (-5, 1), (0, 5))] == [(70, 0)] * 3
    for name in bad.NAMES:
        assert connection.metadata(name, auto_create=True)[::2] == (17, 0), name


@pytest.mark.parametrize("of", [of for of in bad.LYING_COUNTS if not of.startswith("negative")])
def test_counts_that_lie(connection, of):
    connection.socket.sendall(frame(b"".join(bad.LYING_COUNTS[of])))
    assert connection.is_closed_by_peer()


@pytest.mark.parametrize("length", [0, -1, 104857601])
def test_length_of_a_frame(connection, length):
    connection.socket.sendall(struct.pack(">i", length) + bytes(200))
    assert connection.is_closed_by_peer()


def test_configuration_that_cannot_be(connection):
    configs = array([compact("no.such.key") + b"\0" + compact("1") + NO_TAGS])
    answer = connection.ask(raw_kafka.INCREMENTAL_ALTER_CONFIGS, 1, array([b"\x02" + compact("t") + configs + NO_TAGS]) + b"\0" + NO_TAGS)
    assert answer.unpack("i") == (0,) and answer.count() == 1
    assert answer.unpack("h") == (40,)


def test_unknown_tagged_fields_are_skipped(connection):
    body = raw_kafka.produce_body("t", 0, batch([b"v"]), tags=bad.TAGS)
    assert raw_kafka.read_produced(connection.ask(raw_kafka.PRODUCE, 9, body, tags=bad.TAGS)).code == 0


@pytest.mark.parametrize("wrong", [bad.UNSERVED, bad.CUT_SHORT, struct.pack(">i", -1)], ids=["unserved", "cut-short", "negative-length"])
def test_what_was_asked_before_a_wrong_request_is_answered(connection, wrong):
    asked = frame(header(raw_kafka.PRODUCE, 9, correlation=7) + raw_kafka.produce_body("t", 0, bad.GOOD))
    connection.socket.sendall(asked + asked + wrong)
    assert [raw_kafka.read_produced(connection.answer(7)).code for _ in range(2)] == [0, 0]
    assert connection.is_closed_by_peer()


@pytest.mark.parametrize("key, version", [(0, 0), (0, 2), (0, 14), (1, 3), (3, 14), (3, -1), (4, 0), (52, 0), (62, 0), (999, 0), (-1, 0)])
def test_unsupported_api_or_version(connection, key, version):
    connection.socket.sendall(frame(header(key, version) + bytes(64)))
    assert connection.is_closed_by_peer()
