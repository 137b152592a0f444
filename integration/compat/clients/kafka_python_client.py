"""kafka-python: the protocol in Python."""
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from serve import as_record, headers_of, serve, to_bytes


def create(address, request):
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        admin.create_topics({request["topic"]: {"num_partitions": request["partitions"]}})
        return {"partitions": len(admin.describe_topics([request["topic"]])[0]["partitions"])}
    finally:
        admin.close()


def delete(address, request):
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        admin.delete_topics([request["topic"]])
        return {}
    finally:
        admin.close()


def produce(address, request):
    producer = KafkaProducer(bootstrap_servers=address, compression_type=None if request["codec"] == "none" else request["codec"],
                             enable_idempotence=request["idempotent"], acks="all", linger_ms=20)
    try:
        sent = [producer.send(request["topic"], partition=one["partition"], key=to_bytes(one["key"]), value=to_bytes(one["value"]),
                              headers=headers_of(one), timestamp_ms=one["timestamp"]) for one in request["records"]]
        producer.flush(timeout=60)
        told = [one.get(timeout=30) for one in sent]
        return {"offsets": [[one.partition, one.offset] for one in told]}
    finally:
        producer.close()


def consume(address, request):
    topic, wanted = request["topic"], request["from"]
    consumer = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="none")
    try:
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        end = consumer.end_offsets(partitions)
        if "time" in wanted:
            for one, found in consumer.offsets_for_times({one: wanted["time"] for one in partitions}).items():
                consumer.seek(one, end[one] if found is None else found.offset)
        elif "offset" in wanted:
            for one in partitions:
                consumer.seek(one, wanted["offset"])
        else:
            consumer.seek_to_beginning(*partitions)
        records, deadline = [], time.monotonic() + 60
        while any(consumer.position(one) < end[one] for one in partitions):
            if time.monotonic() > deadline:
                raise RuntimeError("not at the end after 60 s")
            for got in consumer.poll(timeout_ms=500).values():
                records += [as_record(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in got]
        return {"records": records}
    finally:
        consumer.close()


serve({"create": create, "delete": delete, "produce": produce, "consume": consume})
