"""A small client of cafka's native protocol, written from docs/native-protocol.md. Standard library and Protobuf only.

    protoc --python_out=DIRECTORY -I proto native.proto        # makes native_pb2.py; put DIRECTORY on PYTHONPATH

    client = Client("127.0.0.1", 9092)
    client.create_topic("events", partitions=3)
    offset = client.produce("events", 0, [(b"key", "값".encode())])
    for record in client.fetch("events", 0, offset):
        print(record.offset, record.key, record.value)

One connection, one request at a time, uncompressed batches. Fails with ServerError, whose code is Kafka's.
"""
import collections
import socket
import struct
import time

import native_pb2 as native

Record = collections.namedtuple("Record", "offset timestamp key value")
PREFACE = b"\xcaFKA" + struct.pack(">I", 1)
BATCH = struct.Struct(">qiibIhiqqqhii")  # base offset … record count
LATEST, EARLIEST = -1, -2


class ServerError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.message} (error {error.code})")
        self.code = error.code


def checked(answer):
    if answer.HasField("error") and answer.error.code != 0:
        raise ServerError(answer.error)
    return answer


# ---- record batches ----

def crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


CRC_TABLE = tuple(crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(number):
    number, out = (number << 1) ^ (number >> 63), bytearray()  # zigzag
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return (number >> 1) ^ -(number & 1), at


def with_length(data):
    return varint(-1) if data is None else varint(len(data)) + data


def read_with_length(data, at):
    length, at = read_varint(data, at)
    return (None, at) if length < 0 else (data[at:at + length], at + length)


def encode_batch(records, timestamp):
    """`records`: (key, value) pairs of bytes or None."""
    body = b"".join(with_length(b"\0" + varint(0) + varint(delta) + with_length(key) + with_length(value) + varint(0))
                    for delta, (key, value) in enumerate(records))
    fields = (len(records) - 1, timestamp, timestamp, -1, -1, -1, len(records))
    tail = struct.pack(">hiqqqhii", 0, *fields) + body
    return struct.pack(">qiibI", 0, 9 + len(tail), -1, 2, crc32c(tail)) + tail


def decode_batches(data):
    """Yields the records of whole batches, one behind the other."""
    while data:
        base, length, _, magic, crc, attributes, _, base_time, max_time, _, _, _, count = BATCH.unpack_from(data)
        batch, data = data[:12 + length], data[12 + length:]
        if magic != 2 or crc32c(batch[21:]) != crc:
            raise ValueError(f"the batch at offset {base} is damaged")
        if attributes & 7:
            raise ValueError(f"the batch at offset {base} is compressed, which this example does not read")
        at = BATCH.size
        for _ in range(0 if attributes & 0x20 else count):  # control batches are not for the application
            _, at = read_varint(batch, at)  # length
            time_delta, at = read_varint(batch, at + 1)  # behind the attributes
            offset_delta, at = read_varint(batch, at)
            key, at = read_with_length(batch, at)
            value, at = read_with_length(batch, at)
            headers, at = read_varint(batch, at)
            for _ in range(2 * headers):
                _, at = read_with_length(batch, at)
            yield Record(base + offset_delta, max_time if attributes & 8 else base_time + time_delta, key, value)


# ---- the connection ----

class Client:
    def __init__(self, host, port, timeout=30):
        self._socket = socket.create_connection((host, port), timeout)
        self._correlation_id = 0
        self._topics = {}
        self._socket.sendall(PREFACE)
        self.node = self.request(hello=native.HelloRequest(min_version=1, max_version=1, client_software="cafka example"))[0]

    def close(self):
        self._socket.close()

    def request(self, payload=b"", expects_answer=True, **message):
        """Sends one request, given by the name of its field. Returns the response message and the payload."""
        self._correlation_id += 1
        header = native.RequestHeader(correlation_id=self._correlation_id, client_id="example", **message).SerializeToString()
        self._socket.sendall(struct.pack(">II", 4 + len(header) + len(payload), len(header)) + header + payload)
        if not expects_answer:
            return None, b""
        length, header_length = struct.unpack(">II", self._receive(8))
        answer = native.ResponseHeader.FromString(self._receive(header_length))
        payload = self._receive(length - 4 - header_length)
        assert answer.correlation_id == self._correlation_id  # only one request is ever under way here
        return getattr(checked(answer), answer.WhichOneof("response")), payload

    def _receive(self, count):
        data = bytearray()
        while len(data) < count:
            part = self._socket.recv(min(count - len(data), 1 << 20))
            if not part:
                raise ConnectionError("the server closed the connection")
            data += part
        return bytes(data)

    # ---- topics ----

    def create_topic(self, name, partitions=0, replication_factor=0, configs=None):
        values = [native.ConfigValue(name=key, value=value) for key, value in (configs or {}).items()]
        topic = native.NewTopic(name=name, partition_count=partitions, replication_factor=replication_factor, configs=values)
        return checked(self.request(create_topics=native.CreateTopicsRequest(topics=[topic]))[0].topics[0])

    def describe_topic(self, name):
        return checked(self.request(metadata=native.MetadataRequest(topics=[name]))[0].topics[0])

    def topic_id(self, name):
        if name not in self._topics:
            self._topics[name] = self.describe_topic(name).topic_id
        return self._topics[name]

    # ---- records ----

    def produce(self, topic, partition, records, acks=-1):
        """Returns the offset of the first record (None with acks=0)."""
        batch = encode_batch(records, int(time.time() * 1000))
        part = native.ProducePartition(topic_id=self.topic_id(topic), partition=partition, payload_bytes=len(batch), current_leader_epoch=-1)
        message = native.ProduceRequest(acks=acks, timeout_ms=30000, partitions=[part])
        answer, _ = self.request(batch, expects_answer=acks != 0, produce=message)
        return checked(answer.partitions[0]).base_offset if answer else None

    def fetch(self, topic, partition, offset, max_wait_ms=500, max_bytes=1 << 20):
        """One fetch: the records from `offset` on that came with it, perhaps none."""
        part = native.FetchPartition(topic_id=self.topic_id(topic), partition=partition, offset=offset, max_bytes=max_bytes, current_leader_epoch=-1)
        message = native.FetchRequest(max_wait_ms=max_wait_ms, min_bytes=1, max_bytes=max_bytes, partitions=[part])
        answer, payload = self.request(fetch=message)
        checked(answer.partitions[0])
        return [record for record in decode_batches(payload) if record.offset >= offset]

    def offset(self, topic, partition, timestamp=LATEST):
        part = native.ListOffsetsPartition(topic_id=self.topic_id(topic), partition=partition, timestamp=timestamp, current_leader_epoch=-1)
        return checked(self.request(list_offsets=native.ListOffsetsRequest(partitions=[part]))[0].partitions[0]).offset
