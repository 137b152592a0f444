// A classic group's member joins a rebalance and waits for the generation that comes of it.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct join_group_request {
  struct protocol {
    std::string_view name;
    byte_span metadata;
    static constexpr void describe(auto& v) {
      v.field("Name", &protocol::name, codec::since(0));
      v.field("Metadata", &protocol::metadata, codec::since(0));
    }
    bool operator==(const protocol& other) const noexcept { return name == other.name && as_text(metadata) == as_text(other.metadata); }
  };

  std::string_view group_id;
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = -1;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  std::string_view protocol_type;
  std::vector<protocol> protocols;
  std::optional<std::string_view> reason;
  static constexpr codec::message_info info{.name = "JoinGroupRequest", .api_key = 11, .valid = {0, 9}, .flexible = {6}};
  static constexpr void describe(auto& v) {
    v.field("GroupId", &join_group_request::group_id, codec::since(0));
    v.field("SessionTimeoutMs", &join_group_request::session_timeout_ms, codec::since(0));
    v.field("RebalanceTimeoutMs", &join_group_request::rebalance_timeout_ms, codec::since(1));
    v.field("MemberId", &join_group_request::member_id, codec::since(0));
    v.field("GroupInstanceId", &join_group_request::group_instance_id, codec::since(5).or_null());
    v.field("ProtocolType", &join_group_request::protocol_type, codec::since(0));
    v.field("Protocols", &join_group_request::protocols, codec::since(0));
    v.field("Reason", &join_group_request::reason, codec::since(8).or_null());
  }
  bool operator==(const join_group_request&) const = default;
};

struct join_group_response {
  struct member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    byte_vector metadata;
    static constexpr void describe(auto& v) {
      v.field("MemberId", &member::member_id, codec::since(0));
      v.field("GroupInstanceId", &member::group_instance_id, codec::since(5).or_null());
      v.field("Metadata", &member::metadata, codec::since(0));
    }
    bool operator==(const member&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int32_t generation_id = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name = std::string{};
  std::string leader;
  bool skip_assignment = false;
  std::string member_id;
  std::vector<member> members;
  static constexpr codec::message_info info{.name = "JoinGroupResponse", .api_key = 11, .valid = {0, 9}, .flexible = {6}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &join_group_response::throttle_time_ms, codec::since(2));
    v.field("ErrorCode", &join_group_response::error_code, codec::since(0));
    v.field("GenerationId", &join_group_response::generation_id, codec::since(0));
    v.field("ProtocolType", &join_group_response::protocol_type, codec::since(7).or_null());
    v.field("ProtocolName", &join_group_response::protocol_name, codec::since(0).or_null({7}));
    v.field("Leader", &join_group_response::leader, codec::since(0));
    v.field("SkipAssignment", &join_group_response::skip_assignment, codec::since(9));
    v.field("MemberId", &join_group_response::member_id, codec::since(0));
    v.field("Members", &join_group_response::members, codec::since(0));
  }
  bool operator==(const join_group_response&) const = default;
};

} // namespace cafka::net::kafka
