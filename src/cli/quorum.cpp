// `cafka quorum status`: who leads the metadata quorum, who follows, and how far behind each is.
#include "cli/cluster_text.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace cafka::cli {

namespace {

struct options {
  connect_options connect;
  bool json = false;
};

int status(const options& given) {
  client::cluster where{given.connect.cluster("cafka-quorum")};
  const auto quorum = client::admin{where}.describe_quorum();
  if (!quorum)
    return report(quorum.error());
  output out;
  out.write(given.json ? quorum_json(*quorum) : quorum_text(*quorum));
  return out.flush() ? static_cast<int>(success) : out.failure_code();
}

} // namespace

void add_quorum(CLI::App& app, action& chosen, const recover_function& recover) {
  auto given = std::make_shared<options>();
  auto* group = app.add_subcommand("quorum", "Show the quorum that keeps the cluster's metadata, or recover it");
  group->require_subcommand(1);
  auto* command = group->add_subcommand("status", "Show the leader and the followers, and how far behind each is");
  command->footer(
      "As the leader sees it: LastFetch and LastCaughtUp are by its clock. A follower that is well asks at least every half second.\n"
      "Observers follow without a vote. If no majority of the voters is up nobody can answer, and it says so.\n\n"
      "Examples:\n  cafka quorum status\n  cafka quorum status --json | jq '.replicas[] | select(.lag > 0)'");
  given->connect.add_to(*command);
  command->add_flag("--json", given->json, "as JSON");
  command->callback([&chosen, given] { chosen = [given] { return status(*given); }; });
  add_quorum_recover(*group, chosen, recover);
}

} // namespace cafka::cli
