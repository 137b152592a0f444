// A group's kept positions; from version 8 those of several groups at once.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct offset_fetch_request {
  struct topic {
    std::string_view name;
    std::vector<std::int32_t> partition_indexes;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::in_versions(0, 7));
      v.field("PartitionIndexes", &topic::partition_indexes, codec::in_versions(0, 7));
    }
    bool operator==(const topic&) const = default;
  };

  struct group_topic {
    std::string_view name;
    uuid topic_id;
    std::vector<std::int32_t> partition_indexes;
    static constexpr void describe(auto& v) {
      v.field("Name", &group_topic::name, codec::in_versions(8, 9));
      v.field("TopicId", &group_topic::topic_id, codec::since(10));
      v.field("PartitionIndexes", &group_topic::partition_indexes, codec::since(8));
    }
    bool operator==(const group_topic&) const = default;
  };

  struct group {
    std::string_view group_id;
    std::optional<std::string_view> member_id;
    std::int32_t member_epoch = -1;
    std::optional<std::vector<group_topic>> topics = std::vector<group_topic>{};
    static constexpr void describe(auto& v) {
      v.field("GroupId", &group::group_id, codec::since(8));
      v.field("MemberId", &group::member_id, codec::since(9).or_null());
      v.field("MemberEpoch", &group::member_epoch, codec::since(9));
      v.field("Topics", &group::topics, codec::since(8).or_null());
    }
    bool operator==(const group&) const = default;
  };

  std::string_view group_id;
  std::optional<std::vector<topic>> topics = std::vector<topic>{};
  std::vector<group> groups;
  bool require_stable = false;
  static constexpr codec::message_info info{.name = "OffsetFetchRequest", .api_key = 9, .valid = {1, 10}, .flexible = {6}};
  static constexpr void describe(auto& v) {
    v.field("GroupId", &offset_fetch_request::group_id, codec::in_versions(0, 7));
    v.field("Topics", &offset_fetch_request::topics, codec::in_versions(0, 7).or_null({2, 7}));
    v.field("Groups", &offset_fetch_request::groups, codec::since(8));
    v.field("RequireStable", &offset_fetch_request::require_stable, codec::since(7));
  }
  bool operator==(const offset_fetch_request&) const = default;
};

struct offset_fetch_response {
  struct partition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata = std::string{};
    std::int16_t error_code = 0;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::in_versions(0, 7));
      v.field("CommittedOffset", &partition::committed_offset, codec::in_versions(0, 7));
      v.field("CommittedLeaderEpoch", &partition::committed_leader_epoch, codec::in_versions(5, 7));
      v.field("Metadata", &partition::metadata, codec::in_versions(0, 7).or_null());
      v.field("ErrorCode", &partition::error_code, codec::in_versions(0, 7));
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string name;
    std::vector<partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::in_versions(0, 7));
      v.field("Partitions", &topic::partitions, codec::in_versions(0, 7));
    }
    bool operator==(const topic&) const = default;
  };

  struct group_partition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata = std::string{};
    std::int16_t error_code = 0;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &group_partition::partition_index, codec::since(8));
      v.field("CommittedOffset", &group_partition::committed_offset, codec::since(8));
      v.field("CommittedLeaderEpoch", &group_partition::committed_leader_epoch, codec::since(8));
      v.field("Metadata", &group_partition::metadata, codec::since(8).or_null());
      v.field("ErrorCode", &group_partition::error_code, codec::since(8));
    }
    bool operator==(const group_partition&) const = default;
  };

  struct group_topic {
    std::string name;
    uuid topic_id;
    std::vector<group_partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Name", &group_topic::name, codec::in_versions(8, 9));
      v.field("TopicId", &group_topic::topic_id, codec::since(10));
      v.field("Partitions", &group_topic::partitions, codec::since(8));
    }
    bool operator==(const group_topic&) const = default;
  };

  struct group {
    std::string group_id;
    std::vector<group_topic> topics;
    std::int16_t error_code = 0;
    static constexpr void describe(auto& v) {
      v.field("GroupId", &group::group_id, codec::since(8));
      v.field("Topics", &group::topics, codec::since(8));
      v.field("ErrorCode", &group::error_code, codec::since(8));
    }
    bool operator==(const group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<topic> topics;
  std::int16_t error_code = 0;
  std::vector<group> groups;
  static constexpr codec::message_info info{.name = "OffsetFetchResponse", .api_key = 9, .valid = {1, 10}, .flexible = {6}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &offset_fetch_response::throttle_time_ms, codec::since(3));
    v.field("Topics", &offset_fetch_response::topics, codec::in_versions(0, 7));
    v.field("ErrorCode", &offset_fetch_response::error_code, codec::in_versions(2, 7));
    v.field("Groups", &offset_fetch_response::groups, codec::since(8));
  }
  bool operator==(const offset_fetch_response&) const = default;
};

} // namespace cafka::net::kafka
