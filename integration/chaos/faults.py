"""The faults, each with how it begins and how it is healed. What a fault does is chosen when it is made, whom it strikes when it begins: by role, among
the nodes that no other fault has in hand. Faults of the network strike anybody."""
import os
import resource
import signal
import socket
import subprocess
import threading

COMMAND_TIMEOUT_S = 20


class Fault:
    """`begin` returns what it did in a few words, None if there was nobody to strike."""
    lossy = False  # what was not synced is gone: one node at a time, and only when all were in sync

    def __init__(self, machines, topics, draw):
        self.machines, self.topics, self.draw = machines, topics, draw
        self.role = draw.choice(["leader", "follower", "controller", "any"])
        self.pick, self.struck = draw.random(), []

    def chosen(self):
        """A machine of the role."""
        free = self.machines.free()
        if not free:
            return None
        topic, partitions = self.topics[int(self.pick * len(self.topics))]
        if self.role == "controller":
            wanted = [self.machines.controller()]
        elif self.role != "any":
            leader = self.machines.leader_of(topic, int(self.pick * 1000) % partitions)
            wanted = [each for each in free if (each is leader) == (self.role == "leader")]
        else:
            wanted = free
        wanted = [each for each in wanted if each in free]
        return wanted[int(self.pick * 997) % len(wanted)] if wanted else None

    def take(self):
        """One machine, in this fault's hand from now on."""
        machine = self.chosen()
        if machine:
            machine.busy = self
            self.struck.append(machine)
        return machine

    def heal(self):
        for machine in self.struck:
            self.mend(machine)
            machine.busy = None
        self.struck = []

    def mend(self, machine):
        pass

    def strike(self, machine):
        raise NotImplementedError

    def begin(self):
        machine = self.take()
        return f"{self.role} {machine.number}{self.strike(machine) or ''}" if machine else None


class Kill(Fault):
    def strike(self, machine):
        machine.kill()

    def mend(self, machine):
        machine.launch()


class OfAll:
    """What the fault does to one, at one moment to all."""

    def begin(self):
        self.struck = self.machines.free()
        for machine in self.struck:
            machine.busy = self
            machine.signal(signal.SIGSTOP)
        for machine in self.struck:
            machine.stop_in_its_tracks()
        for machine in self.struck:
            self.strike(machine)
        return f"all {len(self.struck)}" if self.struck else None


class KillAll(OfAll, Kill):
    pass


class Restart(Fault):
    """In order."""

    def strike(self, machine):
        machine.ask_to_stop()

    def mend(self, machine):
        machine.wait_for_end()
        machine.launch()


class Pause(Fault):
    """As a stalled machine: it answers nothing and does not know of it. From well below the session's time-out to far above."""

    def strike(self, machine):
        machine.signal(signal.SIGSTOP)

    def mend(self, machine):
        machine.signal(signal.SIGCONT)


class PowerCut(Fault):
    lossy = True

    def strike(self, machine):
        machine.cut_power()

    def mend(self, machine):
        machine.restore_power()
        machine.launch()


class PowerCutOfAll(OfAll, PowerCut):
    pass


class FailingDisk(Fault):
    """Every write fails, until the node is started on the mended disk."""
    lossy = True

    def strike(self, machine):
        machine.down = True
        machine.disk.fail()

    def mend(self, machine):
        machine.repair_disk()
        machine.launch()


class FailingDiskUnderKilledNodes(FailingDisk):
    """One disk fails at the moment at which all nodes are killed: those whose page cache survived have what its node lost, and it must know that it did."""

    def begin(self):
        said = super().begin()
        self.killed = self.machines.free() if said else []
        for machine in [*self.struck, *self.killed]:
            machine.busy = self
            machine.kill()
        return said and f"{said}, all killed"

    def strike(self, machine):
        for each in [machine, *self.machines.free()]:
            each.stop_in_its_tracks()
        super().strike(machine)

    def heal(self):
        super().heal()
        for machine in self.killed:
            machine.launch()
            machine.busy = None
        self.killed = []


class FullDisk(Fault):
    def __init__(self, *made):
        super().__init__(*made)
        self.spare_bytes = self.draw.choice([0, 1 << 14, 1 << 18])

    def strike(self, machine):
        machine.disk.fill(self.spare_bytes)
        return f", {self.spare_bytes} bytes left"

    def mend(self, machine):
        machine.disk.free()


class Clock(Fault):
    """Hours ahead or behind, and back."""

    def __init__(self, *made):
        super().__init__(*made)
        self.seconds = self.draw.choice([-1, 1]) * self.draw.choice([30, 600, 3600, 6 * 3600])

    def strike(self, machine):
        machine.set_clock(self.seconds)
        return f", {self.seconds:+d} s"

    def mend(self, machine):
        machine.set_clock(0)


class FewDescriptors(Fault):
    """Room for only a few more open files."""

    def __init__(self, *made):
        super().__init__(*made)
        self.spare = self.draw.randrange(1, 20)

    def strike(self, machine):
        self.before = resource.prlimit(machine.pid, resource.RLIMIT_NOFILE)
        most = max(map(int, os.listdir(f"/proc/{machine.pid}/fd"))) + 1
        resource.prlimit(machine.pid, resource.RLIMIT_NOFILE, (most + self.spare, self.before[1]))
        return f", {self.spare} more"

    def mend(self, machine):
        if machine.runs:
            resource.prlimit(machine.pid, resource.RLIMIT_NOFILE, self.before)


class IdleConnections(Fault):
    """Hundreds of clients that say nothing."""

    def __init__(self, *made):
        super().__init__(*made)
        self.count = self.draw.choice([100, 400, 800])
        self.connections = []

    def begin(self):
        machine = self.chosen()
        if not machine:
            return None
        for _ in range(self.count):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex((machine.node.host, machine.node.port))
            self.connections.append(each)
        return f"{self.count} to {machine.number}"

    def heal(self):
        for each in self.connections:
            each.close()
        self.connections = []


class Administration(Fault):
    """A command that a client gives meanwhile; it may fail."""

    def begin(self):
        machine = self.chosen()
        if not machine:
            return None
        self.thread = threading.Thread(target=self.run, args=(machine,), daemon=True)
        self.thread.start()
        return f"asked of {machine.number}"

    def heal(self):
        if self.thread:
            self.thread.join()

    thread = None

    def run(self, machine):
        raise NotImplementedError

    @staticmethod
    def command(machine, *words, stdin=None):
        try:
            return machine.node.cafka(*words, stdin=stdin, check=False, timeout=COMMAND_TIMEOUT_S).returncode
        except subprocess.TimeoutExpired:
            return None


class Topics(Administration):
    """Made, written to and deleted again."""
    made = 0

    def run(self, machine):
        Topics.made += 1
        name = f"passing-{Topics.made}"
        self.command(machine, "topic", "create", name, "--partitions", 3)
        self.command(machine, "produce", name, "--delivery-timeout-ms", 2000, stdin=b"a\nb\nc\n")
        self.command(machine, "topic", "delete", name)


class Elections(Administration):
    """Of the preferred leaders."""

    def run(self, machine):
        for topic, _ in self.topics:
            self.command(machine, "topic", "elect", topic)
