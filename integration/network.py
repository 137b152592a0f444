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


class Network:
    def __init__(self, size):
        name = f"cafka-{os.getpid()}-{next(_made)}"
        self.clients = f"{name}-clients"
        self.nodes = [f"{name}-{number}" for number in range(1, size + 1)]
        try:
            self._add(self.clients)
            ip("-n", self.clients, "link", "add", "name", "bridge", "type", "bridge")
            ip("-n", self.clients, "address", "add", "10.83.0.254/24", "dev", "bridge")
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

    @staticmethod
    def address(number):
        return f"10.83.0.{number}"

    def namespace(self, number):
        return self.nodes[number - 1]

    def pull_out(self, number):
        ip("-n", self.clients, "link", "set", f"port{number}", "nomaster")

    def put_back(self, number):
        ip("-n", self.clients, "link", "set", f"port{number}", "master", "bridge")

    def close(self):
        for namespace in [*self.nodes, self.clients]:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, timeout=30)
