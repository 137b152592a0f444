"""Produce requests with any producer id, epoch and sequence, such as no client library sends: Kafka's protocol, Produce version 7."""
import socket
import struct


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def batch(producer_id, epoch, sequence, records, timestamp, transactional=False):
    """One record batch; every record's value is "v"."""
    body = bytearray()
    for index in range(records):
        record = b"\0" + varint(0) + varint(index) + varint(-1) + varint(1) + b"v" + varint(0)
        body += varint(len(record)) + record
    tail = struct.pack(">hiqqqhii", 0x10 if transactional else 0, records - 1, timestamp, timestamp, producer_id, epoch, sequence, records) + body
    return struct.pack(">qiibI", 0, 9 + len(tail), -1, 2, crc32c(tail)) + tail


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("localhost", port), timeout=30)
        self.correlation = 0

    def close(self):
        self.socket.close()

    def receive(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            assert part, "the connection was closed"
            data += part
        return data

    def produce(self, topic, partition, records, transactional_id=None):
        """Answers (error code, base offset, log append time)."""
        self.correlation += 1
        name = topic.encode()
        body = struct.pack(">hhih", 0, 7, self.correlation, 1) + b"c"
        body += struct.pack(">h", -1) if transactional_id is None else struct.pack(">h", len(transactional_id)) + transactional_id.encode()
        body += struct.pack(">hii", -1, 10000, 1) + struct.pack(">h", len(name)) + name + struct.pack(">iii", 1, partition, len(records)) + records
        self.socket.sendall(struct.pack(">i", len(body)) + body)
        (size,) = struct.unpack(">i", self.receive(4))
        answer = self.receive(size)
        at = 4 + 4 + 2 + len(name) + 4
        _, code, base_offset, append_time = struct.unpack(">ihqq", answer[at:at + 22])
        return code, base_offset, append_time
