"""Idle connections, slow senders and oversize frames beside a paced producer: it goes on without error, and the node's memory stays bounded.

CAFKA_IDLE_CONNECTIONS and CAFKA_OVERLOAD_ROUNDS set the size (default 300 and 1; scripts/campaign runs 5000 and 5, and then holds the
producer's median acknowledgement to 1.5 times what it is without the crowd).
"""
import os
import random
import resource
import select
import socket
import statistics
import struct
import subprocess
import threading
import time

import pytest

from node import CAFKA

IDLE = int(os.environ.get("CAFKA_IDLE_CONNECTIONS", "300"))
ROUNDS = int(os.environ.get("CAFKA_OVERLOAD_ROUNDS", "1"))
SLOW = max(20, IDLE // 25)
OVERSIZE_PER_SECOND = 50
RECORDS_PER_SECOND = 1000
PHASE_S = 3
PREFACE = struct.pack(">II", 0xCA464B41, 1)


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE * 2 + 1000:
        pytest.skip(f"{IDLE} connections need {IDLE * 2 + 1000} descriptors, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class PacedProducer:
    """`cafka produce` fed a line each millisecond; the time until each is acknowledged."""

    def __init__(self, node):
        command = [CAFKA, "produce", "paced", "-b", node.address, "-p", "0", "--linger-ms", "0", "--print-offsets"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.sent = []
        self.latencies = []
        self.count = 0
        os.set_blocking(self.process.stdout.fileno(), False)

    def _take_acks(self, timeout):
        if select.select([self.process.stdout], [], [], max(0, timeout))[0]:
            data = self.process.stdout.read(65536)
            assert data != b"", self.process.stderr.read()
            now = time.monotonic()
            for _ in range((data or b"").count(b"\n")):
                self.latencies.append(now - self.sent[self.count])
                self.count += 1

    def phase(self, seconds):
        """Median latency of the records sent in this phase, in seconds."""
        first = len(self.sent)
        start = time.monotonic()
        for number in range(int(seconds * RECORDS_PER_SECOND)):
            due = start + number / RECORDS_PER_SECOND
            while (left := due - time.monotonic()) > 0:
                self._take_acks(left)
            self.sent.append(time.monotonic())
            self.process.stdin.write(b"record %d\n" % len(self.sent))
        deadline = time.monotonic() + 30
        while self.count < len(self.sent):
            assert time.monotonic() < deadline, "acknowledgements stopped coming"
            self._take_acks(1)
        return statistics.median(self.latencies[first:])

    def finish(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0, self.process.stderr.read()


class Crowd:
    """The troublemakers, in a thread of their own until stopped."""

    def __init__(self, node):
        self.address = ("127.0.0.1", node.port)
        self.idle = [self.connect(PREFACE if number % 2 else b"") for number in range(IDLE)]
        self.slow = [self.connect(PREFACE) for _ in range(SLOW)]
        self.stopping = threading.Event()
        self.refused = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def connect(self, first=b""):
        connection = socket.create_connection(self.address, timeout=30)
        connection.sendall(first)
        return connection

    def _run(self):
        # a frame that says it has 1000 bytes and comes one byte at a time; and frames that say they have two gigabytes
        frame = struct.pack(">II", 1000, 100)
        position = 0
        while not self.stopping.wait(1 / OVERSIZE_PER_SECOND):
            with self.connect(PREFACE + struct.pack(">I", 0x7FFFFFF0) + b"x" * 100) as oversize:
                oversize.settimeout(10)
                try:
                    while oversize.recv(4096):
                        pass
                    self.refused += 1
                except ConnectionResetError:
                    self.refused += 1
            for connection in self.slow[position % 10 :: 10]:
                try:
                    connection.sendall(frame[position // 10 % 8 :][:1])
                except OSError:
                    pass  # closed by the node, as it should
            position += 1

    def stop(self):
        self.stopping.set()
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()
        for connection in [*self.idle, *self.slow]:
            connection.close()


def test_a_crowd_beside_a_producer(new_node):
    node = new_node(socket_listen_backlog_size=1000, request_receive_timeout_ms=5000, durability="replicated")
    node.start()
    node.cafka("topic", "create", "paced")
    producer = PacedProducer(node)
    producer.phase(1)
    before = node.resident_bytes()
    ratios = []
    for _ in range(ROUNDS):
        quiet = producer.phase(PHASE_S)
        crowd = Crowd(node)
        try:
            crowded = producer.phase(PHASE_S)
            during = node.resident_bytes()
        finally:
            crowd.stop()
        assert crowd.refused > 0
        assert during - before < (32 << 20) + (IDLE + SLOW) * 16384, f"{before} bytes before, {during} with the crowd"
        ratios.append(crowded / quiet)
        print(f"median acknowledgement: quiet {quiet * 1000:.2f} ms, crowded {crowded * 1000:.2f} ms; resident {before >> 20} MiB, {during >> 20} MiB")
    producer.finish()
    if ROUNDS >= 5:
        assert statistics.median(ratios) < 1.5, ratios
    complaints = [line for line in node.lines if "warn" in line or "error" in line]
    assert len(complaints) < 100, f"{len(complaints)} lines of log"
    assert node.cafka("offsets", "paced", "--time", "latest").stdout == b"paced:0:%d\n" % len(producer.sent)


def test_garbage_does_not_disturb(new_node):
    node = new_node().start()
    node.cafka("produce", "t", stdin=b"a\n")
    source = random.Random(3)
    for number in range(200):
        with socket.create_connection(("127.0.0.1", node.port), timeout=10) as connection:
            first = PREFACE if number % 3 else b""
            try:
                connection.sendall(first + source.randbytes(source.randrange(1, 3000)))
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(10)
                while connection.recv(4096):
                    pass
            except (ConnectionResetError, BrokenPipeError):
                pass
    assert node.cafka("consume", "t", "--from-beginning", "--exit-at-end").stdout == b"a\n"
    assert node.process.poll() is None
