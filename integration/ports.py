"""Ports of this machine that nobody listens on, for servers of tests and benchmarks."""
import random
import socket

# Below the ports that the kernel gives to whoever connects (Linux: 32768 and above): such a one would be lost to a client, or to another server's
# own links, between the choice and the listening, and while a server that was killed is down.
FIRST, LAST = 10000, 32767
_given = set()
_random = random.Random()


def free_port():
    """Never the same twice in one process."""
    for port in _random.sample(range(FIRST, LAST + 1), 1000):
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise AssertionError(f"no port is free between {FIRST} and {LAST}")
