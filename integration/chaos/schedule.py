"""Which faults come when: rounds of one to four that overlap, all of it out of one seed. Whom a fault strikes depends on who leads at that moment; the
schedule does not."""
import collections
import random

import faults
import network_faults

Kind = collections.namedtuple("Kind", "fault weight longest_s what")
Planned = collections.namedtuple("Planned", "kind begin_s end_s seed")

KINDS = {
    "kill": Kind(faults.Kill, 4, 8, "SIGKILL of a leader, a follower, the controller, or anyone"),
    "kill-all": Kind(faults.KillAll, 1, 2, "SIGKILL of all at one moment"),
    "restart": Kind(faults.Restart, 2, 2, "SIGTERM and a new start"),
    "pause": Kind(faults.Pause, 4, 20, "SIGSTOP, from far below the session's time-out to far above"),
    "power": Kind(faults.PowerCut, 3, 5, "one node loses all that is not on its disk"),
    "disk-fails": Kind(faults.FailingDisk, 1, 6, "every write of one node ends in an error; then it is started on the mended disk"),
    "disk-fails-all-killed": Kind(faults.FailingDiskUnderKilledNodes, 1, 2, "the same, and at that moment every node gets SIGKILL"),
    "disk-full": Kind(faults.FullDisk, 2, 10, "no space left, then there is"),
    "clock": Kind(faults.Clock, 2, 10, "one clock half a minute to six hours wrong, then right again"),
    "descriptors": Kind(faults.FewDescriptors, 2, 10, "room for only a few more open files; a node may end of it, and is started again"),
    "connections": Kind(faults.IdleConnections, 1, 10, "hundreds of clients that say nothing"),
    "cut-off": Kind(network_faults.CutOff, 3, 15, "one from everybody"),
    "minority": Kind(network_faults.Minority, 2, 15, "fewer than half from the rest; clients reach both sides"),
    "one-way": Kind(network_faults.OneWay, 3, 15, "one is not heard, or does not hear"),
    "ring": Kind(network_faults.Ring, 2, 15, "each reaches only its neighbours"),
    "clients-cut-off": Kind(network_faults.ClientsCutOff, 1, 8, "clients from some of the nodes"),
    "lossy": Kind(network_faults.LossyCable, 2, 10, "2 to 30 % of one node's packets are lost"),
    "resets": Kind(network_faults.ResetConnections, 2, 8, "one node's connections are reset"),
    "slow": Kind(network_faults.SlowCable, 1, 10, "100 to 2000 kbit/s for one node"),
    "topics": Kind(faults.Topics, 2, 0, "a topic is made and deleted meanwhile"),
    "elections": Kind(faults.Elections, 2, 0, "preferred leaders are elected meanwhile"),
}
SHORTEST_S = 0.1
WITHIN_S = 4  # the faults of a round begin


def rounds(seed, names):
    """Without end: lists of Planned, by when they begin. At most one of a round loses what was not synced."""
    draw = random.Random(f"rounds of {seed}")
    for number in range(1 << 30):
        chosen, loses = [], False
        for each in range(draw.choice((1, 1, 2, 2, 3, 4))):
            name = draw.choices(names, [KINDS[name].weight for name in names])[0]
            begin, length = draw.random() * WITHIN_S, draw.random()
            kind = KINDS[name]
            if kind.fault.lossy and loses:
                continue
            loses = loses or kind.fault.lossy
            seconds = SHORTEST_S * (kind.longest_s / SHORTEST_S) ** length if kind.longest_s else 0  # as many short ones as long ones
            chosen.append(Planned(name, begin, begin + seconds, f"{seed}/{number}/{each}"))
        yield sorted(chosen, key=lambda planned: planned.begin_s)
