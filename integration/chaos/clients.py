"""Who writes and reads while the faults go on, each in a thread of its own."""
import random
import threading
import time

import raw_kafka
from history import Writes
from idempotent_producer import RETRIABLE, STORAGE_ERROR, IdempotentProducer

TIMEOUT_S = 2
NODE_AFTER_NODE_S = 0.02  # between one that did not serve and the next
OFFSET_OUT_OF_RANGE = 1


class Client:
    def __init__(self, machines, name):
        self.machines = machines
        self.stopping = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self._guarded, name=name, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def _guarded(self):
        try:
            self.run()
        except Exception as failure:  # told by `finish`
            self.failure = failure

    def finish(self, timeout=60):
        """Whether it ended in time; an exception that ended it earlier is raised."""
        self.stopping.set()
        self.thread.join(timeout)
        if self.failure:
            raise self.failure
        return not self.thread.is_alive()


class Place:
    """Where a partition is written and read: the newest leader that any node has told of, as clients of Kafka go by leader epochs. One that was replaced and does
    not know it would say out of order to what its successor has not told it."""

    def __init__(self, topic, partition):
        self.topic, self.partition = topic, partition
        self.leader, self.epoch, self.asked = None, -1, partition

    def find(self, machines):
        self.asked += 1
        placed = machines.placed(self.topic, machines[self.asked % machines.size + 1])
        if placed and placed[self.partition].leader > 0 and placed[self.partition].leader_epoch >= self.epoch:
            self.leader, self.epoch = placed[self.partition].leader, placed[self.partition].leader_epoch
        return self.leader is not None


class Writer(Client):
    """An idempotent producer of one partition with up to `in_flight` batches on their way. When it is told to finish it first brings home what it began."""

    def __init__(self, machines, violations, number, topic, partition, in_flight, pause):
        super().__init__(machines, f"writer-{number}")
        self.violations, self.number, self.topic, self.partition, self.in_flight, self.pause = violations, number, topic, partition, in_flight, pause
        self.writes = Writes(number)
        self.draw = random.Random(number)
        self.changed = threading.Condition()
        self.deadline = None  # of what is left, after the end

    def run(self):
        producer, place = Noting(self, self.new_producer_id()), Place(self.topic, self.partition)
        while not self.stopping.is_set() or (producer.waiting and time.monotonic() < self.deadline):
            for _ in range(self.draw.randrange(1, self.in_flight + 1) if not producer.waiting else 0):
                producer.add(self.writes.sent(self.draw.choice((1, 1, 2, 5, 10)), time.monotonic_ns()))
            if place.leader is None and not place.find(self.machines):
                self.machines.halt.wait(NODE_AFTER_NODE_S)
                continue
            node = self.machines[place.leader].node
            producer.port, producer.host = node.port, node.host
            try:
                producer.exchange()
                self.stopping.wait(self.pause)
            except OSError:
                producer.close()
                place.leader = None
                self.machines.halt.wait(NODE_AFTER_NODE_S)
            except AssertionError as refused:
                where = f"{self.topic}-{self.partition}: node {place.leader}, leader of epoch {place.epoch}"
                self.violations.note("C2", f"{where}, to writer {self.number} after {self.writes.acked_batches} acknowledged batches: {refused}")
                break
        producer.close()

    def new_producer_id(self):
        at = self.number
        while not self.stopping.is_set():
            node = self.machines.cluster.nodes[at % self.machines.size]
            try:
                with raw_kafka.Connection(node.port, timeout=TIMEOUT_S, host=node.host) as connection:
                    return connection.new_producer_id()
            except (OSError, AssertionError):
                at += 1
                self.machines.halt.wait(NODE_AFTER_NODE_S)
        return -1

    def finish(self, timeout=60):
        self.deadline = time.monotonic() + timeout
        return super().finish(timeout + 2 * TIMEOUT_S)

    @property
    def acked(self):
        return self.writes.acked_records

    def wait_for(self, count, timeout):
        """Whether so many records in all are acknowledged in time."""
        with self.changed:
            return self.changed.wait_for(lambda: self.acked >= count or not self.thread.is_alive(), timeout) and self.acked >= count


class Noting(IdempotentProducer):
    """Its history is the writer's, not a list of values."""

    def __init__(self, writer, producer_id):
        super().__init__(0, writer.topic, producer_id, writer.in_flight, writer.partition, timeout=TIMEOUT_S, retriable=RETRIABLE | {STORAGE_ERROR})
        self.writer = writer

    def note(self, base_offset, values):
        with self.writer.changed:
            self.writer.writes.acked(base_offset, time.monotonic_ns())
            self.writer.changed.notify_all()


class Reader(Client):
    """Reads some partitions over and over, as a consumer that knows its leader's epoch does. Each poll goes on where the last one ended. `again`: having come
    to the end it starts at an offset of long ago; else it waits for more."""

    def __init__(self, machines, violations, partitions, seen, again=False, max_bytes=1 << 18, pause=0.0):
        super().__init__(machines, f"reader-{'again' if again else 'on'}")
        self.violations, self.seen, self.again, self.max_bytes, self.pause = violations, seen, again, max_bytes, pause
        self.places = [Place(topic, partition) for topic, partition in partitions]
        self.next = {(each.topic, each.partition): 0 for each in self.places}
        self.draw = random.Random(again)
        self.connections = {}

    def run(self):
        while not self.stopping.is_set():
            came = 0
            for place in self.places:
                if not self.stopping.is_set():
                    came += self.poll(place)
            self.stopping.wait(self.pause if came else max(self.pause, NODE_AFTER_NODE_S))
        for each in self.connections.values():
            each.close()

    def poll(self, place):
        """One fetch. Returns how many records came."""
        if place.leader is None and not place.find(self.machines):
            return 0
        at = place.topic, place.partition
        offset = self.next[at]
        try:
            fetched = self.connection(place.leader).read(place.topic, offset, max_bytes=self.max_bytes, max_wait=20, partition=place.partition, leader_epoch=place.epoch)
        except OSError:
            lost = self.connections.pop(place.leader, None)
            if lost:
                lost.close()
            place.leader = None
            return 0
        if fetched.code:
            if fetched.code == OFFSET_OUT_OF_RANGE:
                self.violations.note("R9", f"{place.topic}-{place.partition}: node {place.leader}, leader of epoch {place.epoch}, has no offset {offset}, before which all was read")
            place.leader = None
            return 0
        records = [each for each in fetched.records if each.offset >= offset]
        for expected, each in enumerate(records, offset):
            if each.offset != expected:
                self.violations.note("C1", f"{place.topic}-{place.partition}: read offset {each.offset} after {expected - 1}")
                break
        self.seen[at](records, fetched.high_watermark)
        if records:
            self.next[at] = records[-1].offset + 1
            place.epoch = max(place.epoch, records[-1].leader_epoch)
        elif self.again:
            self.next[at] = self.draw.randrange(offset + 1)
        return len(records)

    def connection(self, number):
        if number not in self.connections:
            node = self.machines[number].node
            self.connections[number] = raw_kafka.Connection(node.port, timeout=TIMEOUT_S, host=node.host)
        return self.connections[number]


def read_all(machines, topic, partition, deadline_s=120):
    """(offset, value) of all that the partition serves up to the high watermark; an assertion if that cannot be read."""
    place, offset, end = Place(topic, partition), 0, None
    deadline = time.monotonic() + deadline_s
    connection = None
    while end is None or offset < end:
        assert time.monotonic() < deadline, f"{topic}-{partition} cannot be read at {offset}"
        if place.leader is None and not place.find(machines):
            machines.halt.wait(NODE_AFTER_NODE_S)
            continue
        try:
            node = machines[place.leader].node
            connection = connection or raw_kafka.Connection(node.port, timeout=30, host=node.host)
            fetched = connection.read(topic, offset, max_bytes=1 << 20, partition=partition, leader_epoch=place.epoch)
            assert fetched.code == 0, f"{topic}-{partition} at {offset}: error {fetched.code}"
        except (OSError, AssertionError):
            if connection:
                connection.close()
            connection, place.leader = None, None
            machines.halt.wait(NODE_AFTER_NODE_S)
            continue
        end = max(end or 0, fetched.high_watermark)
        for each in fetched.records:
            if each.offset >= offset:
                yield each.offset, each.value
                offset = each.offset + 1
    connection.close()
