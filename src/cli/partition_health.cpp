#include "cli/partition_health.hpp"

namespace cafka::cli {

partition_health health_of(const client::topic_description& topic, const client::partition_description& partition) {
  partition_health health;
  health.unavailable = partition.leader == no_node;
  health.under_replicated = partition.isr.size() < partition.replicas.size();
  health.under_min_isr = partition.isr.size() < static_cast<std::size_t>(topic.min_insync_replicas);
  health.led_by_another = !health.unavailable && !partition.replicas.empty() && partition.leader != partition.replicas.front();
  return health;
}

void keep_matching(std::vector<client::topic_description>& topics, const partition_filter& filter) {
  for (auto& topic : topics)
    std::erase_if(topic.partitions, [&](const auto& partition) {
      const auto health = health_of(topic, partition);
      return !(filter.unavailable && health.unavailable) && !(filter.under_replicated && health.under_replicated) &&
             !(filter.under_min_isr && health.under_min_isr);
    });
  std::erase_if(topics, [](const auto& topic) { return topic.partitions.empty(); });
}

health_counts count_health(const std::vector<client::topic_description>& topics) {
  health_counts counts;
  counts.topics = topics.size();
  for (const auto& topic : topics)
    for (const auto& partition : topic.partitions) {
      const auto health = health_of(topic, partition);
      ++counts.partitions;
      counts.unavailable += health.unavailable;
      counts.under_replicated += health.under_replicated;
      counts.under_min_isr += health.under_min_isr;
      counts.led_by_another += health.led_by_another;
    }
  return counts;
}

} // namespace cafka::cli
