"""Other people's client libraries against a node: admin, producers with every codec, consumers by assignment. What they need is installed by `setup`."""
import base64
import json
import pathlib
import random
import select
import subprocess
import time

import pytest

import client_libraries
from node import CAFKA

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 3
TIME = int(time.time() * 1000) - 3_600_000  # of the first record, each next one is 10 ms later; recent, since retention deletes the old at once
NEVER_BOTH_NULL = {"kafka-python", "aiokafka"}  # these refuse a record whose key and value are both null
NO_NULL_HEADERS = {"kafka-python", "kafkajs"}
ONLY_IN_GROUPS = {"kafkajs"}  # its consumer cannot be assigned partitions, and cafka has no groups yet


class Client:
    """A client program that runs for as long as the tests of its library."""

    def __init__(self, library, command, address, log):
        self.library = library
        self.log = log
        self.process = subprocess.Popen([*map(str, command), address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(log, "wb"))

    def ask(self, timeout=120, **request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        line = self.process.stdout.readline() if ready else b""
        said = "" if line else self.log.read_text(errors="replace")[-4000:]
        assert line, f"no answer within {timeout} s; on standard error:\n{said}"
        answer = json.loads(line)
        if "unsupported" in answer:
            pytest.skip(answer["unsupported"])
        assert "error" not in answer, answer["error"] + "\n" + self.log.read_text(errors="replace")[-2000:]
        return answer

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def clients(node, tmp_path_factory):
    """Makes the client of a library once; skips where its library is not installed."""
    running = {}

    def get(library):
        if library not in running:
            command, reason = client_libraries.command(library)
            if not command:
                pytest.skip(f"{library}: {reason}")
            running[library] = Client(library, command, node.address, tmp_path_factory.mktemp(library) / "stderr")
        return running[library]

    yield get
    for one in running.values():
        one.end()


@pytest.fixture(params=client_libraries.NAMES)
def client(request, clients):
    return clients(request.param)


def b64(data):
    return None if data is None else base64.b64encode(data).decode()


def some_records(client, count=300, seed=0):
    """Every kind of key, value and header, spread over the partitions; less what the library cannot send."""
    draw = random.Random(seed)
    keys = [lambda i: f"열쇠{i}".encode(), lambda i: None, lambda i: b"", lambda i: draw.randbytes(12), lambda i: b"k%d" % i]
    values = [lambda i: f"값 {i} ".encode() * (i % 40 + 1), lambda i: None, lambda i: b"", lambda i: bytes(range(256)), lambda i: draw.randbytes(700)]
    headers = [[], [("머리", "글".encode())], [("a", b"1"), ("a", b"2"), ("b", b"")], [("null", None), ("bytes", b"\x00\xff\n")]]
    records = [{"partition": draw.randrange(PARTITIONS), "timestamp": TIME + 10 * i, "key": b64(draw.choice(keys)(i)), "value": b64(draw.choice(values)(i)),
                "headers": [[name, b64(value)] for name, value in draw.choice(headers)]} for i in range(count)]
    if client.library in NEVER_BOTH_NULL:
        for one in records:
            one["key"] = "" if one["value"] is None and one["key"] is None else one["key"]
    if client.library in NO_NULL_HEADERS:
        for one in records:
            one["headers"] = [[name, value or ""] for name, value in one["headers"]]
    return records


def by_partition(records):
    """Without offsets; in the order in which they came."""
    return {p: [{k: v for k, v in r.items() if k != "offset"} for r in records if r["partition"] == p] for p in range(PARTITIONS)}


def natively(node, topic, *options):
    """What `cafka consume` reads, in the form of the client programs."""

    def either(one, name):
        return one[f"{name}_base64"] if f"{name}_base64" in one else None if one[name] is None else b64(one[name].encode())

    lines = node.cafka("consume", topic, "--json", "--exit-at-end", *(options or ["--from-beginning"])).stdout.splitlines()
    return [{"partition": r["partition"], "offset": r["offset"], "timestamp": r["timestamp"], "key": either(r, "key"), "value": either(r, "value"),
             "headers": [[h["key"], either(h, "value")] for h in r.get("headers", [])]} for r in map(json.loads, lines)]


def stored_batches(node, topic):
    """The headers of the batches on disk."""
    found = []
    for p in range(PARTITIONS):
        dumped = subprocess.run([CAFKA, "log", "dump", "--json", "--batches", node.data / f"{topic}-{p}"], check=True, stdout=subprocess.PIPE).stdout
        found += [one for one in map(json.loads, dumped.splitlines()) if "compression" in one]
    return found


def check_consumed(client, topic, records):
    """By assignment: from the beginning, from an offset, by time. Of a library that cannot, the offsets that its admin client tells."""
    expected = by_partition(records)
    if client.library in ONLY_IN_GROUPS:
        ends = client.ask(do="offsets", topic=topic)["offsets"]
        assert ends == {str(p): len(of) for p, of in expected.items()}
        at = client.ask(do="offsets", topic=topic, time=TIME + 1805)["offsets"]
        assert at == {str(p): sum(r["timestamp"] < TIME + 1805 for r in of) for p, of in expected.items()}
        return
    got = client.ask(do="consume", topic=topic, **{"from": {}})["records"]
    assert by_partition(got) == expected
    for p in range(PARTITIONS):
        assert [r["offset"] for r in got if r["partition"] == p] == list(range(len(expected[p])))
    got = client.ask(do="consume", topic=topic, **{"from": {"offset": 37}})["records"]
    assert by_partition(got) == {p: of[37:] for p, of in expected.items()}
    assert min(r["offset"] for r in got) == 37
    middle = TIME + 1805
    got = client.ask(do="consume", topic=topic, **{"from": {"time": middle}})["records"]
    assert by_partition(got) == by_partition([r for r in records if r["timestamp"] >= middle])


@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
@pytest.mark.parametrize("codec", CODECS)
def test_round_trip(node, topic, client, codec, idempotent):
    assert client.ask(do="create", topic=topic, partitions=PARTITIONS)["partitions"] == PARTITIONS
    records = some_records(client)
    offsets = client.ask(do="produce", topic=topic, codec=codec, idempotent=idempotent, records=records)["offsets"]
    assert [p for p, _ in offsets] == [r["partition"] for r in records]
    for p in range(PARTITIONS):
        told = [offset for partition, offset in offsets if partition == p]
        assert told in (list(range(len(told))), [-1] * len(told))
    assert by_partition(natively(node, topic)) == by_partition(records)
    batches = stored_batches(node, topic)
    # a library may send a small batch as it is when compression does not make it smaller
    assert codec in {b["compression"] for b in batches} <= {codec, "none"}
    assert all((b["producer_id"] >= 0) == idempotent for b in batches)
    check_consumed(client, topic, records)


def test_delete_topic(node, topic, client):
    client.ask(do="create", topic=topic, partitions=1)
    assert topic in node.cafka("topic", "list").stdout.decode().split()
    client.ask(do="delete", topic=topic)
    assert topic not in node.cafka("topic", "list").stdout.decode().split()


def korean_and_random_keys(count=10_000):
    draw = random.Random(7)
    letters = [chr(c) for c in range(0xAC00, 0xD7A4)]
    keys = set()
    while len(keys) < count:
        kind = draw.randrange(3)
        keys.add("".join(draw.choices(letters, k=draw.randint(1, 12))) if kind == 0 else f"사용자-{draw.randrange(10**9)}" if kind == 1 else
                 "".join(draw.choices("abcdefghijklmnopqrstuvwxyz0123456789._-", k=draw.randint(1, 40))))
    return [key.encode() for key in sorted(keys)]


@pytest.mark.parametrize("partitions", [7, 12])
def test_native_partitions_are_javas(node, topic, clients, partitions):
    """10,000 keys: `cafka produce` and Java's default partitioner choose alike, and each reads what the other wrote."""
    java = clients("java")
    ours, theirs = f"{topic}-native", f"{topic}-java"
    for one in (ours, theirs):
        java.ask(do="create", topic=one, partitions=partitions)
    keys = korean_and_random_keys()
    value = {key: b"of " + key for key in keys}
    node.cafka("produce", ours, "-K", "\\t", "--timestamp", TIME, stdin=b"".join(key + b"\t" + value[key] + b"\n" for key in keys))
    records = [{"partition": None, "timestamp": TIME, "key": b64(key), "value": b64(value[key]), "headers": []} for key in keys]
    java.ask(do="produce", topic=theirs, codec="lz4", idempotent=True, records=records)
    by_java = java.ask(do="consume", topic=ours, **{"from": {}})["records"]
    by_us = natively(node, theirs)
    assert len(by_java) == len(by_us) == len(keys)

    def each(records):
        return {r["key"]: (r["partition"], r["offset"], r["value"], r["timestamp"]) for r in records}

    assert each(by_java) == each(by_us)
    assert {r["partition"] for r in by_us} == set(range(partitions))
    assert {r["key"]: r["value"] for r in by_us} == {b64(key): b64(value[key]) for key in keys}
