"""Snapshots of the metadata log on real processes: what was acknowledged outlives kills while they are written and fetched, the log goes, damage is told.

CAFKA_SNAPSHOT_ROUNDS: how often a node is killed (5). CAFKA_SNAPSHOT_SEED: at which moments."""
import json
import os
import random
import re
import shutil
import threading
import time

import pytest

from cluster import SETTLED_WITHIN, Cluster
from node import Node

ROUNDS = int(os.environ.get("CAFKA_SNAPSHOT_ROUNDS", "5"))
SEED = int(os.environ.get("CAFKA_SNAPSHOT_SEED", "20261122"))
# A snapshot after each few topics, and nothing kept that the newest one holds.
OFTEN = dict(metadata_log_max_record_bytes_between_snapshots=4000, metadata_max_retention_bytes=0)


def log_of(node):
    return node.data / "__cluster_metadata-0"


def snapshots_of(node):
    """Their end offsets, ascending."""
    return sorted(int(file.name.split("-")[0]) for file in log_of(node).glob("*-*.checkpoint"))


def log_start_of(node):
    return min(int(file.stem) for file in log_of(node).glob("*.log"))


def topics_at(node):
    return set(node.cafka("topic", "list").stdout.decode().split())


def wait_for_topics(node, names):
    deadline = time.monotonic() + SETTLED_WITHIN
    while missing := set(names) - topics_at(node):
        assert time.monotonic() < deadline, f"node {node.id} does not have {sorted(missing)[:10]}"


def wait_for_log_start(node, above):
    """Until it has said, since its start, that its log begins past that offset."""
    said = lambda: max([0, *(int(found.group(1)) for line in list(node.lines) if (found := re.search(r"the log begins at (\d+)", line)))])
    deadline = time.monotonic() + SETTLED_WITHIN
    with node._changed:
        while said() <= above:
            assert time.monotonic() < deadline, f"the log of node {node.id} still begins at {said()}"
            node._changed.wait(1)


def create(node, names):
    for name in names:
        node.cafka("topic", "create", name)


class Churn:
    """Creates topics, and deletes every third; `there` is what must be there, `gone` what must not, `open` what a lost answer left open."""

    def __init__(self, node):
        self.node, self.there, self.gone, self.open = node, set(), set(), set()
        self.number = 0
        self._changed = threading.Condition()

    def start(self):
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _ask(self, *words):
        return self.node.cafka("topic", *words, "--timeout-ms", "5000", check=False, timeout=30).returncode == 0

    def _run(self):
        while not self._stop.is_set():
            with self._changed:
                self.number += 1
                self._changed.notify_all()
            name = f"t{self.number}"
            if self._ask("create", name):
                self.there.add(name)
            else:
                self.open.add(name)
                continue
            if self.number % 3 == 0:
                self.there.discard(name)
                (self.gone if self._ask("delete", name) else self.open).add(name)

    def wait_for(self, count):
        with self._changed:
            target = self.number + count
            assert self._changed.wait_for(lambda: self.number >= target, SETTLED_WITHIN), f"{count} more topics did not come"

    def finish(self):
        self._stop.set()
        self._thread.join(timeout=60)

    def check(self, found):
        assert self.there <= found, f"lost: {sorted(self.there - found)[:10]}"
        assert not self.gone & found, f"came back: {sorted(self.gone & found)[:10]}"
        assert found <= self.there | self.open


def test_kills_while_topics_come_and_go(tmp_path):
    source = random.Random(SEED)
    node = Node(tmp_path, **OFTEN)
    churn = Churn(node)
    node.start()
    try:
        for _ in range(ROUNDS):
            churn.start()
            churn.wait_for(source.randrange(5, 25))
            node.kill()
            churn.finish()
            node.start()
            assert not [line for line in node.lines if " error " in line]
            churn.check(topics_at(node))
        # The log begins at the last snapshot but for one segment, and only one snapshot is left.
        assert len(snapshots_of(node)) == 1
        assert log_start_of(node) > 0
        assert node.stop() == 0
        node.start()
        churn.check(topics_at(node))
    finally:
        node.kill()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path, **OFTEN).start()
    yield made
    made.kill()


def test_who_was_away_for_longer_than_the_log_is_kept(cluster):
    create(cluster.node(1), ["before"])
    away = cluster.node(3)
    away.kill()
    had = max([0, *snapshots_of(away)])
    at = cluster.node(1)
    create(at, [f"t{i}" for i in range(40)])
    for node in cluster.others(3):
        wait_for_log_start(node, had)
    away.start()
    assert away.find_line("has the leader's snapshot of the metadata")
    wait_for_topics(away, ["before", "t39"])
    # It follows on, and votes: with one of the others it is a majority.
    create(at, ["after"])
    wait_for_topics(away, ["after"])
    leader = cluster.node(json.loads(at.cafka("quorum", "status", "--json").stdout)["leader"])
    other = next(node for node in cluster.nodes if node not in (away, leader))
    other.kill()
    create(away, ["two-of-three"])


def test_killed_again_and_again_while_it_fetches(cluster):
    source = random.Random(SEED + 1)
    at, away = cluster.node(1), cluster.node(3)
    made = 0
    for _ in range(ROUNDS):
        away.kill()
        create(at, [f"t{i}" for i in range(made, made + 15)])
        made += 15
        away.launch()
        if source.randrange(2):
            try:
                away.wait_for_line("receiving its snapshot", 20)
            except AssertionError:
                pass  # the log was enough this time
        away.kill()
        away.start()
        wait_for_topics(away, [f"t{i}" for i in range(made)])


def test_a_node_with_an_empty_disk(cluster):
    create(cluster.node(1), [f"t{i}" for i in range(30)])
    for node in cluster.nodes:
        wait_for_log_start(node, 0)
    lost = cluster.node(2)
    lost.kill()
    shutil.rmtree(lost.data)
    lost.start()
    assert lost.find_line("has the leader's snapshot of the metadata")
    wait_for_topics(lost, [f"t{i}" for i in range(30)])


def test_a_damaged_snapshot_stops_the_node(tmp_path):
    node = Node(tmp_path, **OFTEN)
    node.start()
    try:
        create(node, [f"t{i}" for i in range(30)])
        assert node.stop() == 0
        (file,) = log_of(node).glob("*-*.checkpoint")
        whole = file.read_bytes()
        for damaged in whole[:-1], whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], b"", whole + b"x":
            file.write_bytes(damaged)
            node.launch()
            assert node.process.wait(timeout=30) == 1
            said = node.wait_for_line(re.escape(file.name), 5)
            assert "is damaged" in said and "restore the directory from a backup" in said
            assert file.read_bytes() == damaged, "a damaged file was changed"
        gone = tmp_path / file.name
        shutil.move(file, gone)
        node.launch()
        assert node.process.wait(timeout=30) == 1
        assert node.wait_for_line("restore the missing .checkpoint file", 5)
        shutil.move(gone, file)
        file.write_bytes(whole)
        (log_of(node) / "00000000000000099999-0000000001.checkpoint.part").write_bytes(b"torn")
        node.start()
        assert topics_at(node) == {f"t{i}" for i in range(30)}
        assert not list(log_of(node).glob("*.part"))
    finally:
        node.kill()


def test_the_log_still_has_what_a_damaged_snapshot_held(tmp_path):
    node = Node(tmp_path, metadata_log_max_record_bytes_between_snapshots=4000)  # all is kept for a week
    node.start()
    try:
        create(node, [f"t{i}" for i in range(30)])
        assert node.stop() == 0
        newest = max(log_of(node).glob("*-*.checkpoint"))
        newest.write_bytes(newest.read_bytes()[:-1])
        node.launch()
        assert node.process.wait(timeout=30) == 1
        assert "move the file away and start again" in node.wait_for_line("is damaged", 5)
        shutil.move(newest, tmp_path / newest.name)
        node.start()
        assert topics_at(node) == {f"t{i}" for i in range(30)}
    finally:
        node.kill()
