// Which broker coordinates a group, a transactional id or a share group; from version 4 several at once.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct find_coordinator_request {
  std::string_view key;
  std::int8_t key_type = 0;
  std::vector<std::string_view> coordinator_keys;
  static constexpr codec::message_info info{.name = "FindCoordinatorRequest", .api_key = 10, .valid = {0, 6}, .flexible = {3}};
  static constexpr void describe(auto& v) {
    v.field("Key", &find_coordinator_request::key, codec::in_versions(0, 3));
    v.field("KeyType", &find_coordinator_request::key_type, codec::since(1));
    v.field("CoordinatorKeys", &find_coordinator_request::coordinator_keys, codec::since(4));
  }
  bool operator==(const find_coordinator_request&) const = default;
};

struct find_coordinator_response {
  struct coordinator {
    std::string key;
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = std::string{};
    static constexpr void describe(auto& v) {
      v.field("Key", &coordinator::key, codec::since(4));
      v.field("NodeId", &coordinator::node_id, codec::since(4));
      v.field("Host", &coordinator::host, codec::since(4));
      v.field("Port", &coordinator::port, codec::since(4));
      v.field("ErrorCode", &coordinator::error_code, codec::since(4));
      v.field("ErrorMessage", &coordinator::error_message, codec::since(4).or_null());
    }
    bool operator==(const coordinator&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = std::string{};
  std::int32_t node_id = 0;
  std::string host;
  std::int32_t port = 0;
  std::vector<coordinator> coordinators;
  static constexpr codec::message_info info{.name = "FindCoordinatorResponse", .api_key = 10, .valid = {0, 6}, .flexible = {3}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &find_coordinator_response::throttle_time_ms, codec::since(1));
    v.field("ErrorCode", &find_coordinator_response::error_code, codec::in_versions(0, 3));
    v.field("ErrorMessage", &find_coordinator_response::error_message, codec::in_versions(1, 3).or_null());
    v.field("NodeId", &find_coordinator_response::node_id, codec::in_versions(0, 3));
    v.field("Host", &find_coordinator_response::host, codec::in_versions(0, 3));
    v.field("Port", &find_coordinator_response::port, codec::in_versions(0, 3));
    v.field("Coordinators", &find_coordinator_response::coordinators, codec::since(4));
  }
  bool operator==(const find_coordinator_response&) const = default;
};

} // namespace cafka::net::kafka
