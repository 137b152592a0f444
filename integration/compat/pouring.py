"""What the `pour` and `drain` of the client programs tell of themselves, and whether that is the truth of one log."""
import collections
import os
import threading


class Lines:
    """What a client writes into a pipe that has a name, by line, as it comes."""

    def __init__(self, path, time_limit):
        self.path, self.time_limit = path, time_limit
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
            assert self._more.wait_for(lambda: len(self.lines) >= count or self._ended, self.time_limit), f"{len(self.lines)} of {count} lines in time"

    def rows(self):
        self._thread.join(self.time_limit)
        assert not self._thread.is_alive()
        return [line.split() for line in self.lines]


def check_consumed(library, rows, acked, partitions):
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
    assert len(offsets) == partitions
    for partition, found in offsets.items():
        assert found == list(range(len(found))), f"{library}: partition {partition} has gaps or repeats"
    doubled = [record for record, times in seen.items() if times != 1]
    assert doubled == [], f"{library}: {len(doubled)} records more than once"
    lost = {where: record for where, record in acked.items() if at.get(where) != record}
    assert lost == {}, f"{library}: {len(lost)} acknowledged records are not where they were"
    assert len(seen) == len(acked), f"{library}: {len(seen)} records, {len(acked)} acknowledged"
