"""A disk that is full: producers are told what is not written, readers go on, and what was acknowledged stays."""
import pytest

import ext4_image

pytestmark = pytest.mark.skipif(ext4_image.unavailable() is not None, reason=f"a small loop mount {ext4_image.unavailable()}")


def test_disk_full_and_freed(new_node, tmp_path):
    with ext4_image.Ext4Image(tmp_path, size_mib=64) as disk:
        node = new_node(data=disk.mount_point / "data", log_segment_bytes=1 << 20, log_index_size_max_bytes=65536)
        node.start()
        try:
            node.cafka("topic", "create", "t")
            node.cafka("produce", "t", stdin=b"before\n")
            disk.fill(spare_bytes=2 << 20)
            full = node.cafka("produce", "t", "--delivery-timeout-ms", "3000", stdin=b"x" * 1000 + b"\n" * 1 + (b"y" * 1000 + b"\n") * 20_000, check=False)
            assert full.returncode in (3, 4), full.stderr
            assert b"records acknowledged" in full.stderr
            acknowledged = int(full.stderr.split(b" records acknowledged")[0].split()[-1])
            rows = node.cafka("consume", "t", "--from-beginning", "--exit-at-end").stdout.splitlines()
            assert rows[0] == b"before" and len(rows) > acknowledged
            disk.free()
            node.cafka("produce", "t", stdin=b"after\n")
            rows = node.cafka("consume", "t", "--from-beginning", "--exit-at-end", "--format", "%o\n").stdout.split()
            assert [int(row) for row in rows] == list(range(len(rows)))
            assert node.stop() == 0
            node.start()
            assert node.cafka("consume", "t", "--offset", "-1", "--exit-at-end").stdout == b"after\n"
        finally:
            node.kill()
