// The leader of a classic group's generation hands in everyone's assignment; each member gets its own.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct sync_group_request {
  struct member_assignment {
    std::string_view member_id;
    byte_span assignment;
    static constexpr void describe(auto& v) {
      v.field("MemberId", &member_assignment::member_id, codec::since(0));
      v.field("Assignment", &member_assignment::assignment, codec::since(0));
    }
    bool operator==(const member_assignment& other) const noexcept {
      return member_id == other.member_id && as_text(assignment) == as_text(other.assignment);
    }
  };

  std::string_view group_id;
  std::int32_t generation_id = 0;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol_name;
  std::vector<member_assignment> assignments;
  static constexpr codec::message_info info{.name = "SyncGroupRequest", .api_key = 14, .valid = {0, 5}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("GroupId", &sync_group_request::group_id, codec::since(0));
    v.field("GenerationId", &sync_group_request::generation_id, codec::since(0));
    v.field("MemberId", &sync_group_request::member_id, codec::since(0));
    v.field("GroupInstanceId", &sync_group_request::group_instance_id, codec::since(3).or_null());
    v.field("ProtocolType", &sync_group_request::protocol_type, codec::since(5).or_null());
    v.field("ProtocolName", &sync_group_request::protocol_name, codec::since(5).or_null());
    v.field("Assignments", &sync_group_request::assignments, codec::since(0));
  }
  bool operator==(const sync_group_request&) const = default;
};

struct sync_group_response {
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  byte_vector assignment;
  static constexpr codec::message_info info{.name = "SyncGroupResponse", .api_key = 14, .valid = {0, 5}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &sync_group_response::throttle_time_ms, codec::since(1));
    v.field("ErrorCode", &sync_group_response::error_code, codec::since(0));
    v.field("ProtocolType", &sync_group_response::protocol_type, codec::since(5).or_null());
    v.field("ProtocolName", &sync_group_response::protocol_name, codec::since(5).or_null());
    v.field("Assignment", &sync_group_response::assignment, codec::since(0));
  }
  bool operator==(const sync_group_response&) const = default;
};

} // namespace cafka::net::kafka
