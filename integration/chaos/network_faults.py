"""Faults of the network: nodes and clients that do not hear each other, or badly. They strike anybody, whatever other fault has him in hand."""
from faults import Fault


class NetworkFault(Fault):
    """Of the packets from one machine to another, by the numbers of the machines; clients have number 0."""

    def ways(self, everybody):
        raise NotImplementedError

    def begin(self):
        ways, said = self.ways([machine.number for machine in self.machines])
        self.machines.network.lose(self, ways)
        return said

    def heal(self):
        self.machines.network.lose(self, [])

    def some(self, everybody, count):
        shuffled = self.draw.sample(everybody, len(everybody))
        machine = self.chosen()
        if machine:  # the role comes first
            shuffled.remove(machine.number)
            shuffled.insert(0, machine.number)
        return shuffled[:count]


def both_ways(some, others, percent=100):
    return [way for a in some for b in others if a != b for way in ((a, b, percent), (b, a, percent))]


class CutOff(NetworkFault):
    """One from everybody, clients too."""

    def ways(self, everybody):
        (one,) = self.some(everybody, 1)
        return both_ways([one], [0, *everybody]), f"{self.role} {one} from all"


class Minority(NetworkFault):
    """Fewer than half from the rest; clients reach both sides."""

    def ways(self, everybody):
        few = self.some(everybody, (len(everybody) - 1) // 2)
        return both_ways(few, [each for each in everybody if each not in few]), f"{', '.join(map(str, few))} from the rest"


class OneWay(NetworkFault):
    """What one sends to the others is lost, or what it is sent."""

    def ways(self, everybody):
        (one,) = self.some(everybody, 1)
        speaks = self.pick < 0.5
        return [(one, each, 100) if speaks else (each, one, 100) for each in everybody if each != one], f"{self.role} {one} {'is not heard' if speaks else 'does not hear'}"


class Ring(NetworkFault):
    """Each reaches only its neighbours; of three, one of the links is gone."""

    def ways(self, everybody):
        around = self.some(everybody, len(everybody))
        count = len(around)
        apart = [(i, j) for i in range(count) for j in range(i) if i - j not in (1, count - 1) or (count == 3 and (i, j) == (2, 0))]
        return [way for i, j in apart for way in both_ways([around[i]], [around[j]])], "-".join(map(str, around))


class ClientsCutOff(NetworkFault):
    """Clients from some nodes, or from all; the nodes reach each other."""

    def ways(self, everybody):
        some = self.some(everybody, 1 + int(self.pick * len(everybody)))
        return both_ways([0], some), f"from {', '.join(map(str, some))}"


class LossyCable(NetworkFault):
    def ways(self, everybody):
        (one,) = self.some(everybody, 1)
        percent = self.draw.choice([2, 10, 30])
        return both_ways([one], [0, *everybody], percent), f"{self.role} {one}, {percent} % lost"


class ResetConnections(Fault):
    """Between one and the others, clients too."""

    def begin(self):
        self.machine = self.chosen()
        if not self.machine:
            return None
        self.machines.network.reset(self.machine.number, [each for each in range(self.machines.size + 1) if each != self.machine.number])
        return f"of {self.role} {self.machine.number}"

    def heal(self):
        if self.machine:
            self.machines.network.reset(self.machine.number, [])


class SlowCable(Fault):
    def __init__(self, *made):
        super().__init__(*made)
        self.kilobits_per_second = self.draw.choice([100, 500, 2000])

    def begin(self):
        self.machine = self.chosen()
        if not self.machine:
            return None
        self.machines.network.slow_down(self.machine.number, self.kilobits_per_second)
        return f"{self.role} {self.machine.number}, {self.kilobits_per_second} kbit/s"

    def heal(self):
        if self.machine:
            self.machines.network.slow_down(self.machine.number)
