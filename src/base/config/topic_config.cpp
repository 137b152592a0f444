#include "base/config/topic_config.hpp"

#include "base/config/spec.hpp"
#include "base/config/value_text.hpp"

#include <algorithm>

namespace cafka {

namespace {

// Members whose text is not their type's own. Each has its read_value and value_text.
struct cleanup_policy {
  bool& remove;
  bool& compact;
};
void read_value(std::string_view text, cleanup_policy to) {
  to.remove = to.compact = false;
  for (const auto& item : split_list(text))
    (item == "compact" ? to.compact : to.remove) = true;
}
std::string value_text(cleanup_policy from) {
  std::string text = from.compact ? "compact" : "";
  if (from.remove)
    text += text.empty() ? "delete" : ",delete";
  return text;
}

// true and false under two names.
struct two_words {
  bool& value;
  std::string_view when_true;
  std::string_view when_false;
};
void read_value(std::string_view text, two_words to) { to.value = trim_value(text) == to.when_true; }
std::string value_text(two_words from) { return std::string{from.value ? from.when_true : from.when_false}; }

// Calls visit(topic-level key, member) for everything a topic_config holds, until it returns true.
template <class Visit>
bool visit_members(topic_config& c, Visit visit) {
  return visit("cleanup.policy", cleanup_policy{c.cleanup_delete, c.cleanup_compact}) || visit("compression.type", c.compression_type) ||
         visit("compression.gzip.level", c.compression_gzip_level) || visit("compression.lz4.level", c.compression_lz4_level) ||
         visit("compression.zstd.level", c.compression_zstd_level) || visit("delete.retention.ms", c.delete_retention_ms) ||
         visit("durability", two_words{c.durability_fsync, "fsync", "replicated"}) ||
         visit("file.delete.delay.ms", c.file_delete_delay_ms) || visit("flush.messages", c.flush_messages) ||
         visit("flush.ms", c.flush_ms) || visit("index.interval.bytes", c.index_interval_bytes) ||
         visit("internal.segment.bytes", c.segment_bytes) || visit("max.compaction.lag.ms", c.max_compaction_lag_ms) ||
         visit("max.message.bytes", c.max_message_bytes) || visit("message.timestamp.after.max.ms", c.message_timestamp_after_max_ms) ||
         visit("message.timestamp.before.max.ms", c.message_timestamp_before_max_ms) ||
         visit("message.timestamp.type", two_words{c.message_timestamp_log_append, "LogAppendTime", "CreateTime"}) ||
         visit("min.cleanable.dirty.ratio", c.min_cleanable_dirty_ratio) || visit("min.compaction.lag.ms", c.min_compaction_lag_ms) ||
         visit("min.insync.replicas", c.min_insync_replicas) || visit("preallocate", c.preallocate) ||
         visit("retention.bytes", c.retention_bytes) || visit("retention.ms", c.retention_ms) || visit("segment.bytes", c.segment_bytes) ||
         visit("segment.index.bytes", c.segment_index_bytes) || visit("segment.jitter.ms", c.segment_jitter_ms) ||
         visit("segment.ms", c.segment_ms) || visit("unclean.leader.election.enable", c.unclean_leader_election);
}

// As Kafka words them: people's scripts look for it.
tl::unexpected<error> bad_value(std::string_view key, std::string_view value, const std::string& why) {
  return fail(errc::invalid_config, "Invalid value " + std::string{value} + " for configuration " + std::string{key} + ": " + why);
}

// Of a list the item that is refused.
std::string refused_part(const key_spec& spec, const std::string& value) {
  if (spec.type == value_type::list)
    for (auto& item : split_list(value))
      if (!is_acceptable(spec, item))
        return std::move(item);
  return value;
}

// What one value cannot show by itself.
result<void> check_together(const config_values& overrides) {
  if (const auto level = overrides.find("compression.gzip.level"); level != overrides.end() && trim_value(level->second) == "0")
    return bad_value(level->first, "0", "Value must be between 1 and 9 or equal to -1");
  const auto min_lag = overrides.find("min.compaction.lag.ms");
  const auto max_lag = overrides.find("max.compaction.lag.ms");
  if (min_lag != overrides.end() && max_lag != overrides.end() &&
      parse_integer<std::int64_t>(min_lag->second) > parse_integer<std::int64_t>(max_lag->second))
    return fail(errc::invalid_config, "conflict topic config setting min.compaction.lag.ms (" + min_lag->second +
                                          ") > max.compaction.lag.ms (" + max_lag->second + ')');
  return {};
}

} // namespace

void set_topic_member(topic_config& config, std::string_view key, std::string_view value) {
  visit_members(config, [&](std::string_view name, auto&& member) {
    if (name != key)
      return false;
    read_value(value, member);
    return true;
  });
}

std::string topic_member_text(const topic_config& config, std::string_view key) {
  std::string text;
  auto copy = config;
  visit_members(copy, [&](std::string_view name, auto&& member) {
    if (name != key)
      return false;
    text = value_text(member);
    return true;
  });
  return text;
}

result<void> check_topic_configs(const config_values& overrides) {
  for (const auto& [key, value] : overrides) {
    const auto* spec = find_topic_key(key);
    if (!spec) {
      if (is_ignored_kafka_topic_key(key))
        continue;
      auto message = "Unknown topic config name: " + key;
      if (const auto nearest = nearest_key(key, true))
        message += " (did you mean " + *nearest + "?)";
      return fail(errc::invalid_config, std::move(message));
    }
    if (!is_acceptable(*spec, value))
      return bad_value(key, refused_part(*spec, value), complaint(*spec, value));
  }
  return check_together(overrides);
}

result<topic_config> resolve_topic_config(const topic_config& defaults, const config_values& overrides) {
  CAFKA_TRY(check_topic_configs(overrides));
  auto config = defaults;
  for (const auto& [key, value] : overrides)
    if (key != "internal.segment.bytes")
      set_topic_member(config, key, value);
  if (const auto internal = overrides.find("internal.segment.bytes"); internal != overrides.end())
    set_topic_member(config, internal->first, internal->second); // wins over segment.bytes, whatever their order
  return config;
}

} // namespace cafka
