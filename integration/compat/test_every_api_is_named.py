"""docs/kafka-compatibility.md names every API of Kafka's brokers, by Kafka's own list."""
import compatibility_page
import definitions


def test_no_api_is_forgotten():
    of_kafka = {message["apiKey"]: message["name"].removesuffix("Request") for message in definitions.read_definitions("kafka-clients", "common/message/").values()
                if message["type"] == "request" and "broker" in message.get("listeners", [])}
    named = dict(compatibility_page.SERVED)
    for apis in compatibility_page.NOT_YET.values():
        assert not named.keys() & apis.keys()
        named |= apis
    assert named == of_kafka
