"""Machines in miniature: network namespaces joined by a bridge in one more, where the clients live. Any cable can be pulled out and put back, and what is
sent meanwhile is lost without a word. Only these namespaces are ever changed. Needs root and `ip`."""
import ctypes
import itertools
import os
import shutil
import subprocess

_made = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, timeout=30)
    assert done.returncode == 0, f"ip {' '.join(map(str, words))}: {done.stderr.decode()}"


def why_not():
    """What is missing here to make a network; empty: nothing."""
    if not shutil.which("ip"):
        return "there is no `ip` (Debian: iproute2)"
    name = f"cafka-try-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, timeout=30)
    if done.returncode:
        return f"no network namespaces: {done.stderr.decode().strip()}"
    try:
        ip("-n", name, "link", "add", "name", "try0", "type", "veth", "peer", "name", "try1")
        ip("-n", name, "link", "add", "name", "try2", "type", "bridge")
        ip("netns", "exec", name, "true")
    except AssertionError as failed:
        return str(failed)
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=30)
    return ""


def enter(namespace):
    """The calling thread's sockets belong to the namespace from now on."""
    with open(f"/run/netns/{namespace}") as handle:
        if _libc.setns(handle.fileno(), 0x40000000):  # CLONE_NEWNET
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


def nft(namespace, rules):
    done = subprocess.run(["nsenter", f"--net=/run/netns/{namespace}", "nft", "-f", "-"], input=rules.encode(), capture_output=True, timeout=30)
    assert done.returncode == 0, f"nft in {namespace}: {done.stderr.decode()}\n{rules}"


class Network:
    CLIENTS = 0  # their number, beside those of the nodes
    HOST = "10.83.0.254"

    def __init__(self, size):
        name = f"cafka-{os.getpid()}-{next(_made)}"
        self.clients = f"{name}-clients"
        self.nodes = [f"{name}-{number}" for number in range(1, size + 1)]
        self._lost = {}  # by who asked for it: [(from, to, percent)]
        try:
            self._add(self.clients)
            ip("-n", self.clients, "link", "add", "name", "bridge", "type", "bridge")
            ip("-n", self.clients, "address", "add", f"{self.HOST}/24", "dev", "bridge")
            ip("-n", self.clients, "link", "set", "bridge", "up")
            for number, node in enumerate(self.nodes, 1):
                self._add(node)
                ip("-n", self.clients, "link", "add", "name", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", node)
                ip("-n", node, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
                ip("-n", node, "link", "set", "eth0", "up")
                ip("-n", self.clients, "link", "set", f"port{number}", "master", "bridge", "up")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _add(namespace):
        ip("netns", "add", namespace)
        ip("-n", namespace, "link", "set", "lo", "up")

    @classmethod
    def address(cls, number):
        return f"10.83.0.{number}" if number != cls.CLIENTS else cls.HOST

    def namespace(self, number):
        return self.nodes[number - 1]

    def pull_out(self, number):
        ip("-n", self.clients, "link", "set", f"port{number}", "nomaster")

    def put_back(self, number):
        ip("-n", self.clients, "link", "set", f"port{number}", "master", "bridge")

    def lose(self, who, ways):
        """What is sent from one to another, `ways` of (from, to, percent), is lost without a word; no ways: no more, as far as `who` is concerned.
        Whoever asks has ways of its own, and any of them loses a packet. Needs `nft`."""
        self._lost[who] = ways
        rules = "".join(f"    ip saddr {self.address(from_)} ip daddr {self.address(to)} " + ("" if percent == 100 else f"numgen random mod 100 < {percent} ") + "drop\n"
                        for each in self._lost.values() for from_, to, percent in each)
        hooks = "".join(f"  chain at_{hook} {{\n    type filter hook {hook} priority 0;\n{rules}  }}\n" for hook in ("forward", "input", "output"))
        nft(self.clients, f"table bridge cafka {{}}\ndelete table bridge cafka\ntable bridge cafka {{\n{hooks}}}\n")

    def reset(self, number, others):
        """The node's connections with each of `others` are reset as soon as either side says anything; none: no more. Needs `nft`."""
        rules = lambda which: "".join(f"    ip {which} {self.address(other)} tcp flags & rst == 0 reject with tcp reset\n" for other in others)
        hooks = "".join(f"  chain at_{hook} {{\n    type filter hook {hook} priority 0;\n{rules(which)}  }}\n" for hook, which in (("input", "saddr"), ("output", "daddr")))
        nft(self.namespace(number), f"table ip cafka {{}}\ndelete table ip cafka\n" + (f"table ip cafka {{\n{hooks}}}\n" if others else ""))

    def slow_down(self, number, kilobits_per_second=None):
        """Both ways of a node's cable; None: as fast as it can be. Needs `tc`."""
        for namespace, device in (self.clients, f"port{number}"), (self.namespace(number), "eth0"):
            tc = ["tc", "-n", namespace, "qdisc"]
            subprocess.run([*tc, "del", "dev", device, "root"], capture_output=True, timeout=30)
            if kilobits_per_second:
                limit = ["tbf", "rate", f"{kilobits_per_second}kbit", "burst", "32kb", "latency", "400ms"]
                done = subprocess.run([*tc, "add", "dev", device, "root", *limit], capture_output=True, timeout=30)
                assert done.returncode == 0, done.stderr.decode()

    def close(self):
        for namespace in [*self.nodes, self.clients]:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, timeout=30)
