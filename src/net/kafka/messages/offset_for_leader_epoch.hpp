// Where an epoch ended in a leader's log, by which consumers and followers notice that theirs was truncated.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct offset_for_leader_epoch_request {
  struct offset_for_leader_partition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;
    std::int32_t leader_epoch = 0;
    static constexpr void describe(auto& v) {
      v.field("Partition", &offset_for_leader_partition::partition, codec::since(0));
      v.field("CurrentLeaderEpoch", &offset_for_leader_partition::current_leader_epoch, codec::since(2));
      v.field("LeaderEpoch", &offset_for_leader_partition::leader_epoch, codec::since(0));
    }
    bool operator==(const offset_for_leader_partition&) const = default;
  };

  struct offset_for_leader_topic {
    std::string_view topic;
    std::vector<offset_for_leader_partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Topic", &offset_for_leader_topic::topic, codec::since(0));
      v.field("Partitions", &offset_for_leader_topic::partitions, codec::since(0));
    }
    bool operator==(const offset_for_leader_topic&) const = default;
  };

  std::int32_t replica_id = -2;
  std::vector<offset_for_leader_topic> topics;
  static constexpr codec::message_info info{.name = "OffsetForLeaderEpochRequest", .api_key = 23, .valid = {2, 4}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("ReplicaId", &offset_for_leader_epoch_request::replica_id, codec::since(3));
    v.field("Topics", &offset_for_leader_epoch_request::topics, codec::since(0));
  }
  bool operator==(const offset_for_leader_epoch_request&) const = default;
};

struct offset_for_leader_epoch_response {
  struct epoch_end_offset {
    std::int16_t error_code = 0;
    std::int32_t partition = 0;
    std::int32_t leader_epoch = -1;
    std::int64_t end_offset = -1;
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &epoch_end_offset::error_code, codec::since(0));
      v.field("Partition", &epoch_end_offset::partition, codec::since(0));
      v.field("LeaderEpoch", &epoch_end_offset::leader_epoch, codec::since(1));
      v.field("EndOffset", &epoch_end_offset::end_offset, codec::since(0));
    }
    bool operator==(const epoch_end_offset&) const = default;
  };

  struct offset_for_leader_topic_result {
    std::string topic;
    std::vector<epoch_end_offset> partitions;
    static constexpr void describe(auto& v) {
      v.field("Topic", &offset_for_leader_topic_result::topic, codec::since(0));
      v.field("Partitions", &offset_for_leader_topic_result::partitions, codec::since(0));
    }
    bool operator==(const offset_for_leader_topic_result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<offset_for_leader_topic_result> topics;
  static constexpr codec::message_info info{.name = "OffsetForLeaderEpochResponse", .api_key = 23, .valid = {2, 4}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &offset_for_leader_epoch_response::throttle_time_ms, codec::since(2));
    v.field("Topics", &offset_for_leader_epoch_response::topics, codec::since(0));
  }
  bool operator==(const offset_for_leader_epoch_response&) const = default;
};

} // namespace cafka::net::kafka
