// The configuration of one topic, typed: the node's defaults with the topic's own settings laid over them. Kafka's names in the comments where they differ.
#pragma once
#include "base/error.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>

namespace cafka {

struct node_config;

// key → value as text; the same type as metadata::config_map.
using config_values = std::map<std::string, std::string, std::less<>>;

struct topic_config {
  bool cleanup_delete = true; // cleanup.policy has "delete"
  bool cleanup_compact = false;
  std::string compression_type = "producer"; // or none (uncompressed), gzip, snappy, lz4, zstd
  std::int32_t compression_gzip_level = -1;
  std::int32_t compression_lz4_level = 9;
  std::int32_t compression_zstd_level = 3;
  std::int64_t delete_retention_ms = 86'400'000;
  bool durability_fsync = true; // durability=fsync, else replicated
  std::int64_t file_delete_delay_ms = 60'000;
  std::int64_t flush_messages = std::numeric_limits<std::int64_t>::max();
  std::int64_t flush_ms = std::numeric_limits<std::int64_t>::max();
  std::int32_t index_interval_bytes = 4096;
  std::int64_t max_compaction_lag_ms = std::numeric_limits<std::int64_t>::max();
  std::int32_t max_message_bytes = 1'048'588;
  std::int64_t message_timestamp_after_max_ms = 3'600'000;
  std::int64_t message_timestamp_before_max_ms = std::numeric_limits<std::int64_t>::max();
  bool message_timestamp_log_append = false; // message.timestamp.type=LogAppendTime
  double min_cleanable_dirty_ratio = 0.5;
  std::int64_t min_compaction_lag_ms = 0;
  std::int32_t min_insync_replicas = 1;
  bool preallocate = false;
  std::int64_t retention_bytes = -1;
  std::int64_t retention_ms = 7LL * 24 * 3600 * 1000;
  std::int32_t segment_bytes = 1 << 30;
  std::int32_t segment_index_bytes = 10 << 20;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_ms = 7LL * 24 * 3600 * 1000;
  bool unclean_leader_election = false; // unclean.leader.election.enable
  bool operator==(const topic_config&) const = default;
};

// `defaults` (node_config::topic_defaults) with a topic's settings over it. Keys that Kafka knows and we do not use are passed over.
// invalid_config for an unknown key or a bad value.
result<topic_config> resolve_topic_config(const topic_config& defaults, const config_values& overrides);

// invalid_config, in Kafka's manner, for the first key or value that a topic cannot have; `overrides` is everything set on the topic.
result<void> check_topic_configs(const config_values& overrides);

// One member by its topic-level key, as text that was checked before. Unknown keys: nothing happens, empty text.
void set_topic_member(topic_config& config, std::string_view key, std::string_view value);
std::string topic_member_text(const topic_config& config, std::string_view key);

} // namespace cafka
