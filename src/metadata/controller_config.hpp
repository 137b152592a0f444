// What the controller core needs of the configuration, and the seam to the table of configuration keys.
#pragma once
#include "base/error.hpp"
#include "metadata/image.hpp"

#include <map>
#include <string>
#include <string_view>

namespace cafka::metadata {

struct controller_config {
  std::int32_t default_partition_count = 1;         // num.partitions
  std::int16_t default_replication_factor = 1;      // default.replication.factor
  std::int32_t max_partitions_per_request = 10'000; // as Kafka's bound on one batch of the metadata log
  std::int64_t broker_session_timeout_ms = 1'500;   // broker.session.timeout.ms
  std::int32_t producer_id_block_size = 1'000;
  std::int32_t default_min_isr = 1;                 // min.insync.replicas of the static configuration
  bool default_unclean_election = false;            // unclean.leader.election.enable of the static configuration
  bool default_fsync = true;                        // durability=fsync of the static configuration
  // Written into a new cluster's log: metadata.version 30 is 4.3-IV0; eligible replicas are KIP-966.
  std::map<std::string, std::int16_t> features{{"metadata.version", 30}, {"eligible.leader.replicas.version", 1}};
};

// Implemented over the table of keys, which lives in base/config. Pure: the same question has the same answer.
class config_rules {
public:
  virtual ~config_rules() = default;
  // Does the key exist for this kind of resource, may it be changed, is the value of its type and in range? invalid_config or invalid_request.
  [[nodiscard]] virtual result<void> check(const config_key& resource, std::string_view key, std::string_view value) const = 0;
  // Everything set on the resource together (keys that bound each other).
  [[nodiscard]] virtual result<void> check_all(const config_key& resource, const config_map& configs) const = 0;
  // May the key take append and subtract? Unknown keys: no.
  [[nodiscard]] virtual bool is_list(config_resource type, std::string_view key) const = 0;
  // What append and subtract start from when nothing is set; "" if unknown.
  [[nodiscard]] virtual std::string default_value(config_resource type, std::string_view key) const = 0;
};

} // namespace cafka::metadata
