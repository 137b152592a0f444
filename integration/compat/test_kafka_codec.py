"""Our codec of the Kafka protocol beside Kafka's own: what one writes the other reads, writes again byte for byte, and prints as the same JSON.

CAFKA_CODEC_MESSAGES: random messages of each version in each direction (20).
"""
import json
import os
import pathlib
import subprocess

import pytest

import kafka_peer
from definitions import normal, read_definitions
from node import CAFKA

COUNT = int(os.environ.get("CAFKA_CODEC_MESSAGES", "20"))
HERE = pathlib.Path(__file__).resolve().parent
# what we do not speak though Kafka's definition has it: versions still unstable there
LEFT_OUT = {"InitProducerIdRequest": 6, "InitProducerIdResponse": 6}


def program():
    found = list(pathlib.Path(CAFKA).resolve().parent.rglob("kafka_codec"))
    assert found, "kafka_codec is not built: scripts/build release kafka_codec"
    return str(found[0])


def run(command, stdin=None, stdout=subprocess.PIPE):
    done = subprocess.run(list(map(str, command)), stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, timeout=3600)
    assert done.returncode == 0, f"{command} exited {done.returncode}:\n{done.stderr.decode()[-4000:]}"
    return done.stdout


SCHEMAS = {schema["name"]: schema for schema in json.loads(run([program(), "schemas"]))}


def versions(schema):
    bounds = schema["validVersions"].split("-")
    return int(bounds[0]), int(bounds[-1])


@pytest.fixture(scope="session")
def theirs(tmp_path_factory):
    """The command that runs KafkaCodec."""
    classes = tmp_path_factory.mktemp("classes")
    run(["javac", "-d", classes, "-cp", f"{kafka_peer.jars()}/*", HERE / "KafkaCodec.java"])
    return ["java", "-Xmx256M", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{classes}:{kafka_peer.jars()}/*", "KafkaCodec"]


def differences(folder, write, read):
    """What `read` makes of the lines of "name version hex json" that `write` gives, where it differs: by message, the first few."""
    with open(folder / "written", "wb") as out:
        run(write, stdout=out)
    with open(folder / "written", "rb") as written, open(folder / "read", "wb") as out:
        run(read, written, out)
    found = {}
    with open(folder / "written", encoding="utf-8") as written, open(folder / "read", encoding="utf-8") as read_again:
        for line, other in zip(written, read_again, strict=True):
            name, version, hexed, text = line.split(" ", 3)
            wrong = found.setdefault(name, [])
            if line != other and len(wrong) < 3:
                other_name, other_version, other_hexed, other_text = other.split(" ", 3)
                is_same = (other_name, other_version, other_hexed) == (name, version, hexed) and json.loads(other_text) == json.loads(text)
                wrong += [] if is_same else [f"{line}{other}"]
    return found


@pytest.fixture(scope="session")
def kafka_to_us(theirs, tmp_path_factory):
    asked = [f"{name}:{versions(schema)[0]}:{versions(schema)[1]}" for name, schema in SCHEMAS.items()]
    return differences(tmp_path_factory.mktemp("kafka_to_us"), [*theirs, "generate", COUNT, 1, *asked], [program(), "reread"])


@pytest.fixture(scope="session")
def us_to_kafka(theirs, tmp_path_factory):
    return differences(tmp_path_factory.mktemp("us_to_kafka"), [program(), "generate", COUNT, 2], [*theirs, "reread"])


@pytest.mark.parametrize("name", SCHEMAS)
def test_we_read_what_kafka_writes(name, kafka_to_us):
    assert kafka_to_us[name] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_kafka_reads_what_we_write(name, us_to_kafka):
    assert us_to_kafka[name] == []


@pytest.fixture(scope="session")
def definitions():
    return read_definitions("kafka-clients", "common/message/")


@pytest.mark.parametrize("name", SCHEMAS)
def test_field_by_field(name, definitions):
    ours, kafka = SCHEMAS[name], definitions[name]
    structs = {struct["name"]: struct["fields"] for struct in kafka.get("commonStructs", [])}
    left_out = LEFT_OUT.get(name)
    fields = [field for field in kafka["fields"] if left_out is None or field["versions"] != f"{left_out}+"]
    assert ours["fields"] == normal(fields, structs)
    assert ours["apiKey"] == kafka.get("apiKey", -1)
    assert ours["flexibleVersions"] == kafka["flexibleVersions"]
    lowest, highest = versions(kafka)
    assert versions(ours) == (lowest, highest if left_out is None else left_out - 1)


def test_header_versions(theirs):
    """Which request and response headers go with which version."""
    flexible = {schema["apiKey"]: schema["flexibleVersions"] for schema in SCHEMAS.values()}
    for line in run([*theirs, "versions"]).decode().splitlines():
        key, _, *each = line.split()
        for version, request, response in (map(int, one.split(":")) for one in each):
            if int(key) in flexible:
                first = flexible[int(key)]
                is_flexible = first != "none" and version >= int(first.removesuffix("+"))
                assert request == 1 + is_flexible, line
                assert response == (is_flexible and int(key) != 18), line
