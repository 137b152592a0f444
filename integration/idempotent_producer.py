"""A producer that numbers its batches and sends each until it is acknowledged, in order, as Kafka's idempotent producers do."""
import raw_kafka

RETRIABLE = {3, 5, 6, 7, 19, 20}  # no leader known, too few replicas, timed out: as after a restart
STORAGE_ERROR = 56  # a log directory that failed or is full


class IdempotentProducer:
    """Sends to one partition of a topic; after a lost connection it sends again, on a new one, all that was not acknowledged."""

    def __init__(self, port, topic, producer_id, in_flight=1, partition=0, host="localhost", timeout=30, retriable=RETRIABLE):
        self.port, self.topic, self.producer_id, self.in_flight = port, topic, producer_id, in_flight
        self.partition, self.host, self.timeout, self.retriable = partition, host, timeout, retriable
        self.sequence = 0
        self.waiting = []  # [(values, batch)], oldest first
        self.stored = []  # (offset, value) of all that was acknowledged
        self.connection = None
        self.retries = 0

    def add(self, values):
        sent = raw_kafka.batch(values, self.producer_id, 0, self.sequence)
        self.sequence += len(values)
        self.waiting.append((values, sent))

    def note(self, base_offset, values):
        """The oldest that waited is acknowledged."""
        self.stored += [(base_offset + delta, value) for delta, value in enumerate(values)]

    def exchange(self):
        """Until all is acknowledged, or an OSError."""
        self.connection = self.connection or raw_kafka.Connection(self.port, host=self.host, timeout=self.timeout)
        in_flight = []
        while self.waiting:
            for _, sent in self.waiting[len(in_flight):self.in_flight]:
                body = raw_kafka.produce_body(self.topic, self.partition, sent)
                in_flight.append(self.connection.send(raw_kafka.PRODUCE, 9, body))
            appended = raw_kafka.read_produced(self.connection.answer(in_flight.pop(0)))
            if appended.code in self.retriable:
                raise ConnectionError(f"error {appended.code}: {appended.message}")  # those behind it fail too
            assert appended.code == 0, appended
            values, _ = self.waiting.pop(0)
            self.note(appended.base_offset, values)

    def finish(self, on_loss=lambda: None, attempts=200):
        for _ in range(attempts):
            try:
                return self.exchange()
            except OSError:
                self.retries += 1
                self.close()
                on_loss()
        raise AssertionError(f"{len(self.waiting)} batches are not acknowledged after {attempts} attempts")

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None
