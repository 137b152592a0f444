// All a member of a consumer group of the new kind (KIP-848) says: joins, lives, acknowledges its assignment, leaves.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct consumer_group_heartbeat_request {
  struct owned_topic {
    uuid topic_id;
    std::vector<std::int32_t> partitions;
    static constexpr void describe(auto& v) {
      v.field("TopicId", &owned_topic::topic_id, codec::since(0));
      v.field("Partitions", &owned_topic::partitions, codec::since(0));
    }
    bool operator==(const owned_topic&) const = default;
  };

  std::string_view group_id;
  std::string_view member_id;
  std::int32_t member_epoch = 0;
  std::optional<std::string_view> instance_id;
  std::optional<std::string_view> rack_id;
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<std::vector<std::string_view>> subscribed_topic_names;
  std::optional<std::string_view> subscribed_topic_regex;
  std::optional<std::string_view> server_assignor;
  std::optional<std::vector<owned_topic>> topic_partitions;
  static constexpr codec::message_info info{.name = "ConsumerGroupHeartbeatRequest", .api_key = 68, .valid = {0, 1}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("GroupId", &consumer_group_heartbeat_request::group_id, codec::since(0));
    v.field("MemberId", &consumer_group_heartbeat_request::member_id, codec::since(0));
    v.field("MemberEpoch", &consumer_group_heartbeat_request::member_epoch, codec::since(0));
    v.field("InstanceId", &consumer_group_heartbeat_request::instance_id, codec::since(0).or_null());
    v.field("RackId", &consumer_group_heartbeat_request::rack_id, codec::since(0).or_null());
    v.field("RebalanceTimeoutMs", &consumer_group_heartbeat_request::rebalance_timeout_ms, codec::since(0));
    v.field("SubscribedTopicNames", &consumer_group_heartbeat_request::subscribed_topic_names, codec::since(0).or_null());
    v.field("SubscribedTopicRegex", &consumer_group_heartbeat_request::subscribed_topic_regex, codec::since(1).or_null());
    v.field("ServerAssignor", &consumer_group_heartbeat_request::server_assignor, codec::since(0).or_null());
    v.field("TopicPartitions", &consumer_group_heartbeat_request::topic_partitions, codec::since(0).or_null());
  }
  bool operator==(const consumer_group_heartbeat_request&) const = default;
};

struct consumer_group_heartbeat_response {
  struct assigned_topic {
    uuid topic_id;
    std::vector<std::int32_t> partitions;
    static constexpr void describe(auto& v) {
      v.field("TopicId", &assigned_topic::topic_id, codec::since(0));
      v.field("Partitions", &assigned_topic::partitions, codec::since(0));
    }
    bool operator==(const assigned_topic&) const = default;
  };

  struct assigned_topics {
    std::vector<assigned_topic> topic_partitions;
    static constexpr void describe(auto& v) { v.field("TopicPartitions", &assigned_topics::topic_partitions, codec::since(0)); }
    bool operator==(const assigned_topics&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::optional<std::string> member_id;
  std::int32_t member_epoch = 0;
  std::int32_t heartbeat_interval_ms = 0;
  std::optional<assigned_topics> assignment;
  static constexpr codec::message_info info{.name = "ConsumerGroupHeartbeatResponse", .api_key = 68, .valid = {0, 1}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &consumer_group_heartbeat_response::throttle_time_ms, codec::since(0));
    v.field("ErrorCode", &consumer_group_heartbeat_response::error_code, codec::since(0));
    v.field("ErrorMessage", &consumer_group_heartbeat_response::error_message, codec::since(0).or_null());
    v.field("MemberId", &consumer_group_heartbeat_response::member_id, codec::since(0).or_null());
    v.field("MemberEpoch", &consumer_group_heartbeat_response::member_epoch, codec::since(0));
    v.field("HeartbeatIntervalMs", &consumer_group_heartbeat_response::heartbeat_interval_ms, codec::since(0));
    v.field("Assignment", &consumer_group_heartbeat_response::assignment, codec::since(0).or_null());
  }
  bool operator==(const consumer_group_heartbeat_response&) const = default;
};

} // namespace cafka::net::kafka
