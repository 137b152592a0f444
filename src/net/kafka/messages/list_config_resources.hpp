// Names of the resources that can have configuration; version 0 means client metrics only.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct list_config_resources_request {
  std::vector<std::int8_t> resource_types;
  static constexpr codec::message_info info{.name = "ListConfigResourcesRequest", .api_key = 74, .valid = {0, 1}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("ResourceTypes", &list_config_resources_request::resource_types, codec::since(1)); }
  bool operator==(const list_config_resources_request&) const = default;
};

struct list_config_resources_response {
  struct resource {
    std::string resource_name;
    std::int8_t resource_type = 16;
    static constexpr void describe(auto& v) {
      v.field("ResourceName", &resource::resource_name, codec::since(0));
      v.field("ResourceType", &resource::resource_type, codec::since(1));
    }
    bool operator==(const resource&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<resource> config_resources;
  static constexpr codec::message_info info{.name = "ListConfigResourcesResponse", .api_key = 74, .valid = {0, 1}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &list_config_resources_response::throttle_time_ms, codec::since(0));
    v.field("ErrorCode", &list_config_resources_response::error_code, codec::since(0));
    v.field("ConfigResources", &list_config_resources_response::config_resources, codec::since(0));
  }
  bool operator==(const list_config_resources_response&) const = default;
};

} // namespace cafka::net::kafka
