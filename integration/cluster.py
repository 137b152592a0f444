"""Three or more nodes as one cluster on this machine, and writers that note what each of their records came to."""
import hashlib
import pathlib
import socket
import threading
import time

import network
import raw_kafka
from node import Node
from ports import free_port

NONE, NOT_LEADER, TIMED_OUT = 0, 6, 7
SETTLED_WITHIN = 60  # seconds


class Cluster:
    """On the loopback interface, or each node on one of its own in `machines`, a Network. `roles`: of each node in turn, BOTH if not said; what
    asks `nodes` asks the brokers, `controllers` are those that are nothing else. `each`: a function from a node's number to what only that node is made
    with."""

    BOTH, BROKER, CONTROLLER = "broker,controller", "broker", "controller"

    def __init__(self, base, size=3, machines=None, roles=None, each=lambda number: {}, **overrides):
        self.base = pathlib.Path(base)
        roles = roles or [self.BOTH] * size
        size = len(roles)
        self.ports = [free_port() for _ in range(size)]
        hosts = [machines.address(i + 1) if machines else "127.0.0.1" for i in range(size)]
        voters = ",".join(f"{i + 1}@{host}:{port}" for i, (host, port) in enumerate(zip(hosts, self.ports)) if "controller" in roles[i])
        self.nodes, self.controllers = [], []
        if machines:
            overrides["node_insecure"] = "true"  # nobody else is in these namespaces
        for i, (host, port) in enumerate(zip(hosts, self.ports)):
            inside = {"host": host, "inside": machines.namespace(i + 1), "clients_inside": machines.clients} if machines else {}
            node = Node(self.base / f"node-{i + 1}", **inside, **each(i + 1), node_id=i + 1, controller_listener_names="CONTROLLER", controller_quorum_voters=voters,
                        default_replication_factor=min(3, sum("broker" in each for each in roles)), min_insync_replicas=2, process_roles=roles[i], **overrides)
            node.id = i + 1
            node.node_port = port
            serves = roles[i] != self.CONTROLLER
            node.overrides["listeners"] = (f"PLAINTEXT://{node.address}," if serves else "") + f"CONTROLLER://{host}:{port}"
            (self.nodes if serves else self.controllers).append(node)

    def start(self):
        """All at once: a cluster is formed only when all are up."""
        try:
            for node in self.all():
                node.launch()
            for node in self.all():
                node.wait_for_line("listening on", 60)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self):
        stopping = [threading.Thread(target=node.stop) for node in self.all()]
        for each in stopping:
            each.start()
        for each in stopping:
            each.join()

    def kill(self):
        for node in self.all():
            node.kill()

    def all(self):
        return self.nodes + self.controllers

    def node(self, number):
        return next(node for node in self.all() if node.id == number)

    def others(self, number):
        return [node for node in self.nodes if node.id != number]

    def describe(self, topic, at=None):
        """{partition: (leader or None, [replicas], [in sync])} as a node has it."""
        rows = {}
        for line in (at or self.nodes[0]).cafka("topic", "describe", topic).stdout.decode().splitlines()[1:]:
            fields = dict(field.split(": ", 1) if ": " in field else (field.rstrip(":"), "") for field in line.strip().split("\t"))
            numbers = lambda key: [int(each) for each in fields[key].split(",") if each]
            leader = None if fields["Leader"] == "none" else int(fields["Leader"])
            rows[int(fields["Partition"])] = (leader, numbers("Replicas"), numbers("Isr"))
        return rows

    def wait_for(self, topic, holds, at=None, what=""):
        """Until every partition's row makes `holds` true."""
        deadline = time.monotonic() + SETTLED_WITHIN
        while True:
            rows = self.describe(topic, at)
            if all(holds(*row) for row in rows.values()):
                return rows
            assert time.monotonic() < deadline, f"{what or 'it'} did not come to pass: {rows}"

    def wait_for_whole_isr(self, topic, at=None):
        return self.wait_for(topic, lambda leader, replicas, isr: leader is not None and sorted(isr) == sorted(replicas), at, "the whole in-sync set")

    def log_digests(self, topic, partition):
        """Of each replica's records, byte for byte."""
        digests = {}
        for node in self.nodes:
            directory = node.data / f"{topic}-{partition}"
            if directory.is_dir():
                digests[node.id] = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(directory.glob("*.log")))).hexdigest()
        return digests


class HistoryWriter:
    """One record after the other to a partition, acks=all, wherever its leader is. `acked` maps offset to number; what a lost connection or a failure
    after the append left open is in `unknown`; nothing is ever sent twice.

    `nodes`: those that it asks in turn, all if not said. `inside`: the network namespace that it runs in. `first`: its number for the first record. `pause`: seconds between an
    acknowledgement and the next record. `ack_times`: when each came, by the monotonic clock."""

    def __init__(self, cluster, topic, partition=0, nodes=None, inside=None, first=1, timeout=5, pause=0):
        self.cluster, self.topic, self.partition = cluster, topic, partition
        self.nodes, self.inside, self.timeout, self.pause = nodes or cluster.nodes, inside, timeout, pause
        self.acked, self.unknown, self.refused = {}, set(), {}
        self.ack_times = []
        self.number = first - 1
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.failure = None

    def start(self):
        self.thread.start()
        return self

    def value(self, number):
        return b"%d-%d" % (self.partition, number)

    def _run(self):
        try:
            if self.inside:
                network.enter(self.inside)
            at, connection = 0, None
            while not self._stop.is_set():
                self.number += 1
                number, sent = self.number, False
                try:
                    node = self.nodes[at % len(self.nodes)]
                    connection = connection or raw_kafka.Connection(node.port, timeout=self.timeout, host=node.host)
                    sent = True
                    body = raw_kafka.produce_body(self.topic, self.partition, raw_kafka.batch([self.value(number)]))
                    said = raw_kafka.read_produced(connection.ask(raw_kafka.PRODUCE, 9, body))
                except (OSError, socket.timeout):
                    if sent:
                        self.unknown.add(number)
                    connection = self._close(connection)
                    at += 1
                    self._stop.wait(0.005)
                    continue
                if said.code == NONE:
                    with self._changed:
                        assert said.base_offset not in self.acked, f"offset {said.base_offset} was given twice"
                        self.acked[said.base_offset] = number
                        self.ack_times.append(time.monotonic())
                        self._changed.notify_all()
                    if self.pause:
                        self._stop.wait(self.pause)
                    continue
                # This node's first word on it: only "not the leader" after the append, time-outs and lost replicas leave it open.
                self.refused[said.code] = self.refused.get(said.code, 0) + 1
                if "appended" in said.message or said.code in (TIMED_OUT, 20):
                    self.unknown.add(number)
                connection = self._close(connection)
                at += 1
                self._stop.wait(0.005)
            self._close(connection)
        except Exception as failure:  # told by finish()
            self.failure = failure

    @staticmethod
    def _close(connection):
        if connection:
            connection.close()

    def wait_for(self, count, timeout=60):
        """Until `count` more are acknowledged."""
        with self._changed:
            target = len(self.acked) + count
            assert self._changed.wait_for(lambda: len(self.acked) >= target or not self.thread.is_alive(), timeout), \
                f"{len(self.acked)} of {target} acknowledged after {timeout} s; refused: {self.refused}"
        assert not self.failure, self.failure

    def finish(self):
        self._stop.set()
        self.thread.join(timeout=60)
        assert not self.failure, self.failure
        return self

    def check(self, node):
        """What `node` leads serves: every acknowledged record where it was acknowledged, nothing that was never sent or refused, no record twice."""
        served = {}
        out = node.cafka("consume", self.topic, "--partition", self.partition, "--from-beginning", "--exit-at-end", "--format", "%o %s\n").stdout
        for line in out.splitlines():
            offset, value = line.split(b" ", 1)
            served[int(offset)] = int(value.split(b"-")[1])
        lost = {offset: number for offset, number in self.acked.items() if served.get(offset) != number}
        assert not lost, f"partition {self.partition}: {len(lost)} of {len(self.acked)} acknowledged records are lost: {dict(list(lost.items())[:10])}"
        others = set(served.values()) - set(self.acked.values())
        assert others <= self.unknown, f"partition {self.partition}: refused records are there: {sorted(others - self.unknown)[:10]}"
        assert len(set(served.values())) == len(served), f"partition {self.partition}: a record is there twice"
        assert sorted(served) == list(range(len(served))), f"partition {self.partition}: offsets have gaps"
        return len(served)
