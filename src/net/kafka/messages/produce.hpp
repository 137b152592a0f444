// Appends record batches to partitions. Topics go by name up to version 12, by id from 13.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct produce_request {
  struct partition {
    std::int32_t index = 0;
    std::optional<codec::records> records;
    static constexpr void describe(auto& v) {
      v.field("Index", &partition::index, codec::since(0));
      v.field("Records", &partition::records, codec::since(0).or_null());
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string_view name;
    uuid topic_id;
    std::vector<partition> partition_data;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::in_versions(0, 12));
      v.field("TopicId", &topic::topic_id, codec::since(13));
      v.field("PartitionData", &topic::partition_data, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  std::optional<std::string_view> transactional_id;
  std::int16_t acks = 0;
  std::int32_t timeout_ms = 0;
  std::vector<topic> topic_data;
  static constexpr codec::message_info info{.name = "ProduceRequest", .api_key = 0, .valid = {3, 13}, .flexible = {9}};
  static constexpr void describe(auto& v) {
    v.field("TransactionalId", &produce_request::transactional_id, codec::since(3).or_null());
    v.field("Acks", &produce_request::acks, codec::since(0));
    v.field("TimeoutMs", &produce_request::timeout_ms, codec::since(0));
    v.field("TopicData", &produce_request::topic_data, codec::since(0));
  }
  bool operator==(const produce_request&) const = default;
};

struct produce_response {
  struct record_error {
    std::int32_t batch_index = 0;
    std::optional<std::string> batch_index_error_message;
    static constexpr void describe(auto& v) {
      v.field("BatchIndex", &record_error::batch_index, codec::since(8));
      v.field("BatchIndexErrorMessage", &record_error::batch_index_error_message, codec::since(8).or_null());
    }
    bool operator==(const record_error&) const = default;
  };

  struct leader_id_and_epoch {
    std::int32_t leader_id = -1;
    std::int32_t leader_epoch = -1;
    static constexpr void describe(auto& v) {
      v.field("LeaderId", &leader_id_and_epoch::leader_id, codec::since(10));
      v.field("LeaderEpoch", &leader_id_and_epoch::leader_epoch, codec::since(10));
    }
    bool operator==(const leader_id_and_epoch&) const = default;
  };

  struct partition {
    std::int32_t index = 0;
    std::int16_t error_code = 0;
    std::int64_t base_offset = 0;
    std::int64_t log_append_time_ms = -1;
    std::int64_t log_start_offset = -1;
    std::vector<record_error> record_errors;
    std::optional<std::string> error_message;
    leader_id_and_epoch current_leader;
    static constexpr void describe(auto& v) {
      v.field("Index", &partition::index, codec::since(0));
      v.field("ErrorCode", &partition::error_code, codec::since(0));
      v.field("BaseOffset", &partition::base_offset, codec::since(0));
      v.field("LogAppendTimeMs", &partition::log_append_time_ms, codec::since(2));
      v.field("LogStartOffset", &partition::log_start_offset, codec::since(5));
      v.field("RecordErrors", &partition::record_errors, codec::since(8));
      v.field("ErrorMessage", &partition::error_message, codec::since(8).or_null());
      v.field("CurrentLeader", &partition::current_leader, codec::since(10).tag(0));
    }
    bool operator==(const partition&) const = default;
  };

  struct topic {
    std::string_view name;
    uuid topic_id;
    std::vector<partition> partition_responses;
    static constexpr void describe(auto& v) {
      v.field("Name", &topic::name, codec::in_versions(0, 12));
      v.field("TopicId", &topic::topic_id, codec::since(13));
      v.field("PartitionResponses", &topic::partition_responses, codec::since(0));
    }
    bool operator==(const topic&) const = default;
  };

  struct node_endpoint {
    std::int32_t node_id = 0;
    std::string_view host;
    std::int32_t port = 0;
    std::optional<std::string_view> rack;
    static constexpr void describe(auto& v) {
      v.field("NodeId", &node_endpoint::node_id, codec::since(10));
      v.field("Host", &node_endpoint::host, codec::since(10));
      v.field("Port", &node_endpoint::port, codec::since(10));
      v.field("Rack", &node_endpoint::rack, codec::since(10).or_null());
    }
    bool operator==(const node_endpoint&) const = default;
  };

  std::vector<topic> responses;
  std::int32_t throttle_time_ms = 0;
  std::vector<node_endpoint> node_endpoints;
  static constexpr codec::message_info info{.name = "ProduceResponse", .api_key = 0, .valid = {3, 13}, .flexible = {9}};
  static constexpr void describe(auto& v) {
    v.field("Responses", &produce_response::responses, codec::since(0));
    v.field("ThrottleTimeMs", &produce_response::throttle_time_ms, codec::since(1));
    v.field("NodeEndpoints", &produce_response::node_endpoints, codec::since(10).tag(0));
  }
  bool operator==(const produce_response&) const = default;
};

} // namespace cafka::net::kafka
