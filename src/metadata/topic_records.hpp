// Kafka's metadata records about topics, partitions and configurations, field by field with their versions (KIP-631, 858, 966).
// What is written to __cluster_metadata and its snapshots: never change a field, only add versions as Kafka adds them.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::metadata {

struct topic_record {
  std::string name;
  uuid topic_id;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "TopicRecord", .api_key = 2, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Name", &topic_record::name, codec::since(0));
    v.field("TopicId", &topic_record::topic_id, codec::since(0));
  }
  bool operator==(const topic_record&) const = default;
};

struct partition_record {
  std::int32_t partition_id = -1;
  uuid topic_id;
  std::vector<std::int32_t> replicas;
  std::vector<std::int32_t> isr;
  std::vector<std::int32_t> removing_replicas;
  std::vector<std::int32_t> adding_replicas;
  std::int32_t leader = -1;
  std::int8_t leader_recovery_state = 0;
  std::int32_t leader_epoch = -1;
  std::int32_t partition_epoch = -1;
  std::vector<uuid> directories;
  std::optional<std::vector<std::int32_t>> eligible_leader_replicas;
  std::optional<std::vector<std::int32_t>> last_known_elr;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "PartitionRecord", .api_key = 3, .valid = {0, 2}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("PartitionId", &partition_record::partition_id, codec::since(0));
    v.field("TopicId", &partition_record::topic_id, codec::since(0));
    v.field("Replicas", &partition_record::replicas, codec::since(0));
    v.field("Isr", &partition_record::isr, codec::since(0));
    v.field("RemovingReplicas", &partition_record::removing_replicas, codec::since(0));
    v.field("AddingReplicas", &partition_record::adding_replicas, codec::since(0));
    v.field("Leader", &partition_record::leader, codec::since(0));
    v.field("LeaderRecoveryState", &partition_record::leader_recovery_state, codec::since(0).tag(0));
    v.field("LeaderEpoch", &partition_record::leader_epoch, codec::since(0));
    v.field("PartitionEpoch", &partition_record::partition_epoch, codec::since(0));
    v.field("Directories", &partition_record::directories, codec::since(1));
    v.field("EligibleLeaderReplicas", &partition_record::eligible_leader_replicas, codec::since(2).or_null().tag(1));
    v.field("LastKnownElr", &partition_record::last_known_elr, codec::since(2).or_null().tag(2));
  }
  bool operator==(const partition_record&) const = default;
};

struct partition_change_record {
  std::int32_t partition_id = -1;
  uuid topic_id;
  std::optional<std::vector<std::int32_t>> isr;
  std::int32_t leader = -2;
  std::optional<std::vector<std::int32_t>> replicas;
  std::optional<std::vector<std::int32_t>> removing_replicas;
  std::optional<std::vector<std::int32_t>> adding_replicas;
  std::int8_t leader_recovery_state = -1;
  std::optional<std::vector<uuid>> directories;
  std::optional<std::vector<std::int32_t>> eligible_leader_replicas;
  std::optional<std::vector<std::int32_t>> last_known_elr;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "PartitionChangeRecord", .api_key = 5, .valid = {0, 2}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("PartitionId", &partition_change_record::partition_id, codec::since(0));
    v.field("TopicId", &partition_change_record::topic_id, codec::since(0));
    v.field("Isr", &partition_change_record::isr, codec::since(0).or_null().tag(0));
    v.field("Leader", &partition_change_record::leader, codec::since(0).tag(1));
    v.field("Replicas", &partition_change_record::replicas, codec::since(0).or_null().tag(2));
    v.field("RemovingReplicas", &partition_change_record::removing_replicas, codec::since(0).or_null().tag(3));
    v.field("AddingReplicas", &partition_change_record::adding_replicas, codec::since(0).or_null().tag(4));
    v.field("LeaderRecoveryState", &partition_change_record::leader_recovery_state, codec::since(0).tag(5));
    v.field("Directories", &partition_change_record::directories, codec::since(1).or_null().tag(8));
    v.field("EligibleLeaderReplicas", &partition_change_record::eligible_leader_replicas, codec::since(2).or_null().tag(6));
    v.field("LastKnownElr", &partition_change_record::last_known_elr, codec::since(2).or_null().tag(7));
  }
  bool operator==(const partition_change_record&) const = default;
};

struct remove_topic_record {
  uuid topic_id;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "RemoveTopicRecord", .api_key = 9, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("TopicId", &remove_topic_record::topic_id, codec::since(0)); }
  bool operator==(const remove_topic_record&) const = default;
};

struct clear_elr_record {
  std::string topic_name;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "ClearElrRecord", .api_key = 28, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("TopicName", &clear_elr_record::topic_name, codec::since(0)); }
  bool operator==(const clear_elr_record&) const = default;
};

struct config_record {
  std::int8_t resource_type = 0;
  std::string resource_name;
  std::string name;
  std::optional<std::string> value = std::string{};
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "ConfigRecord", .api_key = 4, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("ResourceType", &config_record::resource_type, codec::since(0));
    v.field("ResourceName", &config_record::resource_name, codec::since(0));
    v.field("Name", &config_record::name, codec::since(0));
    v.field("Value", &config_record::value, codec::since(0).or_null());
  }
  bool operator==(const config_record&) const = default;
};

struct producer_ids_record {
  std::int32_t broker_id = 0;
  std::int64_t broker_epoch = -1;
  std::int64_t next_producer_id = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "ProducerIdsRecord", .api_key = 15, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("BrokerId", &producer_ids_record::broker_id, codec::since(0));
    v.field("BrokerEpoch", &producer_ids_record::broker_epoch, codec::since(0));
    v.field("NextProducerId", &producer_ids_record::next_producer_id, codec::since(0));
  }
  bool operator==(const producer_ids_record&) const = default;
};

struct feature_level_record {
  std::string name;
  std::int16_t feature_level = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "FeatureLevelRecord", .api_key = 12, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Name", &feature_level_record::name, codec::since(0));
    v.field("FeatureLevel", &feature_level_record::feature_level, codec::since(0));
  }
  bool operator==(const feature_level_record&) const = default;
};

struct no_op_record {
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "NoOpRecord", .api_key = 20, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto&) {}
  bool operator==(const no_op_record&) const = default;
};

struct begin_transaction_record {
  std::optional<std::string> name;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "BeginTransactionRecord", .api_key = 23, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("Name", &begin_transaction_record::name, codec::since(0).or_null().tag(0)); }
  bool operator==(const begin_transaction_record&) const = default;
};

struct end_transaction_record {
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "EndTransactionRecord", .api_key = 24, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto&) {}
  bool operator==(const end_transaction_record&) const = default;
};

struct abort_transaction_record {
  std::optional<std::string> reason;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "AbortTransactionRecord", .api_key = 25, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("Reason", &abort_transaction_record::reason, codec::since(0).or_null().tag(0)); }
  bool operator==(const abort_transaction_record&) const = default;
};

} // namespace cafka::metadata
