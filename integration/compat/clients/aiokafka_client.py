"""aiokafka: the protocol on asyncio."""
import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from serve import as_record, drained, headers_of, poured, serve, to_bytes


def checked(response):
    """This admin client returns the errors of topics instead of raising them."""
    wrong = [error for error in (getattr(response, "topic_errors", None) or response.topic_error_codes) if error[1] != 0]
    if wrong:
        raise RuntimeError(str(wrong))


async def create(address, request):
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        checked(await admin.create_topics([NewTopic(request["topic"], request["partitions"], 1)]))
        return {"partitions": len((await admin.describe_topics([request["topic"]]))[0]["partitions"])}
    finally:
        await admin.close()


async def delete(address, request):
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        checked(await admin.delete_topics([request["topic"]]))
        return {}
    finally:
        await admin.close()


async def produce(address, request):
    producer = AIOKafkaProducer(bootstrap_servers=address, compression_type=None if request["codec"] == "none" else request["codec"],
                                enable_idempotence=request["idempotent"], acks="all", linger_ms=20)
    await producer.start()
    try:
        sent = [await producer.send(request["topic"], partition=one["partition"], key=to_bytes(one["key"]), value=to_bytes(one["value"]),
                                    headers=headers_of(one), timestamp_ms=one["timestamp"]) for one in request["records"]]
        await producer.flush()
        told = [await one for one in sent]
        return {"offsets": [[one.partition, one.offset] for one in told]}
    finally:
        await producer.stop()


async def consume(address, request):
    topic, wanted = request["topic"], request["from"]
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        consumer._client.add_topic(topic)
        await consumer._client._wait_on_metadata(topic)
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        end = await consumer.end_offsets(partitions)
        if "time" in wanted:
            for one, found in (await consumer.offsets_for_times({one: wanted["time"] for one in partitions})).items():
                consumer.seek(one, end[one] if found is None else found.offset)
        elif "offset" in wanted:
            for one in partitions:
                consumer.seek(one, wanted["offset"])
        else:
            await consumer.seek_to_beginning(*partitions)
        records, deadline = [], time.monotonic() + 60
        while any([await consumer.position(one) < end[one] for one in partitions]):
            if time.monotonic() > deadline:
                raise RuntimeError("not at the end after 60 s")
            for got in (await consumer.getmany(timeout_ms=500)).values():
                records += [as_record(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in got]
        return {"records": records}
    finally:
        await consumer.stop()


async def pour(address, request):
    producer = AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True, acks="all", linger_ms=5, request_timeout_ms=300000)
    await producer.start()
    acked = 0
    try:
        with open(request["to"], "w") as acks:
            for begin in range(0, request["count"], 5000):
                numbers = range(begin, min(begin + 5000, request["count"]))
                sent = []
                for number in numbers:
                    key, value = poured(request["name"], number)
                    sent.append(await producer.send(request["topic"], key=key, value=value))
                for number, one in zip(numbers, sent):
                    told = await one
                    print(told.partition, told.offset, number, file=acks)
                    acked += 1
        return {"acked": acked}
    finally:
        await producer.stop()


async def drain(address, request):
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    try:
        partitions = [TopicPartition(request["topic"], p) for p in range(request["partitions"])]
        consumer.assign(partitions)
        for one in partitions:
            consumer.seek(one, 0)
        left = request["count"]
        with open(request["to"], "wb") as out:
            while left > 0:
                for got in (await consumer.getmany(timeout_ms=1000)).values():
                    left -= len(got)
                    out.writelines(drained(r.partition, r.offset, r.value) for r in got)
        return {"consumed": request["count"] - left}
    finally:
        await consumer.stop()


def run(handler):
    return lambda address, request: asyncio.run(handler(address, request))


serve({"create": run(create), "delete": run(delete), "produce": run(produce), "consume": run(consume), "pour": run(pour), "drain": run(drain)})
