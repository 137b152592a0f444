"""What `cafka start` says and does when something is wrong, and that it starts with what was made for Kafka."""
import os
import re
import shutil
import socket
import subprocess

import pytest

from node import CAFKA, ROOT
from ports import free_port


def start(*arguments, timeout=60, **options):
    """For starts that must fail: the finished process."""
    return subprocess.run([CAFKA, "start", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **options)


def one_line(done):
    text = done.stderr.decode()
    assert done.stdout == b"" and text.count("\n") == 1, text
    return text.removesuffix("\n")


@pytest.mark.parametrize("line, expected", [
    ("node.id=first", "node.id=first: expected a whole number from 0 to 2147483647"),
    ("log.segment.bytes=5", "log.segment.bytes=5: expected a whole number from 1048576 to 2147483647 (bytes)"),
    ("listeners=localhost:9092", "listeners=localhost:9092: expected NAME://HOST:PORT, separated by commas, not 'localhost:9092'"),
    ("listeners=SSL://:9092", "listeners=SSL://:9092: expected only PLAINTEXT listeners: SSL, which SSL needs, is not served"),
    ("durability=maybe", "durability=maybe: expected one of: fsync, replicated"),
    ("log.cleanup.policy=keep", "log.cleanup.policy=keep: expected a list of: compact, delete"),
])
def test_a_bad_value(tmp_path, line, expected):
    file = tmp_path / "s.properties"
    file.write_text(f"# comment\nlog.dirs={tmp_path}/data\n{line}\n")
    done = start(file)
    assert done.returncode == 2
    assert one_line(done) == f"cafka: {file}:3: {expected}"
    assert os.listdir(tmp_path) == ["s.properties"], "something was touched"


def test_a_bad_override_and_a_missing_file(tmp_path):
    done = start("--override", "num.partitions=0")
    assert done.returncode == 2 and one_line(done) == "cafka: --override: num.partitions=0: expected a whole number from 1 to 100000 (partitions)"
    done = start(tmp_path / "missing")
    assert done.returncode == 2 and "missing: No such file or directory: expected a readable configuration file" in one_line(done)


def test_unknown_keys(tmp_path, new_node):
    file = tmp_path / "s.properties"
    file.write_text("num.partition=2\nzookeeper.connect=z:2181\nnum.io.threads=8\n")
    done = start(file, "--strict-config")
    assert done.returncode == 2 and one_line(done).startswith(f"cafka: {file}:1: num.partition: unknown key; did you mean num.partitions?")
    node = new_node(config=file).start()
    warnings = [line for line in node.lines if "warn" in line]
    assert len(warnings) == 2
    assert "did you mean num.partitions?" in warnings[0]
    assert "keys of Kafka that have no effect here: num.io.threads,zookeeper.connect" in warnings[1]


def test_a_stock_kafka_file_starts(tmp_path, new_node):
    port, controller = free_port(), free_port()
    file = tmp_path / "kraft.properties"
    file.write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:{controller}
listeners=PLAINTEXT://:{port},CONTROLLER://:{controller}
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:{port},CONTROLLER://localhost:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs={tmp_path}/kraft-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
""")
    node = new_node(config=file)
    node.port = port
    node.command = lambda: [CAFKA, "start", str(file)]
    node.start()
    assert len([line for line in node.lines if "warn" in line]) == 1
    node.cafka("produce", "t", stdin=b"hello\n")
    assert node.cafka("consume", "t", "--from-beginning", "--exit-at-end").stdout == b"hello\n"
    assert node.stop() == 0


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = start("--override", f"listeners=PLAINTEXT://127.0.0.1:{port}", "--override", f"log.dirs={tmp_path}/data")
    assert done.returncode != 0
    assert str(port) in done.stderr.decode().splitlines()[-1]
    assert not (tmp_path / "data" / "meta.properties").exists(), "something was touched"


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = start("--override", f"listeners=PLAINTEXT://127.0.0.1:{free_port()}", "--override", f"log.dirs={tmp_path}/file/data")
    assert done.returncode != 0 and f"{tmp_path}/file/data" in done.stderr.decode().splitlines()[-1]


def test_a_directory_in_use(new_node):
    first = new_node("first").start()
    second = start("--override", f"listeners=PLAINTEXT://127.0.0.1:{free_port()}", "--override", f"log.dirs={first.data}")
    assert second.returncode != 0 and str(first.data) in second.stderr.decode().splitlines()[-1]
    first.cafka("produce", "t", stdin=b"still here\n")
    assert first.stop() == 0


def test_a_directory_of_another_node_or_cluster(new_node, tmp_path):
    one, other = new_node("one"), new_node("other")
    for node in (one, other):
        node.start()
        assert node.stop() == 0
    done = start("--override", f"listeners=PLAINTEXT://127.0.0.1:{free_port()}", "--override", f"log.dirs={one.data}", "--override", "node.id=7")
    assert done.returncode != 0 and "7" in done.stderr.decode().splitlines()[-1]
    before = (other.data / "meta.properties").read_bytes()
    done = start("--override", f"listeners=PLAINTEXT://127.0.0.1:{free_port()}", "--override", f"log.dirs={one.data},{other.data}")
    assert done.returncode != 0 and str(other.data) in done.stderr.decode()
    assert (other.data / "meta.properties").read_bytes() == before
    one.start()


def test_no_listener_is_open_on_other_interfaces_by_the_sample_file():
    assert "listeners=PLAINTEXT://127.0.0.1:9092" in (ROOT / "config" / "server.properties").read_text().splitlines()


def test_stop_is_orderly_and_a_second_start_does_not_recover(new_node):
    node = new_node().start()
    node.cafka("produce", "t", stdin=b"a\nb\n")
    assert (node.data / ".cafka_boot").exists()
    assert node.stop() == 0
    assert (node.data / ".kafka_cleanshutdown").exists()
    assert not (node.data / ".cafka_boot").exists()  # its absence says, after an unclean stop, that Kafka wrote here since
    node.start()
    assert not any(re.search(r"recover(ed|ing) .*t-0", line) for line in node.lines)
    assert node.cafka("consume", "t", "--from-beginning", "--exit-at-end").stdout == b"a\nb\n"


def test_topics_that_must_stay(new_node):
    node = new_node(delete_topic_enable="false").start()
    node.cafka("topic", "create", "t")
    refused = node.cafka("topic", "delete", "t", check=False)
    assert refused.returncode == 1 and b"delete.topic.enable is false" in refused.stderr
    assert node.cafka("topic", "list").stdout == b"t\n"


def test_a_copied_directory_goes_on(new_node, tmp_path):
    node = new_node().start()
    node.cafka("produce", "t", stdin=b"a\n")
    node.stop()
    shutil.copytree(node.data, tmp_path / "copy")
    copy = new_node("copy-node", data=tmp_path / "copy").start()
    assert copy.cafka("consume", "t", "--from-beginning", "--exit-at-end").stdout == b"a\n"
