// Which APIs and versions a broker speaks, and the cluster's features. The first request on every connection.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct api_versions_request {
  std::string_view client_software_name;
  std::string_view client_software_version;
  static constexpr codec::message_info info{.name = "ApiVersionsRequest", .api_key = 18, .valid = {0, 4}, .flexible = {3}};
  static constexpr void describe(auto& v) {
    v.field("ClientSoftwareName", &api_versions_request::client_software_name, codec::since(3));
    v.field("ClientSoftwareVersion", &api_versions_request::client_software_version, codec::since(3));
  }
  bool operator==(const api_versions_request&) const = default;
};

struct api_versions_response {
  struct api_version {
    std::int16_t api_key = 0;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    static constexpr void describe(auto& v) {
      v.field("ApiKey", &api_version::api_key, codec::since(0));
      v.field("MinVersion", &api_version::min_version, codec::since(0));
      v.field("MaxVersion", &api_version::max_version, codec::since(0));
    }
    bool operator==(const api_version&) const = default;
  };

  struct supported_feature {
    std::string name;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    static constexpr void describe(auto& v) {
      v.field("Name", &supported_feature::name, codec::since(3));
      v.field("MinVersion", &supported_feature::min_version, codec::since(3));
      v.field("MaxVersion", &supported_feature::max_version, codec::since(3));
    }
    bool operator==(const supported_feature&) const = default;
  };

  struct finalized_feature {
    std::string name;
    std::int16_t max_version_level = 0;
    std::int16_t min_version_level = 0;
    static constexpr void describe(auto& v) {
      v.field("Name", &finalized_feature::name, codec::since(3));
      v.field("MaxVersionLevel", &finalized_feature::max_version_level, codec::since(3));
      v.field("MinVersionLevel", &finalized_feature::min_version_level, codec::since(3));
    }
    bool operator==(const finalized_feature&) const = default;
  };

  std::int16_t error_code = 0;
  std::vector<api_version> api_keys;
  std::int32_t throttle_time_ms = 0;
  std::vector<supported_feature> supported_features;
  std::int64_t finalized_features_epoch = -1;
  std::vector<finalized_feature> finalized_features;
  bool zk_migration_ready = false;
  static constexpr codec::message_info info{.name = "ApiVersionsResponse", .api_key = 18, .valid = {0, 4}, .flexible = {3}};
  static constexpr void describe(auto& v) {
    v.field("ErrorCode", &api_versions_response::error_code, codec::since(0));
    v.field("ApiKeys", &api_versions_response::api_keys, codec::since(0));
    v.field("ThrottleTimeMs", &api_versions_response::throttle_time_ms, codec::since(1));
    v.field("SupportedFeatures", &api_versions_response::supported_features, codec::since(3).tag(0));
    v.field("FinalizedFeaturesEpoch", &api_versions_response::finalized_features_epoch, codec::since(3).tag(1));
    v.field("FinalizedFeatures", &api_versions_response::finalized_features, codec::since(3).tag(2));
    v.field("ZkMigrationReady", &api_versions_response::zk_migration_ready, codec::since(3).tag(3));
  }
  bool operator==(const api_versions_response&) const = default;
};

} // namespace cafka::net::kafka
