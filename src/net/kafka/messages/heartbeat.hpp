// A classic group's member says that it lives, and learns of rebalances.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct heartbeat_request {
  std::string_view group_id;
  std::int32_t generation_id = 0;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  static constexpr codec::message_info info{.name = "HeartbeatRequest", .api_key = 12, .valid = {0, 4}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("GroupId", &heartbeat_request::group_id, codec::since(0));
    v.field("GenerationId", &heartbeat_request::generation_id, codec::since(0));
    v.field("MemberId", &heartbeat_request::member_id, codec::since(0));
    v.field("GroupInstanceId", &heartbeat_request::group_instance_id, codec::since(3).or_null());
  }
  bool operator==(const heartbeat_request&) const = default;
};

struct heartbeat_response {
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  static constexpr codec::message_info info{.name = "HeartbeatResponse", .api_key = 12, .valid = {0, 4}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &heartbeat_response::throttle_time_ms, codec::since(1));
    v.field("ErrorCode", &heartbeat_response::error_code, codec::since(0));
  }
  bool operator==(const heartbeat_response&) const = default;
};

} // namespace cafka::net::kafka
