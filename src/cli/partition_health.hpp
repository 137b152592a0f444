// What is wrong with a partition, by what the cluster's metadata says of it.
#pragma once
#include "client/types.hpp"

#include <cstddef>
#include <vector>

namespace cafka::cli {

struct partition_health {
  bool unavailable = false;       // nobody leads it: it takes and gives no records
  bool under_replicated = false;  // a replica is missing in the in-sync set
  bool under_min_isr = false;     // fewer in sync than min.insync.replicas: acks=all is refused
  bool led_by_another = false;    // than its preferred replica
};

partition_health health_of(const client::topic_description& topic, const client::partition_description& partition);

// Partitions with any of what is asked for.
struct partition_filter {
  bool unavailable = false, under_replicated = false, under_min_isr = false;
  [[nodiscard]] bool any() const noexcept { return unavailable || under_replicated || under_min_isr; }
};

// Drops all other partitions, and topics without any.
void keep_matching(std::vector<client::topic_description>& topics, const partition_filter& filter);

struct health_counts {
  std::size_t topics = 0, partitions = 0;
  std::size_t unavailable = 0, under_replicated = 0, under_min_isr = 0, led_by_another = 0;
};

health_counts count_health(const std::vector<client::topic_description>& topics);

} // namespace cafka::cli
