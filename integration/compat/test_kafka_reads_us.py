"""Kafka's own tool reads every file that a cleanly stopped node leaves, for every codec."""
import pathlib
import shutil

import pytest

import kafka_peer
from node import Node

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.fixture(scope="module")
def stopped_directory(tmp_path_factory):
    base = tmp_path_factory.mktemp("reads-us")
    node = Node(base, log_segment_bytes=1 << 20, log_index_interval_bytes=1024)
    node.start()
    try:
        for codec in CODECS:
            node.cafka("topic", "create", f"codec-{codec}", "--partitions", "2")
            lines = b"".join(f"열쇠{i % 97}:값 {i} {'x' * (i % 600)}\n".encode() for i in range(20000))
            node.cafka("produce", f"codec-{codec}", "--key-separator", ":", "--compression", codec, stdin=lines)
        node.cafka("topic", "create", "empty", "--partitions", "1")
    finally:
        assert node.stop() == 0
    return node.data


def partitions(directory):
    return sorted(p for p in pathlib.Path(directory).iterdir() if p.is_dir() and p.name.rsplit("-", 1)[-1].isdigit())


def copy_of(directory, tmp_path):
    copy = tmp_path / directory.name  # the tool writes indexes where it misses them
    shutil.copytree(directory, copy)
    return copy


def base_offsets(directory):
    return {int(log.stem) for log in directory.glob("*.log")}


@pytest.mark.parametrize("codec", CODECS)
def test_records_and_indexes(stopped_directory, tmp_path, codec):
    several_segments = 0
    for partition in (stopped_directory / f"codec-{codec}-{n}" for n in (0, 1)):
        copy = copy_of(partition, tmp_path)
        dumped = kafka_peer.dump(copy, "--deep-iteration")
        assert kafka_peer.complaints(dumped, base_offsets(copy)) == []
        assert f"compresscodec: {codec}" in dumped
        several_segments += len(base_offsets(copy)) > 1
    assert several_segments or codec != "none"


@pytest.mark.parametrize("codec", CODECS)
def test_index_sanity(stopped_directory, tmp_path, codec):
    for partition in (stopped_directory / f"codec-{codec}-{n}" for n in (0, 1)):
        copy = copy_of(partition, tmp_path)
        dumped = kafka_peer.dump(copy, "--index-sanity-check", suffixes=(".index", ".timeindex"))
        assert kafka_peer.complaints(dumped, base_offsets(copy)) == []
        assert "passed sanity check" in dumped


def test_metadata(stopped_directory, tmp_path):
    copy = copy_of(stopped_directory / "__cluster_metadata-0", tmp_path)
    dumped = kafka_peer.dump(copy, "--cluster-metadata-decoder", suffixes=(".log",))
    assert kafka_peer.complaints(dumped, base_offsets(copy)) == []
    for codec in CODECS:
        assert f'"name":"codec-{codec}"' in dumped
    for record in ("TOPIC_RECORD", "PARTITION_RECORD", "FEATURE_LEVEL_RECORD", "REGISTER_BROKER_RECORD"):
        assert record in dumped


def test_every_partition_is_readable(stopped_directory, tmp_path):
    for partition in partitions(stopped_directory):
        copy = copy_of(partition, tmp_path)
        assert kafka_peer.complaints(kafka_peer.dump(copy, "--deep-iteration"), base_offsets(copy)) == []
