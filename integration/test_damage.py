"""Files that are cut, flipped, missing or lying: found at start or at read, never wrong bytes, never deleted in silence."""
import shutil
import subprocess

import pytest

from node import CAFKA


def verify(path):
    return subprocess.run([CAFKA, "log", "verify", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def lines(first, count):
    return b"".join(b"record %d %s\n" % (i, b"." * 100) for i in range(first, first + count))


def read(node, check=True):
    return node.cafka("consume", "t", "--from-beginning", "--exit-at-end", "--timeout-ms", "5000", check=check)


@pytest.fixture
def stopped(new_node):
    """A node with some segments of 1 MiB in t-0, stopped in order; and what its records are."""
    node = new_node(log_segment_bytes=1 << 20, log_index_interval_bytes=4096)
    node.start()
    node.cafka("topic", "create", "t")
    text = b""
    for piece in range(4):
        more = lines(piece * 6000, 6000)
        node.cafka("produce", "t", "--batch-bytes", "8192", stdin=more)
        text += more
    assert node.stop() == 0
    node.text = text
    node.partition = node.data / "t-0"
    node.segments = sorted(node.partition.glob("*.log"))
    assert len(node.segments) >= 3
    return node


def test_a_stopped_node_is_whole(stopped):
    done = verify(stopped.data)
    assert done.returncode == 0, done.stdout
    assert b" 0 damaged places" in done.stdout
    stopped.start()
    assert read(stopped).stdout == stopped.text


@pytest.mark.parametrize("how", ["missing", "empty", "garbage", "shifted"])
def test_indexes_that_are_missing_or_lie(stopped, how):
    for index in [*stopped.partition.glob("*.index"), *stopped.partition.glob("*.timeindex")]:
        content = index.read_bytes()
        if how == "missing":
            index.unlink()
        elif how == "empty":
            index.write_bytes(b"")
        elif how == "garbage":
            index.write_bytes(b"\x5a" * len(content))
        else:
            index.write_bytes(b"\0\0\0\1" + content[:-4])
    stopped.start()
    assert read(stopped).stdout == stopped.text
    for offset in (0, 5999, 6000, 12345, 23999):
        got = stopped.cafka("consume", "t", "--offset", offset, "--max-messages", "1").stdout
        assert got == b"record %d %s\n" % (offset, b"." * 100)


def test_a_byte_flipped_in_an_old_segment(stopped):
    victim = stopped.segments[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    assert verify(stopped.data).returncode == 1
    stopped.launch()
    stopped.wait_for_line("listening on", 60)
    # the node is up; from the damaged partition come right records or an error, nothing else
    done = read(stopped, check=False)
    assert stopped.text.startswith(done.stdout)
    assert done.returncode != 0 and len(done.stdout) < len(stopped.text)
    assert victim.read_bytes() == bytes(content), "a damaged file was changed"
    stopped.cafka("produce", "other", stdin=b"x\n")


def test_an_old_segment_cut_or_gone(stopped, tmp_path):
    victim = stopped.segments[0]
    kept = victim.read_bytes()
    for damage in ("cut", "gone"):
        if damage == "cut":
            victim.write_bytes(kept[: len(kept) // 2])
        else:
            shutil.move(victim, tmp_path / "segment")
        stopped.start()
        done = read(stopped, check=False)
        rows = set(stopped.text.splitlines())
        assert all(line in rows for line in done.stdout.splitlines())
        assert done.returncode != 0 or done.stdout != stopped.text
        stopped.kill()
        victim.write_bytes(kept)


def test_a_byte_flipped_while_the_node_runs(stopped):
    stopped.start()
    victim = stopped.segments[0]
    content = bytearray(victim.read_bytes())
    content[100] ^= 0x40
    with open(victim, "r+b") as file:
        file.seek(100)
        file.write(content[100:101])
    done = read(stopped, check=False)
    assert stopped.text.startswith(done.stdout) and done.returncode != 0


def test_a_torn_tail_after_a_crash_is_cut(stopped):
    stopped.start()
    stopped.cafka("produce", "t", stdin=b"acknowledged\n")
    stopped.kill()
    active = sorted(stopped.partition.glob("*.log"))[-1]
    with open(active, "ab") as file:
        file.write(active.read_bytes()[:40])
    stopped.start()
    assert read(stopped).stdout == stopped.text + b"acknowledged\n"
    stopped.cafka("produce", "t", stdin=b"goes on\n")
    assert read(stopped).stdout.endswith(b"acknowledged\ngoes on\n")
    stopped.stop()
    assert verify(stopped.data).returncode == 0


def refusal(node):
    """What a node says that does not start."""
    node.launch()
    assert node.process.wait(timeout=30) == 1
    node._reader.join(timeout=10)
    return "\n".join(node.lines)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"leaderId":1,"leaderEpoch":x}', b"\0" * 100])
def test_a_damaged_vote(stopped, damage):
    vote = stopped.data / "__cluster_metadata-0" / "quorum-state"
    kept = vote.read_bytes()
    vote.write_bytes(damage)
    said = refusal(stopped)
    assert "quorum-state is damaged" in said and "restore it from a backup of this very node" in said, said
    assert vote.read_bytes() == damage
    vote.write_bytes(kept)
    stopped.start()
    assert read(stopped).stdout == stopped.text
    stopped.stop()
    vote.unlink()  # the log knows the epochs
    stopped.start()
    assert read(stopped).stdout == stopped.text


def test_a_byte_flipped_in_the_metadata_log(stopped):
    log = stopped.data / "__cluster_metadata-0" / "00000000000000000000.log"
    whole = log.read_bytes()
    for position in (80, len(whole) // 2):  # of the first batch, and of one in the middle
        log.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1:])
        said = refusal(stopped)
        assert "__cluster_metadata-0 in place of this node's" in said and "restore the directory from a backup" in said, said
        assert log.read_bytes() != whole and len(log.read_bytes()) == len(whole), "a damaged file was changed"
    log.write_bytes(whole)
    stopped.start()
    assert read(stopped).stdout == stopped.text


def test_stray_files_are_left_alone(stopped):
    strays = {stopped.data / "notes.txt": b"mine", stopped.partition / "notes.txt": b"mine too", stopped.data / "not a partition": None}
    for path, content in strays.items():
        path.mkdir() if content is None else path.write_bytes(content)
    stopped.start()
    assert read(stopped).stdout == stopped.text
    assert all(path.exists() for path in strays)
