"""What clients did and saw, in so few bytes a record that half an hour of it fits in memory, and the check of it against what is there in the end.

A record's value follows from its writer and its sequence, so nobody keeps it: a batch is five numbers, a record that was read is one.
"""
import array
import collections

INVARIANTS = {
    "R1": "no acknowledged record is lost",
    "R4": "replicas are the same byte for byte",
    "R9": "what an offset holds never changes, nothing past the high watermark is read",
    "R10": "acknowledged before another was sent: the smaller offset",
    "C1": "nothing refused is read, nothing skipped, nothing that nobody wrote",
    "C2": "idempotent batches are stored once, in order, without gaps",
    "L": "healed, every node serves, every replica is in sync, every writer is acknowledged",
    "P": "no node ends, fails or quarantines anything of itself",
}
NOT_APPLICABLE = {"C3": "no transactions yet", "C5": "no groups yet", "C6": "no groups yet"}
SHOWN = 20  # of each invariant's violations
UNKNOWN = -1
PADDING = bytes(range(ord("a"), ord("z") + 1)) * 10


class Violations:
    def __init__(self):
        self.of = collections.defaultdict(list)
        self.counted = collections.Counter()

    def __bool__(self):
        return bool(self.counted)

    def note(self, invariant, what):
        assert invariant in INVARIANTS
        self.counted[invariant] += 1
        if len(self.of[invariant]) < SHOWN:
            self.of[invariant].append(what)


def value_of(writer, sequence):
    at = (writer * 7 + sequence) % 26
    return b"%d.%d %s" % (writer, sequence, PADDING[at:at + sequence % 101])


def writer_and_sequence(value):
    """None of what `value_of` never makes."""
    try:
        writer, sequence = map(int, value.split(b" ", 1)[0].split(b"."))
    except ValueError:
        return None
    return (writer, sequence) if value_of(writer, sequence) == value else None


class Writes:
    """One idempotent writer's batches, in the order in which they were sent: all go to one partition. Times are of the monotonic clock, in ns."""

    def __init__(self, writer):
        self.writer = writer
        self.firsts, self.counts, self.invoked, self.acked_at, self.offsets = (array.array("q") for _ in range(5))
        self.acked_batches = self.acked_records = 0

    def sent(self, count, now):
        first = self.firsts[-1] + self.counts[-1] if self.firsts else 0
        for column, number in zip((self.firsts, self.counts, self.invoked, self.acked_at, self.offsets), (first, count, now, UNKNOWN, UNKNOWN)):
            column.append(number)
        return [value_of(self.writer, first + i) for i in range(count)]

    def acked(self, base_offset, now):
        """The oldest that was not."""
        self.offsets[self.acked_batches], self.acked_at[self.acked_batches] = base_offset, now
        self.acked_records += self.counts[self.acked_batches]
        self.acked_batches += 1

    @property
    def sent_records(self):
        return self.firsts[-1] + self.counts[-1] if self.firsts else 0


class Seen:
    """What all readers of a partition have read: the hash of the value at each offset."""

    def __init__(self, name, violations):
        self.name, self.violations = name, violations
        self.hashes = array.array("q")
        self.read = 0

    def __call__(self, read, high_watermark):
        """`read`: records with `offset` and `value`."""
        for each in read:
            if each.offset >= high_watermark:
                self.violations.note("R9", f"{self.name}: offset {each.offset} was read, the high watermark is {high_watermark}")
            self.note(each.offset, each.value)

    def note(self, offset, value):
        self.read += 1
        missing = offset + 1 - len(self.hashes)
        if missing > 0:
            self.hashes.frombytes(bytes(8 * missing))
        before, now = self.hashes[offset], hash(value) or 1
        if before not in (0, now):
            self.violations.note("R9", f"{self.name}: offset {offset} held something else before it held {value[:40]!r}")
        self.hashes[offset] = now


def check_partition(name, records, histories, seen, violations):
    """`records`: all that the partition serves in the end, as `(offset, value)` in order. `histories`: the Writes of each who wrote to it.
    Returns how many records there are."""
    writers = {each.writer: each for each in histories}
    next_sequence = dict.fromkeys(writers, 0)
    next_row = dict.fromkeys(writers, 0)
    in_order = []  # (offset, writer, row) of each batch that is there
    end = 0
    for offset, value in records:
        if offset != end:
            violations.note("C1", f"{name}: offset {end} is followed by {offset}")
        end = offset + 1
        seen.note(offset, value)
        written = writer_and_sequence(value)
        if written is None or written[0] not in writers:
            violations.note("C1", f"{name}: offset {offset} holds what nobody wrote: {value[:60]!r}")
            continue
        writer, sequence = written
        writes, row = writers[writer], next_row[writer]
        if sequence >= writes.sent_records:
            violations.note("C1", f"{name}: offset {offset} holds record {sequence} of writer {writer}, who sent {writes.sent_records}")
            continue
        if sequence < next_sequence[writer]:
            violations.note("C2", f"{name}: offset {offset} holds record {sequence} of writer {writer} again or too late, {next_sequence[writer]} is the next")
            continue
        if sequence > next_sequence[writer]:
            violations.note("C2", f"{name}: before offset {offset}, records {next_sequence[writer]} to {sequence - 1} of writer {writer} are missing")
        next_sequence[writer] = sequence + 1
        while writes.firsts[row] + writes.counts[row] <= sequence:
            row = skipped(name, writes, row, violations)
        if sequence == writes.firsts[row]:
            in_order.append((offset, writer, row))
        where = writes.offsets[row] + sequence - writes.firsts[row]
        if writes.offsets[row] != UNKNOWN and where != offset:
            violations.note("R1", f"{name}: record {sequence} of writer {writer} was acknowledged at offset {where}, it is at {offset}")
        if sequence + 1 == writes.firsts[row] + writes.counts[row]:
            row += 1
        next_row[writer] = row
    for writer, writes in writers.items():
        row = next_row[writer]
        while row < len(writes.firsts):
            row = skipped(name, writes, row, violations)
    if len(seen.hashes) > end:
        violations.note("R9", f"{name}: offset {len(seen.hashes) - 1} was read and is gone: the log ends at {end}")
    check_order(name, in_order, writers, violations)
    return end


def skipped(name, writes, row, violations):
    """The batch is not there, or not whole."""
    if writes.acked_at[row] != UNKNOWN:
        violations.note("R1", f"{name}: records {writes.firsts[row]} to {writes.firsts[row] + writes.counts[row] - 1} of writer {writes.writer}, "
                              f"acknowledged at offset {writes.offsets[row]}, are not all there")
    return row + 1


def check_order(name, in_order, writers, violations):
    """R10: nobody who was sent after the acknowledgement of another lies before it."""
    latest, who = -1, None  # the last to be sent of those with smaller offsets
    for offset, writer, row in in_order:
        writes = writers[writer]
        if writes.acked_at[row] != UNKNOWN and writes.acked_at[row] < latest:
            violations.note("R10", f"{name}: the batch at offset {offset} was acknowledged {(latest - writes.acked_at[row]) / 1e6:.1f} ms before that at {who} was sent")
        if writes.invoked[row] > latest:
            latest, who = writes.invoked[row], offset
