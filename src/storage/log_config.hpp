// What one partition's log needs of the configuration, with Kafka's defaults. Topic-level names in the comments.
#pragma once
#include <cstdint>
#include <limits>

namespace cafka::storage {

enum class durability_mode : std::uint8_t {
  fsync,      // acks=all means fdatasync on every in-sync replica
  replicated, // acks=all means in the page cache of every in-sync replica (Kafka's model)
};

struct log_config {
  std::int64_t segment_bytes = 1 << 30;                  // segment.bytes
  std::int64_t segment_ms = 7LL * 24 * 3600 * 1000;      // segment.ms: by record time of the first batch, else wall time
  std::int64_t segment_jitter_ms = 0;                    // segment.jitter.ms
  std::int32_t segment_index_bytes = 10 << 20;           // segment.index.bytes: either index full rolls the segment
  std::int32_t index_interval_bytes = 4096;              // index.interval.bytes
  std::int64_t retention_ms = 7LL * 24 * 3600 * 1000;    // retention.ms; −1: unlimited
  std::int64_t retention_bytes = -1;                     // retention.bytes; −1: unlimited
  std::int64_t file_delete_delay_ms = 60'000;            // file.delete.delay.ms
  std::int64_t max_message_bytes = 1048588;              // max.message.bytes
  std::int64_t flush_messages = std::numeric_limits<std::int64_t>::max(); // flush.messages
  std::int64_t flush_ms = std::numeric_limits<std::int64_t>::max();       // flush.ms
  bool cleanup_delete = true;                            // cleanup.policy has "delete"
  bool cleanup_compact = false;                          // cleanup.policy has "compact"
  durability_mode durability = durability_mode::fsync;   // durability (cafka's own)
};

} // namespace cafka::storage
