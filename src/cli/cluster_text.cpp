#include "cli/cluster_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace cafka::cli {

namespace {

using json = nlohmann::ordered_json;

std::string address_of(const client::broker& node) {
  if (node.host.empty())
    return "unknown";
  const bool is_ipv6 = node.host.find(':') != std::string::npos;
  return (is_ipv6 ? '[' + node.host + ']' : node.host) + ':' + std::to_string(node.port);
}

std::string begin_line(const client::broker& node) { return "Node: " + std::to_string(node.id) + "\tAddress: " + address_of(node); }

std::string reason(const error& why) {
  switch (why.code) {
  case errc::connection_closed:
  case errc::network_exception:
  case errc::broker_not_available:
  case errc::request_timed_out:
    return why.to_string() + " (is the node running, and may it be reached by what its advertised.listeners says?)";
  case errc::unsupported_version: return why.to_string() + " (the node runs an older cafka)";
  default: return why.to_string();
  }
}

json begin_json(const client::broker& node) {
  json one{{"node", node.id}, {"host", node.host}, {"port", node.port}};
  one["rack"] = node.rack.empty() ? json{} : json(node.rack);
  return one;
}

template <class Answer>
json error_of(const Answer& answer) {
  return answer ? json{} : json(reason(answer.error()));
}

const char* state_of(const client::broker_description& broker) {
  if (broker.in_controlled_shutdown)
    return "leaving";
  return broker.fenced ? "down" : "up";
}

struct replica_counts {
  std::size_t leads = 0, holds = 0, in_sync = 0;
};

replica_counts count_replicas(node_id node, const std::vector<client::topic_description>& topics) {
  replica_counts counts;
  for (const auto& topic : topics)
    for (const auto& partition : topic.partitions) {
      counts.leads += partition.leader == node;
      counts.holds += std::ranges::count(partition.replicas, node) > 0;
      counts.in_sync += std::ranges::count(partition.isr, node) > 0;
    }
  return counts;
}

std::vector<node_id> down_of(const std::vector<client::broker_description>& brokers) {
  std::vector<node_id> down;
  for (const auto& broker : brokers)
    if (broker.fenced)
      down.push_back(broker.node.id);
  return down;
}

using quorum_replica = client::quorum_description::replica;

std::int64_t end_of(const client::quorum_description& quorum) {
  const auto leader = std::ranges::find(quorum.voters, quorum.leader, &quorum_replica::id);
  return leader == quorum.voters.end() ? -1 : leader->log_end_offset;
}

// −1: unknown
std::int64_t lag_of(const quorum_replica& replica, std::int64_t end) {
  return replica.log_end_offset < 0 || end < 0 ? -1 : std::max<std::int64_t>(end - replica.log_end_offset, 0);
}

// A follower that has nothing to fetch still asks every half second at least.
constexpr std::int64_t out_of_touch_ms = 3'000;

std::int64_t leaders_clock(const client::quorum_description& quorum) {
  const auto leader = std::ranges::find(quorum.voters, quorum.leader, &quorum_replica::id);
  return leader == quorum.voters.end() ? -1 : leader->last_fetch_ms;
}

// Of the voters: those that have asked the leader lately.
std::size_t in_touch(const client::quorum_description& quorum) {
  return static_cast<std::size_t>(std::ranges::count_if(quorum.voters, [now = leaders_clock(quorum)](const auto& voter) {
    return voter.last_fetch_ms >= 0 && now - voter.last_fetch_ms <= out_of_touch_ms;
  }));
}

std::string number_or_unknown(std::int64_t number) { return number < 0 ? "unknown" : std::to_string(number); }

std::string dumped(const json& value, int indent) { return value.dump(indent, ' ', false, json::error_handler_t::replace) + '\n'; }

} // namespace

std::string cluster_text(const client::cluster_description& cluster, const std::vector<client::node_description>& nodes) {
  std::string out = "ClusterId: " + cluster.cluster_id +
                    "\tController: " + (cluster.controller == no_node ? "none" : std::to_string(cluster.controller)) +
                    "\tNodes: " + std::to_string(nodes.size()) + '\n';
  for (const auto& [node, software] : nodes)
    out += '\t' + begin_line(node) + "\tRack: " + node.rack +
           (software ? "\tSoftware: " + software->name + "\tNativeProtocol: " + std::to_string(software->native_version)
                     : "\tError: " + reason(software.error())) +
           '\n';
  return out;
}

std::string cluster_json(const client::cluster_description& cluster, const std::vector<client::node_description>& nodes) {
  json whole{{"cluster_id", cluster.cluster_id}, {"controller", cluster.controller}};
  whole["nodes"] = json::array();
  for (const auto& [node, software] : nodes) {
    auto one = begin_json(node);
    one["software"] = software ? json(software->name) : json{};
    one["native_protocol"] = software ? json(software->native_version) : json{};
    one["error"] = error_of(software);
    whole["nodes"].push_back(std::move(one));
  }
  return dumped(whole, 2);
}

bool cluster_status::is_healthy() const {
  return cluster.controller != no_node && quorum && in_touch(*quorum) == quorum->voters.size() && down_of(brokers).empty() &&
         health.unavailable + health.under_replicated + health.under_min_isr == 0;
}

std::string status_text(const cluster_status& status) {
  const auto down = down_of(status.brokers);
  std::string who;
  for (const auto id : down)
    who += (who.empty() ? ": " : ", ") + std::to_string(id);
  std::string out = "Cluster:     " + status.cluster.cluster_id + (status.is_healthy() ? ", healthy" : ", NOT healthy") + '\n';
  out += "Brokers:     " + std::to_string(status.brokers.size()) + " registered, " + std::to_string(down.size()) + " down" + who + '\n';
  if (status.quorum)
    out += "Quorum:      led by " + std::to_string(status.quorum->leader) + " in epoch " + std::to_string(status.quorum->leader_epoch) +
           ", " + std::to_string(in_touch(*status.quorum)) + " of " + std::to_string(status.quorum->voters.size()) +
           " voters in touch, committed up to offset " + number_or_unknown(status.quorum->high_watermark) + '\n';
  else
    out += "Quorum:      " + status.quorum.error().to_string() + '\n';
  const auto& health = status.health;
  out += "Partitions:  " + std::to_string(health.partitions) + " of " + std::to_string(health.topics) + " topics\n" + "             " +
         std::to_string(health.unavailable) + " unavailable (nobody leads them)\n" + "             " +
         std::to_string(health.under_min_isr) + " under min.insync.replicas (acks=all is refused)\n" + "             " +
         std::to_string(health.under_replicated) + " under-replicated\n" + "             " + std::to_string(health.led_by_another) +
         " led by another than the preferred replica\n";
  return out;
}

std::string status_json(const cluster_status& status) {
  json whole{{"cluster_id", status.cluster.cluster_id}, {"healthy", status.is_healthy()}, {"controller", status.cluster.controller}};
  whole["brokers"] = {{"registered", status.brokers.size()}, {"down", down_of(status.brokers)}};
  if (status.quorum)
    whole["quorum"] = {{"leader", status.quorum->leader},
                       {"epoch", status.quorum->leader_epoch},
                       {"voters", status.quorum->voters.size()},
                       {"in_touch", in_touch(*status.quorum)},
                       {"high_watermark", status.quorum->high_watermark}};
  else
    whole["quorum"] = {{"error", status.quorum.error().to_string()}};
  const auto& health = status.health;
  whole["topics"] = health.topics;
  whole["partitions"] = {{"all", health.partitions},
                         {"unavailable", health.unavailable},
                         {"under_min_isr", health.under_min_isr},
                         {"under_replicated", health.under_replicated},
                         {"led_by_another", health.led_by_another}};
  return dumped(whole, 2);
}

std::string brokers_text(const std::vector<client::broker_description>& brokers, const std::vector<client::topic_description>& topics) {
  std::string out;
  for (const auto& broker : brokers) {
    const auto counts = count_replicas(broker.node.id, topics);
    out += begin_line(broker.node) + "\tRack: " + broker.node.rack + "\tState: " + state_of(broker) +
           "\tLeads: " + std::to_string(counts.leads) + "\tReplicas: " + std::to_string(counts.holds) +
           "\tInSync: " + std::to_string(counts.in_sync) + "\tBrokerEpoch: " + std::to_string(broker.broker_epoch) + '\n';
  }
  return out;
}

std::string brokers_json(const std::vector<client::broker_description>& brokers, const std::vector<client::topic_description>& topics) {
  auto all = json::array();
  for (const auto& broker : brokers) {
    const auto counts = count_replicas(broker.node.id, topics);
    auto one = begin_json(broker.node);
    one["state"] = state_of(broker);
    one["leads"] = counts.leads;
    one["replicas"] = counts.holds;
    one["in_sync"] = counts.in_sync;
    one["broker_epoch"] = broker.broker_epoch;
    all.push_back(std::move(one));
  }
  return dumped(all, 2);
}

std::string quorum_text(const client::quorum_description& quorum) {
  const auto end = end_of(quorum);
  const auto now = leaders_clock(quorum);
  std::string out = "Leader: " + std::to_string(quorum.leader) + "\tEpoch: " + std::to_string(quorum.leader_epoch) +
                    "\tHighWatermark: " + number_or_unknown(quorum.high_watermark) + '\n';
  const auto ago = [now](std::int64_t at_ms) {
    return at_ms < 0 || now < 0 ? "never" : std::to_string(std::max<std::int64_t>(now - at_ms, 0)) + " ms ago";
  };
  const auto line = [&](const quorum_replica& replica, const std::string& role) {
    const client::broker where{replica.id, replica.host, replica.port, {}};
    out += '\t' + begin_line(where) + "\tRole: " + role + "\tLogEndOffset: " + number_or_unknown(replica.log_end_offset) +
           "\tLag: " + number_or_unknown(lag_of(replica, end)) + "\tLastFetch: " + ago(replica.last_fetch_ms) +
           "\tLastCaughtUp: " + ago(replica.last_caught_up_ms) + "\tDirectory: " + replica.directory_id.to_string() + '\n';
  };
  for (const auto& voter : quorum.voters)
    line(voter, voter.id == quorum.leader ? "leader" : "follower");
  for (const auto& observer : quorum.observers)
    line(observer, "observer");
  return out;
}

std::string quorum_json(const client::quorum_description& quorum) {
  const auto end = end_of(quorum);
  json whole{{"leader", quorum.leader}, {"epoch", quorum.leader_epoch}, {"high_watermark", quorum.high_watermark}};
  whole["replicas"] = json::array();
  const auto add = [&](const quorum_replica& replica, const char* role) {
    whole["replicas"].push_back({{"node", replica.id},
                                 {"role", role},
                                 {"host", replica.host},
                                 {"port", replica.port},
                                 {"directory_id", replica.directory_id.to_string()},
                                 {"log_end_offset", replica.log_end_offset},
                                 {"lag", lag_of(replica, end)},
                                 {"last_fetch_ms", replica.last_fetch_ms},
                                 {"last_caught_up_ms", replica.last_caught_up_ms}});
  };
  for (const auto& voter : quorum.voters)
    add(voter, voter.id == quorum.leader ? "leader" : "follower");
  for (const auto& observer : quorum.observers)
    add(observer, "observer");
  return dumped(whole, 2);
}

std::string apis_text(const client::node_apis& of) {
  const auto& served = of.served;
  if (!served)
    return begin_line(of.node) + "\tError: " + reason(served.error()) + '\n';
  std::string out = begin_line(of.node) + "\tApis: " + std::to_string(served->apis.size()) +
                    "\tFeatures: " + std::to_string(served->features.size()) +
                    "\tFeaturesEpoch: " + std::to_string(served->features_epoch) + '\n';
  for (const auto& api : served->apis)
    out += "\tApi: " + api.name + "\tKey: " + std::to_string(api.key) + "\tMinVersion: " + std::to_string(api.min_version) +
           "\tMaxVersion: " + std::to_string(api.max_version) + '\n';
  for (const auto& feature : served->features)
    out += "\tFeature: " + feature.name + "\tFinalizedLevel: " + std::to_string(feature.level) + '\n';
  return out;
}

std::string apis_json(const client::node_apis& of) {
  auto line = begin_json(of.node);
  line["error"] = error_of(of.served);
  const auto served = of.served.value_or(client::api_list{});
  line["apis"] = json::array();
  for (const auto& api : served.apis)
    line["apis"].push_back({{"key", api.key}, {"name", api.name}, {"min_version", api.min_version}, {"max_version", api.max_version}});
  line["finalized_features_epoch"] = served.features_epoch;
  line["finalized_features"] = json::array();
  for (const auto& feature : served.features)
    line["finalized_features"].push_back({{"name", feature.name}, {"level", feature.level}});
  return dumped(line, -1);
}

} // namespace cafka::cli
