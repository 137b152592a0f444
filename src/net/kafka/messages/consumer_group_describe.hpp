// State and members of consumer groups of the new kind (KIP-848).
#pragma once
#include "base/codec/codec.hpp"

#include <limits>

namespace cafka::net::kafka {

struct consumer_group_describe_request {
  std::vector<std::string_view> group_ids;
  bool include_authorized_operations = false;
  static constexpr codec::message_info info{.name = "ConsumerGroupDescribeRequest", .api_key = 69, .valid = {0, 1}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("GroupIds", &consumer_group_describe_request::group_ids, codec::since(0));
    v.field("IncludeAuthorizedOperations", &consumer_group_describe_request::include_authorized_operations, codec::since(0));
  }
  bool operator==(const consumer_group_describe_request&) const = default;
};

struct consumer_group_describe_response {
  struct assigned_topic {
    uuid topic_id;
    std::string topic_name;
    std::vector<std::int32_t> partitions;
    static constexpr void describe(auto& v) {
      v.field("TopicId", &assigned_topic::topic_id, codec::since(0));
      v.field("TopicName", &assigned_topic::topic_name, codec::since(0));
      v.field("Partitions", &assigned_topic::partitions, codec::since(0));
    }
    bool operator==(const assigned_topic&) const = default;
  };

  struct assigned_topics {
    std::vector<assigned_topic> topic_partitions;
    static constexpr void describe(auto& v) { v.field("TopicPartitions", &assigned_topics::topic_partitions, codec::since(0)); }
    bool operator==(const assigned_topics&) const = default;
  };

  struct member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::optional<std::string> rack_id;
    std::int32_t member_epoch = 0;
    std::string client_id;
    std::string client_host;
    std::vector<std::string> subscribed_topic_names;
    std::optional<std::string> subscribed_topic_regex;
    assigned_topics assignment;
    assigned_topics target_assignment;
    std::int8_t member_type = -1;
    static constexpr void describe(auto& v) {
      v.field("MemberId", &member::member_id, codec::since(0));
      v.field("InstanceId", &member::instance_id, codec::since(0).or_null());
      v.field("RackId", &member::rack_id, codec::since(0).or_null());
      v.field("MemberEpoch", &member::member_epoch, codec::since(0));
      v.field("ClientId", &member::client_id, codec::since(0));
      v.field("ClientHost", &member::client_host, codec::since(0));
      v.field("SubscribedTopicNames", &member::subscribed_topic_names, codec::since(0));
      v.field("SubscribedTopicRegex", &member::subscribed_topic_regex, codec::since(0).or_null());
      v.field("Assignment", &member::assignment, codec::since(0));
      v.field("TargetAssignment", &member::target_assignment, codec::since(0));
      v.field("MemberType", &member::member_type, codec::since(1));
    }
    bool operator==(const member&) const = default;
  };

  struct group {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::int32_t group_epoch = 0;
    std::int32_t assignment_epoch = 0;
    std::string assignor_name;
    std::vector<member> members;
    std::int32_t authorized_operations = std::numeric_limits<std::int32_t>::min();
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &group::error_code, codec::since(0));
      v.field("ErrorMessage", &group::error_message, codec::since(0).or_null());
      v.field("GroupId", &group::group_id, codec::since(0));
      v.field("GroupState", &group::group_state, codec::since(0));
      v.field("GroupEpoch", &group::group_epoch, codec::since(0));
      v.field("AssignmentEpoch", &group::assignment_epoch, codec::since(0));
      v.field("AssignorName", &group::assignor_name, codec::since(0));
      v.field("Members", &group::members, codec::since(0));
      v.field("AuthorizedOperations", &group::authorized_operations, codec::since(0));
    }
    bool operator==(const group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<group> groups;
  static constexpr codec::message_info info{.name = "ConsumerGroupDescribeResponse", .api_key = 69, .valid = {0, 1}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &consumer_group_describe_response::throttle_time_ms, codec::since(0));
    v.field("Groups", &consumer_group_describe_response::groups, codec::since(0));
  }
  bool operator==(const consumer_group_describe_response&) const = default;
};

} // namespace cafka::net::kafka
