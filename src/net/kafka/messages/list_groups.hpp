// The groups that this broker coordinates.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct list_groups_request {
  std::vector<std::string_view> states_filter;
  std::vector<std::string_view> types_filter;
  static constexpr codec::message_info info{.name = "ListGroupsRequest", .api_key = 16, .valid = {0, 5}, .flexible = {3}};
  static constexpr void describe(auto& v) {
    v.field("StatesFilter", &list_groups_request::states_filter, codec::since(4));
    v.field("TypesFilter", &list_groups_request::types_filter, codec::since(5));
  }
  bool operator==(const list_groups_request&) const = default;
};

struct list_groups_response {
  struct group {
    std::string group_id;
    std::string protocol_type;
    std::string group_state;
    std::string group_type;
    static constexpr void describe(auto& v) {
      v.field("GroupId", &group::group_id, codec::since(0));
      v.field("ProtocolType", &group::protocol_type, codec::since(0));
      v.field("GroupState", &group::group_state, codec::since(4));
      v.field("GroupType", &group::group_type, codec::since(5));
    }
    bool operator==(const group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<group> groups;
  static constexpr codec::message_info info{.name = "ListGroupsResponse", .api_key = 16, .valid = {0, 5}, .flexible = {3}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &list_groups_response::throttle_time_ms, codec::since(1));
    v.field("ErrorCode", &list_groups_response::error_code, codec::since(0));
    v.field("Groups", &list_groups_response::groups, codec::since(0));
  }
  bool operator==(const list_groups_response&) const = default;
};

} // namespace cafka::net::kafka
