// The metadata quorum: leader, voters, observers and how far each has come.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct describe_quorum_request {
  struct partition {
    std::int32_t partition_index = 0;
    static constexpr void describe(auto& v) { v.field("PartitionIndex", &partition::partition_index, codec::since(0)); }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string_view topic_name;
    std::vector<partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("TopicName", &topic::topic_name, codec::since(0));
      v.field("Partitions", &topic::partitions, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::vector<topic> topics;
  static constexpr codec::message_info info{.name = "DescribeQuorumRequest", .api_key = 55, .valid = {0, 2}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("Topics", &describe_quorum_request::topics, codec::since(0)); }
  bool operator==(const describe_quorum_request&) const = default;
};

struct describe_quorum_response {
  struct replica_state {
    std::int32_t replica_id = 0;
    uuid replica_directory_id;
    std::int64_t log_end_offset = 0;
    std::int64_t last_fetch_timestamp = -1;
    std::int64_t last_caught_up_timestamp = -1;
    static constexpr void describe(auto& v) {
      v.field("ReplicaId", &replica_state::replica_id, codec::since(0));
      v.field("ReplicaDirectoryId", &replica_state::replica_directory_id, codec::since(2));
      v.field("LogEndOffset", &replica_state::log_end_offset, codec::since(0));
      v.field("LastFetchTimestamp", &replica_state::last_fetch_timestamp, codec::since(1));
      v.field("LastCaughtUpTimestamp", &replica_state::last_caught_up_timestamp, codec::since(1));
    }
    bool operator==(const replica_state&) const = default;
  };

  struct partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = std::string{};
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = 0;
    std::int64_t high_watermark = 0;
    std::vector<replica_state> current_voters;
    std::vector<replica_state> observers;
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &partition::partition_index, codec::since(0));
      v.field("ErrorCode", &partition::error_code, codec::since(0));
      v.field("ErrorMessage", &partition::error_message, codec::since(2).or_null());
      v.field("LeaderId", &partition::leader_id, codec::since(0));
      v.field("LeaderEpoch", &partition::leader_epoch, codec::since(0));
      v.field("HighWatermark", &partition::high_watermark, codec::since(0));
      v.field("CurrentVoters", &partition::current_voters, codec::since(0));
      v.field("Observers", &partition::observers, codec::since(0));
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string topic_name;
    std::vector<partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("TopicName", &topic::topic_name, codec::since(0));
      v.field("Partitions", &topic::partitions, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  struct listener {
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    static constexpr void describe(auto& v) {
      v.field("Name", &listener::name, codec::since(2));
      v.field("Host", &listener::host, codec::since(2));
      v.field("Port", &listener::port, codec::since(2));
    }
    bool operator==(const listener&) const = default;
  };

  struct node {
    std::int32_t node_id = 0;
    std::vector<listener> listeners;
    static constexpr void describe(auto& v) {
      v.field("NodeId", &node::node_id, codec::since(2));
      v.field("Listeners", &node::listeners, codec::since(2));
    }
    bool operator==(const node&) const = default;
  };

  std::int16_t error_code = 0;
  std::optional<std::string> error_message = std::string{};
  std::vector<topic> topics;
  std::vector<node> nodes;
  static constexpr codec::message_info info{.name = "DescribeQuorumResponse", .api_key = 55, .valid = {0, 2}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("ErrorCode", &describe_quorum_response::error_code, codec::since(0));
    v.field("ErrorMessage", &describe_quorum_response::error_message, codec::since(2).or_null());
    v.field("Topics", &describe_quorum_response::topics, codec::since(0));
    v.field("Nodes", &describe_quorum_response::nodes, codec::since(2));
  }
  bool operator==(const describe_quorum_response&) const = default;
};

} // namespace cafka::net::kafka
