// Brokers, and topics with their partitions' leaders. Null topics asks for all; in version 0, which knows no null, an empty list does.
#pragma once
#include "base/codec/codec.hpp"

#include <limits>

namespace cafka::net::kafka {

struct metadata_request {
  struct topic {
    uuid topic_id;
    std::optional<std::string_view> name = std::string_view{};
    static constexpr void describe(auto& v) {
      v.field("TopicId", &topic::topic_id, codec::since(10));
      v.field("Name", &topic::name, codec::since(0).or_null({10}));
    }
    bool operator==(const topic&) const = default;
  };

  std::optional<std::vector<topic>> topics = std::vector<topic>{};
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;
  static constexpr codec::message_info info{.name = "MetadataRequest", .api_key = 3, .valid = {0, 13}, .flexible = {9}};
  static constexpr void describe(auto& v) {
    v.field("Topics", &metadata_request::topics, codec::since(0).or_null({1}));
    v.field("AllowAutoTopicCreation", &metadata_request::allow_auto_topic_creation, codec::since(4));
    v.field("IncludeClusterAuthorizedOperations", &metadata_request::include_cluster_authorized_operations, codec::in_versions(8, 10));
    v.field("IncludeTopicAuthorizedOperations", &metadata_request::include_topic_authorized_operations, codec::since(8));
  }
  bool operator==(const metadata_request&) const = default;
};

struct metadata_response {
  struct broker {
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;
    static constexpr void describe(auto& v) {
      v.field("NodeId", &broker::node_id, codec::since(0));
      v.field("Host", &broker::host, codec::since(0));
      v.field("Port", &broker::port, codec::since(0));
      v.field("Rack", &broker::rack, codec::since(1).or_null());
    }
    bool operator==(const broker&) const = default;
  };

  struct partition {
    std::int16_t error_code = 0;
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replica_nodes;
    std::vector<std::int32_t> isr_nodes;
    std::vector<std::int32_t> offline_replicas;
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &partition::error_code, codec::since(0));
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("LeaderId", &partition::leader_id, codec::since(0));
      v.field("LeaderEpoch", &partition::leader_epoch, codec::since(7));
      v.field("ReplicaNodes", &partition::replica_nodes, codec::since(0));
      v.field("IsrNodes", &partition::isr_nodes, codec::since(0));
      v.field("OfflineReplicas", &partition::offline_replicas, codec::since(5));
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::int16_t error_code = 0;
    std::optional<std::string> name = std::string{};
    uuid topic_id;
    bool is_internal = false;
    std::vector<partition> partitions;
    std::int32_t topic_authorized_operations = std::numeric_limits<std::int32_t>::min();
    static constexpr void describe(auto& v) {
      v.field("ErrorCode", &topic::error_code, codec::since(0));
      v.field("Name", &topic::name, codec::since(0).or_null({12}));
      v.field("TopicId", &topic::topic_id, codec::since(10));
      v.field("IsInternal", &topic::is_internal, codec::since(1));
      v.field("Partitions", &topic::partitions, codec::since(0));
      v.field("TopicAuthorizedOperations", &topic::topic_authorized_operations, codec::since(8));
    }
    bool operator==(const topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<broker> brokers;
  std::optional<std::string> cluster_id;
  std::int32_t controller_id = -1;
  std::vector<topic> topics;
  std::int32_t cluster_authorized_operations = std::numeric_limits<std::int32_t>::min();
  std::int16_t error_code = 0;
  static constexpr codec::message_info info{.name = "MetadataResponse", .api_key = 3, .valid = {0, 13}, .flexible = {9}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &metadata_response::throttle_time_ms, codec::since(3));
    v.field("Brokers", &metadata_response::brokers, codec::since(0));
    v.field("ClusterId", &metadata_response::cluster_id, codec::since(2).or_null());
    v.field("ControllerId", &metadata_response::controller_id, codec::since(1));
    v.field("Topics", &metadata_response::topics, codec::since(0));
    v.field("ClusterAuthorizedOperations", &metadata_response::cluster_authorized_operations, codec::in_versions(8, 10));
    v.field("ErrorCode", &metadata_response::error_code, codec::since(13));
  }
  bool operator==(const metadata_response&) const = default;
};

} // namespace cafka::net::kafka
