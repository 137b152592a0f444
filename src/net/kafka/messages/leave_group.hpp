// Members leave a classic group; from version 3 several at once.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct leave_group_request {
  struct member {
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    std::optional<std::string_view> reason;
    static constexpr void describe(auto& v) {
      v.field("MemberId", &member::member_id, codec::since(3));
      v.field("GroupInstanceId", &member::group_instance_id, codec::since(3).or_null());
      v.field("Reason", &member::reason, codec::since(5).or_null());
    }
    bool operator==(const member&) const = default;
  };

  std::string_view group_id;
  std::string_view member_id;
  std::vector<member> members;
  static constexpr codec::message_info info{.name = "LeaveGroupRequest", .api_key = 13, .valid = {0, 5}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("GroupId", &leave_group_request::group_id, codec::since(0));
    v.field("MemberId", &leave_group_request::member_id, codec::in_versions(0, 2));
    v.field("Members", &leave_group_request::members, codec::since(3));
  }
  bool operator==(const leave_group_request&) const = default;
};

struct leave_group_response {
  struct member {
    std::string member_id;
    std::optional<std::string> group_instance_id = std::string{};
    std::int16_t error_code = 0;
    static constexpr void describe(auto& v) {
      v.field("MemberId", &member::member_id, codec::since(3));
      v.field("GroupInstanceId", &member::group_instance_id, codec::since(3).or_null());
      v.field("ErrorCode", &member::error_code, codec::since(3));
    }
    bool operator==(const member&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<member> members;
  static constexpr codec::message_info info{.name = "LeaveGroupResponse", .api_key = 13, .valid = {0, 5}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &leave_group_response::throttle_time_ms, codec::since(1));
    v.field("ErrorCode", &leave_group_response::error_code, codec::since(0));
    v.field("Members", &leave_group_response::members, codec::since(3));
  }
  bool operator==(const leave_group_response&) const = default;
};

} // namespace cafka::net::kafka
