"""Clients, faults, and what came of it: what `run` and `power_cuts` have in common."""
import random
import sys
import time

import library_clients
from clients import Reader, Writer, read_all
from cluster import HistoryWriter
from history import INVARIANTS, NOT_APPLICABLE, Seen, Violations, check_partition

SETTLED_WITHIN_S = 120
EQUAL_WITHIN_S = 60
ENDS_RIGHTLY = "Too many open files"  # a file that cannot be opened cannot be flushed: then the log directory is given up, and a node without one ends
SYNCED, PAGED = "synced", "paged"  # acks=all means on disk, in memory
SINGLE, LIBRARY = "single", "library"  # on disk too; written by producers that are not idempotent, by a library


class Campaign:
    """`pause`: seconds between what a writer got acknowledged and what it sends next. `paged`: with a topic of durability=replicated too, whose promise does
    not hold when several nodes lose power at once."""

    def __init__(self, machines, pause=0.1, paged=True):
        self.machines, self.pause = machines, pause
        self.violations = Violations()
        self.partitions = {SYNCED: 4, SINGLE: 2, **({PAGED: 2} if paged else {}), **({} if library_clients.why_not() else {LIBRARY: 2})}
        self.seen = {(topic, partition): Seen(f"{topic}-{partition}", self.violations) for topic, count in self.partitions.items() for partition in range(count)}
        self.writers, self.single, self.readers, self.library = [], [], [], None
        self.begun = time.monotonic()
        self.log = open(machines.base / "faults.log", "a", buffering=1)
        self.read = 0

    @property
    def topics(self):
        return list(self.partitions.items())

    def begin(self):
        node = self.machines.cluster.nodes[0]
        for topic, count in self.topics:
            node.cafka("topic", "create", topic, "--partitions", count, "--config", f"durability={'replicated' if topic == PAGED else 'fsync'}")
        self.settle()
        for topic, partition in self.seen:
            for each in range(2 if topic in (SYNCED, PAGED) else 0):
                number = len(self.writers) + 1
                self.writers.append(Writer(self.machines, self.violations, number, topic, partition, 5 if each else 1, self.pause * random.Random(number).uniform(0.2, 2)))
        self.single = [HistoryWriter(self.machines.cluster, SINGLE, partition, timeout=2, pause=self.pause) for partition in range(self.partitions[SINGLE])]
        self.readers = [Reader(self.machines, self.violations, list(self.seen), self.seen, again, 1 << (14 if again else 18), 0.1 if again else 0) for again in (False, True)]
        for each in (*self.writers, *self.single, *self.readers):
            each.start()
        if LIBRARY in self.partitions:
            self.library = library_clients.LibraryClients(self.machines, self.violations, LIBRARY, self.partitions[LIBRARY], self.pause)

    def say(self, line):
        line = f"{elapsed(time.monotonic() - self.begun)} {line}"
        print(line, file=self.log)
        print(line, flush=True)

    def note(self, line):
        print(f"{elapsed(time.monotonic() - self.begun)}   {line}", file=self.log)

    def counts(self):
        return f"{self.acknowledged()} acknowledged, {sum(each.read for each in self.seen.values())} read"

    def acknowledged(self):
        return sum(each.acked for each in self.writers) + sum(len(each.acked) for each in self.single) + (self.library.acknowledged if self.library else 0)

    # ---- healed ----

    def settle(self):
        """Waits until all is as it should be without faults. False: it did not come to that."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        left = lambda: max(0.1, deadline - time.monotonic())
        for machine in self.machines:
            self.check_log(machine)
        for machine in self.machines:
            if not self.machines.wait_until(lambda: self.tend() and machine.node.find_line("listening on"), left()):
                return self.unsettled(f"node {machine.number} {'does not listen' if machine.runs else 'ended'}: {last_lines(machine)}")
        for machine in self.machines:
            if not self.machines.wait_until(lambda: self.tend() and self.machines.all_in_sync(self.partitions, machine), left()):
                placed = {topic: self.machines.placed(topic, machine) for topic in self.partitions}
                return self.unsettled(f"node {machine.number} knows of replicas that are not in sync: {placed}")
        for writer in self.writers:
            if not writer.wait_for(writer.acked + 1, left()):
                if not writer.thread.is_alive():
                    continue  # it has said why
                return self.unsettled(f"writer {writer.number} of {writer.topic}-{writer.partition} gets nothing acknowledged")
        for writer in self.single:
            count = len(writer.acked)
            if writer.thread.ident and not self.machines.wait_until(lambda: len(writer.acked) > count or not writer.thread.is_alive(), left()):
                return self.unsettled(f"the single writer of {writer.partition} gets nothing acknowledged: {writer.refused}")
        return True

    def unsettled(self, why):
        self.violations.note("L", f"{why}, after {SETTLED_WITHIN_S} s without faults")
        return False

    def check_log(self, machine):
        """No fault here damages what was synced, and none makes an actor fail."""
        if line := machine.node.find_line("quarantine|unhandled exception"):
            self.violations.note("P", f"node {machine.number}: {line}")

    def tend(self):
        """Starts who has ended, as an operator would. Returns whether all run."""
        ended = [machine for machine in self.machines if not machine.runs]
        for machine in ended:
            if machine.down or machine.node.find_line(ENDS_RIGHTLY):
                self.note(f"node {machine.number} is started again")
            else:
                self.violations.note("P", f"node {machine.number} ended with {machine.node.process.returncode}: {last_lines(machine)}")
            machine.launch()
        return not ended

    # ---- the end ----

    def verdict(self):
        """Ends the clients, reads everything, compares. Returns whether all held."""
        whole = not self.violations.counted["L"] and self.settle()
        if self.library:
            count = self.library.acknowledged
            if whole and not self.machines.wait_until(lambda: self.library.acknowledged > count, SETTLED_WITHIN_S):
                self.violations.note("L", f"{library_clients.LIBRARY} gets nothing acknowledged: {self.library.said()}")
            self.library.programs[1].end()
        for writer in self.writers:
            if not writer.finish() or writer.writes.acked_records != writer.writes.sent_records:
                self.violations.note("L", f"writer {writer.number} could not end: {writer.writes.sent_records - writer.writes.acked_records} records are still open")
        for writer in self.single:
            self.guarded("C1", writer.finish)
        ends = {}
        if whole:
            ends = {at: self.guarded("L", lambda: self.check(*at)) for at in self.seen}
            for at, end in ends.items():
                if end is not None and not self.machines.wait_until(lambda: self.readers[0].next[at] >= end, EQUAL_WITHIN_S):
                    self.violations.note("C1", f"{at[0]}-{at[1]}: the reader stands at {self.readers[0].next[at]}, the log ends at {end}")
        if self.library:
            self.end_library(ends)
        for reader in self.readers:
            self.guarded("C1", reader.finish)
        if whole:
            for at in self.seen:
                self.check_replicas(*at)
        self.read = sum(end or 0 for end in ends.values())
        self.stop_all()
        return not self.violations

    def end_library(self, ends):
        """Its consumer comes to the end, too."""
        for partition, read in enumerate(self.library.read):
            end = ends.get((LIBRARY, partition))
            if end is not None and not self.machines.wait_until(lambda: len(read) >= end, EQUAL_WITHIN_S):
                self.violations.note("C1", f"{LIBRARY}-{partition}: {library_clients.LIBRARY} has read {len(read)} of {end}: {self.library.said()}")
        self.library.end()

    def guarded(self, invariant, step):
        try:
            return step()
        except Exception as failure:
            self.violations.note(invariant, f"{type(failure).__name__}: {failure}")

    def check(self, topic, partition):
        name, seen = f"{topic}-{partition}", self.seen[topic, partition]
        if topic == LIBRARY:
            return self.library.check(partition, self.noted(seen, read_all(self.machines, topic, partition)))
        if topic != SINGLE:
            writes = [writer.writes for writer in self.writers if (writer.topic, writer.partition) == (topic, partition)]
            return check_partition(name, read_all(self.machines, topic, partition), writes, seen, self.violations)
        end = sum(1 for _ in self.noted(seen, read_all(self.machines, topic, partition)))
        try:
            self.single[partition].check(self.machines.leader_of(topic, partition).node)
        except AssertionError as failure:
            self.violations.note("R1" if "lost" in str(failure) else "C1", str(failure))
        return end

    @staticmethod
    def noted(seen, records):
        for offset, value in records:
            seen.note(offset, value)
            yield offset, value

    def check_replicas(self, topic, partition):
        replicas = len(next(iter(self.machines.placed(topic, self.machines[1]).values())).replicas)
        digests = {}

        def are_equal():
            digests.clear()
            digests.update(self.machines.cluster.log_digests(topic, partition))
            return len(digests) >= replicas and len(set(digests.values())) == 1

        if not self.machines.wait_until(are_equal, EQUAL_WITHIN_S):
            self.violations.note("R4", f"{topic}-{partition}: {digests}")

    def stop_all(self):
        for machine in self.machines:
            self.check_log(machine)
            machine.ask_to_stop()
        for machine in self.machines:
            self.guarded("P", machine.wait_for_end)
            if machine.node.process.returncode != 0 and not machine.node.find_line(ENDS_RIGHTLY):
                self.violations.note("P", f"node {machine.number} was told to stop and ended with {machine.node.process.returncode}: {last_lines(machine)}")

    def close(self):
        if self.library:
            self.library.end()
        self.log.close()

    def print_verdict(self, out=sys.stdout):
        unknown = sum(each.writes.sent_records - each.acked for each in self.writers) + sum(len(each.unknown) for each in self.single)
        print(f"\n{self.acknowledged()} records acknowledged, {unknown} of unknown outcome, {self.read} there in the end; {sum(each.read for each in self.seen.values())} reads", file=out)
        if self.library:
            print(f"of these {self.library.acknowledged} acknowledged to {library_clients.LIBRARY}, which read {sum(map(len, self.library.read))} of them", file=out)
        for invariant, what in {**INVARIANTS, **NOT_APPLICABLE}.items():
            if invariant in NOT_APPLICABLE:
                print(f"{invariant:4} not applicable  {what}", file=out)
                continue
            print(f"{invariant:4} {'VIOLATED' if self.violations.counted[invariant] else 'held':14}  {what}", file=out)
        for invariant, said in self.violations.of.items():
            for line in said:
                print(f"{invariant}: {line}", file=out)
            if self.violations.counted[invariant] > len(said):
                print(f"{invariant}: … {self.violations.counted[invariant]} in all", file=out)


def elapsed(seconds):
    return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{seconds % 60:04.1f}"


def last_lines(machine):
    return " | ".join(machine.node.lines[-3:])
