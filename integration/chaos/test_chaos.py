"""The short version of what `run` and `power_cuts` do for as long as one likes: the commands themselves, for some seconds.

CAFKA_CHAOS_SECONDS: how long there are faults (20), CAFKA_CHAOS_ROUNDS: power cuts of one node (3), CAFKA_CHAOS_SEED: which."""
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import machines
from node import CAFKA

pytestmark = pytest.mark.skipif(bool(machines.why_not()), reason=machines.why_not())
HERE = pathlib.Path(__file__).resolve().parent
SECONDS = int(os.environ.get("CAFKA_CHAOS_SECONDS", "20"))
ROUNDS = int(os.environ.get("CAFKA_CHAOS_ROUNDS", "3"))
SEED = os.environ.get("CAFKA_CHAOS_SEED", "20261122")
HELD = [f"{name:4} held " for name in ("R1", "R4", "R9", "R10", "C1", "C2", "L", "P")]


@pytest.fixture
def begin(tmp_path):
    """Begins a command, and ends it in any case."""
    begun = []
    yield lambda *words: begun.append(start(tmp_path, *words)) or begun[-1]
    for process in begun:
        while process.poll() is None:  # once: with a verdict; twice: at once
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                continue


def start(directory, program, *words):
    command = [sys.executable, HERE / program, "--no-build", "--seed", SEED, "--directory", directory, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "CAFKA": CAFKA})


def verdict(process):
    said = process.communicate(timeout=30 * SECONDS)[0]
    print(said)
    return process.returncode, said.splitlines()


def held(lines):
    return [each for each in HELD if any(line.startswith(each) for line in lines)]


@pytest.mark.timeout(30 * SECONDS)
def test_faults_of_all_kinds(begin, tmp_path):
    code, lines = verdict(begin("run", "--seconds", SECONDS))
    assert (code, held(lines)) == (0, HELD), "\n".join(lines)
    assert list(tmp_path.iterdir()) == []


def test_one_loses_power(begin):
    code, lines = verdict(begin("power_cuts", "--rounds", ROUNDS))
    assert (code, held(lines)) == (0, HELD), "\n".join(lines)
    assert lines[-1] == f"{ROUNDS} power cuts of one"


def test_a_failed_disk_is_known_to_have_lost_what_was_not_synced(begin):
    """Within one boot of the machine, and while the others' page caches have it all."""
    code, lines = verdict(begin("run", "--seconds", 8, "--faults", "disk-fails-all-killed", "--pause", 0.03))
    assert (code, held(lines)) == (0, HELD), "\n".join(lines)


def test_all_lose_power(begin):
    code, lines = verdict(begin("power_cuts", "--rounds", 2, "--victims", "all"))
    assert (code, held(lines)) == (0, HELD), "\n".join(lines)


def test_what_was_never_synced_is_lost_and_missed(begin, tmp_path):
    """Without this, nobody knows whether a power cut takes anything, or a verdict sees it."""
    code, lines = verdict(begin("power_cuts", "--rounds", 2, "--victims", "all", "--paged-too"))
    assert code == 1, "\n".join(lines)
    assert any(line.startswith("R1: paged-") for line in lines), "\n".join(lines)
    assert not any(line.startswith("R1: synced-") for line in lines), "\n".join(lines)
    assert any((tmp_path.glob("cafka-chaos-*/node-1/data/synced-0"))), "the data was not kept"


def test_interrupted(begin, tmp_path):
    process = begin("run", "--seconds", 10000, "--faults", "pause,kill")
    for line in process.stdout:
        if "round 1:" in line:
            break
    process.send_signal(signal.SIGINT)
    code, lines = verdict(process)
    assert (code, held(lines)) == (130, HELD), "\n".join(lines)
    assert list(tmp_path.iterdir()) == []
