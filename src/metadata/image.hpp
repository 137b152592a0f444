// What a cluster knows of itself at one offset of __cluster_metadata: brokers, topics, partitions, configs, features.
// Immutable once built and shared by pointer: sessions route by it without a lock. A successor shares what did not change.
// Built only by replaying committed records (image_builder); never edited in place. Source: KIP-500, KIP-631.
#pragma once
#include "base/ids.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cafka::metadata {

inline constexpr std::string_view metadata_topic = "__cluster_metadata";

enum class recovery_state : std::uint8_t { recovered = 0, recovering = 1 };

struct partition_registration {
  std::vector<node_id> replicas;  // in preference order
  std::vector<uuid> directories;  // one per replica; zero: not said
  std::vector<node_id> isr;
  std::vector<node_id> adding_replicas, removing_replicas;
  std::vector<node_id> elr, last_known_elr; // KIP-966
  node_id leader = no_node;
  recovery_state leader_recovery = recovery_state::recovered;
  std::int32_t leader_epoch = 0;
  std::int32_t partition_epoch = 0;
  bool operator==(const partition_registration&) const = default;
};

struct topic_image {
  std::string name;
  uuid id;
  std::map<std::int32_t, partition_registration> partitions;
  [[nodiscard]] const partition_registration* find_partition(std::int32_t partition) const;
};

struct endpoint {
  std::string listener; // "PLAINTEXT"
  std::string host;
  std::uint16_t port = 0;
  std::int16_t security_protocol = 0; // Kafka's number: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL
  bool operator==(const endpoint&) const = default;
};

struct broker_registration {
  node_id id = no_node;
  std::int64_t broker_epoch = -1;
  uuid incarnation_id;
  std::vector<endpoint> endpoints;
  std::string rack; // empty: none
  std::vector<uuid> directories;
  std::map<std::string, std::pair<std::int16_t, std::int16_t>> features; // levels that it supports, inclusive
  bool fenced = true;
  bool in_controlled_shutdown = false;
  bool operator==(const broker_registration&) const = default;
};

enum class config_resource : std::int8_t { topic = 2, broker = 4 };

using config_map = std::map<std::string, std::string, std::less<>>;

struct config_key {
  config_resource type = config_resource::topic;
  std::string name; // topic name; node id as text; "" for the cluster-wide broker default
  auto operator<=>(const config_key&) const = default;
};

class image {
public:
  // Last record replayed, inclusive, and its epoch; −1 before any.
  [[nodiscard]] std::int64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::int32_t epoch() const noexcept { return epoch_; }

  // Null if there is none.
  [[nodiscard]] const topic_image* find_topic(std::string_view name) const;
  [[nodiscard]] const topic_image* find_topic(const uuid& id) const;
  // In name order.
  [[nodiscard]] const std::map<std::string, std::shared_ptr<const topic_image>, std::less<>>& topics() const noexcept {
    return topics_by_name_;
  }
  [[nodiscard]] const std::map<node_id, broker_registration>& brokers() const noexcept { return brokers_; }
  // Only what was set; empty if nothing was.
  [[nodiscard]] const config_map& configs(config_resource type, std::string_view name) const;
  [[nodiscard]] const std::map<config_key, config_map>& all_configs() const noexcept { return configs_; }
  [[nodiscard]] const std::map<std::string, std::int16_t, std::less<>>& features() const noexcept { return features_; }
  [[nodiscard]] std::size_t partition_count() const noexcept { return partition_count_; }
  // First producer id that no block was handed out of (InitProducerId).
  [[nodiscard]] std::int64_t next_producer_id() const noexcept { return next_producer_id_; }
  // Records that this image does not interpret (ACLs, quotas, types of a newer Kafka), framed, in log order: kept for the next snapshot. Never null.
  [[nodiscard]] const std::shared_ptr<const std::vector<std::vector<std::byte>>>& kept_records() const noexcept { return kept_records_; }

private:
  friend class image_builder;
  std::int64_t offset_ = -1;
  std::int32_t epoch_ = -1;
  std::map<std::string, std::shared_ptr<const topic_image>, std::less<>> topics_by_name_;
  std::unordered_map<uuid, std::shared_ptr<const topic_image>> topics_by_id_;
  std::map<node_id, broker_registration> brokers_;
  std::map<config_key, config_map> configs_;
  std::map<std::string, std::int16_t, std::less<>> features_;
  std::size_t partition_count_ = 0;
  std::int64_t next_producer_id_ = 0;
  std::shared_ptr<const std::vector<std::vector<std::byte>>> kept_records_ = std::make_shared<const std::vector<std::vector<std::byte>>>();
};

using image_ptr = std::shared_ptr<const image>;

} // namespace cafka::metadata
