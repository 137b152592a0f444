// What administrators ask for and are told, free of any wire format: the controller core decides on these, both protocols translate to them.
#pragma once
#include "base/error.hpp"
#include "metadata/image.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cafka::metadata {

struct new_topic {
  std::string name;
  std::int32_t partition_count = -1; // −1: num.partitions
  std::int16_t replication_factor = -1; // −1: default.replication.factor
  std::vector<std::vector<node_id>> assignment; // by partition; empty: placed by the controller. Excludes the two above.
  config_map configs;
  error flaw{errc::none,
             {}}; // what the request says that this cannot hold, a null value for instance; told unless the name is refused first
};

struct topic_outcome {
  std::string name;
  uuid topic_id;
  errc code = errc::none;
  std::string message; // for people, with the numbers in it; empty on success
  std::int32_t partition_count = -1;
  std::int16_t replication_factor = -1;
};

struct topic_ref { // by name, or by id when the name is empty
  std::string name;
  uuid topic_id;
};

struct new_partitions {
  std::string topic;
  std::int32_t total_count = 0;
  std::vector<std::vector<node_id>> assignment; // of the new partitions only; empty: placed by the controller …
  bool is_assigned = false; // … unless this says that it was meant
};

enum class config_operation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct config_change {
  std::string key;
  config_operation operation = config_operation::set;
  std::optional<std::string> value; // nullopt only for remove
};

struct alter_config {
  config_key resource;
  std::vector<config_change> changes;
  bool replaces_all = false; // what `changes` does not set returns to its default
};

struct config_outcome {
  config_key resource;
  errc code = errc::none;
  std::string message;
};

// Names as in Kafka's DescribeConfigs.
enum class config_source : std::int8_t {
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  default_value = 5,
};

// A value that a key has at some level, by the name it has there: what the entry's own value overrides.
struct config_synonym {
  std::string key;
  std::optional<std::string> value; // nullopt: sensitive
  config_source source = config_source::default_value;
  bool operator==(const config_synonym&) const = default;
};

struct config_entry {
  std::string key;
  std::optional<std::string> value; // nullopt: sensitive, or unset
  config_source source = config_source::default_value;
  bool read_only = false;
  bool sensitive = false;
  std::string type; // "long", "string", "list", …
  std::string documentation;
  std::vector<config_synonym> synonyms; // strongest first
};

enum class election_kind : std::int8_t { preferred = 0, unclean = 1 };
struct election_outcome {
  topic_partition partition;
  errc code = errc::none;
  std::string message;
};

} // namespace cafka::metadata
