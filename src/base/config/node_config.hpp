// The configuration of one node, typed and checked: what `cafka start` hands to everything below.
// Made by load_node_config from server.properties and --override; immutable afterwards (dynamic changes make a new one, see with_dynamic).
// Member defaults equal the table's (base/config/spec.hpp); a test compares them.
#pragma once
#include "base/config/topic_config.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

struct listener_address {
  std::string name; // "PLAINTEXT"
  std::string host; // empty: every interface
  std::uint16_t port = 0; // 0: the system chooses
  bool operator==(const listener_address&) const = default;
};

struct quorum_voter {
  node_id id = no_node;
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const quorum_voter&) const = default;
};

enum class logging_level : std::uint8_t { debug, info, warn, error, off };

struct node_config {
  // Who the node is.
  node_id id = 1;          // node.id, broker.id
  bool is_broker = true;   // process.roles
  bool is_controller = true;
  std::string rack;        // broker.rack
  std::string cluster_id;  // cluster.id: of a new data directory; empty: random
  std::vector<quorum_voter> quorum_voters;            // controller.quorum.voters; empty: this node alone
  std::vector<std::string> controller_listener_names; // controller.listener.names

  // Where it listens. Controller listeners are parsed but not in these two lists.
  std::vector<listener_address> listeners{{"PLAINTEXT", "", 9092}};
  std::vector<listener_address> advertised_listeners; // empty host never occurs; port 0: the one that was bound
  std::vector<listener_address> controller_listeners;

  // Where it stores.
  std::vector<std::string> log_dirs{"/tmp/kafka-logs"};
  std::string metadata_log_dir; // never empty after load: metadata.log.dir or the first of log.dirs
  std::int64_t metadata_segment_bytes = 1 << 30;                    // metadata.log.segment.bytes
  std::int64_t metadata_segment_ms = 7LL * 24 * 3600 * 1000;        // metadata.log.segment.ms
  std::int64_t metadata_snapshot_bytes = 20 << 20;                  // metadata.log.max.record.bytes.between.snapshots
  std::int64_t metadata_snapshot_interval_ms = 3'600'000;           // metadata.log.max.snapshot.interval.ms; 0: never by time
  std::int64_t metadata_retention_bytes = 100 << 20;                // metadata.max.retention.bytes; negative: unlimited
  std::int64_t metadata_retention_ms = 7LL * 24 * 3600 * 1000;      // metadata.max.retention.ms; negative: unlimited

  // The cluster.
  std::int32_t quorum_election_timeout_ms = 1'000;  // controller.quorum.election.timeout.ms
  std::int32_t quorum_fetch_timeout_ms = 2'000;     // controller.quorum.fetch.timeout.ms
  std::int32_t controller_request_timeout_ms = 30'000; // controller.socket.timeout.ms
  std::int32_t controller_wait_ms = 10'000;         // controller.quorum.request.timeout.ms
  std::int32_t broker_heartbeat_interval_ms = 300;  // broker.heartbeat.interval.ms
  std::int32_t broker_session_timeout_ms = 1'500;   // broker.session.timeout.ms
  bool auto_leader_rebalance = true;                // auto.leader.rebalance.enable
  std::int64_t leader_imbalance_check_interval_s = 10; // leader.imbalance.check.interval.seconds
  std::int64_t replica_lag_time_max_ms = 30'000;    // replica.lag.time.max.ms
  std::int32_t replica_fetch_max_bytes = 1 << 20;   // replica.fetch.max.bytes
  std::int32_t replica_fetch_response_max_bytes = 10 << 20; // replica.fetch.response.max.bytes
  std::int32_t replica_fetch_backoff_ms = 1'000;    // replica.fetch.backoff.ms
  bool insecure = false;                            // node.insecure: nodes may meet on a public address without TLS

  // Topics.
  std::int32_t num_partitions = 1;
  std::int16_t default_replication_factor = 1;
  bool auto_create_topics = true;  // auto.create.topics.enable
  bool delete_topics = true;       // delete.topic.enable
  topic_config topic_defaults;     // log.* and the like: what a topic has that sets nothing itself

  // Connections and memory.
  std::int32_t socket_request_max_bytes = 100 << 20;
  std::int64_t queued_max_request_bytes = 256LL << 20;   // bytes of requests in flight in the node; -1 in the file means this default
  std::int64_t connection_inflight_max_bytes = 16LL << 20; // one connection's share: above it the session stops reading
  std::int32_t connection_inflight_max_requests = 512;
  std::int32_t max_connections = std::numeric_limits<std::int32_t>::max();
  std::int32_t max_connections_per_ip = std::numeric_limits<std::int32_t>::max();
  std::int64_t connections_max_idle_ms = 600'000;        // -1: never
  std::int64_t request_receive_timeout_ms = 30'000;      // a begun frame must be whole by then
  std::int32_t socket_send_buffer_bytes = -1;    // -1: the system's
  std::int32_t socket_receive_buffer_bytes = -1;
  std::int32_t socket_listen_backlog_size = 50;
  std::int32_t fetch_max_bytes = 55 << 20;
  std::int32_t max_fetch_sessions = 1000;                // max.incremental.fetch.session.cache.slots
  std::int32_t max_parked_fetches = 10'000;              // per node: more long polls are answered at once

  // Threads and files.
  std::int32_t shards = 0;              // 0: one per core; never 0 after load
  std::int32_t open_files_max = 0;      // idle descriptors kept open; 0: from the process's limit; never 0 after load
  std::int32_t recovery_threads_per_log_dir = 2;

  // Background work.
  std::int32_t producer_id_expiration_ms = 86'400'000;               // producer.id.expiration.ms
  std::int32_t producer_id_expiration_check_interval_ms = 600'000;   // producer.id.expiration.check.interval.ms
  std::int32_t max_producers_per_partition = 65'536;                 // producer.id.max.per.partition
  std::int64_t retention_check_interval_ms = 300'000;                // log.retention.check.interval.ms
  std::int64_t recovery_point_checkpoint_interval_ms = 60'000;       // log.flush.offset.checkpoint.interval.ms
  std::int64_t log_start_offset_checkpoint_interval_ms = 60'000;     // log.flush.start.offset.checkpoint.interval.ms
  std::int64_t high_watermark_checkpoint_interval_ms = 5'000;        // replica.high.watermark.checkpoint.interval.ms
  std::int64_t flush_scheduler_interval_ms = std::numeric_limits<std::int64_t>::max(); // log.flush.scheduler.interval.ms
  std::int64_t shutdown_timeout_ms = 30'000; // an orderly stop that takes longer is cut short

  logging_level log_level = logging_level::info; // logging.level

  // No other node votes: the cluster needs nobody else to be formed, nor to decide.
  [[nodiscard]] bool is_alone() const noexcept {
    return quorum_voters.empty() || (quorum_voters.size() == 1 && quorum_voters.front().id == id);
  }

  // What the file and the overrides said, by name in server.properties (not the defaults): DescribeConfigs and with_dynamic read it.
  config_values set_values;
  config_values ineffective_values; // of Kafka's keys that have no effect here: only to be shown
};

struct loaded_config {
  node_config config;
  std::vector<std::string> warnings; // one line each, for the log
};

// `file` may be empty: defaults only. Overrides are "key=value" and win over the file. bad_argument: one line with file, line, key, bad value and
// what is expected. `strict`: unknown keys and duplicates are errors too. Reads `file` and asks the system for its host name and limits; looks at no data directory.
result<loaded_config> load_node_config(const std::string& file, const std::vector<std::string>& overrides, bool strict);

// `base` with the dynamic broker configs of the metadata image laid over it: cluster-wide defaults, then this node's own.
result<node_config> with_dynamic(const node_config& base, const config_values& cluster_wide, const config_values& own);

struct key_spec;
// The value in force, as text: DescribeConfigs. Empty: unset.
std::string node_value_text(const node_config& config, const key_spec& spec);

// As with_dynamic, of the topics' defaults alone: cheap, asks the system nothing.
result<topic_config> dynamic_topic_defaults(const node_config& base, const config_values& cluster_wide, const config_values& own);
// Of what can change while the node runs all that is not a topic's.
struct live_config {
  std::int32_t max_connections = 0;
  std::int32_t max_connections_per_ip = 0;
  std::int32_t producer_id_expiration_ms = 0;
  bool operator==(const live_config&) const = default;
};
live_config dynamic_live_config(const node_config& base, const config_values& cluster_wide, const config_values& own);
// As AlterConfigs on a broker checks a change: invalid_config for an unknown key; invalid_request, as from Kafka, for one that is read-only here
// and for a value that it cannot have. Kafka's keys without effect are checked too and taken.
result<void> check_dynamic_node_config(std::string_view key, std::string_view value);

} // namespace cafka
