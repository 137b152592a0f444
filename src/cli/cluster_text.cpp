#include "cli/cluster_text.hpp"

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
