// Creates topics.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct create_topics_request {
  struct assignment {
    std::int32_t partition_index = 0;
    std::vector<std::int32_t> broker_ids;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &assignment::partition_index, codec::since(0));
      v.field("BrokerIds", &assignment::broker_ids, codec::since(0));
    }
    bool operator==(const assignment&) const = default;
  };

  struct config {
    std::string_view name;
    std::optional<std::string_view> value = std::string_view{};
    static constexpr void describe(auto& v) {
      v.field("Name", &config::name, codec::since(0));
      v.field("Value", &config::value, codec::since(0).or_null());
    }
    bool operator==(const config&) const = default;
  };

  struct topic {
    std::string_view name;
    std::int32_t num_partitions = 0;
    std::int16_t replication_factor = 0;
    std::vector<assignment> assignments;
    std::vector<config> configs;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::since(0));
      v.field("NumPartitions", &topic::num_partitions, codec::since(0));
      v.field("ReplicationFactor", &topic::replication_factor, codec::since(0));
      v.field("Assignments", &topic::assignments, codec::since(0));
      v.field("Configs", &topic::configs, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::vector<topic> topics;
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;
  static constexpr codec::message_info info{.name = "CreateTopicsRequest", .api_key = 19, .valid = {2, 7}, .flexible = {5}};
  static constexpr void describe(auto& v) {
    v.field("Topics", &create_topics_request::topics, codec::since(0));
    v.field("timeoutMs", &create_topics_request::timeout_ms, codec::since(0));
    v.field("validateOnly", &create_topics_request::validate_only, codec::since(1));
  }
  bool operator==(const create_topics_request&) const = default;
};

struct create_topics_response {
  struct config {
    std::string name;
    std::optional<std::string> value = std::string{};
    bool read_only = false;
    std::int8_t config_source = -1;
    bool is_sensitive = false;
    static constexpr void describe(auto& v) {
      v.field("Name", &config::name, codec::since(5));
      v.field("Value", &config::value, codec::since(5).or_null());
      v.field("ReadOnly", &config::read_only, codec::since(5));
      v.field("ConfigSource", &config::config_source, codec::since(5));
      v.field("IsSensitive", &config::is_sensitive, codec::since(5));
    }
    bool operator==(const config&) const = default;
  };

  struct topic {
    std::string name;
    uuid topic_id;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = std::string{};
    std::int16_t topic_config_error_code = 0;
    std::int32_t num_partitions = -1;
    std::int16_t replication_factor = -1;
    std::optional<std::vector<config>> configs = std::vector<config>{};
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::since(0));
      v.field("TopicId", &topic::topic_id, codec::since(7));
      v.field("ErrorCode", &topic::error_code, codec::since(0));
      v.field("ErrorMessage", &topic::error_message, codec::since(1).or_null({0}));
      v.field("TopicConfigErrorCode", &topic::topic_config_error_code, codec::since(5).tag(0));
      v.field("NumPartitions", &topic::num_partitions, codec::since(5));
      v.field("ReplicationFactor", &topic::replication_factor, codec::since(5));
      v.field("Configs", &topic::configs, codec::since(5).or_null());
    }
    bool operator==(const topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<topic> topics;
  static constexpr codec::message_info info{.name = "CreateTopicsResponse", .api_key = 19, .valid = {2, 7}, .flexible = {5}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &create_topics_response::throttle_time_ms, codec::since(2));
    v.field("Topics", &create_topics_response::topics, codec::since(0));
  }
  bool operator==(const create_topics_response&) const = default;
};

} // namespace cafka::net::kafka
