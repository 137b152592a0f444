// Sets, deletes, appends to or subtracts from single configuration keys.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct incremental_alter_configs_request {
  struct config {
    std::string_view name;
    std::int8_t config_operation = 0;
    std::optional<std::string_view> value = std::string_view{};
    static constexpr void describe(auto& v) {
      v.field("Name", &config::name, codec::since(0));
      v.field("ConfigOperation", &config::config_operation, codec::since(0));
      v.field("Value", &config::value, codec::since(0).or_null());
    }
    bool operator==(const config&) const = default;
  };

  struct resource {
    std::int8_t resource_type = 0;
    std::string_view resource_name;
    std::vector<config> configs;
    static constexpr void describe(auto& v) {
      v.field("ResourceType", &resource::resource_type, codec::since(0));
      v.field("ResourceName", &resource::resource_name, codec::since(0));
      v.field("Configs", &resource::configs, codec::since(0));
    }
    bool operator==(const resource&) const = default;
  };

  std::vector<resource> resources;
  bool validate_only = false;
  static constexpr codec::message_info info{.name = "IncrementalAlterConfigsRequest", .api_key = 44, .valid = {0, 1}, .flexible = {1}};
  static constexpr void describe(auto& v) {
    v.field("Resources", &incremental_alter_configs_request::resources, codec::since(0));
    v.field("ValidateOnly", &incremental_alter_configs_request::validate_only, codec::since(0));
  }
  bool operator==(const incremental_alter_configs_request&) const = default;
};

struct incremental_alter_configs_response {
  struct resource {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = std::string{};
    std::int8_t resource_type = 0;
    std::string resource_name;
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &resource::error_code, codec::since(0));
      v.field("ErrorMessage", &resource::error_message, codec::since(0).or_null());
      v.field("ResourceType", &resource::resource_type, codec::since(0));
      v.field("ResourceName", &resource::resource_name, codec::since(0));
    }
    bool operator==(const resource&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<resource> responses;
  static constexpr codec::message_info info{.name = "IncrementalAlterConfigsResponse", .api_key = 44, .valid = {0, 1}, .flexible = {1}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &incremental_alter_configs_response::throttle_time_ms, codec::since(0));
    v.field("Responses", &incremental_alter_configs_response::responses, codec::since(0));
  }
  bool operator==(const incremental_alter_configs_response&) const = default;
};

} // namespace cafka::net::kafka
