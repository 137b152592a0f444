// Deletes a group's kept positions of partitions that it does not consume. Never flexible.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct offset_delete_request {
  struct partition {
    std::int32_t partition_index = 0;
    static constexpr void describe(auto& v) { v.field("PartitionIndex", &partition::partition_index, codec::since(0)); }
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

  std::string_view group_id;
  std::vector<topic> topics;
  static constexpr codec::message_info info{.name = "OffsetDeleteRequest", .api_key = 47, .valid = {0, 0}};
  static constexpr void describe(auto& v) {
    v.field("GroupId", &offset_delete_request::group_id, codec::since(0));
    v.field("Topics", &offset_delete_request::topics, codec::since(0));
  }
  bool operator==(const offset_delete_request&) const = default;
};

struct offset_delete_response {
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
    std::vector<partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::since(0));
      v.field("Partitions", &topic::partitions, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::int16_t error_code = 0;
  std::int32_t throttle_time_ms = 0;
  std::vector<topic> topics;
  static constexpr codec::message_info info{.name = "OffsetDeleteResponse", .api_key = 47, .valid = {0, 0}};
  static constexpr void describe(auto& v) {
    v.field("ErrorCode", &offset_delete_response::error_code, codec::since(0));
    v.field("ThrottleTimeMs", &offset_delete_response::throttle_time_ms, codec::since(0));
    v.field("Topics", &offset_delete_response::topics, codec::since(0));
  }
  bool operator==(const offset_delete_response&) const = default;
};

} // namespace cafka::net::kafka
