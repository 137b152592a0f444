"""The command line against a running node: exact bytes, exit codes, what it prints."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from node import CAFKA
from ports import free_port


def run(*arguments, stdin=b"", timeout=60, **options):
    return subprocess.run([CAFKA, *map(str, arguments)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **options)


def everything(node, topic, *more):
    return node.cafka("consume", topic, "--from-beginning", "--exit-at-end", *more).stdout


# --- records ---------------------------------------------------------------------------------------------------------


def test_lines_come_back_byte_for_byte(node, topic):
    lines = ["plain", "", "안녕하세요", "tab\tand trailing blank ", "\r", "\x00\x01"]
    text = "\n".join(lines).encode() + b"\n" + b"\xff\xfe not UTF-8" + b"\nno line feed at the end"
    node.cafka("produce", topic, "-p", "0", stdin=text)
    assert everything(node, topic) == text + b"\n"


def test_keys_headers_null_and_format(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "3")
    node.cafka("produce", topic, "--key-separator", "\\t", "--null", "NIL", "-H", "종류=시험", "-H", "n=2", stdin="ko\t안녕\nen\tNIL\n\tempty key\n".encode())
    out = everything(node, topic, "--format", "%t|%k|%K|%s|%S|%h\\n").decode()
    assert sorted(out.splitlines()) == sorted([
        f"{topic}|ko|2|안녕|6|종류=시험,n=2", f"{topic}|en|2||-1|종류=시험,n=2", f"{topic}||0|empty key|9|종류=시험,n=2"])


def test_json(node, topic):
    node.cafka("produce", topic, "-K", ":", "-H", "a=b", stdin='k:{"x":"한"}\n'.encode() + b"bin:\xff\n")
    rows = [json.loads(line) for line in everything(node, topic, "--json").splitlines()]
    assert [row["offset"] for row in rows] == [0, 1]
    assert rows[0]["key"] == "k" and json.loads(rows[0]["value"]) == {"x": "한"} and rows[0]["headers"] == [{"key": "a", "value": "b"}]
    assert rows[1]["value_base64"] == "/w==" and abs(rows[1]["timestamp"] / 1000 - time.time()) < 600


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_codecs(node, topic, codec):
    text = b"".join(b"%d:%s\n" % (i, b"value " * (i % 50)) for i in range(5000))
    node.cafka("produce", topic, "-p", "0", "--compression", codec, stdin=text)
    assert everything(node, topic) == text


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_acks(node, topic, acks):
    node.cafka("topic", "create", topic)
    node.cafka("produce", topic, "--acks", acks, stdin=b"a\nb\nc\n")
    # acks=0 tells nothing, so the records may land a moment after the command has ended
    out = node.cafka("consume", topic, "--from-beginning", "--max-messages", "3").stdout
    assert out == b"a\nb\nc\n"


def test_whole_files_and_delimiters(node, topic, tmp_path):
    (tmp_path / "a").write_bytes(b"first\nrecord\n")
    (tmp_path / "b").write_bytes(os.urandom(100_000))
    node.cafka("produce", topic, "-p", "0", "--whole", tmp_path / "a", tmp_path / "b")
    node.cafka("produce", topic, "-p", "0", "-D", "\\x00", stdin=b"x\ny\0z")
    out = everything(node, topic, "--format", "%R%s")
    records = []
    while out:
        length = int.from_bytes(out[:4], "big")
        records.append(out[4:4 + length])
        out = out[4 + length:]
    assert records == [b"first\nrecord\n", (tmp_path / "b").read_bytes(), b"x\ny", b"z"]


def test_where_reading_begins(node, topic):
    node.cafka("topic", "create", topic, "--config", "retention.ms=-1")
    for number, timestamp in enumerate([1000, 2000, 3000, 4000]):
        node.cafka("produce", topic, "--timestamp", timestamp, stdin=b"%d" % number)

    def read(*how):
        return node.cafka("consume", topic, "--exit-at-end", *how).stdout.split()

    assert read("--offset", "2") == [b"2", b"3"]
    assert read("--offset", "-1") == [b"3"]
    assert read("--offset", "-100") == [b"0", b"1", b"2", b"3"]
    assert read("--offset", "earliest", "--max-messages", "2") == [b"0", b"1"]
    assert read("--time", "2001") == [b"2", b"3"]
    assert read("--time", "1970-01-01T00:00:04Z") == [b"3"]
    assert read("--offset", "latest") == []
    assert read() == []
    beyond = node.cafka("consume", topic, "--offset", "99", check=False)
    assert beyond.returncode == 1 and b"OFFSET_OUT_OF_RANGE" in beyond.stderr


def test_a_reader_that_waits_gets_what_comes(node, topic):
    node.cafka("topic", "create", topic)
    reader = subprocess.Popen([CAFKA, "consume", topic, "--from-beginning", "-b", node.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        for word in [b"one", b"two"]:
            node.cafka("produce", topic, stdin=word)
            assert select.select([reader.stdout], [], [], 30)[0]
            assert os.read(reader.stdout.fileno(), 100) == word + b"\n"
        reader.send_signal(signal.SIGINT)
        assert reader.wait(timeout=30) == 130
        assert reader.stderr.read() == b""
    finally:
        reader.kill()
        reader.wait()


def test_a_reader_whose_output_is_closed_ends(node, topic):
    node.cafka("produce", topic, stdin=b"x\n" * 200_000)
    reader = subprocess.Popen([CAFKA, "consume", topic, "--from-beginning", "-b", node.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reader.stdout.read(2) == b"x\n"
    reader.stdout.close()
    assert reader.wait(timeout=30) == 141
    assert reader.stderr.read() == b""


def test_ctrl_c_keeps_what_was_read(node, topic):
    node.cafka("topic", "create", topic)
    writer = subprocess.Popen([CAFKA, "produce", topic, "-b", node.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        writer.stdin.write(b"one\ntwo\nhalf a li")
        writer.stdin.flush()
        assert node.cafka("consume", topic, "--from-beginning", "--max-messages", "2").stdout == b"one\ntwo\n"
        writer.send_signal(signal.SIGINT)
        assert writer.wait(timeout=60) == 130
        assert b"interrupted; 2 records acknowledged, 0 certainly not written, 0 unknown" in writer.stderr.read()
    finally:
        writer.kill()
        writer.wait()
    assert everything(node, topic) == b"one\ntwo\n"


def test_progress_only_on_a_terminal(node, topic):
    text = b"z" * 1000 + b"\n"
    quiet = node.cafka("produce", topic, "-p", "0", stdin=text * 1000)
    assert quiet.stdout == b"" and quiet.stderr == f"cafka: created topic {topic}\n".encode()
    main, other = pty.openpty()
    shown = subprocess.run([CAFKA, "topic", "list", "-b", node.address], stdout=other, stderr=other, stdin=subprocess.DEVNULL, timeout=60)
    os.close(other)
    assert shown.returncode == 0 and topic.encode() in os.read(main, 65536)
    os.close(main)


# --- topics, configs, offsets ----------------------------------------------------------------------------------------


def test_describe_has_the_fields_of_kafka(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "2", "--config", "retention.ms=60000")
    out = node.cafka("topic", "describe", topic).stdout.decode().splitlines()
    assert re.fullmatch(rf"Topic: {topic}\tTopicId: [A-Za-z0-9_-]{{22}}\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: retention\.ms=60000", out[0])
    assert out[1:] == [f"\tTopic: {topic}\tPartition: {n}\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: " for n in range(2)]
    described = json.loads(node.cafka("topic", "describe", topic, "--json").stdout)
    assert described[0]["topic"] == topic and len(described[0]["partitions"]) == 2


def test_life_of_a_topic(node, topic):
    assert node.cafka("topic", "create", topic).stdout == f"Created topic {topic}.\n".encode()
    again = node.cafka("topic", "create", topic, check=False)
    assert again.returncode == 1 and b"TOPIC_ALREADY_EXISTS" in again.stderr
    node.cafka("topic", "create", topic, "--if-not-exists")
    assert topic.encode() in node.cafka("topic", "list").stdout.split()
    node.cafka("topic", "alter", topic, "--partitions", "4", "--config", "retention.ms=5000")
    assert b"PartitionCount: 4" in node.cafka("topic", "describe", topic).stdout
    fewer = node.cafka("topic", "alter", topic, "--partitions", "2", check=False)
    assert fewer.returncode == 1 and b"INVALID_PARTITIONS" in fewer.stderr
    assert b"retention.ms=5000" in node.cafka("config", "describe", "topic", topic).stdout
    node.cafka("topic", "alter", topic, "--delete-config", "retention.ms")
    assert b"retention.ms" not in node.cafka("config", "describe", "topic", topic).stdout
    assert b"retention.ms=604800000   (default)" in node.cafka("config", "describe", "topic", topic, "--all").stdout
    assert node.cafka("topic", "delete", topic).stdout == f"Deleted topic {topic}.\n".encode()
    assert topic.encode() not in node.cafka("topic", "list").stdout.split()
    gone = node.cafka("topic", "describe", topic, check=False)
    assert gone.returncode == 1 and b"UNKNOWN_TOPIC_OR_PARTITION" in gone.stderr


@pytest.mark.parametrize("arguments, expected", [
    (["--partitions", "1000000"], b"POLICY_VIOLATION"),
    (["--replication-factor", "3"], b"INVALID_REPLICATION_FACTOR"),
    (["--config", "retention.ms=soon"], b"Invalid value soon for configuration retention.ms: Not a number of type LONG"),
    (["--config", "retention.mss=1"], b"did you mean retention.ms?"),
])
def test_topics_that_cannot_be(node, topic, arguments, expected):
    refused = node.cafka("topic", "create", topic, *arguments, check=False)
    assert refused.returncode == 1 and expected in refused.stderr and b"Traceback" not in refused.stderr
    assert topic.encode() not in node.cafka("topic", "list").stdout.split()


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "한글", "x" * 250, "a/b"])
def test_illegal_names(node, name):
    refused = node.cafka("topic", "create", name, check=False)
    assert refused.returncode == 1 and b"INVALID_TOPIC_EXCEPTION" in refused.stderr


def test_offsets_and_deleted_records(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "2", "--config", "retention.ms=-1")
    node.cafka("produce", topic, "-p", "1", "--timestamp", "5000", stdin=b"a\nb\nc\n")
    assert node.cafka("offsets", topic).stdout == f"{topic}:0:0:0\n{topic}:1:0:3\n".encode()
    assert node.cafka("offsets", topic, "--time", "latest").stdout == f"{topic}:0:0\n{topic}:1:3\n".encode()
    assert node.cafka("offsets", topic, "--time", "6000").stdout == f"{topic}:0:\n{topic}:1:\n".encode()
    node.cafka("topic", "delete-records", topic, "--before", "1:2")
    assert node.cafka("offsets", topic).stdout == f"{topic}:0:0:0\n{topic}:1:2:3\n".encode()
    assert everything(node, topic) == b"c\n"
    node.cafka("topic", "delete-records", topic, "--before", "1:end")
    assert everything(node, topic) == b""


def test_config_of_a_node(node):
    out = node.cafka("config", "describe", "broker", "1").stdout.decode()
    assert f"listeners=PLAINTEXT://{node.address}   (server.properties)" in out
    refused = node.cafka("config", "alter", "broker", "1", "--set", "node.id=3", check=False)
    assert refused.returncode == 1 and b"Cannot update these configs dynamically: [node.id]" in refused.stderr


# --- failures --------------------------------------------------------------------------------------------------------


def test_exit_codes_of_wrong_usage():
    for arguments in [["produce"], ["consume", "t", "--format", "%z"], ["consume", "t", "--offset", "x"], ["consume", "t", "--time", "x"], ["nonsense"], [],
                      ["topic"], ["consume", "t", "--offset", "1", "--time", "1"], ["produce", "t", "--acks", "2"], ["produce", "t", "-H", "x"],
                      ["topic", "alter", "t"], ["config", "alter", "topic", "t"], ["topic", "create", "t", "--config", "x"], ["consume", "t", "--bogus"]]:
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stdout == b"" and done.stderr.startswith(b"cafka: "), arguments


def test_help_has_examples():
    for command in [[], ["start"], ["topic", "create"], ["topic", "alter"], ["produce"], ["consume"], ["log", "dump"], ["log", "verify"], ["config", "list"],
                    ["config", "alter"], ["offsets"]]:
        done = run(*command, "--help")
        assert done.returncode == 0 and b"Example" in done.stdout, command
    assert run("version").stdout.startswith(b"cafka ") and run("--version").returncode == 0


def test_nobody_there():
    address = f"127.0.0.1:{free_port()}"
    for command in [["topic", "list"], ["produce", "t"], ["consume", "t"], ["offsets", "t"]]:
        done = run(*command, "-b", address, "--timeout-ms", "1500", stdin=b"x\n")
        assert done.returncode == 1 and done.stdout == b"" and done.stderr.startswith(b"cafka: "), command
    assert run("topic", "list", "-b", "no port:x").returncode in (1, 2)


def test_missing_topics(node):
    done = node.cafka("consume", "missing", check=False)
    assert done.returncode == 1 and b"UNKNOWN_TOPIC_OR_PARTITION" in done.stderr
    done = node.cafka("produce", "missing", "--no-create", stdin=b"x\n", check=False)
    assert done.returncode == 1 and b"UNKNOWN_TOPIC_OR_PARTITION" in done.stderr


def test_records_that_are_not_written_are_told(node, topic):
    node.cafka("topic", "create", topic, "--config", "max.message.bytes=1000")
    done = node.cafka("produce", topic, stdin=b"small\n" + b"x" * 5000 + b"\n", check=False)
    assert done.returncode == 3
    assert b"MESSAGE_TOO_LARGE" in done.stderr and b"certainly not written, 0 unknown" in done.stderr
    done = node.cafka("produce", topic, "--key-separator", ":", stdin=b"k:v\nno key here\n", check=False)
    assert done.returncode == 3 and b"standard input:2: expected a key" in done.stderr
    assert b"v\n" in everything(node, topic)


def test_a_line_that_never_ends_is_refused_in_bounded_memory(node, topic):
    with subprocess.Popen([CAFKA, "produce", topic, "-b", node.address], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        try:
            for _ in range(4096):
                writer.stdin.write(b"x" * 65536)
        except BrokenPipeError:
            pass
        try:
            writer.stdin.close()
        except BrokenPipeError:
            pass
        assert b"longer than" in writer.stderr.read()
        assert writer.wait(timeout=30) == 3


def test_log_dirs(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "2")
    node.cafka("produce", topic, "-p", "1", stdin=b"a record\n")
    sizes = [sum(file.stat().st_size for file in (node.data / f"{topic}-{number}").glob("*.log")) for number in (0, 1)]
    assert sizes[0] == 0 < sizes[1]
    (directory,) = map(json.loads, node.cafka("log", "dirs", topic, "--json").stdout.splitlines())
    assert directory["node"] == 1 and directory["logDir"] == str(node.data) and directory["error"] is None
    assert 0 < directory["usableBytes"] <= directory["totalBytes"]
    assert directory["partitions"] == [{"topic": topic, "partition": number, "size": size} for number, size in enumerate(sizes)]
    lines = node.cafka("log", "dirs", topic).stdout.decode().splitlines()
    assert lines[0].startswith(f"Node: 1\tLogDir: {node.data}\tTotalBytes: ")
    assert lines[1:] == [f"\tPartition: {topic}-{number}\tSize: {size}" for number, size in enumerate(sizes)]
