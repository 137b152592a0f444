"""What the benchmark commands share: built programs, servers on free ports with fresh data, memory kept warm, an end at every signal."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "integration"))
from ports import free_port  # noqa: E402

BIN = ROOT / "build" / "release"


def build():
    subprocess.run([ROOT / "scripts" / "build", "release"], check=True)


def program(name):
    found = list(BIN.rglob(name))
    if not found:
        sys.exit(f"{name} is not built: run scripts/build release")
    return str(found[0])


def measure(command):
    """Runs a program that prints one JSON line and returns it."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"failed ({done.returncode}): {' '.join(command)}")
    return json.loads(done.stdout)


def stop(process, how=signal.SIGTERM):
    """Ends a process that we started, by its own pid, in any case."""
    if process and process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_orderly():
    """A signal to end becomes an exception, so that `with` and `finally` stop what was started."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, _: sys.exit(128 + number))


@contextlib.contextmanager
def warm_memory(wanted=True):
    """Yields what to say of it."""
    if not wanted:
        yield "memory not kept warm"
        return
    available = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemAvailable")) >> 20
    process = subprocess.Popen([program("limit_keep_memory_warm"), f"gib={max(1, available - 6)}"], stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        yield "memory kept warm"
    finally:
        stop(process, signal.SIGKILL)


def machine():
    return f"{os.cpu_count()} cores, Linux {os.uname().release}"


class Node:
    """One node on a free port with fresh data below `base`; always ended by its own pid."""

    def __init__(self, base, *overrides):
        self.base = tempfile.mkdtemp(prefix="cafka-bench-", dir=base)
        self.overrides = overrides
        self.port = free_port()
        self.process = None

    def start(self):
        """Returns the seconds from exec until the port accepts."""
        command = [str(BIN / "cafka"), "start", str(ROOT / "config" / "server.properties")]
        for setting in (f"log.dirs={self.base}/data", f"listeners=PLAINTEXT://127.0.0.1:{self.port}", *self.overrides):
            command += ["--override", setting]
        self.log = open(f"{self.base}/log", "a+")
        begun = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return time.perf_counter() - begun
            except OSError:
                if self.process.poll() is not None or time.perf_counter() - begun > 60:
                    self.log.seek(0)
                    sys.exit("the node did not start:\n" + self.log.read())
                time.sleep(0.0005)

    @property
    def pid(self):
        return self.process.pid

    def client(self, *arguments):
        return subprocess.run([str(BIN / "cafka"), *arguments, "-b", f"127.0.0.1:{self.port}"], check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout

    def status(self, field):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(field + ":"):
                return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self, how=signal.SIGKILL):
        stop(self.process, how)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill(signal.SIGTERM)
        shutil.rmtree(self.base, ignore_errors=True)
