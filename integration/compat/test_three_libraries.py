"""Producers and consumers of three libraries at once, on twelve partitions, while the node is killed and started again and again. CAFKA_RECORDS: how many
records in all, 60000 if not set."""
import collections
import concurrent.futures
import os
import threading

import pytest

import client_libraries
from node import Node
from test_clients import Client

RECORDS = int(os.environ.get("CAFKA_RECORDS", "60000"))
PARTITIONS = 12
LIBRARIES = ["java", "confluent-kafka", "aiokafka"]
TIME_LIMIT_S = 120 + RECORDS // 2000
TOPIC = "everything"


class Lines:
    """What a client writes into a pipe that has a name, by line, as it comes."""

    def __init__(self, path):
        self.path = path
        self.lines = []
        self._more = threading.Condition()
        self._ended = False
        os.mkfifo(path)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        with open(self.path, "rb") as pipe:
            for line in pipe:
                self.lines.append(line)
                if len(self.lines) % 1000 == 0:
                    with self._more:
                        self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def wait_for(self, count):
        with self._more:
            assert self._more.wait_for(lambda: len(self.lines) >= count or self._ended, TIME_LIMIT_S), f"{len(self.lines)} of {count} lines in time"

    def rows(self):
        self._thread.join(TIME_LIMIT_S)
        assert not self._thread.is_alive()
        return [line.split() for line in self.lines]


def check_consumed(library, rows, acked):
    """Offsets without gaps, each record once and where it was acknowledged, the records of a key in the order in which they were sent."""
    offsets, seen, at, last = collections.defaultdict(list), collections.Counter(), {}, {}
    for partition, offset, producer, number in rows:
        offsets[int(partition)].append(int(offset))
        record = (producer, int(number))
        seen[record] += 1
        at[int(partition), int(offset)] = record
        key = (producer, int(number) % 1000)
        where, before = last.get(key, (partition, -1))
        assert where == partition and before < int(number), f"{library}: key {key}: record {number} in partition {partition} after {before} in {where}"
        last[key] = (partition, int(number))
    assert len(offsets) == PARTITIONS
    for partition, found in offsets.items():
        assert found == list(range(len(found))), f"{library}: partition {partition} has gaps or repeats"
    doubled = [record for record, times in seen.items() if times != 1]
    assert doubled == [], f"{library}: {len(doubled)} records more than once"
    lost = {where: record for where, record in acked.items() if at.get(where) != record}
    assert lost == {}, f"{library}: {len(lost)} acknowledged records are not where they were"
    assert len(seen) == len(acked), f"{library}: {len(seen)} records, {len(acked)} acknowledged"


@pytest.mark.timeout(2 * TIME_LIMIT_S)
def test_kills_in_the_middle(tmp_path):
    commands = {}
    for library in LIBRARIES:
        commands[library], reason = client_libraries.command(library)
        if not commands[library]:
            pytest.skip(f"{library}: {reason}")
    node = Node(tmp_path / "node").start()
    clients, threads = [], concurrent.futures.ThreadPoolExecutor(2 * len(LIBRARIES))
    try:
        node.cafka("topic", "create", TOPIC, "--partitions", PARTITIONS)

        def begin(what, library, **request):
            pipe = Lines(tmp_path / f"{what}-{library}")
            clients.append(Client(library, commands[library], node.address, tmp_path / f"{what}-{library}.log"))
            return pipe, threads.submit(clients[-1].ask, TIME_LIMIT_S, do=what, topic=TOPIC, to=str(pipe.path), **request)

        each = RECORDS // len(LIBRARIES)
        drains = {library: begin("drain", library, partitions=PARTITIONS, count=each * len(LIBRARIES)) for library in LIBRARIES}
        pours = {library: begin("pour", library, name=library, count=each) for library in LIBRARIES}
        for pipe, _ in pours.values(): # a kill in the middle of each, however fast it is
            pipe.wait_for(each // 3)
            node.kill()
            node.start()

        acked = {}
        for library, (pipe, done) in pours.items():
            assert done.result() == {"acked": each}, library
            for partition, offset, number in pipe.rows():
                acked[int(partition), int(offset)] = (library.encode(), int(number))
        assert len(acked) == each * len(LIBRARIES)
        for library, (pipe, done) in drains.items():
            assert done.result() == {"consumed": each * len(LIBRARIES)}, library
            check_consumed(library, pipe.rows(), acked)
    finally:
        for one in clients:
            one.end()
        threads.shutdown()
        node.kill()
