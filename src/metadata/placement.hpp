// Where new replicas go: leaders round-robin over the brokers from a random start; followers first to racks that the partition is not
// in yet, then to the broker with the fewest replicas of this request, ties at random, so that no two brokers share all their partitions.
// Source: the aims of KIP-36 and KIP-631.
#pragma once
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/prng.hpp"

#include <vector>

namespace cafka::metadata {

struct usable_broker {
  node_id id = no_node;
  std::string rack; // empty on any broker: racks are not looked at
  bool fenced = false;
};

// One list of replicas for each of `partition_count` partitions; the first is the preferred leader and is not fenced. Fenced brokers get
// followers only, and only where an unfenced one would do no better. invalid_replication_factor, with both numbers, if brokers are too few.
result<std::vector<std::vector<node_id>>> place_replicas(const std::vector<usable_broker>& brokers, std::int32_t partition_count,
                                                         std::int16_t replication_factor, prng& source);

} // namespace cafka::metadata
