"""Idempotent producers whose connections are cut at every byte and whose node is killed between send and acknowledgement: each record is stored once, in order.

CAFKA_CRASH_ROUNDS sets how many kills there are (default 20), CAFKA_CRASH_SEED when they come.
"""
import os
import random
import threading

import pytest

import raw_kafka
from acked_load import consume_all
from cutting_proxy import Cut, CuttingProxy
from idempotent_producer import IdempotentProducer

ROUNDS = int(os.environ.get("CAFKA_CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("CAFKA_CRASH_SEED", "20261121"))
BATCHES_PER_ROUND = 30


def new_producer_ids(node, count):
    with raw_kafka.Connection(node.port) as connection:
        return [connection.new_producer_id() for _ in range(count)]


def sizes_of_exchange(node, topic, batches):
    """How many bytes go to the node, and come back, when these are sent on one connection."""
    producer = IdempotentProducer(node.port, topic, *new_producer_ids(node, 1))
    sent = received = 0
    for values in batches:
        request = raw_kafka.produce_body(topic, 0, raw_kafka.batch(values, producer.producer_id, 0, 0))
        sent += len(raw_kafka.frame(raw_kafka.header(raw_kafka.PRODUCE, 9) + request))
        with raw_kafka.Connection(node.port) as connection:
            answer = connection.answer(connection.send(raw_kafka.PRODUCE, 9, request))
        received += 4 + len(answer.data)
    return sent, received


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("pipelined", [1, 3])
def test_cut_at_every_byte(node, topic, pipelined, reset):
    node.cafka("topic", "create", topic, "--partitions", "1")
    node.cafka("topic", "create", topic + "-sizes", "--partitions", "1")

    def batches(position):
        return [[b"%05d.%d.%d" % (position, number, each) for each in range(2)] for number in range(pipelined)]

    sent, received = sizes_of_exchange(node, topic + "-sizes", batches(0))
    sent, received = sent - 6 * pipelined, received - 6 * pipelined  # of the longer name, which comes back in the response
    proxy = CuttingProxy(node.port)
    producer = IdempotentProducer(proxy.port, topic, *new_producer_ids(node, 1), in_flight=pipelined)
    written = []
    try:
        cuts = [Cut(True, at, reset) for at in range(sent + 1)] + [Cut(False, at, reset) for at in range(received)]
        for position, cut in enumerate(cuts):
            proxy.next_cut = cut
            for values in batches(position):
                producer.add(values)
                written += values
            producer.finish()
            producer.close()
            assert proxy.next_cut is None
        assert (proxy.cuts, producer.retries) == (len(cuts), len(cuts))
    finally:
        producer.close()
        proxy.close()
    assert producer.stored == list(enumerate(written))
    assert consume_all(node, topic) == {0: list(enumerate(written))}
    print(f"{sent + 1} positions of the request, {received} of the response")


def end_offset(node, topic):
    return int(node.cafka("offsets", topic, "--time", "latest").stdout.decode().strip().split(":")[2])


class Killer:
    """Kills the node some milliseconds after the proxy has come to a byte; `restart` waits for that."""

    def __init__(self, node, delay_s):
        self.node, self.delay_s = node, delay_s
        self.killed = threading.Event()
        self.restarted = False

    def kill(self):
        threading.Event().wait(self.delay_s)  # the moment of the crash, out of a seeded range; nothing is waited for
        self.node.kill()
        self.killed.set()

    def restart(self):
        if not self.restarted:
            assert self.killed.wait(30), "the connection was lost before the node was killed"
            self.restarted = True
            self.node.start()
            assert [line for line in self.node.lines if " error " in line or "quarantine" in line.lower()] == []


# The small segments roll every fifteen batches or so, between those that are under way.
@pytest.mark.parametrize("segment_bytes, value_bytes", [(1 << 30, 4000), (1 << 20, 60_000)], ids=["one-segment", "rolling"])
def test_kill_9_between_send_and_acknowledgement(new_node, segment_bytes, value_bytes):
    random_source = random.Random(SEED)
    node = new_node(log_segment_bytes=segment_bytes, durability="fsync").start()
    node.cafka("topic", "create", "once", "--partitions", "1")
    proxy = CuttingProxy(node.port)
    ids = new_producer_ids(node, 1)
    producer = IdempotentProducer(proxy.port, "once", ids[0], in_flight=5)
    written = []
    in_doubt = []  # by kill: how many records were stored and not acknowledged
    try:
        for number in range(ROUNDS):
            request_bytes = 0
            for each in range(BATCHES_PER_ROUND):
                values = [b"%d.%d.%d %s" % (number, each, i, b"x" * random_source.randrange(value_bytes)) for i in range(random_source.randrange(1, 4))]
                producer.add(values)
                written += values
                request_bytes += sum(map(len, values))
            ids += new_producer_ids(node, 3)
            killer = Killer(node, random_source.choice([0, random_source.random() * 0.005]))
            to_node = random_source.random() < 0.7
            after = random_source.randrange(1, request_bytes) if to_node else random_source.randrange(BATCHES_PER_ROUND * 40)
            proxy.next_cut = Cut(to_node, after, reset=True, first=killer.kill)

            def restart(killer=killer):
                if not killer.restarted:
                    killer.restart()
                    in_doubt.append(end_offset(node, "once") - len(producer.stored))

            producer.finish(on_loss=restart)
            producer.close()
            assert killer.restarted, "the node was not killed while something was under way"
            ids += new_producer_ids(node, 3)
        assert proxy.cuts == ROUNDS
    finally:
        producer.close()
        proxy.close()
    assert len(set(ids)) == len(ids), f"producer ids were given twice: {sorted(ids)}"
    assert producer.stored == list(enumerate(written))
    assert consume_all(node, "once") == {0: list(enumerate(written))}
    assert min(in_doubt) >= 0, in_doubt
    assert ROUNDS < 20 or max(in_doubt) > 0, "no kill came between storing and acknowledging"
    print(f"{ROUNDS} kills, {producer.retries} connections lost, {len(written)} records, {len(ids)} producer ids; stored and not acknowledged: {in_doubt}")


@pytest.mark.parametrize("value_bytes", [10, 300_000], ids=["one-segment", "after-a-roll"])
@pytest.mark.parametrize("ends", [["kill"], ["stop"], ["stop", "kill"], ["kill", "stop"]], ids="-then-".join)
def test_what_is_known_after_a_restart(new_node, ends, value_bytes):
    """The last five batches of a producer, sent again, are answered with the offsets they have; an older one is refused (45), never stored again."""
    node = new_node(log_segment_bytes=1 << 20).start()
    node.cafka("topic", "create", "once", "--partitions", "1")
    (producer_id,) = new_producer_ids(node, 1)
    sent = [raw_kafka.batch([b"x" * value_bytes], producer_id, 0, sequence) for sequence in range(6)]
    with raw_kafka.Connection(node.port) as connection:
        assert [connection.produce("once", 0, each)[:2] for each in sent] == [(0, offset) for offset in range(6)]
    for how in ends:
        getattr(node, how)()
        node.start()
    with raw_kafka.Connection(node.port) as connection:
        again = [connection.produce("once", 0, each)[:2] for each in sent]
        assert again == [(45, -1)] + [(0, offset) for offset in range(1, 6)]
        assert connection.produce("once", 0, raw_kafka.batch([b"next"], producer_id, 0, 6))[:2] == (0, 6)
    assert [offset for offset, _ in consume_all(node, "once")[0]] == list(range(7))


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-1] + b"?")], ids=["gone", "damaged"])
def test_without_the_earlier_batches_the_last_one_is_known(new_node, spoil):
    """As of a directory that Kafka wrote: its snapshots have the last batch of each producer."""
    node = new_node().start()
    node.cafka("topic", "create", "once", "--partitions", "1")
    (producer_id,) = new_producer_ids(node, 1)
    sent = [raw_kafka.batch([b"v"], producer_id, 0, sequence) for sequence in range(3)]
    with raw_kafka.Connection(node.port) as connection:
        assert [connection.produce("once", 0, each)[:2] for each in sent] == [(0, offset) for offset in range(3)]
    node.stop()
    (file,) = (node.data / "once-0").glob("*.sequences")
    spoil(file)
    node.start()
    with raw_kafka.Connection(node.port) as connection:
        assert [connection.produce("once", 0, each)[:2] for each in sent] == [(45, -1), (45, -1), (0, 2)]
        assert connection.produce("once", 0, raw_kafka.batch([b"next"], producer_id, 0, 3))[:2] == (0, 3)
