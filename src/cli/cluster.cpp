// `cafka cluster describe|apis`: the nodes of a cluster, and what each of them runs and serves.
#include "cli/cluster_text.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

#include <algorithm>

namespace cafka::cli {

namespace {

struct options {
  connect_options connect;
  std::vector<node_id> nodes; // none: all
  bool json = false;
};

int finish(output& out, bool all_answered) {
  if (!out.flush())
    return out.failure_code();
  return all_answered ? success : failure;
}

int describe(const options& given) {
  client::cluster where{given.connect.cluster("cafka-cluster")};
  client::admin administrator{where};
  const auto cluster = administrator.describe_cluster();
  if (!cluster)
    return report(cluster.error());
  const auto nodes = administrator.describe_nodes();
  if (!nodes)
    return report(nodes.error());
  output out;
  out.write(given.json ? cluster_json(*cluster, *nodes) : cluster_text(*cluster, *nodes));
  return finish(out, std::ranges::all_of(*nodes, [](const auto& node) { return node.software.has_value(); }));
}

int apis(const options& given) {
  client::cluster where{given.connect.cluster("cafka-cluster")};
  const auto nodes = client::admin{where}.describe_apis(given.nodes);
  if (!nodes)
    return report(nodes.error());
  output out;
  for (const auto& node : *nodes)
    out.write(given.json ? apis_json(node) : apis_text(node));
  return finish(out, std::ranges::all_of(*nodes, [](const auto& node) { return node.served.has_value(); }));
}

} // namespace

void add_cluster(CLI::App& app, action& chosen) {
  auto given = std::make_shared<options>();
  auto* group = app.add_subcommand("cluster", "Show the nodes of a cluster, what they run and which APIs they serve");
  group->require_subcommand(1);

  auto* describe_command = group->add_subcommand("describe", "Show the cluster's id, its controller and its nodes");
  describe_command->footer(
      "Every node is asked by itself. One that cannot be reached is shown with the reason; the exit code is then 1.\n\n"
      "Examples:\n  cafka cluster describe\n  cafka cluster describe --json | jq -r .cluster_id");
  given->connect.add_to(*describe_command);
  describe_command->add_flag("--json", given->json, "as JSON");
  describe_command->callback([&chosen, given] { chosen = [given] { return describe(*given); }; });

  auto* apis_command =
      group->add_subcommand("apis", "Show which of Kafka's APIs each node serves, in which versions, and the finalized features");
  apis_command->footer(
      "As a node answers ApiVersions; kafka-broker-api-versions shows the same. A node that cannot be reached is shown with\n"
      "the reason; the exit code is then 1.\n\n"
      "Examples:\n  cafka cluster apis --node 1\n  cafka cluster apis --json | jq '.apis[] | select(.name == \"Fetch\").max_version'");
  given->connect.add_to(*apis_command);
  apis_command->add_option("-n,--node", given->nodes, "only the node with this id; may be repeated; default: all")
      ->take_all()
      ->check(CLI::NonNegativeNumber)
      ->type_name("ID");
  apis_command->add_flag("--json", given->json, "a JSON object per node");
  apis_command->callback([&chosen, given] { chosen = [given] { return apis(*given); }; });
}

} // namespace cafka::cli
