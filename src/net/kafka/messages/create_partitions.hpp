// Adds partitions to topics.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct create_partitions_request {
  struct assignment {
    std::vector<std::int32_t> broker_ids;
    static constexpr void describe(auto& v) { v.field("BrokerIds", &assignment::broker_ids, codec::since(0)); }
    bool operator==(const assignment&) const = default;
  };

  struct topic {
    std::string_view name;
    std::int32_t count = 0;
    std::optional<std::vector<assignment>> assignments = std::vector<assignment>{};
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::since(0));
      v.field("Count", &topic::count, codec::since(0));
      v.field("Assignments", &topic::assignments, codec::since(0).or_null());
    }
    bool operator==(const topic&) const = default;
  };

  std::vector<topic> topics;
  std::int32_t timeout_ms = 0;
  bool validate_only = false;
  static constexpr codec::message_info info{.name = "CreatePartitionsRequest", .api_key = 37, .valid = {0, 3}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("Topics", &create_partitions_request::topics, codec::since(0));
    v.field("TimeoutMs", &create_partitions_request::timeout_ms, codec::since(0));
    v.field("ValidateOnly", &create_partitions_request::validate_only, codec::since(0));
  }
  bool operator==(const create_partitions_request&) const = default;
};

struct create_partitions_response {
  struct result {
    std::string name;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static constexpr void describe(auto& v) {
      v.field("Name", &result::name, codec::since(0));
      v.field("ErrorCode", &result::error_code, codec::since(0));
      v.field("ErrorMessage", &result::error_message, codec::since(0).or_null());
    }
    bool operator==(const result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<result> results;
  static constexpr codec::message_info info{.name = "CreatePartitionsResponse", .api_key = 37, .valid = {0, 3}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &create_partitions_response::throttle_time_ms, codec::since(0));
    v.field("Results", &create_partitions_response::results, codec::since(0));
  }
  bool operator==(const create_partitions_response&) const = default;
};

} // namespace cafka::net::kafka
