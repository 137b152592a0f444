"""A cluster whose nodes have all that a machine has: a network interface, a disk that can lose power or fill up, a clock that can be wrong."""
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import ext4_image
import network
import raw_kafka
from cluster import Cluster

FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
BOOT_FILE = ".cafka_boot"
ASK_TIMEOUT_S = 2
DISK_MIB = 2048
STOP_TIMEOUT_S = 60
# Segments small enough to be rolled now and then; clocks that jump by hours neither delete records nor have them refused.
SETTINGS = dict(log_segment_bytes=4 << 20, log_retention_ms=-1, log_message_timestamp_after_max_ms=(1 << 63) - 1)


def why_not():
    """What is missing on this machine; empty: nothing."""
    missing = [tool for tool in ("nft", "tc", "nsenter", "prlimit") if not shutil.which(tool)]
    return ext4_image.unavailable() or network.why_not() or (f"needs {', '.join(missing)}: run scripts/setup" if missing else "")


class Machine:
    """`down`: it was told to end, so nobody wonders that it did. `busy`: a fault has the process or the disk in hand."""

    def __init__(self, number, node, disk, clock):
        self.number, self.node, self.disk, self.clock = number, node, disk, clock
        self.down = False
        self.busy = None

    @property
    def runs(self):
        return self.node.process is not None and self.node.process.poll() is None

    @property
    def pid(self):
        return self.node.process.pid

    def kill(self):
        self.down = True
        self.node.kill()  # a stopped one too, without another step

    def signal(self, number):
        if self.runs:
            self.node.process.send_signal(number)

    def stop_in_its_tracks(self):
        if self.runs:
            ext4_image.stop_in_its_tracks(self.pid)

    def ask_to_stop(self):
        self.down = True
        self.signal(signal.SIGTERM)

    def wait_for_end(self):
        self.node.process.wait(timeout=STOP_TIMEOUT_S)

    def launch(self):
        if not self.runs:
            self.down = False
            self.node.launch()

    def cut_power(self):
        """Stops it in its tracks: what is not on the disk now is gone."""
        self.down = True
        self.stop_in_its_tracks()
        self.disk.shut_down()

    def restore_power(self):
        """To the point where it can be launched. A machine that lost power comes back as another boot."""
        self.kill()
        self.remount()
        if (boot := self.node.data / BOOT_FILE).exists():
            boot.write_text("another boot")

    def repair_disk(self):
        """To the point where it can be launched; the machine itself was up all the time."""
        self.kill()
        self.remount(repair=True)

    def remount(self, repair=False):
        self.disk.unmount()
        if repair:
            self.disk.repair()
        self.disk.mount()

    def set_clock(self, seconds):
        """Off by so much; its monotonic clock is not touched."""
        aside = self.clock.with_suffix(".new")
        aside.write_text(f"{seconds:+d}s\n")
        aside.rename(self.clock)


class Machines:
    """`with Machines(...)`: all started. The calling thread, and what it starts, is in the clients' network from then on, and sees mounts that nobody else sees."""

    def __init__(self, base, size, clocks):
        self.base = pathlib.Path(base)
        self.size, self.clocks = size, clocks
        self.machines, self.network, self.cluster = [], None, None
        self.halt = threading.Event()

    def __enter__(self):
        ext4_image.see_mounts_alone()
        try:
            self.network = network.Network(self.size)
            network.enter(self.network.clients)
            disks, clocks = [], []
            for number in range(1, self.size + 1):
                disks.append(ext4_image.Ext4Image(self.base / f"node-{number}", DISK_MIB).mount())
                clocks.append(self.base / f"node-{number}" / "clock")
                clocks[-1].write_text("+0s\n")

            def each(number):
                return dict(data=disks[number - 1].mount_point / "data", environment=self.environment(clocks[number - 1]))

            self.cluster = Cluster(self.base, self.size, self.network, each=each, **SETTINGS)
            self.machines = [Machine(node.id, node, disk, clock) for node, disk, clock in zip(self.cluster.nodes, disks, clocks)]
            self.cluster.start()
        except BaseException:
            self.close()
            raise
        return self

    def environment(self, clock):
        if not self.clocks:
            return {}
        return {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    def __exit__(self, *_):
        self.close()

    def close(self):
        for machine in self.machines:
            machine.kill()
        for machine in self.machines:
            subprocess.run(["/bin/umount", machine.disk.mount_point], capture_output=True)
        if self.network:
            self.network.close()

    def keep_data(self):
        """Of each node, beside its log: out of its disk image, which is not kept. All have ended."""
        for machine in self.machines:
            machine.kill()
            shutil.copytree(machine.node.data, machine.node.base / "data", dirs_exist_ok=True)
            machine.disk.image.unlink()

    def __getitem__(self, number):
        return self.machines[number - 1]

    def __iter__(self):
        return iter(self.machines)

    def free(self):
        """Those that no fault has in hand."""
        return [machine for machine in self.machines if machine.busy is None and machine.runs]

    # ---- what the nodes say ----

    def placed(self, topic, machine):
        """{partition: raw_kafka.Placed} as the node has it, None if it does not answer."""
        try:
            with raw_kafka.Connection(machine.node.port, timeout=ASK_TIMEOUT_S, host=machine.node.host) as connection:
                said = connection.metadata(topic)
            return said.placed if said.code == 0 else None
        except (OSError, AssertionError):
            return None

    def all_in_sync(self, topics, machine):
        """As the node has it: every replica of every partition, and a leader."""
        for topic in topics:
            placed = self.placed(topic, machine)
            if not placed or any(each.leader < 0 or sorted(each.isr) != sorted(each.replicas) for each in placed.values()):
                return False
        return True

    def leader_of(self, topic, partition):
        """The machine, as the first node that knows has it; None: nobody does."""
        for machine in self.free():
            placed = self.placed(topic, machine)
            if placed and placed[partition].leader > 0:
                return self[placed[partition].leader]
        return None

    def controller(self):
        for machine in self.free():
            try:
                said = machine.node.cafka("quorum", "status", check=False, timeout=5)
            except subprocess.TimeoutExpired:
                continue
            if b"Leader: " in said.stdout and (number := said.stdout.split(b"Leader: ")[1].split(b"\t")[0]).isdigit():
                return self[int(number)]
        return None

    def wait_until(self, holds, seconds):
        """Whether it came to hold in time."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            self.halt.wait(0.1)
        return True
