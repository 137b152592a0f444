"""One cafka node as a process of its own: free port, data of its own, always ended by its own pid; and the command line against it."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
CAFKA = os.environ.get("CAFKA", str(ROOT / "build" / "release" / "cafka"))
CONFIG = ROOT / "config" / "server.properties"
START_TIMEOUT_S = 60


def within(namespace):
    """What to put before a command; `nsenter` becomes the command, so the pid stays. Only the network changes: a process with a view of the mounts of its
    own, as `ip netns exec` makes it, would keep a disk mounted that is taken away."""
    return ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []


class Node:
    """`start` returns when the node says that it listens. What it logs is kept in `lines` and in `<base>/log`.

    `host`: where it listens. `inside`: the network namespace in which it runs, `clients_inside`: that of the commands which ask it.
    `environment`: variables besides ours.
    """

    def __init__(self, base, data=None, config=CONFIG, host="127.0.0.1", inside=None, clients_inside=None, environment=None, **overrides):
        self.base = pathlib.Path(base)
        self.base.mkdir(parents=True, exist_ok=True)
        self.data = pathlib.Path(data) if data else self.base / "data"
        self.config = config
        self.port = free_port()
        self.host, self.inside, self.clients_inside = host, inside, clients_inside
        self.environment = environment or {}
        self.overrides = {key.replace("_", "."): str(value) for key, value in overrides.items()}
        self.process = None
        self.lines = []
        self._changed = threading.Condition()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def command(self):
        settings = {"log.dirs": str(self.data), "listeners": f"PLAINTEXT://{self.address}", **self.overrides}
        command = [*within(self.inside), CAFKA, "start", str(self.config)]
        for key, value in settings.items():
            command += ["--override", f"{key}={value}"]
        return command

    def launch(self):
        """Starts the process without waiting for it to listen."""
        self.lines = []
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        env={**os.environ, **self.environment})
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        return self

    def start(self, timeout=START_TIMEOUT_S):
        self.launch()
        self.wait_for_line(r"listening on", timeout)
        return self

    def _read(self, process):
        with open(self.base / "log", "ab") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                with self._changed:
                    self.lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def find_line(self, pattern):
        return next((line for line in self.lines if re.search(pattern, line)), None)

    def wait_for_line(self, pattern, timeout=30):
        """The first line logged since the start that matches; an assertion if the process ends or time runs out before."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                if line := self.find_line(pattern):
                    return line
                ended = not self._reader.is_alive()
                left = deadline - time.monotonic()
                if ended or left <= 0:
                    log = "\n".join(self.lines[-40:])
                    raise AssertionError(f"{'the node ended' if ended else 'timed out'} without a line like {pattern!r}:\n{log}")
                self._changed.wait(min(left, 1))

    def kill(self):
        """SIGKILL, as a crash would."""
        self.signal(signal.SIGKILL)

    def stop(self, timeout=30):
        """SIGTERM; returns the exit code."""
        self.signal(signal.SIGTERM, timeout)
        return self.process.returncode if self.process else 0

    def signal(self, number, timeout=30):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=timeout)
        if self.process:
            self._reader.join(timeout=10)

    def resident_bytes(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def cafka(self, *arguments, stdin=None, check=True, timeout=120):
        """Runs a client command against this node; returns the finished process, its output as bytes."""
        command = [*within(self.clients_inside), CAFKA, *map(str, arguments), "-b", self.address]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        if check:
            assert done.returncode == 0, f"{' '.join(command)} exited {done.returncode}:\n{done.stderr.decode(errors='replace')}"
        return done
