// Topics with their partitions, in pages: a cursor says where the next begins (KIP-966).
#pragma once
#include "base/codec/codec.hpp"

#include <limits>

namespace cafka::net::kafka {

struct partition_cursor {
  std::string topic_name;
  std::int32_t partition_index = 0;
  static constexpr void describe(auto& v) {
    v.field("TopicName", &partition_cursor::topic_name, codec::since(0));
    v.field("PartitionIndex", &partition_cursor::partition_index, codec::since(0));
  }
  bool operator==(const partition_cursor&) const = default;
};

struct describe_topic_partitions_request {
  struct topic {
    std::string_view name;
    static constexpr void describe(auto& v) { v.field("Name", &topic::name, codec::since(0)); }
    bool operator==(const topic&) const = default;
  };

  std::vector<topic> topics;
  std::int32_t response_partition_limit = 2000;
  std::optional<partition_cursor> cursor;
  static constexpr codec::message_info info{.name = "DescribeTopicPartitionsRequest", .api_key = 75, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Topics", &describe_topic_partitions_request::topics, codec::since(0));
    v.field("ResponsePartitionLimit", &describe_topic_partitions_request::response_partition_limit, codec::since(0));
    v.field("Cursor", &describe_topic_partitions_request::cursor, codec::since(0).or_null());
  }
  bool operator==(const describe_topic_partitions_request&) const = default;
};

struct describe_topic_partitions_response {
  struct partition {
    std::int16_t error_code = 0;
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replica_nodes;
    std::vector<std::int32_t> isr_nodes;
    std::optional<std::vector<std::int32_t>> eligible_leader_replicas;
    std::optional<std::vector<std::int32_t>> last_known_elr;
    std::vector<std::int32_t> offline_replicas;
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &partition::error_code, codec::since(0));
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("LeaderId", &partition::leader_id, codec::since(0));
      v.field("LeaderEpoch", &partition::leader_epoch, codec::since(0));
      v.field("ReplicaNodes", &partition::replica_nodes, codec::since(0));
      v.field("IsrNodes", &partition::isr_nodes, codec::since(0));
      v.field("EligibleLeaderReplicas", &partition::eligible_leader_replicas, codec::since(0).or_null());
      v.field("LastKnownElr", &partition::last_known_elr, codec::since(0).or_null());
      v.field("OfflineReplicas", &partition::offline_replicas, codec::since(0));
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::int16_t error_code = 0;
    std::optional<std::string> name = std::string{};
    uuid topic_id;
    bool is_internal = false;
    std::vector<partition> partitions;
    std::int32_t topic_authorized_operations = std::numeric_limits<std::int32_t>::min();
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &topic::error_code, codec::since(0));
      v.field("Name", &topic::name, codec::since(0).or_null());
      v.field("TopicId", &topic::topic_id, codec::since(0));
      v.field("IsInternal", &topic::is_internal, codec::since(0));
      v.field("Partitions", &topic::partitions, codec::since(0));
      v.field("TopicAuthorizedOperations", &topic::topic_authorized_operations, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<topic> topics;
  std::optional<partition_cursor> next_cursor;
  static constexpr codec::message_info info{.name = "DescribeTopicPartitionsResponse", .api_key = 75, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &describe_topic_partitions_response::throttle_time_ms, codec::since(0));
    v.field("Topics", &describe_topic_partitions_response::topics, codec::since(0));
    v.field("NextCursor", &describe_topic_partitions_response::next_cursor, codec::since(0).or_null());
  }
  bool operator==(const describe_topic_partitions_response&) const = default;
};

} // namespace cafka::net::kafka
