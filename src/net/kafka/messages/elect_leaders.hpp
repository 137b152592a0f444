// Elects the preferred replicas, or any, as leaders.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct elect_leaders_request {
  struct topic_and_partitions {
    std::string_view topic;
    std::vector<std::int32_t> partitions;
    static constexpr void describe(auto& v) {
      v.field("Topic", &topic_and_partitions::topic, codec::since(0));
      v.field("Partitions", &topic_and_partitions::partitions, codec::since(0));
    }
    bool operator==(const topic_and_partitions&) const = default;
  };

  std::int8_t election_type = 0;
  std::optional<std::vector<topic_and_partitions>> topic_partitions = std::vector<topic_and_partitions>{};
  std::int32_t timeout_ms = 60000;
  static constexpr codec::message_info info{.name = "ElectLeadersRequest", .api_key = 43, .valid = {0, 2}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("ElectionType", &elect_leaders_request::election_type, codec::since(1));
    v.field("TopicPartitions", &elect_leaders_request::topic_partitions, codec::since(0).or_null());
    v.field("TimeoutMs", &elect_leaders_request::timeout_ms, codec::since(0));
  }
  bool operator==(const elect_leaders_request&) const = default;
};

struct elect_leaders_response {
  struct partition_election {
    std::int32_t partition_id = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = std::string{};
    static constexpr void describe(auto& v) {
      v.field("PartitionId", &partition_election::partition_id, codec::since(0));
      v.field("ErrorCode", &partition_election::error_code, codec::since(0));
      v.field("ErrorMessage", &partition_election::error_message, codec::since(0).or_null());
    }
    bool operator==(const partition_election&) const = default;
  };

  struct election_result {
    std::string topic;
    std::vector<partition_election> partition_result;
    static constexpr void describe(auto& v) {
      v.field("Topic", &election_result::topic, codec::since(0));
      v.field("PartitionResult", &election_result::partition_result, codec::since(0));
    }
    bool operator==(const election_result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<election_result> replica_election_results;
  static constexpr codec::message_info info{.name = "ElectLeadersResponse", .api_key = 43, .valid = {0, 2}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &elect_leaders_response::throttle_time_ms, codec::since(0));
    v.field("ErrorCode", &elect_leaders_response::error_code, codec::since(1));
    v.field("ReplicaElectionResults", &elect_leaders_response::replica_election_results, codec::since(0));
  }
  bool operator==(const elect_leaders_response&) const = default;
};

} // namespace cafka::net::kafka
