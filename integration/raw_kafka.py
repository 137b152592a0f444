"""Kafka's protocol by hand: requests, record batches and connections that say exactly what a test wants, right or wrong.

Produce version 9 or 13, InitProducerId 4, Fetch 12, Metadata 12 and others of the flexible versions. Every part of a batch can be made to lie; its CRC is
right unless it is told not to be.
"""
import collections
import socket
import struct
import time

PRODUCE, FETCH, METADATA, API_VERSIONS, INIT_PRODUCER_ID, INCREMENTAL_ALTER_CONFIGS = 0, 1, 3, 18, 22, 44
NO_TAGS = b"\0"

Appended = collections.namedtuple("Appended", "code base_offset append_time message")
Metadata = collections.namedtuple("Metadata", "code topic_id partitions placed")
Placed = collections.namedtuple("Placed", "code leader leader_epoch replicas isr")
Fetched = collections.namedtuple("Fetched", "code high_watermark records")
Read = collections.namedtuple("Read", "offset value leader_epoch")


# ---- fields ----

def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def varint(value):
    return uvarint((value << 1) ^ (value >> 63))


def compact(data):
    """A compact string or bytes; None is null."""
    if data is None:
        return uvarint(0)
    data = data.encode() if isinstance(data, str) else data
    return uvarint(len(data) + 1) + data


def array(items, count=None):
    """A compact array, which may lie about its count."""
    return uvarint((len(items) if count is None else count) + 1) + b"".join(items)


def tagged(fields):
    """{tag: bytes} as tagged fields."""
    return uvarint(len(fields)) + b"".join(uvarint(tag) + uvarint(len(data)) + data for tag, data in sorted(fields.items()))


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert len(self.data) - self.at >= count, "the response is cut short"
        self.at += count
        return self.data[self.at - count:self.at]

    def unpack(self, fields):
        return struct.unpack(">" + fields, self.take(struct.calcsize(">" + fields)))

    def uvarint(self):
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def compact(self):
        length = self.uvarint() - 1
        return None if length < 0 else self.take(length)

    def count(self):
        return max(0, self.uvarint() - 1)

    def varint(self):
        value = self.uvarint()
        return (value >> 1) ^ -(value & 1)

    def skip_tags(self):
        for _ in range(self.uvarint()):
            self.uvarint()
            self.take(self.uvarint())


# ---- record batches ----

def _crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


CRC_TABLE = tuple(_crc_table())


def crc32c(data):
    crc, table = 0xFFFFFFFF, CRC_TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def record(value=b"v", delta=0, *, key=None, key_length=None, value_length=None, length=None, headers=varint(0)):
    """One record of a batch: `headers` are the bytes from their count on, the lengths are what it says they are."""
    body = b"\0" + varint(0) + varint(delta)
    body += varint((-1 if key is None else len(key)) if key_length is None else key_length) + (key or b"")
    body += varint(len(value) if value_length is None else value_length) + value + headers
    return varint(len(body) if length is None else length) + body


def batch(records, producer_id=-1, epoch=-1, sequence=-1, timestamp=None, *, attributes=0, base_offset=0, length=None, magic=2, crc=None,
          last_delta=None, count=None):
    """`records`: bytes of a value each, or what `record` made, joined. With the latter say how many there are."""
    if isinstance(records, list):
        count = len(records) if count is None else count
        last_delta = len(records) - 1 if last_delta is None else last_delta
        records = b"".join(record(value, delta) for delta, value in enumerate(records))
    timestamp = int(time.time() * 1000) if timestamp is None else timestamp
    count = 1 if count is None else count
    last_delta = count - 1 if last_delta is None else last_delta
    tail = struct.pack(">hiqqqhii", attributes, last_delta, timestamp, timestamp, producer_id, epoch, sequence, count) + records
    return struct.pack(">qiibI", base_offset, 9 + len(tail) if length is None else length, -1, magic, crc32c(tail) if crc is None else crc) + tail


def records_of(data):
    """Every whole record, uncompressed, of what a fetch returned; headers are passed over."""
    reader, found = Reader(data), []
    while len(data) - reader.at >= 61:
        base_offset, length = reader.unpack("qi")
        if len(data) - reader.at < length:
            break  # cut at the size that was asked for
        end = reader.at + length
        leader_epoch, magic, _, attributes = reader.unpack("ibIh")
        assert magic == 2 and attributes & 7 == 0, f"a batch of magic {magic}, attributes {attributes}"
        reader.take(34)
        for _ in range(reader.unpack("i")[0]):
            length = reader.varint()
            next_record = reader.at + length
            reader.take(1), reader.varint()
            delta = reader.varint()
            key_length = reader.varint()
            reader.take(max(0, key_length))
            value_length = reader.varint()
            found.append(Read(base_offset + delta, None if value_length < 0 else reader.take(value_length), leader_epoch))
            reader.at = next_record
        assert reader.at == end, "a batch has another length than its records"
    return found


# ---- requests ----

def frame(body):
    return struct.pack(">i", len(body)) + body


def header(api, version, correlation=1, tags=NO_TAGS, client=b"raw"):
    """Version 2 of the header, which goes with the flexible versions of the APIs."""
    return struct.pack(">hhi", api, version, correlation) + struct.pack(">h", len(client)) + client + tags


def produce_body(topic, partition, records, acks=-1, transactional_id=None, tags=NO_TAGS):
    """`topic`: a name (version 9) or the 16 bytes of an id (version 13)."""
    part = struct.pack(">i", partition) + compact(records) + tags
    named = topic if isinstance(topic, bytes) else compact(topic)
    return compact(transactional_id) + struct.pack(">hi", acks, 30000) + array([named + array([part]) + tags]) + tags


def produce_version(topic):
    return 13 if isinstance(topic, bytes) else 9


def read_produced(answer, by_id=False):
    """The only partition of a produce response."""
    assert answer.count() == 1
    answer.take(16) if by_id else answer.compact()
    assert answer.count() == 1
    _, code, base_offset, append_time, _ = answer.unpack("ihqqq")
    for _ in range(answer.count()):
        answer.take(4), answer.compact(), answer.skip_tags()
    return Appended(code, base_offset, append_time, (answer.compact() or b"").decode())


def metadata_body(topics, tags=NO_TAGS, auto_create=False):
    """By name; None asks for all."""
    rows = None if topics is None else [bytes(16) + compact(name) + tags for name in topics]
    return (uvarint(0) if rows is None else array(rows)) + struct.pack(">??", auto_create, False) + tags


def fetch_body(topic=None, offset=0, max_bytes=1 << 20, session=(0, -1), max_wait=0, last_epoch=-1, partition=0, leader_epoch=-1):
    topics = [compact(topic) + array([struct.pack(">iiqiqi", partition, leader_epoch, offset, last_epoch, -1, max_bytes) + NO_TAGS]) + NO_TAGS] if topic else []
    return struct.pack(">iiiibii", -1, max_wait, 1, max_bytes, 0, *session) + array(topics) + array([]) + compact("") + NO_TAGS


def read_fetched(answer):
    """The only partition of a fetch response without a session."""
    _, code, _ = answer.unpack("ihi")
    if code or answer.count() == 0:
        return Fetched(code, -1, [])
    answer.compact()
    assert answer.count() == 1
    _, code, high_watermark, _, _ = answer.unpack("ihqqq")
    for _ in range(answer.count()):
        answer.unpack("qq"), answer.skip_tags()
    answer.unpack("i")
    return Fetched(code, high_watermark, records_of(answer.compact() or b""))


class Connection:
    def __init__(self, port, timeout=30, receive_buffer=None, host="localhost"):
        self.correlation = 0
        if receive_buffer:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.settimeout(timeout)
            self.socket.connect(("127.0.0.1", port))
        else:
            self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def receive(self, count):
        data = bytearray()
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the connection was closed")
            data += part
        return bytes(data)

    def send(self, api, version, body, **of_header):
        self.correlation += 1
        self.socket.sendall(frame(header(api, version, self.correlation, **of_header) + body))
        return self.correlation

    def answer(self, correlation, header_tags=True):
        (size,) = struct.unpack(">i", self.receive(4))
        answer = Reader(self.receive(size))
        assert answer.unpack("i") == (correlation,)
        if header_tags:
            answer.skip_tags()
        return answer

    def ask(self, api, version, body, **of_header):
        return self.answer(self.send(api, version, body, **of_header), header_tags=api != API_VERSIONS)

    def is_closed_by_peer(self):
        """Whether it ends, without a byte of an answer, before the time-out."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def produce(self, topic, partition, records, **of_body):
        answer = self.ask(PRODUCE, produce_version(topic), produce_body(topic, partition, records, **of_body))
        return read_produced(answer, isinstance(topic, bytes))

    def new_producer_id(self):
        answer = self.ask(INIT_PRODUCER_ID, 4, compact(None) + struct.pack(">iqh", 60000, -1, -1) + NO_TAGS)
        _, code, producer_id, epoch = answer.unpack("ihqh")
        assert (code, epoch) == (0, 0)
        return producer_id

    def metadata(self, topic, **of_body):
        """Of one topic."""
        answer = self.ask(METADATA, 12, metadata_body([topic], **of_body))
        answer.unpack("i")
        for _ in range(answer.count()):
            answer.unpack("i"), answer.compact(), answer.unpack("i"), answer.compact(), answer.skip_tags()
        answer.compact(), answer.unpack("i")
        assert answer.count() == 1
        (code,) = answer.unpack("h")
        answer.compact()
        topic_id = answer.take(16)
        answer.unpack("?")
        numbers = lambda: [answer.unpack("i")[0] for _ in range(answer.count())]
        placed = {}
        for _ in range(partitions := answer.count()):
            of_partition, partition, leader, leader_epoch = answer.unpack("hiii")
            placed[partition] = Placed(of_partition, leader, leader_epoch, numbers(), numbers())
            numbers(), answer.skip_tags()
        return Metadata(code, topic_id, partitions, placed)

    def read(self, *arguments, **options):
        """Of one partition, without a session."""
        return read_fetched(self.ask(FETCH, 12, fetch_body(*arguments, **options)))

    def fetch(self, *arguments, **options):
        """The error code of the response and the id of its session."""
        _, code, session = self.ask(FETCH, 12, fetch_body(*arguments, **options)).unpack("ihi")
        return code, session
