// Brokers, controller and id of the cluster.
#pragma once
#include "base/codec/codec.hpp"

#include <limits>

namespace cafka::net::kafka {

struct describe_cluster_request {
  bool include_cluster_authorized_operations = false;
  std::int8_t endpoint_type = 1;
  bool include_fenced_brokers = false;
  static constexpr codec::message_info info{.name = "DescribeClusterRequest", .api_key = 60, .valid = {0, 2}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("IncludeClusterAuthorizedOperations", &describe_cluster_request::include_cluster_authorized_operations, codec::since(0));
    v.field("EndpointType", &describe_cluster_request::endpoint_type, codec::since(1));
    v.field("IncludeFencedBrokers", &describe_cluster_request::include_fenced_brokers, codec::since(2));
  }
  bool operator==(const describe_cluster_request&) const = default;
};

struct describe_cluster_response {
  struct broker {
    std::int32_t broker_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;
    bool is_fenced = false;
    static constexpr void describe(auto& v) {
      v.field("BrokerId", &broker::broker_id, codec::since(0));
      v.field("Host", &broker::host, codec::since(0));
      v.field("Port", &broker::port, codec::since(0));
      v.field("Rack", &broker::rack, codec::since(0).or_null());
      v.field("IsFenced", &broker::is_fenced, codec::since(2));
    }
    bool operator==(const broker&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::int8_t endpoint_type = 1;
  std::string cluster_id;
  std::int32_t controller_id = -1;
  std::vector<broker> brokers;
  std::int32_t cluster_authorized_operations = std::numeric_limits<std::int32_t>::min();
  static constexpr codec::message_info info{.name = "DescribeClusterResponse", .api_key = 60, .valid = {0, 2}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &describe_cluster_response::throttle_time_ms, codec::since(0));
    v.field("ErrorCode", &describe_cluster_response::error_code, codec::since(0));
    v.field("ErrorMessage", &describe_cluster_response::error_message, codec::since(0).or_null());
    v.field("EndpointType", &describe_cluster_response::endpoint_type, codec::since(1));
    v.field("ClusterId", &describe_cluster_response::cluster_id, codec::since(0));
    v.field("ControllerId", &describe_cluster_response::controller_id, codec::since(0));
    v.field("Brokers", &describe_cluster_response::brokers, codec::since(0));
    v.field("ClusterAuthorizedOperations", &describe_cluster_response::cluster_authorized_operations, codec::since(0));
  }
  bool operator==(const describe_cluster_response&) const = default;
};

} // namespace cafka::net::kafka
