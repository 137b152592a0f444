"""Producers and consumers of three libraries at once, on twelve partitions, while the node is killed and started again and again. CAFKA_RECORDS: how many
records in all, 60000 if not set."""
import concurrent.futures
import os

import pytest

import client_libraries
from node import Node
from pouring import Lines, check_consumed
from test_clients import Client

RECORDS = int(os.environ.get("CAFKA_RECORDS", "60000"))
PARTITIONS = 12
LIBRARIES = ["java", "confluent-kafka", "aiokafka"]
TIME_LIMIT_S = 120 + RECORDS // 2000
TOPIC = "everything"


@pytest.mark.timeout(2 * TIME_LIMIT_S)
def test_kills_in_the_middle(tmp_path):
    commands = {}
    for library in LIBRARIES:
        commands[library], reason = client_libraries.command(library)
        if not commands[library]:
            pytest.skip(f"{library}: {reason}")
    node = Node(tmp_path / "node").start()
    clients, threads = [], concurrent.futures.ThreadPoolExecutor(2 * len(LIBRARIES))
    try:
        node.cafka("topic", "create", TOPIC, "--partitions", PARTITIONS)

        def begin(what, library, **request):
            pipe = Lines(tmp_path / f"{what}-{library}", TIME_LIMIT_S)
            clients.append(Client(library, commands[library], node.address, tmp_path / f"{what}-{library}.log"))
            return pipe, threads.submit(clients[-1].ask, TIME_LIMIT_S, do=what, topic=TOPIC, to=str(pipe.path), **request)

        each = RECORDS // len(LIBRARIES)
        drains = {library: begin("drain", library, partitions=PARTITIONS, count=each * len(LIBRARIES)) for library in LIBRARIES}
        pours = {library: begin("pour", library, name=library, count=each) for library in LIBRARIES}
        for pipe, _ in pours.values(): # a kill in the middle of each, however fast it is
            pipe.wait_for(each // 3)
            node.kill()
            node.start()

        acked = {}
        for library, (pipe, done) in pours.items():
            assert done.result() == {"acked": each}, library
            for partition, offset, number in pipe.rows():
                acked[int(partition), int(offset)] = (library.encode(), int(number))
        assert len(acked) == each * len(LIBRARIES)
        for library, (pipe, done) in drains.items():
            assert done.result() == {"consumed": each * len(LIBRARIES)}, library
            check_consumed(library, pipe.rows(), acked, PARTITIONS)
    finally:
        for one in clients:
            one.end()
        threads.shutdown()
        node.kill()
