// The table of configuration keys: the one place that knows their names, types, defaults and meaning.
// The parser's checks, `cafka config list`, docs/configuration.md, DescribeConfigs and the validation of topic configs all come from it.
#pragma once
#include "base/error.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cafka {

enum class value_type : std::uint8_t { boolean, int16, int32, int64, real, text, list, class_name, password };

// When a change takes effect. Topic-level keys always can be altered on a topic.
enum class update_mode : std::uint8_t {
  read_only,    // at the next start
  cluster_wide, // while running, for all nodes or one
};

struct key_spec {
  std::string_view name = {};       // in server.properties
  std::string_view topic_name = {}; // its synonym on a topic; empty: a node's key only
  value_type type = value_type::text;
  std::string_view default_value = {}; // as one would write it; empty: unset, unless it is the empty list (data() is not null)
  std::string_view unit = {};          // "bytes", "ms", …; empty: none
  double min = -std::numeric_limits<double>::infinity(); // numbers only, inclusive
  double max = std::numeric_limits<double>::infinity();
  std::string_view choices = {}; // comma-separated permitted values; empty: any
  bool may_be_empty = false;     // a list of choices with none of them
  update_mode mode = update_mode::read_only;
  bool own = false; // cafka's, unknown to Kafka
  std::string_view section = {};
  std::string_view meaning = {}; // sentences, Markdown
};

// In the order of the documentation.
std::span<const key_spec> all_key_specs() noexcept;
// By name in server.properties; null if we do not use it.
const key_spec* find_node_key(std::string_view name) noexcept;
// By name on a topic.
const key_spec* find_topic_key(std::string_view name) noexcept;

// Keys of Kafka 4.3 without effect here; of a topic: by topic_name. Sorted by name. Null where there is none.
std::span<const key_spec> ineffective_key_specs(bool topic_level) noexcept;
const key_spec* find_ineffective_key(std::string_view name, bool topic_level) noexcept;

// Names that Kafka 4.3 knows (or older ones knew), without effect here: those above, and those that no tool of Kafka lists. Sorted;
// is_ignored_kafka_key knows prefixes too.
std::span<const std::string_view> ignored_kafka_names(bool topic_level) noexcept;
bool is_ignored_kafka_key(std::string_view name) noexcept;
bool is_ignored_kafka_topic_key(std::string_view name) noexcept;
// The known key (used here or by Kafka) that is nearest by edit distance, if any is near enough to be a slip of the pen.
std::optional<std::string> nearest_key(std::string_view name, bool topic_level);

std::string_view to_string(value_type type) noexcept; // Kafka's names: "boolean", "int", "long", "double", …
// "a whole number from 1 to 65535 (bytes)": the end of the sentence "expected …".
std::string expectation(const key_spec& spec);
// What is wrong with a value that is not acceptable, as Kafka says it: "Value must be at least 1". Empty for an acceptable one.
std::string complaint(const key_spec& spec, std::string_view value);
// True if `value` is of the type, in range and among the choices.
bool is_acceptable(const key_spec& spec, std::string_view value);

} // namespace cafka
