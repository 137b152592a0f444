// Reads record batches from offsets on. Followers and the metadata quorum ask by it too, whence the fields about replicas.
#pragma once
#include "base/codec/codec.hpp"

#include <limits>

namespace cafka::net::kafka {

struct fetch_request {
  struct replica {
    std::int32_t replica_id = -1;
    std::int64_t replica_epoch = -1;
    static constexpr void describe(auto& v) {
      v.field("ReplicaId", &replica::replica_id, codec::since(15));
      v.field("ReplicaEpoch", &replica::replica_epoch, codec::since(15));
    }
    bool operator==(const replica&) const = default;
  };

  struct fetch_partition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;
    std::int64_t fetch_offset = 0;
    std::int32_t last_fetched_epoch = -1;
    std::int64_t log_start_offset = -1;
    std::int32_t partition_max_bytes = 0;
    uuid replica_directory_id;
    std::int64_t high_watermark = std::numeric_limits<std::int64_t>::max();
    static constexpr void describe(auto& v) {
      v.field("Partition", &fetch_partition::partition, codec::since(0));
      v.field("CurrentLeaderEpoch", &fetch_partition::current_leader_epoch, codec::since(9));
      v.field("FetchOffset", &fetch_partition::fetch_offset, codec::since(0));
      v.field("LastFetchedEpoch", &fetch_partition::last_fetched_epoch, codec::since(12));
      v.field("LogStartOffset", &fetch_partition::log_start_offset, codec::since(5));
      v.field("PartitionMaxBytes", &fetch_partition::partition_max_bytes, codec::since(0));
      v.field("ReplicaDirectoryId", &fetch_partition::replica_directory_id, codec::since(17).tag(0));
      v.field("HighWatermark", &fetch_partition::high_watermark, codec::since(18).tag(1));
    }
    bool operator==(const fetch_partition&) const = default;
  };

  struct fetch_topic {
    std::string_view topic;
    uuid topic_id;
    std::vector<fetch_partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Topic", &fetch_topic::topic, codec::in_versions(0, 12));
      v.field("TopicId", &fetch_topic::topic_id, codec::since(13));
      v.field("Partitions", &fetch_topic::partitions, codec::since(0));
    }
    bool operator==(const fetch_topic&) const = default;
  };

  struct forgotten_topic {
    std::string_view topic;
    uuid topic_id;
    std::vector<std::int32_t> partitions;
    static constexpr void describe(auto& v) {
      v.field("Topic", &forgotten_topic::topic, codec::in_versions(7, 12));
      v.field("TopicId", &forgotten_topic::topic_id, codec::since(13));
      v.field("Partitions", &forgotten_topic::partitions, codec::since(7));
    }
    bool operator==(const forgotten_topic&) const = default;
  };

  std::optional<std::string_view> cluster_id;
  std::int32_t replica_id = -1;
  replica replica_state;
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = std::numeric_limits<std::int32_t>::max();
  std::int8_t isolation_level = 0;
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;
  std::vector<fetch_topic> topics;
  std::vector<forgotten_topic> forgotten_topics_data;
  std::string_view rack_id;
  static constexpr codec::message_info info{.name = "FetchRequest", .api_key = 1, .valid = {4, 18}, .flexible = {12}};
  static constexpr void describe(auto& v) {
    v.field("ClusterId", &fetch_request::cluster_id, codec::since(12).or_null().tag(0));
    v.field("ReplicaId", &fetch_request::replica_id, codec::in_versions(0, 14));
    v.field("ReplicaState", &fetch_request::replica_state, codec::since(15).tag(1));
    v.field("MaxWaitMs", &fetch_request::max_wait_ms, codec::since(0));
    v.field("MinBytes", &fetch_request::min_bytes, codec::since(0));
    v.field("MaxBytes", &fetch_request::max_bytes, codec::since(3));
    v.field("IsolationLevel", &fetch_request::isolation_level, codec::since(4));
    v.field("SessionId", &fetch_request::session_id, codec::since(7));
    v.field("SessionEpoch", &fetch_request::session_epoch, codec::since(7));
    v.field("Topics", &fetch_request::topics, codec::since(0));
    v.field("ForgottenTopicsData", &fetch_request::forgotten_topics_data, codec::since(7));
    v.field("RackId", &fetch_request::rack_id, codec::since(11));
  }
  bool operator==(const fetch_request&) const = default;
};

// Records: how the record batches are held. The server sends them from files, so its response holds slots; a reader of responses holds views.
template <class Records>
struct basic_fetch_response {
  struct epoch_end_offset {
    std::int32_t epoch = -1;
    std::int64_t end_offset = -1;
    static constexpr void describe(auto& v) {
      v.field("Epoch", &epoch_end_offset::epoch, codec::since(12));
      v.field("EndOffset", &epoch_end_offset::end_offset, codec::since(12));
    }
    bool operator==(const epoch_end_offset&) const = default;
  };

  struct leader_id_and_epoch {
    std::int32_t leader_id = -1;
    std::int32_t leader_epoch = -1;
    static constexpr void describe(auto& v) {
      v.field("LeaderId", &leader_id_and_epoch::leader_id, codec::since(12));
      v.field("LeaderEpoch", &leader_id_and_epoch::leader_epoch, codec::since(12));
    }
    bool operator==(const leader_id_and_epoch&) const = default;
  };

  struct snapshot {
    std::int64_t end_offset = -1;
    std::int32_t epoch = -1;
    static constexpr void describe(auto& v) {
      v.field("EndOffset", &snapshot::end_offset, codec::since(0));
      v.field("Epoch", &snapshot::epoch, codec::since(0));
    }
    bool operator==(const snapshot&) const = default;
  };

  struct aborted_transaction {
    std::int64_t producer_id = 0;
    std::int64_t first_offset = 0;
    static constexpr void describe(auto& v) {
      v.field("ProducerId", &aborted_transaction::producer_id, codec::since(4));
      v.field("FirstOffset", &aborted_transaction::first_offset, codec::since(4));
    }
    bool operator==(const aborted_transaction&) const = default;
  };

  struct fetched_partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::int64_t high_watermark = 0;
    std::int64_t last_stable_offset = -1;
    std::int64_t log_start_offset = -1;
    epoch_end_offset diverging_epoch;
    leader_id_and_epoch current_leader;
    snapshot snapshot_id;
    std::optional<std::vector<aborted_transaction>> aborted_transactions = std::vector<aborted_transaction>{};
    std::int32_t preferred_read_replica = -1;
    Records records{};
    static constexpr void describe(auto& v) {
      v.field("PartitionIndex", &fetched_partition::partition_index, codec::since(0));
      v.field("ErrorCode", &fetched_partition::error_code, codec::since(0));
      v.field("HighWatermark", &fetched_partition::high_watermark, codec::since(0));
      v.field("LastStableOffset", &fetched_partition::last_stable_offset, codec::since(4));
      v.field("LogStartOffset", &fetched_partition::log_start_offset, codec::since(5));
      v.field("DivergingEpoch", &fetched_partition::diverging_epoch, codec::since(12).tag(0));
      v.field("CurrentLeader", &fetched_partition::current_leader, codec::since(12).tag(1));
      v.field("SnapshotId", &fetched_partition::snapshot_id, codec::since(12).tag(2));
      v.field("AbortedTransactions", &fetched_partition::aborted_transactions, codec::since(4).or_null());
      v.field("PreferredReadReplica", &fetched_partition::preferred_read_replica, codec::since(11));
      v.field("Records", &fetched_partition::records, codec::since(0).or_null());
    }
    bool operator==(const fetched_partition&) const = default;
  };

  struct fetched_topic {
    std::string_view topic;
    uuid topic_id;
    std::vector<fetched_partition> partitions;
    static constexpr void describe(auto& v) {
      v.field("Topic", &fetched_topic::topic, codec::in_versions(0, 12));
      v.field("TopicId", &fetched_topic::topic_id, codec::since(13));
      v.field("Partitions", &fetched_topic::partitions, codec::since(0));
    }
    bool operator==(const fetched_topic&) const = default;
  };

  struct node_endpoint {
    std::int32_t node_id = 0;
    std::string_view host;
    std::int32_t port = 0;
    std::optional<std::string_view> rack;
    static constexpr void describe(auto& v) {
      v.field("NodeId", &node_endpoint::node_id, codec::since(16));
      v.field("Host", &node_endpoint::host, codec::since(16));
      v.field("Port", &node_endpoint::port, codec::since(16));
      v.field("Rack", &node_endpoint::rack, codec::since(16).or_null());
    }
    bool operator==(const node_endpoint&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int32_t session_id = 0;
  std::vector<fetched_topic> responses;
  std::vector<node_endpoint> node_endpoints;
  static constexpr codec::message_info info{.name = "FetchResponse", .api_key = 1, .valid = {4, 18}, .flexible = {12}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &basic_fetch_response::throttle_time_ms, codec::since(1));
    v.field("ErrorCode", &basic_fetch_response::error_code, codec::since(7));
    v.field("SessionId", &basic_fetch_response::session_id, codec::since(7));
    v.field("Responses", &basic_fetch_response::responses, codec::since(0));
    v.field("NodeEndpoints", &basic_fetch_response::node_endpoints, codec::since(16).tag(0));
  }
  bool operator==(const basic_fetch_response&) const = default;
};

using fetch_response = basic_fetch_response<codec::record_slot>;
using fetch_response_view = basic_fetch_response<std::optional<codec::records>>;

} // namespace cafka::net::kafka
