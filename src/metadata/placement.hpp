// Where new replicas go: leaders round-robin over brokers and racks from a random start, followers spread over racks first, then brokers,
// shifted so that two brokers do not share all their partitions. Source: the rule of Kafka's StripedReplicaPlacer (KIP-36, KIP-631).
#pragma once
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/prng.hpp"

#include <vector>

namespace cafka::metadata {

struct usable_broker {
  node_id id = no_node;
  std::string rack; // empty: none; then racks are not looked at for any broker
  bool fenced = false;
};

// One list of replicas for each of `partition_count` partitions; the first is the preferred leader and is not fenced.
// Fenced brokers get followers only. invalid_replication_factor, with both numbers, if there are too few brokers.
result<std::vector<std::vector<node_id>>> place_replicas(const std::vector<usable_broker>& brokers, std::int32_t partition_count,
                                                         std::int16_t replication_factor, prng& source);

} // namespace cafka::metadata
