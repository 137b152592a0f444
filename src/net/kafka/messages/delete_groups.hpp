// Deletes groups without members.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct delete_groups_request {
  std::vector<std::string_view> groups_names;
  static constexpr codec::message_info info{.name = "DeleteGroupsRequest", .api_key = 42, .valid = {0, 2}, .flexible = {2}};
  static constexpr void describe(auto& v) { v.field("GroupsNames", &delete_groups_request::groups_names, codec::since(0)); }
  bool operator==(const delete_groups_request&) const = default;
};

struct delete_groups_response {
  struct result {
    std::string group_id;
    std::int16_t error_code = 0;
    static constexpr void describe(auto& v) {
      v.field("GroupId", &result::group_id, codec::since(0));
      v.field("ErrorCode", &result::error_code, codec::since(0));
    }
    bool operator==(const result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<result> results;
  static constexpr codec::message_info info{.name = "DeleteGroupsResponse", .api_key = 42, .valid = {0, 2}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &delete_groups_response::throttle_time_ms, codec::since(0));
    v.field("Results", &delete_groups_response::results, codec::since(0));
  }
  bool operator==(const delete_groups_response&) const = default;
};

} // namespace cafka::net::kafka
