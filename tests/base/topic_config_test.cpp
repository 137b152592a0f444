#define CAF_SUITE topic_config
#include "base/config/topic_config.hpp"

#include "base/config/spec.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka;

namespace {
std::string refusal(const config_values& values) {
  auto checked = check_topic_configs(values);
  if (checked)
    return "accepted";
  CAF_CHECK_EQUAL(checked.error().code, errc::invalid_config);
  return checked.error().detail;
}
} // namespace

CAF_TEST(settings of a topic lie over the defaults) {
  topic_config defaults;
  defaults.retention_ms = 1000;
  auto config = resolve_topic_config(defaults, {{"cleanup.policy", "compact, delete"},
                                                {"durability", "replicated"},
                                                {"message.timestamp.type", "LogAppendTime"},
                                                {"min.cleanable.dirty.ratio", "0.25"},
                                                {"segment.bytes", "1048576"},
                                                {"remote.storage.enable", "true"}});
  CAF_REQUIRE(config);
  CAF_CHECK(config->cleanup_compact && config->cleanup_delete);
  CAF_CHECK(!config->durability_fsync);
  CAF_CHECK(config->message_timestamp_log_append);
  CAF_CHECK_EQUAL(config->min_cleanable_dirty_ratio, 0.25);
  CAF_CHECK_EQUAL(config->segment_bytes, 1048576);
  CAF_CHECK_EQUAL(config->retention_ms, 1000);
}

CAF_TEST(every topic key has a member that keeps its text) {
  for (const auto& spec : all_key_specs()) {
    if (spec.topic_name.empty() || spec.default_value.empty())
      continue;
    topic_config config;
    CAF_MESSAGE(std::string{spec.topic_name});
    CAF_CHECK_EQUAL(topic_member_text(config, spec.topic_name), spec.default_value);
    const auto other = spec.type == value_type::boolean ? "true"
                       : spec.type == value_type::real  ? "0.125"
                       : !spec.choices.empty()          ? std::string{spec.choices.substr(0, spec.choices.find(','))}
                                                        : "1048577";
    if (spec.topic_name.starts_with("compression.") && spec.choices.empty())
      continue; // levels have narrow ranges
    set_topic_member(config, spec.topic_name, other);
    CAF_CHECK_EQUAL(topic_member_text(config, spec.topic_name), other);
  }
}

CAF_TEST(the internal segment size wins) {
  auto config = resolve_topic_config({}, {{"internal.segment.bytes", "1000"}, {"segment.bytes", "2097152"}});
  CAF_REQUIRE(config);
  CAF_CHECK_EQUAL(config->segment_bytes, 1000);
}

CAF_TEST(refusals) {
  CAF_CHECK_EQUAL(refusal({{"retention.ms", "-2"}}), "Invalid value -2 for configuration retention.ms: Value must be at least -1");
  CAF_CHECK_EQUAL(refusal({{"retention.mss", "1"}}), "Unknown topic config name: retention.mss (did you mean retention.ms?)");
  CAF_CHECK_EQUAL(refusal({{"segment.bytes", "10"}}), "Invalid value 10 for configuration segment.bytes: Value must be at least 1048576");
  CAF_CHECK_EQUAL(refusal({{"cleanup.policy", "x"}}),
                  "Invalid value x for configuration cleanup.policy: String must be one of: compact, delete");
  CAF_CHECK_EQUAL(refusal({{"cleanup.policy", "delete,x"}}),
                  "Invalid value x for configuration cleanup.policy: String must be one of: compact, delete");
  CAF_CHECK_EQUAL(refusal({{"cleanup.policy", ""}}), "accepted");
  CAF_CHECK_EQUAL(refusal({{"min.cleanable.dirty.ratio", "2"}}),
                  "Invalid value 2 for configuration min.cleanable.dirty.ratio: Value must be no more than 1");
  CAF_CHECK_EQUAL(refusal({{"retention.ms", "abc"}}), "Invalid value abc for configuration retention.ms: Not a number of type LONG");
  CAF_CHECK_EQUAL(refusal({{"preallocate", "maybe"}}),
                  "Invalid value maybe for configuration preallocate: Expected value to be either true or false");
  CAF_CHECK_EQUAL(refusal({{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "4"}}),
                  "conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (4)");
  CAF_CHECK_EQUAL(refusal({{"compression.gzip.level", "0"}}),
                  "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1");
  CAF_CHECK_EQUAL(refusal({{"log.retention.ms", "5"}}).substr(0, 26), "Unknown topic config name:");
  CAF_CHECK_EQUAL(refusal({{"remote.storage.enable", "true"}, {"retention.ms", " 5 "}}), "accepted");
}
