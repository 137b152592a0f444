// Keeps a group's positions.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct offset_commit_request {
  struct partition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string_view> committed_metadata = std::string_view{};
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("CommittedOffset", &partition::committed_offset, codec::since(0));
      v.field("CommittedLeaderEpoch", &partition::committed_leader_epoch, codec::since(6));
      v.field("CommittedMetadata", &partition::committed_metadata, codec::since(0).or_null());
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string_view name;
    uuid topic_id;
    std::vector<partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::in_versions(0, 9));
      v.field("TopicId", &topic::topic_id, codec::since(10));
      v.field("Partitions", &topic::partitions, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::string_view group_id;
  std::int32_t generation_id_or_member_epoch = -1;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  std::int64_t retention_time_ms = -1;
  std::vector<topic> topics;
  static constexpr codec::message_info info{.name = "OffsetCommitRequest", .api_key = 8, .valid = {2, 10}, .flexible = {8}};
  static constexpr void describe(auto& v) {
    v.field("GroupId", &offset_commit_request::group_id, codec::since(0));
    v.field("GenerationIdOrMemberEpoch", &offset_commit_request::generation_id_or_member_epoch, codec::since(1));
    v.field("MemberId", &offset_commit_request::member_id, codec::since(1));
    v.field("GroupInstanceId", &offset_commit_request::group_instance_id, codec::since(7).or_null());
    v.field("RetentionTimeMs", &offset_commit_request::retention_time_ms, codec::in_versions(2, 4));
    v.field("Topics", &offset_commit_request::topics, codec::since(0));
  }
  bool operator==(const offset_commit_request&) const = default;
};

struct offset_commit_response {
  struct partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("ErrorCode", &partition::error_code, codec::since(0));
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string name;
    uuid topic_id;
    std::vector<partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::in_versions(0, 9));
      v.field("TopicId", &topic::topic_id, codec::since(10));
      v.field("Partitions", &topic::partitions, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<topic> topics;
  static constexpr codec::message_info info{.name = "OffsetCommitResponse", .api_key = 8, .valid = {2, 10}, .flexible = {8}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &offset_commit_response::throttle_time_ms, codec::since(3));
    v.field("Topics", &offset_commit_response::topics, codec::since(0));
  }
  bool operator==(const offset_commit_response&) const = default;
};

} // namespace cafka::net::kafka
