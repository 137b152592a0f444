"""confluent-kafka: librdkafka from Python."""
import time

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from serve import as_record, drained, headers_of, poured, serve, to_bytes

TIMEOUT_S = 30


def create(address, request):
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(request["topic"], num_partitions=request["partitions"])])[request["topic"]].result(TIMEOUT_S)
    return {"partitions": len(admin.list_topics(request["topic"], timeout=TIMEOUT_S).topics[request["topic"]].partitions)}


def delete(address, request):
    admin = AdminClient({"bootstrap.servers": address})
    admin.delete_topics([request["topic"]])[request["topic"]].result(TIMEOUT_S)
    return {}


def produce(address, request):
    producer = Producer({"bootstrap.servers": address, "compression.type": request["codec"], "enable.idempotence": request["idempotent"],
                         "linger.ms": 20, "message.timeout.ms": 60000})
    offsets = [None] * len(request["records"])

    def delivered(number):
        def note(error, message):
            offsets[number] = [message.partition(), message.offset()] if error is None else str(error)
        return note

    for number, one in enumerate(request["records"]):
        where = {} if one["partition"] is None else {"partition": one["partition"]}
        producer.produce(request["topic"], key=to_bytes(one["key"]), value=to_bytes(one["value"]), headers=headers_of(one), timestamp=one["timestamp"],
                         on_delivery=delivered(number), **where)
    left = producer.flush(60)
    failed = [one for one in offsets if not isinstance(one, list)]
    if left or failed:
        raise RuntimeError(f"{left} left in the queue, {len(failed)} failed: {failed[:3]}")
    return {"offsets": offsets}


def consume(address, request):
    topic, wanted = request["topic"], request["from"]
    consumer = Consumer({"bootstrap.servers": address, "group.id": "nobody", "enable.auto.commit": False, "auto.offset.reset": "error"})
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions)
        begin, end = {}, {}
        for p in partitions:
            begin[p], end[p] = consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=TIMEOUT_S)
        if "time" in wanted:
            for found in consumer.offsets_for_times([TopicPartition(topic, p, wanted["time"]) for p in partitions], timeout=TIMEOUT_S):
                begin[found.partition] = end[found.partition] if found.offset == OFFSET_END else found.offset
        elif "offset" in wanted:
            begin = {p: wanted["offset"] for p in partitions}
        consumer.assign([TopicPartition(topic, p, begin[p]) for p in partitions])
        records, at, deadline = [], dict(begin), time.monotonic() + 60
        while any(at[p] < end[p] for p in partitions):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not at the end after 60 s: {at} of {end}")
            for message in consumer.consume(500, timeout=0.5):
                if message.error():
                    raise RuntimeError(str(message.error()))
                at[message.partition()] = message.offset() + 1
                records.append(as_record(message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(), message.headers()))
        return {"records": records}
    finally:
        consumer.close()


def pour(address, request):
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 300000})
    failed, acked = [], 0
    with open(request["to"], "w", buffering=1 if request.get("pause") else -1) as acks:
        def delivered(number):
            def note(error, message):
                nonlocal acked
                if error is None:
                    acked += 1
                    print(message.partition(), message.offset(), number, file=acks)
                else:
                    failed.append(str(error))
            return note

        for number in range(request["count"]):
            key, value = poured(request["name"], number)
            while True:
                try:
                    producer.produce(request["topic"], key=key, value=value, on_delivery=delivered(number))
                    break
                except BufferError:
                    producer.poll(1)
            producer.poll(request.get("pause", 0))
        producer.flush(300)
    if failed:
        raise RuntimeError(f"{len(failed)} failed: {failed[:3]}")
    return {"acked": acked}


def drain(address, request):
    consumer = Consumer({"bootstrap.servers": address, "group.id": "nobody", "enable.auto.commit": False, "auto.offset.reset": "error"})
    consumer.assign([TopicPartition(request["topic"], p, 0) for p in range(request["partitions"])])
    left = request["count"]
    with open(request["to"], "wb", buffering=0 if request.get("pause") else -1) as out:
        while left > 0:
            for message in consumer.consume(1000, timeout=1):
                if message.error() is None: # the node may be away for a while
                    left -= 1
                    out.write(drained(message.partition(), message.offset(), message.value()))
    consumer.close()
    return {"consumed": request["count"] - left}


serve({"create": create, "delete": delete, "produce": produce, "consume": consume, "pour": pour, "drain": drain})
