// `cafka cluster status|brokers|describe|apis|demo`: how a cluster is, its nodes, and what each of them runs and serves.
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

// Everything that `cafka cluster status` and `brokers` show. The quorum is asked apart: when it has no leader the rest is still told.
result<std::vector<client::topic_description>> topics_of(client::admin& administrator) {
  auto details = administrator.describe_topics();
  if (!details)
    return tl::unexpected(details.error());
  std::vector<client::topic_description> topics;
  for (auto& each : *details)
    if (each.topic) // it may have gone in between
      topics.push_back(std::move(*each.topic));
  return topics;
}

int status(const options& given) {
  client::cluster where{given.connect.cluster("cafka-cluster")};
  client::admin administrator{where};
  auto cluster = administrator.describe_cluster();
  if (!cluster)
    return report(cluster.error());
  auto brokers = administrator.describe_brokers();
  if (!brokers)
    return report(brokers.error());
  const auto topics = topics_of(administrator);
  if (!topics)
    return report(topics.error());
  const cluster_status status{std::move(*cluster), std::move(*brokers), administrator.describe_quorum(), count_health(*topics)};
  output out;
  out.write(given.json ? status_json(status) : status_text(status));
  return finish(out, status.is_healthy());
}

int brokers(const options& given) {
  client::cluster where{given.connect.cluster("cafka-cluster")};
  client::admin administrator{where};
  const auto registered = administrator.describe_brokers();
  if (!registered)
    return report(registered.error());
  const auto topics = topics_of(administrator);
  if (!topics)
    return report(topics.error());
  output out;
  out.write(given.json ? brokers_json(*registered, *topics) : brokers_text(*registered, *topics));
  return finish(out, true);
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
  auto* group = app.add_subcommand("cluster", "Show how a cluster is, its nodes, and what they serve; or start one to try out");
  group->require_subcommand(1);

  auto* status_command = group->add_subcommand("status", "Show at a glance whether all is well, and what is not");
  status_command->footer("The exit code is 0 if all brokers are up, all voters of the quorum in touch and all replicas in sync; else 1.\n"
                         "Then look at `cafka cluster brokers`, `cafka quorum status` and `cafka topic describe --under-replicated`.\n\n"
                         "Examples:\n  cafka cluster status\n  until cafka cluster status > /dev/null; do sleep 1; done");
  given->connect.add_to(*status_command);
  status_command->add_flag("--json", given->json, "as JSON");
  status_command->callback([&chosen, given] { chosen = [given] { return status(*given); }; });

  auto* brokers_command =
      group->add_subcommand("brokers", "Show every registered broker: up, down or leaving, and what it leads and holds");
  brokers_command->footer("Examples:\n  cafka cluster brokers\n  cafka cluster brokers --json | jq '.[] | select(.state != \"up\").node'");
  given->connect.add_to(*brokers_command);
  brokers_command->add_flag("--json", given->json, "as JSON");
  brokers_command->callback([&chosen, given] { chosen = [given] { return brokers(*given); }; });

  add_cluster_demo(*group, chosen);

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
