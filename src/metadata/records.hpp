// Every metadata record as one value, and its frame in the log: unsigned varint frame version (1), unsigned varint type (the API key),
// unsigned varint version, body. What this program does not know (type or version) is kept as bytes: never dropped, never an error.
// Source: KIP-631; Kafka 4.3's common/metadata definitions.
#pragma once
#include "base/error.hpp"
#include "metadata/node_records.hpp"
#include "metadata/security_records.hpp"
#include "metadata/topic_records.hpp"

#include <functional>
#include <span>
#include <variant>

namespace cafka::metadata {

struct unknown_record {
  std::uint32_t api_key = 0;
  std::uint32_t version = 0;
  byte_vector body;
  bool operator==(const unknown_record&) const = default;
};

using metadata_record = std::variant<register_broker_record, unregister_broker_record, topic_record, partition_record, config_record,
                                     partition_change_record, fence_broker_record, unfence_broker_record, remove_topic_record,
                                     feature_level_record, producer_ids_record, broker_registration_change_record, no_op_record,
                                     begin_transaction_record, end_transaction_record, abort_transaction_record, register_controller_record,
                                     clear_elr_record, zk_migration_state_record, access_control_entry_record,
                                     remove_access_control_entry_record, user_scram_credential_record, remove_user_scram_credential_record,
                                     delegation_token_record, remove_delegation_token_record, client_quota_record, unknown_record>;

// The version that is written: the lowest that holds all that is set, and at least what Kafka 3.7 and later write (directory ids).
std::int16_t version_to_write(const metadata_record& record);

// Appends the framed record, the value of one record of a batch.
void encode_record(const metadata_record& record, byte_vector& out);
// The same in a version of the caller's choice (of those the type has).
void encode_record(const metadata_record& record, std::int16_t version, byte_vector& out);

struct framed_record {
  metadata_record record;
  std::int16_t version = 0;
};
// bad_format if the frame is broken, or the body of a known type and version is.
result<framed_record> decode_record(byte_span value);

// "TopicRecord", "PartitionRecord"; of an unknown one "record type 77".
std::string type_name(const metadata_record& record);
// As Kafka's dumper prints the payload: {"type":"TOPIC_RECORD","version":0,"data":{…}}.
std::string to_json(const metadata_record& record, std::int16_t version);
// Schemas of all known types, as one JSON array.
std::string record_schemas_json();

// Builds one batch with null keys. `records` is not empty.
result<byte_vector> build_record_batch(std::span<const metadata_record> records, std::int64_t base_offset, std::int32_t leader_epoch,
                                       std::int64_t timestamp_ms);
// Calls `visit` for each record of one whole batch in order. A control batch has none. Does not check the CRC.
result<void> for_each_metadata_record(byte_span batch, const std::function<void(std::int64_t offset, framed_record record)>& visit);

} // namespace cafka::metadata
