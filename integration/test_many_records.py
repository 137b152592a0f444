"""Many records of mixed size in by a pipe and out by a pipe: same bytes, order of each key kept, no gap; also after kill -9.

CAFKA_RECORDS sets how many (default 100000; scripts/campaign runs a million).
"""
import collections
import hashlib
import os
import random
import zlib

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


def test_many_records_by_the_python_example(new_node, cafka_client):
    node = new_node().start()
    client = cafka_client.Client("127.0.0.1", node.port)
    client.create_topic("t", partitions=3)
    written, waiting = {partition: hashlib.sha256() for partition in range(3)}, {partition: [] for partition in range(3)}
    lines = []

    def send(partition):
        client.produce("t", partition, waiting[partition])
        for key, value in waiting[partition]:
            written[partition].update(key + b"\t" + value + b"\n")
        waiting[partition] = []

    for key, value in make_records(COUNT):
        lines.append(f"{key}\t{value}\n")
        partition = zlib.crc32(key.encode()) % 3
        waiting[partition].append((key.encode(), value.encode()))
        if len(waiting[partition]) == 500:
            send(partition)
    for partition in range(3):
        send(partition)
    for partition in range(3):
        read, next_offset, end = hashlib.sha256(), 0, client.offset("t", partition)
        while next_offset < end:
            for record in client.fetch("t", partition, next_offset):
                assert record.offset == next_offset
                next_offset += 1
                read.update(record.key + b"\t" + record.value + b"\n")
        assert read.digest() == written[partition].digest()
    client.close()
    node.kill()
    node.start()
    check(node, "".join(lines).encode())


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
