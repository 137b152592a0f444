// Deletes topics, by name or from version 6 by id.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct delete_topics_request {
  struct topic {
    std::optional<std::string_view> name;
    uuid topic_id;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::since(6).or_null());
      v.field("TopicId", &topic::topic_id, codec::since(6));
    }
    bool operator==(const topic&) const = default;
  };

  std::vector<topic> topics;
  std::vector<std::string_view> topic_names;
  std::int32_t timeout_ms = 0;
  static constexpr codec::message_info info{.name = "DeleteTopicsRequest", .api_key = 20, .valid = {1, 6}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("Topics", &delete_topics_request::topics, codec::since(6));
    v.field("TopicNames", &delete_topics_request::topic_names, codec::in_versions(0, 5));
    v.field("TimeoutMs", &delete_topics_request::timeout_ms, codec::since(0));
  }
  bool operator==(const delete_topics_request&) const = default;
};

struct delete_topics_response {
  struct topic {
    std::optional<std::string> name = std::string{};
    uuid topic_id;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::since(0).or_null({6}));
      v.field("TopicId", &topic::topic_id, codec::since(6));
      v.field("ErrorCode", &topic::error_code, codec::since(0));
      v.field("ErrorMessage", &topic::error_message, codec::since(5).or_null());
    }
    bool operator==(const topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<topic> responses;
  static constexpr codec::message_info info{.name = "DeleteTopicsResponse", .api_key = 20, .valid = {1, 6}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &delete_topics_response::throttle_time_ms, codec::since(1));
    v.field("Responses", &delete_topics_response::responses, codec::since(0));
  }
  bool operator==(const delete_topics_response&) const = default;
};

} // namespace cafka::net::kafka
