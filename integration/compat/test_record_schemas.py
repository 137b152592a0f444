"""Our descriptions of the metadata and control records against the definitions in Kafka's jars, field by field."""
import json
import pathlib
import subprocess

import pytest

from definitions import normal, read_definitions
from node import CAFKA

FOLDERS = {"kafka-metadata": "common/metadata/", "kafka-clients": "common/message/"}
CONTROL = {"LeaderChangeMessage", "SnapshotHeaderRecord", "SnapshotFooterRecord", "KRaftVersionRecord", "VotersRecord"}


def definitions():
    return {name: message for jar, folder in FOLDERS.items() for name, message in read_definitions(jar, folder).items()
            if message["type"] == "metadata" or name in CONTROL}


@pytest.fixture(scope="module")
def ours():
    programs = list(pathlib.Path(CAFKA).resolve().parent.rglob("record_schemas"))
    assert programs, "record_schemas is not built: scripts/build release record_schemas"
    return {schema["name"]: schema for schema in json.loads(subprocess.check_output([programs[0]]))}


def test_every_record_is_described(ours):
    assert set(ours) == set(definitions())


@pytest.mark.parametrize("name", sorted(CONTROL) + ["the metadata records"])
def test_field_by_field(ours, name):
    for kafka_name, kafka in definitions().items():
        if (kafka_name == name) if name in CONTROL else (kafka["type"] == "metadata"):
            own = ours[kafka_name]
            structs = {struct["name"]: struct["fields"] for struct in kafka.get("commonStructs", [])}
            assert own["fields"] == normal(kafka["fields"], structs), kafka_name
            assert own["apiKey"] == kafka.get("apiKey", -1)
            assert own["validVersions"] == kafka["validVersions"]
            assert own["flexibleVersions"] == kafka["flexibleVersions"]
