// What stands before every request and response. The client id keeps its long length even in the flexible version 2, so that any broker
// can read the header of an ApiVersions request newer than itself; for the same reason the response to that has header version 0 always.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct request_header {
  std::int16_t request_api_key = 0;
  std::int16_t request_api_version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string_view> client_id = std::string_view{};
  static constexpr codec::message_info info{.name = "RequestHeader", .valid = {1, 2}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("RequestApiKey", &request_header::request_api_key, codec::since(0));
    v.field("RequestApiVersion", &request_header::request_api_version, codec::since(0));
    v.field("CorrelationId", &request_header::correlation_id, codec::since(0));
    v.field("ClientId", &request_header::client_id, codec::since(1).or_null().never_compact());
  }
  bool operator==(const request_header&) const = default;
};

struct response_header {
  std::int32_t correlation_id = 0;
  static constexpr codec::message_info info{.name = "ResponseHeader", .valid = {0, 1}, .flexible = {1}};
  static constexpr void describe(auto& v) { v.field("CorrelationId", &response_header::correlation_id, codec::since(0)); }
  bool operator==(const response_header&) const = default;
};

} // namespace cafka::net::kafka
