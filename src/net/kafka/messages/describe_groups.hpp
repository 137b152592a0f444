// State and members of classic groups.
#pragma once
#include "base/codec/codec.hpp"

#include <limits>

namespace cafka::net::kafka {

struct describe_groups_request {
  std::vector<std::string_view> groups;
  bool include_authorized_operations = false;
  static constexpr codec::message_info info{.name = "DescribeGroupsRequest", .api_key = 15, .valid = {0, 6}, .flexible = {5}};
  static constexpr void describe(auto& v) {
    v.field("Groups", &describe_groups_request::groups, codec::since(0));
    v.field("IncludeAuthorizedOperations", &describe_groups_request::include_authorized_operations, codec::since(3));
  }
  bool operator==(const describe_groups_request&) const = default;
};

struct describe_groups_response {
  struct member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    byte_vector member_metadata;
    byte_vector member_assignment;
    static constexpr void describe(auto& v) {
      v.field("MemberId", &member::member_id, codec::since(0));
      v.field("GroupInstanceId", &member::group_instance_id, codec::since(4).or_null());
      v.field("ClientId", &member::client_id, codec::since(0));
      v.field("ClientHost", &member::client_host, codec::since(0));
      v.field("MemberMetadata", &member::member_metadata, codec::since(0));
      v.field("MemberAssignment", &member::member_assignment, codec::since(0));
    }
    bool operator==(const member&) const = default;
  };

  struct group {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::string protocol_type;
    std::string protocol_data;
    std::vector<member> members;
    std::int32_t authorized_operations = std::numeric_limits<std::int32_t>::min();
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &group::error_code, codec::since(0));
      v.field("ErrorMessage", &group::error_message, codec::since(6).or_null());
      v.field("GroupId", &group::group_id, codec::since(0));
      v.field("GroupState", &group::group_state, codec::since(0));
      v.field("ProtocolType", &group::protocol_type, codec::since(0));
      v.field("ProtocolData", &group::protocol_data, codec::since(0));
      v.field("Members", &group::members, codec::since(0));
      v.field("AuthorizedOperations", &group::authorized_operations, codec::since(3));
    }
    bool operator==(const group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<group> groups;
  static constexpr codec::message_info info{.name = "DescribeGroupsResponse", .api_key = 15, .valid = {0, 6}, .flexible = {5}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &describe_groups_response::throttle_time_ms, codec::since(1));
    v.field("Groups", &describe_groups_response::groups, codec::since(0));
  }
  bool operator==(const describe_groups_response&) const = default;
};

} // namespace cafka::net::kafka
