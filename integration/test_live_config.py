"""Configuration that changes while a node runs, and how often a node looks for what may go."""
import threading
import time

from raw_kafka import Connection, batch


def until(condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.1)


def is_served(node):
    with Connection(node.port) as connection:
        try:
            return connection.metadata("t").code in (0, 3)
        except ConnectionError:
            return False


def test_connections_are_limited_while_the_node_runs(new_node):
    node = new_node().start()
    held = [Connection(node.port) for _ in range(3)]
    for each in held:
        each.metadata("t")
    node.cafka("config", "alter", "brokers", "--set", "max.connections=100", "--set", "max.connections.per.ip=3")
    until(lambda: not is_served(node))
    for each in held:
        each.metadata("t")  # those that are there stay
    for each in held:
        each.close()
    until(lambda: is_served(node))
    node.cafka("config", "alter", "broker", "1", "--set", "max.connections.per.ip=100")
    held = [Connection(node.port) for _ in range(5)]
    for each in held:
        each.metadata("t")
    for each in held:
        each.close()
    node.cafka("config", "alter", "broker", "1", "--delete", "max.connections.per.ip", "--set", "max.connections=1")
    node.stop()
    node.start()  # the metadata log remembers
    with Connection(node.port) as only:
        only.metadata("t")
        assert not is_served(node)


def test_producers_expire_by_the_time_that_holds_now(new_node):
    node = new_node(producer_id_expiration_check_interval_ms=500).start()
    node.cafka("topic", "create", "t", "--partitions", "1")
    with Connection(node.port) as connection:
        producer_id = connection.new_producer_id()
        an_hour_old = batch([b"v"], producer_id, 0, 0, timestamp=int(time.time() * 1000) - 3_600_000)
        assert connection.produce("t", 0, an_hour_old)[:2] == (0, 0)
        assert connection.produce("t", 0, batch([b"v"], producer_id, 0, 7)).code == 45
        node.cafka("config", "alter", "brokers", "--set", "producer.id.expiration.ms=1000")
        until(lambda: connection.produce("t", 0, batch([b"v"], producer_id, 0, 7)).code == 0)


def test_a_partition_remembers_so_many_producers(new_node):
    node = new_node(producer_id_max_per_partition=16).start()
    node.cafka("topic", "create", "t", "--partitions", "1")
    with Connection(node.port) as connection:
        for producer_id in range(1000, 1017):
            assert connection.produce("t", 0, batch([b"v"], producer_id, 0, 0)).code == 0
        assert connection.produce("t", 0, batch([b"v"], 1001, 0, 7)).code == 45
        assert connection.produce("t", 0, batch([b"v"], 1000, 0, 7)).code == 0  # the first is forgotten


def test_old_records_stay_until_retention_looks(new_node):
    node = new_node(log_retention_check_interval_ms=5000).start()
    began = time.monotonic()
    node.cafka("topic", "create", "t", "--partitions", "1", "--config", "retention.ms=1000")
    with Connection(node.port) as connection:
        assert connection.produce("t", 0, batch([b"v"], timestamp=int(time.time() * 1000) - 3_600_000)).code == 0
    earliest = lambda: node.cafka("offsets", "t", "--time", "earliest").stdout
    while time.monotonic() - began < 3:
        assert earliest() == b"t:0:0\n"
    until(lambda: earliest() == b"t:0:1\n")
    assert time.monotonic() - began >= 4.9
