"""Apache Kafka 4.3.1 beside us: its tools read what we wrote, its broker writes what we must read. Needs java 17 and maven."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from ports import free_port

VERSION = "4.3.1"
HERE = pathlib.Path(__file__).resolve().parent
# As Kafka's own scripts set it.
GARBAGE_COLLECTION = ["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"]


def cached():
    cache = pathlib.Path(os.environ.get("CAFKA_CACHE", pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "cafka"))
    return cache / f"kafka-{VERSION}"


def installed():
    """The folder of Kafka's jars that is there already, KAFKA_HOME's before ours; else None."""
    own = pathlib.Path(os.environ["KAFKA_HOME"]) / "libs" if "KAFKA_HOME" in os.environ else cached()
    return own if own.is_dir() else None


def jars():
    """The folder of Kafka's jars, fetched once per user by Maven."""
    if folder := installed():
        return folder
    folder = cached()
    if not folder.is_dir():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies", "-DincludeScope=runtime",
                        f"-DoutputDirectory={partial}"], check=True, timeout=600)
        partial.rename(folder)
    return folder


def tool(main_class, *arguments, stdin=None, timeout=180):
    """Runs one of Kafka's command-line tools; returns its standard output. A non-zero exit is a failure of the test."""
    done = subprocess.run(["java", "-Xmx256M", "-cp", f"{jars()}/*", main_class, *map(str, arguments)],
                          input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    assert done.returncode == 0, f"{main_class} exited {done.returncode}:\n{done.stdout.decode()[-4000:]}\n{done.stderr.decode()[-4000:]}"
    return done.stdout.decode()


def dump(directory, *options, suffixes=(".log", ".index", ".timeindex")):
    """DumpLogSegments over the files of a partition directory. It writes indexes where it finds none, so give it a copy."""
    files = sorted(str(f) for f in pathlib.Path(directory).iterdir() if f.suffix in suffixes)
    return tool("org.apache.kafka.tools.DumpLogSegments", *options, "--files", ",".join(files)) if files else ""


def complaints(dumped, base_offsets):
    """The lines of a dump that say something is wrong. Kafka's own files too make it print "-1 is followed by <base offset>"."""
    wrong = []
    for line in dumped.splitlines():
        text = line.strip()
        if any(text.endswith(f"-1 is followed by {base}") or f"-1 is followed by {base}" in text for base in base_offsets):
            continue
        if any(sign in text for sign in ("isvalid: false", "Mismatches", "mismatch", "not found", "out of order", "Non-consecutive", "is followed by")):
            wrong.append(text)
    return wrong


class Broker:
    """One combined broker and controller with fresh data below `base`: alone, or the node of that number in a cluster (see Cluster)."""

    def __init__(self, base, heap="512M", number=1, controllers=None, cluster_id=None, **properties):
        self.base = pathlib.Path(base)
        self.heap = heap
        self.process = None
        self.data = self.base / "data"
        self.port = free_port()
        controllers = controllers or {number: free_port()}
        controller = controllers[number]
        self.data.mkdir(parents=True)
        settings = {
            "process.roles": "broker,controller", "node.id": str(number),
            "controller.quorum.voters": ",".join(f"{each}@localhost:{port}" for each, port in controllers.items()),
            "listeners": f"PLAINTEXT://localhost:{self.port},CONTROLLER://localhost:{controller}",
            "advertised.listeners": f"PLAINTEXT://localhost:{self.port},CONTROLLER://localhost:{controller}",
            "controller.listener.names": "CONTROLLER", "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(self.data), "offsets.topic.replication.factor": "1", "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1", "group.initial.rebalance.delay.ms": "0",
            **{key.replace("_", "."): value for key, value in properties.items()},
        }
        self.file = self.base / "server.properties"
        self.file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        (self.base / "log4j2.properties").write_text(
            "rootLogger.level=WARN\nrootLogger.appenderRefs=f\nrootLogger.appenderRef.f.ref=f\nappender.f.type=File\nappender.f.name=f\n"
            f"appender.f.fileName={self.base}/broker.log\nappender.f.layout.type=PatternLayout\nappender.f.layout.pattern=%d %p %m %c%n\n")
        self.cluster_id = cluster_id or tool("kafka.tools.StorageTool", "random-uuid").strip()
        tool("kafka.tools.StorageTool", "format", "-t", self.cluster_id, "-c", self.file)

    @property
    def address(self):
        return f"localhost:{self.port}"

    def start(self):
        self.launch()
        return self.wait()

    def launch(self):
        output = open(self.base / "output", "ab")
        self.process = subprocess.Popen(["java", f"-Xms{self.heap}", f"-Xmx{self.heap}", *GARBAGE_COLLECTION, f"-Dlog4j2.configurationFile={self.base}/log4j2.properties",
                                         "-cp", f"{jars()}/*", "kafka.Kafka", str(self.file)], stdout=output, stderr=output)

    def wait(self):
        """Until it serves: a topic listing answers."""
        deadline = time.monotonic() + 90
        while True:
            assert self.process.poll() is None, (self.base / "output").read_text()[-4000:]
            assert time.monotonic() < deadline, "Kafka did not start within 90 s"
            try:
                socket.create_connection(("localhost", self.port), timeout=1).close()
                break
            except OSError:
                self.process_wait(0.2)
        self.topics("--list")
        return self

    def process_wait(self, seconds):
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass

    def topics(self, *arguments):
        return tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, *arguments)

    def produce(self, topic, lines, *options):
        return tool("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", self.address, "--topic", topic, *options,
                    stdin="".join(line + "\n" for line in lines).encode())

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)


class Cluster:
    """Three or more nodes, each broker and controller, with fresh data below `base`."""

    def __init__(self, base, size=3, heap="512M", **properties):
        controllers = {number: free_port() for number in range(1, size + 1)}
        self.nodes = []
        for number in controllers:
            self.nodes.append(Broker(pathlib.Path(base) / str(number), heap, number, controllers, self.nodes[0].cluster_id if self.nodes else None,
                                     **{"default_replication_factor": str(min(3, size)), **properties}))

    def node(self, number):
        return self.nodes[number - 1]

    def start(self):
        for each in self.nodes:
            each.launch()
        for each in self.nodes:
            each.wait()
        return self

    def stop(self, how=signal.SIGTERM):
        for each in self.nodes:
            if each.process and each.process.poll() is None:
                each.process.send_signal(how)
        for each in self.nodes:
            if each.process:
                each.process.wait(timeout=60)
