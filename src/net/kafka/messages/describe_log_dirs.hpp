// Sizes of the replicas in each log directory. Null topics asks for all.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct describe_log_dirs_request {
  struct log_dir_topic {
    std::string_view topic;
    std::vector<std::int32_t> partitions;
    static constexpr void describe(auto& v) {
      v.field("Topic", &log_dir_topic::topic, codec::since(0));
      v.field("Partitions", &log_dir_topic::partitions, codec::since(0));
    }
    bool operator==(const log_dir_topic&) const = default;
  };

  std::optional<std::vector<log_dir_topic>> topics = std::vector<log_dir_topic>{};
  static constexpr codec::message_info info{.name = "DescribeLogDirsRequest", .api_key = 35, .valid = {1, 5}, .flexible = {2}};
  static constexpr void describe(auto& v) { v.field("Topics", &describe_log_dirs_request::topics, codec::since(0).or_null()); }
  bool operator==(const describe_log_dirs_request&) const = default;
};

struct describe_log_dirs_response {
  struct partition {
    std::int32_t partition_index = 0;
    std::int64_t partition_size = 0;
    std::int64_t offset_lag = 0;
    bool is_future_key = false;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("PartitionSize", &partition::partition_size, codec::since(0));
      v.field("OffsetLag", &partition::offset_lag, codec::since(0));
      v.field("IsFutureKey", &partition::is_future_key, codec::since(0));
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

  struct result {
    std::int16_t error_code = 0;
    std::string log_dir;
    std::vector<topic> topics;
    std::int64_t total_bytes = -1;
    std::int64_t usable_bytes = -1;
    bool is_cordoned = false;
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &result::error_code, codec::since(0));
      v.field("LogDir", &result::log_dir, codec::since(0));
      v.field("Topics", &result::topics, codec::since(0));
      v.field("TotalBytes", &result::total_bytes, codec::since(4));
      v.field("UsableBytes", &result::usable_bytes, codec::since(4));
      v.field("IsCordoned", &result::is_cordoned, codec::since(5));
    }
    bool operator==(const result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<result> results;
  static constexpr codec::message_info info{.name = "DescribeLogDirsResponse", .api_key = 35, .valid = {1, 5}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &describe_log_dirs_response::throttle_time_ms, codec::since(0));
    v.field("ErrorCode", &describe_log_dirs_response::error_code, codec::since(3));
    v.field("Results", &describe_log_dirs_response::results, codec::since(0));
  }
  bool operator==(const describe_log_dirs_response&) const = default;
};

} // namespace cafka::net::kafka
