"""kill -9 under load, and power loss on a real file system: what was acknowledged is there afterwards.

CAFKA_CRASH_ROUNDS sets how many rounds (default 5; scripts/campaign runs more).
"""
import os
import random

import pytest

import ext4_image
from acked_load import AckedLoad, check_nothing_lost
from node import Node

ROUNDS = int(os.environ.get("CAFKA_CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("CAFKA_CRASH_SEED", "20261121"))
SETTINGS = dict(log_segment_bytes=1 << 20, durability="fsync")


def complaints(node):
    return [line for line in node.lines if " error " in line or "quarantine" in line.lower()]


def test_kill_9_under_load(tmp_path):
    random_source = random.Random(SEED)
    node = Node(tmp_path, **SETTINGS)
    load = AckedLoad("acked")
    node.start()
    node.cafka("topic", "create", "acked", "--partitions", "3")
    try:
        for _ in range(ROUNDS):
            load.start(node)
            load.wait_for(random_source.randrange(1, 5000))
            node.kill()
            load.finish()
            node.start()
            assert complaints(node) == []
            check_nothing_lost(node, load)
    finally:
        load.stop()
        node.kill()


@pytest.mark.skipif(ext4_image.unavailable() is not None, reason=f"power loss on a loop mount {ext4_image.unavailable()}")
def test_power_loss(tmp_path):
    random_source = random.Random(SEED + 1)
    load = AckedLoad("acked")
    with ext4_image.Ext4Image(tmp_path, size_mib=1024) as disk:
        node = Node(tmp_path / "node", data=disk.mount_point / "data", **SETTINGS)
        node.start()
        node.cafka("topic", "create", "acked", "--partitions", "3")
        try:
            for _ in range(ROUNDS):
                load.start(node)
                load.wait_for(random_source.randrange(1, 3000))
                disk.lose_power(node.process)
                load.finish()
                node.start()
                assert complaints(node) == []
                check_nothing_lost(node, load)
        finally:
            load.stop()
            node.kill()
