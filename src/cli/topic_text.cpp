#include "cli/topic_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace cafka::cli {

namespace {

std::string joined(const std::vector<node_id>& nodes) {
  std::string text;
  for (const auto node : nodes)
    text += (text.empty() ? "" : ",") + std::to_string(node);
  return text;
}

std::size_t replication_factor(const client::topic_description& topic) {
  return topic.partitions.empty() ? 0 : topic.partitions.front().replicas.size();
}

} // namespace

std::string topics_text(const std::vector<client::topic_description>& topics, bool with_headings) {
  std::string out;
  for (const auto& topic : topics) {
    std::string configs;
    for (const auto& [key, value] : topic.configs)
      configs += (configs.empty() ? "" : ",") + key + '=' + value;
    if (with_headings)
      out += "Topic: " + topic.name + "\tTopicId: " + topic.topic_id.to_string() +
             "\tPartitionCount: " + std::to_string(topic.partitions.size()) +
             "\tReplicationFactor: " + std::to_string(replication_factor(topic)) + "\tConfigs: " + configs + '\n';
    for (const auto& partition : topic.partitions)
      out += "\tTopic: " + topic.name + "\tPartition: " + std::to_string(partition.partition) +
             "\tLeader: " + (partition.leader == no_node ? "none" : std::to_string(partition.leader)) +
             "\tReplicas: " + joined(partition.replicas) + "\tIsr: " + joined(partition.isr) + "\tElr: " + joined(partition.elr) +
             "\tLastKnownElr: " + joined(partition.last_known_elr) + '\n';
  }
  return out;
}

std::string topics_json(const std::vector<client::topic_description>& topics) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& topic : topics) {
    nlohmann::ordered_json one;
    one["topic"] = topic.name;
    one["topic_id"] = topic.topic_id.to_string();
    one["internal"] = topic.internal;
    one["replication_factor"] = replication_factor(topic);
    one["configs"] = topic.configs;
    if (topic.min_insync_replicas > 0)
      one["min_insync_replicas"] = topic.min_insync_replicas;
    one["partitions"] = nlohmann::ordered_json::array();
    for (const auto& partition : topic.partitions)
      one["partitions"].push_back({{"partition", partition.partition},
                                   {"leader", partition.leader},
                                   {"leader_epoch", partition.leader_epoch},
                                   {"replicas", partition.replicas},
                                   {"isr", partition.isr},
                                   {"elr", partition.elr},
                                   {"last_known_elr", partition.last_known_elr}});
    all.push_back(std::move(one));
  }
  return all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

} // namespace cafka::cli
