#include "actors/partition_settings.hpp"

namespace cafka::actors {

namespace {

std::int32_t level_of(const topic_config& config, storage::compression codec) {
  switch (codec) {
  case storage::compression::gzip: return config.compression_gzip_level == -1 ? 0 : config.compression_gzip_level;
  case storage::compression::lz4: return config.compression_lz4_level;
  case storage::compression::zstd: return config.compression_zstd_level;
  case storage::compression::none:
  case storage::compression::snappy: break;
  }
  return 0;
}

storage::log_config make_log_config(const topic_config& config) {
  storage::log_config log;
  log.segment_bytes = config.segment_bytes;
  log.segment_ms = config.segment_ms;
  log.segment_jitter_ms = config.segment_jitter_ms;
  log.segment_index_bytes = config.segment_index_bytes;
  log.index_interval_bytes = config.index_interval_bytes;
  log.retention_ms = config.retention_ms;
  log.retention_bytes = config.retention_bytes;
  log.file_delete_delay_ms = config.file_delete_delay_ms;
  log.max_message_bytes = config.max_message_bytes;
  log.flush_messages = config.flush_messages;
  log.flush_ms = config.flush_ms;
  log.cleanup_delete = config.cleanup_delete;
  log.cleanup_compact = config.cleanup_compact;
  log.durability = config.durability_fsync ? storage::durability_mode::fsync : storage::durability_mode::replicated;
  return log;
}

} // namespace

partition_settings make_partition_settings(const topic_config& config) {
  partition_settings settings;
  settings.log = make_log_config(config);
  settings.min_insync_replicas = config.min_insync_replicas;
  auto& checks = settings.checks;
  checks.max_message_bytes = static_cast<std::size_t>(config.max_message_bytes);
  checks.time_type = config.message_timestamp_log_append ? storage::timestamp_type::log_append_time : storage::timestamp_type::create_time;
  checks.timestamp_before_max_ms = config.message_timestamp_before_max_ms;
  checks.timestamp_after_max_ms = config.message_timestamp_after_max_ms;
  checks.requires_keys = config.cleanup_compact;
  if (config.compression_type == "none" || config.compression_type == "uncompressed")
    checks.recompress_to = storage::compression::none;
  else if (config.compression_type != "producer")
    checks.recompress_to = storage::parse_compression(config.compression_type);
  if (checks.recompress_to)
    checks.compression_level = level_of(config, *checks.recompress_to);
  return settings;
}

} // namespace cafka::actors
