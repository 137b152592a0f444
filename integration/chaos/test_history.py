"""The checker notices what it is for: each invariant broken by hand in a small history."""
import collections

import pytest

from history import INVARIANTS, Seen, Violations, Writes, check_partition, value_of

Read = collections.namedtuple("Read", "offset value")


class Log:
    """Two writers' batches in one partition, a batch a tick: sent, appended, acknowledged."""

    def __init__(self):
        self.violations = Violations()
        self.seen = Seen("t-0", self.violations)
        self.writers = {number: Writes(number) for number in (1, 2)}
        self.values, self.now = [], 0

    def write(self, writer, count=2, acked=True, stored=True):
        self.now += 10
        values = self.writers[writer].sent(count, self.now)
        if acked:
            self.writers[writer].acked(len(self.values), self.now + 5)
        self.values += values if stored else []
        return self

    def read(self, high_watermark=None):
        end = len(self.values) if high_watermark is None else high_watermark
        self.seen([Read(*each) for each in enumerate(self.values)], end)
        return self

    def broken(self):
        check_partition("t-0", enumerate(self.values), self.writers.values(), self.seen, self.violations)
        return set(self.violations.counted)


@pytest.fixture
def log():
    return Log().write(1).write(2).write(1, 3).write(2, 1).read()


def test_a_good_history(log):
    assert log.broken() == set()


def test_unknown_may_be_there_or_not(log):
    assert log.write(1, acked=False, stored=False).write(2, acked=False).broken() == set()


def test_lost_at_the_end(log):
    log.seen = Seen("t-0", log.violations)
    del log.values[-1]
    assert log.broken() == {"R1"}


def test_lost_in_the_middle(log):
    log.seen = Seen("t-0", log.violations)
    del log.values[2:4]
    assert log.broken() == {"R1", "C2"}


def test_a_batch_stored_in_part(log):
    log.write(1, 3)
    log.values.pop()
    assert log.broken() == {"R1"}


def test_read_and_then_gone(log):
    log.write(1, acked=False).read()
    del log.values[-2:]
    assert log.broken() == {"R9"}


def test_changed_after_it_was_read(log):
    log.write(1, acked=False, stored=False).write(2, acked=False, stored=False)
    log.values += [value_of(1, 5), value_of(1, 6)]
    log.read()
    log.values[-2:] = [value_of(2, 3), value_of(2, 4)]
    assert log.broken() == {"R9"}


def test_past_the_high_watermark(log):
    log.read(high_watermark=3)
    assert log.broken() == {"R9"}


def test_stored_twice(log):
    log.values += log.values[-1:]
    assert log.broken() == {"C2"}


def test_what_nobody_wrote(log):
    log.values += [b"9.1 x"]
    assert log.broken() == {"C1"}


def test_bytes_changed(log):
    log.seen = Seen("t-0", log.violations)
    log.values[-1] = log.values[-1] + b"?"
    assert log.broken() == {"C1", "R1"}


def test_never_sent(log):
    log.values += [value_of(1, 5)]
    assert log.broken() == {"C1"}


def test_order_in_real_time(log):
    log.write(1, 1, stored=False).write(2, 1, stored=False)
    log.values += [value_of(2, 3), value_of(1, 5)]
    for writer, offset in (1, 9), (2, 8):
        log.writers[writer].offsets[-1] = offset
    assert log.broken() == {"R10"}


def test_concurrent_writes_may_lie_either_way(log):
    log.write(1, 1, stored=False).write(2, 1, stored=False)
    log.values += [value_of(2, 3), value_of(1, 5)]
    for writer, offset in (1, 9), (2, 8):
        log.writers[writer].offsets[-1] = offset
    log.writers[1].acked_at[-1] = log.writers[2].invoked[-1] + 1
    assert log.broken() == set()


def test_offsets_with_a_gap(log):
    check_partition("t-0", [(offset + (offset > 3), value) for offset, value in enumerate(log.values)], log.writers.values(), log.seen, log.violations)
    assert "C1" in log.violations.counted


def test_only_known_invariants():
    with pytest.raises(AssertionError):
        Violations().note("R99", "")
    assert "R1" in INVARIANTS
