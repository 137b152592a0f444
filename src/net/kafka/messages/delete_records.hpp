// Moves partitions' log start forward; offset -1 means up to the high watermark.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct delete_records_request {
  struct partition {
    std::int32_t partition_index = 0;
    std::int64_t offset = 0;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("Offset", &partition::offset, codec::since(0));
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

  std::vector<topic> topics;
  std::int32_t timeout_ms = 0;
  static constexpr codec::message_info info{.name = "DeleteRecordsRequest", .api_key = 21, .valid = {0, 2}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("Topics", &delete_records_request::topics, codec::since(0));
    v.field("TimeoutMs", &delete_records_request::timeout_ms, codec::since(0));
  }
  bool operator==(const delete_records_request&) const = default;
};

struct delete_records_response {
  struct partition {
    std::int32_t partition_index = 0;
    std::int64_t low_watermark = 0;
    std::int16_t error_code = 0;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("LowWatermark", &partition::low_watermark, codec::since(0));
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

  std::int32_t throttle_time_ms = 0;
  std::vector<topic> topics;
  static constexpr codec::message_info info{.name = "DeleteRecordsResponse", .api_key = 21, .valid = {0, 2}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &delete_records_response::throttle_time_ms, codec::since(0));
    v.field("Topics", &delete_records_response::topics, codec::since(0));
  }
  bool operator==(const delete_records_response&) const = default;
};

} // namespace cafka::net::kafka
