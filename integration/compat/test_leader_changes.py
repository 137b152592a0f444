"""Producers of several libraries, none restarted, while the broker that leads is killed under them: each follows the leaders, and nothing that was
acknowledged is lost or doubled. CAFKA_RECORDS: how many records each sends, 30000 if not set."""
import collections
import concurrent.futures
import os
import subprocess

import client_libraries
import pytest
from cluster import Cluster
from node import CAFKA
from pouring import Lines, check_consumed
from test_clients import Client

RECORDS = int(os.environ.get("CAFKA_RECORDS", "30000"))
PARTITIONS = 3
TIME_LIMIT_S = 120 + RECORDS // 1000
TOPIC = "followed"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Leaders stay where a kill has brought them, so that no client is moved twice."""
    made = Cluster(tmp_path_factory.mktemp("led"), auto_leader_rebalance_enable="false").start()
    made.nodes[0].cafka("topic", "create", TOPIC, "--partitions", PARTITIONS)
    made.wait_for_whole_isr(TOPIC)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def servers(cluster):
    return ",".join(node.address for node in cluster.nodes)


@pytest.fixture(scope="module")
def acked():
    """{(partition, offset): (name, number)}, of all clients of this module."""
    return {}


def kill_a_leader(cluster):
    """The one that leads most; back, and the in-sync set whole, when this returns."""
    leaders = collections.Counter(leader for leader, _, _ in cluster.describe(TOPIC).values())
    victim = cluster.node(leaders.most_common(1)[0][0])
    victim.kill()
    at = cluster.others(victim.id)[0]
    cluster.wait_for(TOPIC, lambda leader, replicas, isr: leader not in (None, victim.id), at, f"life without {victim.id}")
    victim.start()
    cluster.wait_for_whole_isr(TOPIC)


def start(library, address, log):
    command, reason = client_libraries.command(library)
    if not command:
        pytest.skip(f"{library}: {reason}")
    return Client(library, command, address, log)


@pytest.mark.timeout(2 * TIME_LIMIT_S)
@pytest.mark.parametrize("library", ["java", "confluent-kafka", "kafkajs"])
def test_libraries(cluster, servers, acked, tmp_path, library):
    client = start(library, servers, tmp_path / "log")
    try:
        pipe = Lines(tmp_path / "acks", TIME_LIMIT_S)
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            done = threads.submit(client.ask, TIME_LIMIT_S, do="pour", topic=TOPIC, to=str(pipe.path), name=library, count=RECORDS)
            pipe.wait_for(RECORDS // 3)
            kill_a_leader(cluster)
            assert done.result() == {"acked": RECORDS}
        for partition, offset, number in pipe.rows():
            acked[int(partition), int(offset)] = (library.encode(), int(number))
    finally:
        client.end()


@pytest.mark.timeout(2 * TIME_LIMIT_S)
@pytest.mark.parametrize("name", ["native", "kcat"])
def test_commands(cluster, servers, tmp_path, name):
    """They do not tell offsets: that they end well says that all is acknowledged. kcat is idempotent here; the native client writes at least once."""
    command = {"native": [CAFKA, "produce", f"{TOPIC}-{name}", "-b", servers, "--key-separator", ":", "--quiet"],
               "kcat": ["kcat", "-P", "-b", servers, "-t", f"{TOPIC}-{name}", "-K:", "-X", "enable.idempotence=true"]}[name]
    cluster.nodes[0].cafka("topic", "create", f"{TOPIC}-{name}", "--partitions", PARTITIONS)
    cluster.wait_for_whole_isr(f"{TOPIC}-{name}")
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        def feed(numbers):
            for number in numbers:
                client.stdin.write(b"%d:%d\n" % (number % 1000, number))
                client.stdin.flush()

        feed(range(RECORDS // 3))
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            fed = threads.submit(feed, range(RECORDS // 3, RECORDS))
            kill_a_leader(cluster)
            fed.result()
        _, said = client.communicate(timeout=TIME_LIMIT_S)
        assert client.returncode == 0, said.decode()
    finally:
        client.kill()
        client.wait()
    rows = cluster.nodes[0].cafka("consume", f"{TOPIC}-{name}", "--from-beginning", "--exit-at-end", "--format", "%k:%s\\n").stdout.splitlines()
    of_key = collections.defaultdict(list)
    for row in rows:
        key, number = row.split(b":")
        of_key[int(key)].append(int(number))
    if name == "native":
        of_key = {key: list(dict.fromkeys(numbers)) for key, numbers in of_key.items()}
    assert {key: numbers for key, numbers in of_key.items() if numbers != list(range(key, RECORDS, 1000))} == {}
    assert len(of_key) == 1000


@pytest.mark.timeout(2 * TIME_LIMIT_S)
def test_what_they_sent_is_there(servers, acked, tmp_path):
    if not acked:
        pytest.skip("no library sent anything")
    client = start("confluent-kafka", servers, tmp_path / "log")
    try:
        pipe = Lines(tmp_path / "drained", TIME_LIMIT_S)
        assert client.ask(TIME_LIMIT_S, do="drain", topic=TOPIC, partitions=PARTITIONS, count=len(acked), to=str(pipe.path)) == {"consumed": len(acked)}
        check_consumed("confluent-kafka", pipe.rows(), acked, PARTITIONS)
    finally:
        client.end()
