#!/usr/bin/python3
"""docs/kafka-compatibility.md: its table of APIs, from what a node answers to ApiVersions. Rewrites that part of the page; --check says only whether
it is as it should be."""
import re
import sys
import tempfile

import raw_kafka
from node import ROOT, Node

PAGE = ROOT / "docs" / "kafka-compatibility.md"
BEGIN, END = "<!-- APIs: written by integration/compatibility_page.py -->", "<!-- end of APIs -->"

# What the versions alone do not tell.
NOTES = {
    "Produce": "0–2 are advertised, since librdkafka takes them for features, and refused, as by Kafka 4",
    "Fetch": "with fetch sessions (KIP-227); for consumers only",
    "ListOffsets": "timestamps −1 to −6; nothing is tiered",
    "Metadata": "by name, by id, all; creates missing topics under `auto.create.topics.enable`",
    "FindCoordinator": "**partly**: groups get COORDINATOR_NOT_AVAILABLE, anything else UNSUPPORTED_VERSION",
    "CreateTopics": "counts or a manual assignment, configs, validate-only; the answer tells the configs",
    "DeleteTopics": "by name, by id; refused under `delete.topic.enable=false` (73)",
    "DeleteRecords": "not of internal topics (17) nor of topics that are only compacted (44)",
    "InitProducerId": "for idempotent producers; a transactional id is refused (35); version 6 is Kafka's unstable one",
    "OffsetForLeaderEpoch": "for consumers only",
    "DescribeConfigs": "topics, brokers, the default of all brokers; with synonyms and documentation; no named loggers",
    "AlterConfigs": "replaces all that is set",
    "DescribeLogDirs": "sizes of replicas, room on the volume; an offline directory is error 56",
    "ElectLeaders": "preferred and unclean",
    "DescribeQuorum": "any node answers, by asking the leader; observers that fetched within five minutes",
    "IncrementalAlterConfigs": "set, delete, append, subtract",
    "ListConfigResources": "topics, brokers and brokers as loggers",
    "DescribeTopicPartitions": "at most 2,000 partitions a page",
}

# Every other request that Kafka 4.3's brokers take, by what it waits for; integration/compat compares the list with Kafka's own.
NOT_YET = {
    "consumer groups": {8: "OffsetCommit", 9: "OffsetFetch", 11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup", 15: "DescribeGroups",
                        16: "ListGroups", 42: "DeleteGroups", 47: "OffsetDelete", 68: "ConsumerGroupHeartbeat", 69: "ConsumerGroupDescribe"},
    "the cluster": {34: "AlterReplicaLogDirs", 45: "AlterPartitionReassignments", 46: "ListPartitionReassignments",
                    57: "UpdateFeatures", 64: "UnregisterBroker", 80: "AddRaftVoter", 81: "RemoveRaftVoter"},
    "transactions": {24: "AddPartitionsToTxn", 25: "AddOffsetsToTxn", 26: "EndTxn", 27: "WriteTxnMarkers", 28: "TxnOffsetCommit", 61: "DescribeProducers",
                     65: "DescribeTransactions", 66: "ListTransactions"},
    "authentication, authorisation and quotas": {17: "SaslHandshake", 29: "DescribeAcls", 30: "CreateAcls", 31: "DeleteAcls", 36: "SaslAuthenticate",
                                                 38: "CreateDelegationToken", 39: "RenewDelegationToken", 40: "ExpireDelegationToken",
                                                 41: "DescribeDelegationToken", 48: "DescribeClientQuotas", 49: "AlterClientQuotas",
                                                 50: "DescribeUserScramCredentials", 51: "AlterUserScramCredentials"},
    "client metrics": {71: "GetTelemetrySubscriptions", 72: "PushTelemetry"},
    "share groups": {76: "ShareGroupHeartbeat", 77: "ShareGroupDescribe", 78: "ShareFetch", 79: "ShareAcknowledge", 83: "InitializeShareGroupState",
                     84: "ReadShareGroupState", 85: "WriteShareGroupState", 86: "DeleteShareGroupState", 87: "ReadShareGroupStateSummary",
                     90: "DescribeShareGroupOffsets", 91: "AlterShareGroupOffsets", 92: "DeleteShareGroupOffsets"},
    "streams groups": {88: "StreamsGroupHeartbeat", 89: "StreamsGroupDescribe"},
}

SERVED = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 10: "FindCoordinator", 18: "ApiVersions", 19: "CreateTopics", 20: "DeleteTopics",
          21: "DeleteRecords", 22: "InitProducerId", 23: "OffsetForLeaderEpoch", 32: "DescribeConfigs", 33: "AlterConfigs", 35: "DescribeLogDirs",
          37: "CreatePartitions", 43: "ElectLeaders", 44: "IncrementalAlterConfigs", 55: "DescribeQuorum", 60: "DescribeCluster", 74: "ListConfigResources", 75: "DescribeTopicPartitions"}


def advertised(port):
    """{key: (lowest, highest version)}"""
    with raw_kafka.Connection(port) as connection:
        answer = connection.ask(raw_kafka.API_VERSIONS, 0, b"", tags=b"")
    code, count = answer.unpack("hi")
    assert code == 0
    return {key: (lowest, highest) for key, lowest, highest in (answer.unpack("hhh") for _ in range(count))}


def api_table(versions):
    assert versions.keys() == SERVED.keys(), "SERVED does not name what the node serves"
    assert not versions.keys() & {key for each in NOT_YET.values() for key in each}, "NOT_YET names what the node serves"
    lines = ["| key | API | versions | |", "| --- | --- | --- | --- |"]
    for key, (lowest, highest) in sorted(versions.items()):
        lines.append(f"| {key} | {SERVED[key]} | {lowest}" + (f"–{highest}" if highest > lowest else "") + f" | {NOTES.get(SERVED[key], 'works')} |")
    lines += ["", "Not yet, and not advertised:", "", "| what is missing | APIs |", "| --- | --- |"]
    lines += [f"| {what} | {', '.join(f'{name} ({key})' for key, name in sorted(apis.items()))} |" for what, apis in NOT_YET.items()]
    return "\n".join(lines)


def page_with(table):
    before, rest = PAGE.read_text().split(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}"


def tests_named_on_the_page():
    """(file, test) of every `file.py::test`."""
    return re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE.read_text())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as base:
        node = Node(base).start()
        try:
            wanted = page_with(api_table(advertised(node.port)))
        finally:
            node.kill()
    if "--check" in sys.argv[1:]:
        sys.exit(None if wanted == PAGE.read_text() else f"{PAGE.relative_to(ROOT)} is not what the node serves: run integration/compatibility_page.py")
    PAGE.write_text(wanted)
