// Kafka's metadata records about nodes: registration, fencing, departure (KIP-631, 841, 858, 1066).
// What is written to __cluster_metadata and its snapshots: never change a field, only add versions as Kafka adds them.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::metadata {

struct register_broker_record {
  struct broker_endpoint {
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    std::int16_t security_protocol = 0;
    codec::tagged_fields unknown_tagged_fields;
    static constexpr void describe(auto& v) {
      v.field("Name", &broker_endpoint::name, codec::since(0));
      v.field("Host", &broker_endpoint::host, codec::since(0));
      v.field("Port", &broker_endpoint::port, codec::since(0));
      v.field("SecurityProtocol", &broker_endpoint::security_protocol, codec::since(0));
    }
    bool operator==(const broker_endpoint&) const = default;
  };
  struct broker_feature {
    std::string name;
    std::int16_t min_supported_version = 0;
    std::int16_t max_supported_version = 0;
    codec::tagged_fields unknown_tagged_fields;
    static constexpr void describe(auto& v) {
      v.field("Name", &broker_feature::name, codec::since(0));
      v.field("MinSupportedVersion", &broker_feature::min_supported_version, codec::since(0));
      v.field("MaxSupportedVersion", &broker_feature::max_supported_version, codec::since(0));
    }
    bool operator==(const broker_feature&) const = default;
  };
  std::int32_t broker_id = 0;
  bool is_migrating_zk_broker = false;
  uuid incarnation_id;
  std::int64_t broker_epoch = 0;
  std::vector<broker_endpoint> endpoints;
  std::vector<broker_feature> features;
  std::optional<std::string> rack = std::string{};
  bool fenced = true;
  bool in_controlled_shutdown = false;
  std::vector<uuid> directories;
  std::optional<std::vector<uuid>> cordoned_directories;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "RegisterBrokerRecord", .api_key = 0, .valid = {0, 4}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("BrokerId", &register_broker_record::broker_id, codec::since(0));
    v.field("IsMigratingZkBroker", &register_broker_record::is_migrating_zk_broker, codec::since(2));
    v.field("IncarnationId", &register_broker_record::incarnation_id, codec::since(0));
    v.field("BrokerEpoch", &register_broker_record::broker_epoch, codec::since(0));
    v.field("EndPoints", &register_broker_record::endpoints, codec::since(0));
    v.field("Features", &register_broker_record::features, codec::since(0));
    v.field("Rack", &register_broker_record::rack, codec::since(0).or_null());
    v.field("Fenced", &register_broker_record::fenced, codec::since(0));
    v.field("InControlledShutdown", &register_broker_record::in_controlled_shutdown, codec::since(1));
    v.field("LogDirs", &register_broker_record::directories, codec::since(3).tag(0));
    v.field("CordonedLogDirs", &register_broker_record::cordoned_directories, codec::since(4).or_null().tag(1));
  }
  bool operator==(const register_broker_record&) const = default;
};

struct broker_registration_change_record {
  std::int32_t broker_id = 0;
  std::int64_t broker_epoch = 0;
  std::int8_t fenced = 0;
  std::int8_t in_controlled_shutdown = 0;
  std::vector<uuid> directories;
  std::optional<std::vector<uuid>> cordoned_directories;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "BrokerRegistrationChangeRecord", .api_key = 17, .valid = {0, 3}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("BrokerId", &broker_registration_change_record::broker_id, codec::since(0));
    v.field("BrokerEpoch", &broker_registration_change_record::broker_epoch, codec::since(0));
    v.field("Fenced", &broker_registration_change_record::fenced, codec::since(0).tag(0));
    v.field("InControlledShutdown", &broker_registration_change_record::in_controlled_shutdown, codec::since(1).tag(1));
    v.field("LogDirs", &broker_registration_change_record::directories, codec::since(2).tag(2));
    v.field("CordonedLogDirs", &broker_registration_change_record::cordoned_directories, codec::since(3).or_null().tag(3));
  }
  bool operator==(const broker_registration_change_record&) const = default;
};

struct unregister_broker_record {
  std::int32_t broker_id = 0;
  std::int64_t broker_epoch = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "UnregisterBrokerRecord", .api_key = 1, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("BrokerId", &unregister_broker_record::broker_id, codec::since(0));
    v.field("BrokerEpoch", &unregister_broker_record::broker_epoch, codec::since(0));
  }
  bool operator==(const unregister_broker_record&) const = default;
};

struct fence_broker_record {
  std::int32_t id = 0;
  std::int64_t epoch = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "FenceBrokerRecord", .api_key = 7, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Id", &fence_broker_record::id, codec::since(0));
    v.field("Epoch", &fence_broker_record::epoch, codec::since(0));
  }
  bool operator==(const fence_broker_record&) const = default;
};

struct unfence_broker_record {
  std::int32_t id = 0;
  std::int64_t epoch = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "UnfenceBrokerRecord", .api_key = 8, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Id", &unfence_broker_record::id, codec::since(0));
    v.field("Epoch", &unfence_broker_record::epoch, codec::since(0));
  }
  bool operator==(const unfence_broker_record&) const = default;
};

struct register_controller_record {
  struct controller_endpoint {
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    std::int16_t security_protocol = 0;
    codec::tagged_fields unknown_tagged_fields;
    static constexpr void describe(auto& v) {
      v.field("Name", &controller_endpoint::name, codec::since(0));
      v.field("Host", &controller_endpoint::host, codec::since(0));
      v.field("Port", &controller_endpoint::port, codec::since(0));
      v.field("SecurityProtocol", &controller_endpoint::security_protocol, codec::since(0));
    }
    bool operator==(const controller_endpoint&) const = default;
  };
  struct controller_feature {
    std::string name;
    std::int16_t min_supported_version = 0;
    std::int16_t max_supported_version = 0;
    codec::tagged_fields unknown_tagged_fields;
    static constexpr void describe(auto& v) {
      v.field("Name", &controller_feature::name, codec::since(0));
      v.field("MinSupportedVersion", &controller_feature::min_supported_version, codec::since(0));
      v.field("MaxSupportedVersion", &controller_feature::max_supported_version, codec::since(0));
    }
    bool operator==(const controller_feature&) const = default;
  };
  std::int32_t controller_id = 0;
  uuid incarnation_id;
  bool zk_migration_ready = false;
  std::vector<controller_endpoint> endpoints;
  std::vector<controller_feature> features;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "RegisterControllerRecord", .api_key = 27, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("ControllerId", &register_controller_record::controller_id, codec::since(0));
    v.field("IncarnationId", &register_controller_record::incarnation_id, codec::since(0));
    v.field("ZkMigrationReady", &register_controller_record::zk_migration_ready, codec::since(0));
    v.field("EndPoints", &register_controller_record::endpoints, codec::since(0));
    v.field("Features", &register_controller_record::features, codec::since(0));
  }
  bool operator==(const register_controller_record&) const = default;
};

struct zk_migration_state_record {
  std::int8_t zk_migration_state = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "ZkMigrationStateRecord", .api_key = 21, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("ZkMigrationState", &zk_migration_state_record::zk_migration_state, codec::since(0)); }
  bool operator==(const zk_migration_state_record&) const = default;
};

} // namespace cafka::metadata
