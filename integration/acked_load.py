"""Load whose every acknowledgement is written down, and the check that a restarted node still has all of it."""
import json
import os
import pathlib
import subprocess
import threading

from node import CAFKA


def writer_program():
    found = list(pathlib.Path(CAFKA).resolve().parent.rglob("load_acked_writer"))
    assert found, "load_acked_writer is not built: scripts/build release"
    return str(found[0])


class AckedLoad:
    """Writes to `topic` until the node is gone; then `acked` maps (partition, offset) to the record's number."""

    def __init__(self, topic):
        self.topic = topic
        self.acked = {}
        self.next_number = 0
        self.process = None
        self._enough = threading.Condition()

    def start(self, node, **options):
        command = [writer_program(), f"address={node.address}", f"topic={self.topic}", f"first={self.next_number}"]
        command += [f"{key}={value}" for key, value in options.items()]
        # a line per acknowledgement, so that the test can wait for some
        self.process = subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            partition, offset, number = map(int, line.split())
            with self._enough:
                self.acked[partition, offset] = number
                self.next_number = max(self.next_number, number + 1)
                self._enough.notify_all()

    def wait_for(self, count, timeout=60):
        """Until `count` more records are acknowledged."""
        with self._enough:
            target = len(self.acked) + count
            assert self._enough.wait_for(lambda: len(self.acked) >= target or not self.reader.is_alive(), timeout), "no acknowledgements"
            assert len(self.acked) >= target, f"the writer ended after {len(self.acked)} of {target} acknowledgements"

    def finish(self, timeout=60):
        self.process.wait(timeout=timeout)
        self.reader.join(timeout=timeout)
        # numbers that were in doubt are not used again
        self.next_number += 1_000_000

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)


def consume_all(node, topic):
    """{partition: [(offset, value bytes)]} of all that the node serves."""
    rows = {}
    out = node.cafka("consume", topic, "--from-beginning", "--exit-at-end", "--format", "%p %o %s\n").stdout
    for line in out.splitlines():
        partition, offset, value = line.split(b" ", 2)
        rows.setdefault(int(partition), []).append((int(offset), value))
    return rows


def check_nothing_lost(node, load):
    """Every acknowledged record is where it was acknowledged; offsets have no gaps. Returns how many records there are."""
    rows = consume_all(node, load.topic)
    served = {}
    for partition, records in rows.items():
        offsets = [offset for offset, _ in records]
        assert offsets == list(range(len(offsets))), f"partition {partition}: offsets have gaps or repeat"
        served.update(((partition, offset), int(value.split(b" ", 1)[0])) for offset, value in records)
    lost = {at: number for at, number in load.acked.items() if served.get(at) != number}
    assert not lost, f"{len(lost)} of {len(load.acked)} acknowledged records are lost or changed, e.g. {sorted(lost.items())[:5]}"
    return len(served)
