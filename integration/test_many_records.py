"""Many records of mixed size in by a pipe and out by a pipe: same bytes, order of each key kept, no gap; also after kill -9.

CAFKA_RECORDS sets how many (default 100000; scripts/campaign runs a million).
"""
import collections
import hashlib
import os
import random

COUNT = int(os.environ.get("CAFKA_RECORDS", "100000"))


def make_records(count):
    """(key, value), values unique; sizes from 1 byte to 20 kB, most of them small, Korean among them."""
    source = random.Random(7)
    words = ["hello", "안녕하세요", "log", "기록", "zażółć", "データ", "🙂"]
    for number in range(count):
        size = 1 if number % 3 else source.choice([2, 5, 20, 100]) if number % 1000 else 2000
        yield f"키{source.randrange(5000)}" if number % 5 else f"key-{source.randrange(100)}", f"{number} " + " ".join(source.choices(words, k=size))


def test_many_records_there_and_back(new_node):
    node = new_node(num_partitions=3)
    node.start()
    node.cafka("topic", "create", "t", "--partitions", "3")
    text = "".join(f"{key}\t{value}\n" for key, value in make_records(COUNT)).encode()
    node.cafka("produce", "t", "--key-separator", "\\t", "--compression", "lz4", stdin=text, timeout=600)
    check(node, text)
    node.kill()
    node.start()
    check(node, text)
    assert node.stop() == 0


def check(node, text):
    out = node.cafka("consume", "t", "--from-beginning", "--exit-at-end", "--format", "%p\\t%o\\t%k\\t%s\\n", timeout=600).stdout
    sent, got, offsets = collections.defaultdict(hashlib.sha256), collections.defaultdict(hashlib.sha256), collections.defaultdict(int)
    sent_partition = {}
    for line in text.splitlines():
        key, value = line.split(b"\t", 1)
        sent[key].update(value + b"\n")
    count = 0
    for line in out.splitlines():
        partition, offset, key, value = line.split(b"\t", 3)
        assert int(offset) == offsets[partition], f"partition {partition.decode()}: offset {offset.decode()} where {offsets[partition]} was expected"
        offsets[partition] += 1
        assert sent_partition.setdefault(key, partition) == partition, "a key in two partitions"
        got[key].update(value + b"\n")
        count += 1
    assert count == COUNT and len(offsets) == 3
    assert {key: digest.digest() for key, digest in sent.items()} == {key: digest.digest() for key, digest in got.items()}
