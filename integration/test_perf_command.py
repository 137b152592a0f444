"""`cafka perf`: what it says it sent and read is what is in the topic; rate, interrupt and exit codes."""
import re
import signal
import subprocess

import pytest

from node import CAFKA

LINE = re.compile(r"(\d+) records sent, ([\d.]+) records/sec \(([\d.]+) MB/sec\), ([\d.]+) ms avg latency, ([\d.]+) ms max latency\.")
TOTAL = re.compile(r"(\d+)( steady state)? records sent, ([\d.]+) records/sec \(([\d.]+) MB/sec\), ([\d.]+) ms avg latency, ([\d.]+) ms max latency, "
                   r"([\d.]+) ms 50th, ([\d.]+) ms 95th, ([\d.]+) ms 99th, ([\d.]+) ms 99\.9th\.")
READ = re.compile(r"(\d+) records read, ([\d.]+) records/sec \(([\d.]+) MB/sec\)\.")


@pytest.fixture
def measured(node, topic):
    node.cafka("topic", "create", topic, "--partitions", "3")
    return topic


def values_of(node, topic):
    return node.cafka("consume", topic, "--from-beginning", "--exit-at-end").stdout.split(b"\n")[:-1]


def total_of(out):
    return TOTAL.fullmatch(out.decode().splitlines()[-1])


@pytest.mark.parametrize("options", [[], ["--acks", "1", "--compression", "zstd", "--batch-bytes", "2000", "--linger-ms", "0"]])
def test_what_is_sent_is_there(node, measured, options):
    total = total_of(node.cafka("perf", "produce", measured, "--records", "5000", "--record-bytes", "100", *options).stdout)
    assert total and total[1] == "5000"
    average, maximum, *percentiles = map(float, total.groups()[4:])
    assert 0 < average <= maximum and percentiles == sorted(percentiles) and percentiles[-1] <= maximum
    values = values_of(node, measured)
    assert len(values) == 5000 and len(set(values)) == 5000 and all(re.fullmatch(rb"[A-Z]{100}", value) for value in values)
    assert READ.fullmatch(node.cafka("perf", "consume", measured).stdout.decode().splitlines()[-1])[1] == "5000"


def test_without_acknowledgements(node, measured):
    total = total_of(node.cafka("perf", "produce", measured, "--records", "100", "--record-bytes", "10", "--acks", "0").stdout)
    assert total[1] == "100"
    node.cafka("perf", "consume", measured, "--records", "100")  # they may land a moment after the command has ended


def test_a_rate_is_kept_and_told_every_second(node, measured):
    out = node.cafka("perf", "produce", measured, "--records", "500", "--record-bytes", "10", "--throughput", "200").stdout.decode().splitlines()
    lines = [LINE.fullmatch(line) for line in out[:-1]]
    assert len(lines) >= 2 and all(lines)
    total = TOTAL.fullmatch(out[-1])
    # the last of 500 is due after 2.495 s, and none is sent more than a millisecond early
    assert total[1] == "500" and float(total[3]) < 500 / 2.49
    assert sum(int(line[1]) for line in lines) <= 500


def test_payloads_of_a_file(node, measured, tmp_path):
    (tmp_path / "values").write_text("하나|two||four")
    node.cafka("perf", "produce", measured, "--records", "400", "--payload-file", tmp_path / "values", "--delimiter", "|")
    values = values_of(node, measured)
    assert len(values) == 400 and set(values) == {"하나".encode(), b"two", b"", b"four"}


def test_warm_up_and_metrics(node, measured):
    out = node.cafka("perf", "produce", measured, "--records", "300", "--record-bytes", "10", "--warmup-records", "100", "--print-metrics").stdout.decode()
    lines = out.splitlines()
    assert lines[0].startswith("Warmup first 100 records.")
    whole, steady = (TOTAL.fullmatch(line) for line in lines[1:3])
    assert (whole[1], whole[2], steady[1], steady[2]) == ("300", None, "200", " steady state")
    metrics = dict(line.split(": ") for line in lines[3:])
    assert metrics["records delivered"] == "300" and metrics["records failed"] == "0" and int(metrics["batches sent"]) >= 1


def test_ctrl_c_counts_what_was_acknowledged(node, measured):
    sending = subprocess.Popen([CAFKA, "perf", "produce", measured, "--records", "1000000", "--record-bytes", "10", "--throughput", "500", "-b", node.address],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert LINE.fullmatch(sending.stdout.readline().decode().rstrip("\n"))
        sending.send_signal(signal.SIGINT)
        out, complaint = sending.communicate(timeout=60)
    finally:
        sending.kill()
        sending.wait()
    total = total_of(out)
    assert sending.returncode == 130
    assert complaint.decode() == f"cafka: interrupted; {total[1]} records acknowledged, 0 certainly not written, 0 unknown\n"
    assert len(values_of(node, measured)) == int(total[1]) > 0


def test_a_stall_is_seen(new_node):
    node = new_node().start()
    node.cafka("topic", "create", "t")
    sending = subprocess.Popen([CAFKA, "perf", "produce", "t", "--records", "1000000", "--record-bytes", "10", "--throughput", "500", "-b", node.address],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert LINE.fullmatch(sending.stdout.readline().decode().rstrip("\n"))
        node.process.send_signal(signal.SIGSTOP)
        while int(LINE.fullmatch(sending.stdout.readline().decode().rstrip("\n"))[1]) != 0:
            pass
        node.process.send_signal(signal.SIGCONT)
        sending.send_signal(signal.SIGINT)
        out, _ = sending.communicate(timeout=60)
    finally:
        node.process.send_signal(signal.SIGCONT)
        sending.kill()
        sending.wait()
    assert sending.returncode == 130
    total = total_of(out)
    assert float(total[6]) >= 1000 and len(values_of(node, "t")) == int(total[1])


def test_records_that_are_refused(node, topic):
    node.cafka("topic", "create", topic, "--config", "max.message.bytes=1000")
    done = node.cafka("perf", "produce", topic, "--records", "3", "--record-bytes", "5000", check=False)
    assert done.returncode == 3 and b"MESSAGE_TOO_LARGE" in done.stderr and b"0 records acknowledged" in done.stderr
    assert total_of(done.stdout)[1] == "0"


def test_a_reader_that_goes_away_ends_it(node, measured):
    sending = subprocess.Popen([CAFKA, "perf", "produce", measured, "--records", "1000000", "--record-bytes", "10", "--throughput", "100", "-b", node.address],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert sending.stdout.readline()
        sending.stdout.close()
        assert sending.wait(timeout=60) == 141
        assert sending.stderr.read() == b""
    finally:
        sending.kill()
        sending.wait()


def test_a_missing_topic_is_not_created(node, topic):
    for arguments in (["produce", topic, "--records", "1", "--record-bytes", "1"], ["consume", topic]):
        done = node.cafka("perf", *arguments, check=False)
        assert done.returncode == 1 and b"UNKNOWN_TOPIC_OR_PARTITION" in done.stderr and b"cafka topic" in done.stderr
    assert topic.encode() not in node.cafka("topic", "list").stdout.split()


@pytest.mark.parametrize("arguments, message", [
    (["--records", "5"], "expected --record-bytes or --payload-file"),
    (["--records", "5", "--record-bytes", "1", "--payload-file", "x"], "excludes"),
    (["--records", "5", "--record-bytes", "1", "--warmup-records", "5"], "less than --records"),
    (["--records", "5", "--payload-file", "/nonexistent"], "/nonexistent: No such file"),
    (["--records", "5", "--payload-file", "/dev/null"], "it is empty"),
    (["--records", "0", "--record-bytes", "1"], "--records"),
    (["--records", "5", "--record-bytes", "1", "--throughput", "-1"], "--throughput"),
    (["--records", "5", "--record-bytes", "999999999"], "at most 8388608"),
])
def test_wrong_usage(node, topic, arguments, message):
    done = node.cafka("perf", "produce", topic, *arguments, check=False)
    assert done.returncode == 2 and message in done.stderr.decode() and done.stdout == b""


def test_reading_so_many(node, measured):
    node.cafka("perf", "produce", measured, "--records", "1000", "--record-bytes", "10")
    out = node.cafka("perf", "consume", measured, "--records", "600").stdout
    assert READ.fullmatch(out.decode().splitlines()[-1])[1] == "600"
    more = node.cafka("perf", "consume", measured, "--records", "1001", "--timeout-ms", "700", check=False)
    assert more.returncode == 1 and b"no further record within 700 ms, after 1000 of 1001" in more.stderr
    assert READ.fullmatch(more.stdout.decode().splitlines()[-1])[1] == "1000"


def test_reading_an_empty_topic(node, measured):
    assert node.cafka("perf", "consume", measured).stdout == b"0 records read, 0.0 records/sec (0.00 MB/sec).\n"


@pytest.mark.parametrize("command", ["produce", "consume"])
def test_help(node, command):
    out = node.cafka("perf", command, "--help").stdout.decode()
    assert "Examples:" in out and "Exit codes:" in out
