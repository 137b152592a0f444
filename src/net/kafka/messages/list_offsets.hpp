// Finds offsets by timestamp: -1 the end, -2 the start, -3 the largest timestamp, below that tiered storage's.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct list_offsets_request {
  struct partition {
    std::int32_t partition_index = 0;
    std::int32_t current_leader_epoch = -1;
    std::int64_t timestamp = 0;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("CurrentLeaderEpoch", &partition::current_leader_epoch, codec::since(4));
      v.field("Timestamp", &partition::timestamp, codec::since(0));
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string_view name;
    std::vector<partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::since(0));
      v.field("Partitions", &topic::partitions, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::int32_t replica_id = 0;
  std::int8_t isolation_level = 0;
  std::vector<topic> topics;
  std::int32_t timeout_ms = 0;
  static constexpr codec::message_info info{.name = "ListOffsetsRequest", .api_key = 2, .valid = {1, 11}, .flexible = {6}};
  static constexpr void describe(auto& v) {
    v.field("ReplicaId", &list_offsets_request::replica_id, codec::since(0));
    v.field("IsolationLevel", &list_offsets_request::isolation_level, codec::since(2));
    v.field("Topics", &list_offsets_request::topics, codec::since(0));
    v.field("TimeoutMs", &list_offsets_request::timeout_ms, codec::since(10));
  }
  bool operator==(const list_offsets_request&) const = default;
};

struct list_offsets_response {
  struct partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::int64_t timestamp = -1;
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("ErrorCode", &partition::error_code, codec::since(0));
      v.field("Timestamp", &partition::timestamp, codec::since(1));
      v.field("Offset", &partition::offset, codec::since(1));
      v.field("LeaderEpoch", &partition::leader_epoch, codec::since(4));
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string name;
    std::vector<partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::since(0));
      v.field("Partitions", &topic::partitions, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<topic> topics;
  static constexpr codec::message_info info{.name = "ListOffsetsResponse", .api_key = 2, .valid = {1, 11}, .flexible = {6}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &list_offsets_response::throttle_time_ms, codec::since(2));
    v.field("Topics", &list_offsets_response::topics, codec::since(0));
  }
  bool operator==(const list_offsets_response&) const = default;
};

} // namespace cafka::net::kafka
