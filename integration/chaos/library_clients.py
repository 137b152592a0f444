"""A producer and a consumer of confluent-kafka (librdkafka) among our own clients, where integration/compat/setup has installed it: what they tell, held
against each other and against what is there in the end."""
import array
import json
import os
import pathlib
import subprocess
import sys
import threading

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "compat"))
import client_libraries  # noqa: E402

LIBRARY = "confluent-kafka"
WITHOUT_END = 1 << 40
ENDED_WITHIN_S = 10


def why_not():
    """Why there are none; None: there are."""
    return client_libraries.command(LIBRARY)[1]


class Program:
    """A client program of integration/compat/clients that does one thing until it is ended; `told` gets each line that it writes meanwhile."""

    def __init__(self, base, addresses, told, **request):
        command, _ = client_libraries.command(LIBRARY)
        pipe = base / request["do"]
        self.log = pipe.with_suffix(".log")
        os.mkfifo(pipe)
        self.process = subprocess.Popen([*map(str, command), addresses], stdin=subprocess.PIPE, stdout=open(self.log, "wb"), stderr=subprocess.STDOUT)
        self.process.stdin.write(json.dumps({**request, "to": str(pipe)}).encode() + b"\n")
        self.process.stdin.flush()
        self.thread = threading.Thread(target=self._read, args=(pipe, told), daemon=True)
        self.thread.start()

    @staticmethod
    def _read(pipe, told):
        with open(pipe, "rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):  # it may be ended in the middle of one
                    told(*line.split())

    def end(self):
        self.process.kill()
        self.process.wait()
        self.thread.join(ENDED_WITHIN_S)


class LibraryClients:
    """They write to and read from `topic`, whose other clients only read. The numbers of the records grow in each partition; the key decides which one it is."""

    def __init__(self, machines, violations, topic, partitions, pause):
        self.topic, self.violations = topic, violations
        self.acked = [array.array("q") for _ in range(partitions)]  # at each offset: the record's number + 1, 0 if it was not told
        self.read = [array.array("q") for _ in range(partitions)]
        self.without_offset = [set() for _ in range(partitions)]  # acknowledged as sent before: librdkafka tells no offset of these
        self.acknowledged = 0
        addresses = ",".join(node.address for node in machines.cluster.nodes)
        self.programs = [Program(machines.base, addresses, self._drained, do="drain", topic=topic, partitions=partitions, count=WITHOUT_END, pause=pause),
                         Program(machines.base, addresses, self._poured, do="pour", topic=topic, name=LIBRARY, count=WITHOUT_END, pause=pause)]

    def _poured(self, partition, offset, number):
        self.acknowledged += 1
        if offset == b"None":
            return self.without_offset[int(partition)].add(int(number))
        partition, offset, number = int(partition), int(offset), int(number)
        acked = self.acked[partition]
        acked.extend([0] * (offset + 1 - len(acked)))
        if acked[offset]:
            self.violations.note("C2", f"{self.topic}-{partition}: {LIBRARY} was told offset {offset} for {acked[offset] - 1} and for {number}")
        acked[offset] = number + 1

    def _drained(self, partition, offset, _, number):
        read = self.read[int(partition)]
        if int(offset) != len(read):
            self.violations.note("C1", f"{self.topic}-{int(partition)}: {LIBRARY} read offset {int(offset)} after {len(read) - 1}")
        read.extend([0] * (int(offset) + 1 - len(read)))
        read[int(offset)] = int(number) + 1

    def said(self):
        """The ends of what the programs had to say for themselves."""
        return " | ".join(program.log.read_text(errors="replace")[-500:] for program in self.programs)

    def end(self):
        for program in self.programs:
            program.end()

    def check(self, partition, records):
        """`records`: all that the partition serves in the end, as (offset, value) in order. Returns where it ends."""
        name, acked, read = f"{self.topic}-{partition}", self.acked[partition], self.read[partition]
        end, last = 0, -1
        for offset, value in records:
            writer, number = value.split(b" ", 2)[:2]
            number = int(number)
            if writer != LIBRARY.encode():
                self.violations.note("C1", f"{name}: offset {offset} holds what nobody wrote: {value[:60]!r}")
            if number <= last:
                self.violations.note("C2", f"{name}: offset {offset} holds {number} of {LIBRARY}, after {last}")
            if offset < len(acked) and acked[offset] not in (0, number + 1):
                self.violations.note("R1", f"{name}: {LIBRARY} was told offset {offset} for {acked[offset] - 1}, there is {number}")
            if offset < len(read) and read[offset] not in (0, number + 1):
                self.violations.note("R9", f"{name}: {LIBRARY} read {read[offset] - 1} at offset {offset}, there is {number}")
            self.without_offset[partition].discard(number)
            end, last = offset + 1, number
        for number in self.without_offset[partition]:
            self.violations.note("R1", f"{name}: record {number} was acknowledged to {LIBRARY}, it is not there")
        if len(acked) > end:
            self.violations.note("R1", f"{name}: {LIBRARY} was told offset {len(acked) - 1}, the log ends at {end}")
        if len(read) > end:
            self.violations.note("R9", f"{name}: {LIBRARY} read offset {len(read) - 1}, the log ends at {end}")
        return end
