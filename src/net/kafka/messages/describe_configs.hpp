// Configuration of topics, brokers, groups and clients, with where each value comes from.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct describe_configs_request {
  struct resource {
    std::int8_t resource_type = 0;
    std::string_view resource_name;
    std::optional<std::vector<std::string_view>> configuration_keys = std::vector<std::string_view>{};
    static constexpr void describe(auto& v) {
      v.field("ResourceType", &resource::resource_type, codec::since(0));
      v.field("ResourceName", &resource::resource_name, codec::since(0));
      v.field("ConfigurationKeys", &resource::configuration_keys, codec::since(0).or_null());
    }
    bool operator==(const resource&) const = default;
  };

  std::vector<resource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;
  static constexpr codec::message_info info{.name = "DescribeConfigsRequest", .api_key = 32, .valid = {1, 4}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("Resources", &describe_configs_request::resources, codec::since(0));
    v.field("IncludeSynonyms", &describe_configs_request::include_synonyms, codec::since(1));
    v.field("IncludeDocumentation", &describe_configs_request::include_documentation, codec::since(3));
  }
  bool operator==(const describe_configs_request&) const = default;
};

struct describe_configs_response {
  struct synonym {
    std::string name;
    std::optional<std::string> value = std::string{};
    std::int8_t source = 0;
    static constexpr void describe(auto& v) {
      v.field("Name", &synonym::name, codec::since(1));
      v.field("Value", &synonym::value, codec::since(1).or_null({0}));
      v.field("Source", &synonym::source, codec::since(1));
    }
    bool operator==(const synonym&) const = default;
  };

  struct config {
    std::string name;
    std::optional<std::string> value = std::string{};
    bool read_only = false;
    std::int8_t config_source = -1;
    bool is_sensitive = false;
    std::vector<synonym> synonyms;
    std::int8_t config_type = 0;
    std::optional<std::string> documentation = std::string{};
    static constexpr void describe(auto& v) {
      v.field("Name", &config::name, codec::since(0));
      v.field("Value", &config::value, codec::since(0).or_null());
      v.field("ReadOnly", &config::read_only, codec::since(0));
      v.field("ConfigSource", &config::config_source, codec::since(1));
      v.field("IsSensitive", &config::is_sensitive, codec::since(0));
      v.field("Synonyms", &config::synonyms, codec::since(1));
      v.field("ConfigType", &config::config_type, codec::since(3));
      v.field("Documentation", &config::documentation, codec::since(3).or_null({0}));
    }
    bool operator==(const config&) const = default;
  };

  struct result {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = std::string{};
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::vector<config> configs;
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &result::error_code, codec::since(0));
      v.field("ErrorMessage", &result::error_message, codec::since(0).or_null());
      v.field("ResourceType", &result::resource_type, codec::since(0));
      v.field("ResourceName", &result::resource_name, codec::since(0));
      v.field("Configs", &result::configs, codec::since(0));
    }
    bool operator==(const result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<result> results;
  static constexpr codec::message_info info{.name = "DescribeConfigsResponse", .api_key = 32, .valid = {1, 4}, .flexible = {4}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &describe_configs_response::throttle_time_ms, codec::since(0));
    v.field("Results", &describe_configs_response::results, codec::since(0));
  }
  bool operator==(const describe_configs_response&) const = default;
};

} // namespace cafka::net::kafka
