// A cluster's nodes and what they serve, as text of tab-separated fields or as JSON.
#pragma once
#include "cli/partition_health.hpp"
#include "client/admin.hpp"

#include <string>
#include <vector>

namespace cafka::cli {

// The cluster, then a line for each node: what it runs, or why it could not be asked.
std::string cluster_text(const client::cluster_description& cluster, const std::vector<client::node_description>& nodes);
// One value.
std::string cluster_json(const client::cluster_description& cluster, const std::vector<client::node_description>& nodes);

// What one looks at first: who is up, who decides, what is wrong with how many partitions.
struct cluster_status {
  client::cluster_description cluster;
  std::vector<client::broker_description> brokers;
  result<client::quorum_description> quorum; // or why nobody could tell
  health_counts health;
  // Everybody is up, every partition has all its replicas in sync and the quorum has all its voters. Who leads what is no matter of health.
  [[nodiscard]] bool is_healthy() const;
};
std::string status_text(const cluster_status& status);
std::string status_json(const cluster_status& status);

// A line for each broker that is registered: how it is, what it leads and holds.
std::string brokers_text(const std::vector<client::broker_description>& brokers, const std::vector<client::topic_description>& topics);
std::string brokers_json(const std::vector<client::broker_description>& brokers, const std::vector<client::topic_description>& topics);

// The leader, then a line for each voter and observer: its role, and how far behind it is.
std::string quorum_text(const client::quorum_description& quorum);
std::string quorum_json(const client::quorum_description& quorum);

// The node, then a line for each API and each finalized feature.
std::string apis_text(const client::node_apis& of);
// One line.
std::string apis_json(const client::node_apis& of);

} // namespace cafka::cli
