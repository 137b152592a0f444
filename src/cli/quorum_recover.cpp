// `cafka quorum recover`: after the majority of the voters is lost for good, one of the others goes on alone.
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace cafka::cli {

namespace {

constexpr auto footer = R"(For a cluster that has lost the majority of its voters for good: their disks are gone. If any of them can be
started again, start it instead: with a majority nothing is lost.

Run it on ONE surviving voter, with the configuration that it is started with, while it is stopped. Without the
flag it only shows what the node has. With it the node becomes the only voter, durably: its next start serves
again, under the same cluster id, with all that its metadata log has.

What may be lost: what was committed by the lost voters and had not reached this one, such as topics created,
in-sync sets and configurations changed in the last moments. Of several survivors take the one whose log ends
last: compare the epoch first, then the offset. A partition that is led by nobody then has no replica here that
was in sync: `cafka topic elect --unclean` takes what there is.

The lost nodes, and other survivors, come back EMPTY: move their data directories away and start them with the
same configuration. They join as brokers and observers and fetch the metadata and their replicas from here. None of
them votes: a voter is a node with the directory it votes from, and voters cannot be added yet. So the metadata
is on one voter: keep its disk safe.

A node that comes back with what it had stops by itself as soon as it reaches one of the recovered cluster, and
says so. While it reaches none, a majority of such nodes would serve the cluster as it was before, and what is
written there is lost when they meet: so do not start them.

Examples:
  cafka quorum recover /etc/cafka/server.properties
  cafka quorum recover /etc/cafka/server.properties --yes-lose-committed-metadata)";

struct options {
  std::string file;
  std::vector<std::string> overrides;
  bool confirmed = false;
};

std::string number(auto value) { return std::to_string(value); }

std::string voters_text(const metadata::quorum_remains& found) {
  std::string text;
  for (const auto& voter : found.identity.voters)
    text += (text.empty() ? "" : ", ") + number(voter.id) + '@' + voter.directory_id.to_string() +
            (voter.id == found.self.id ? " (this node)" : "");
  return text;
}

std::string remains_text(const metadata::quorum_remains& found) {
  const auto lost = found.identity.voters.size() - 1;
  std::string text = "Node " + number(found.self.id) + " of cluster " + found.identity.cluster_id + ", " + found.directory + "\n";
  text += "  voters:          " + voters_text(found) + "\n";
  text += "  recoveries:      " + number(found.identity.recoveries) + "\n";
  text += "  log:             offsets " + number(found.log_start_offset) + " to " + number(found.last.end_offset) + ", last epoch " +
          number(found.last.leader_epoch) + (found.snapshot_end_offset < 0 ? "" : ", snapshot at " + number(found.snapshot_end_offset)) +
          "\n";
  text += "  known committed: below offset " + number(found.high_watermark) + ", perhaps more\n";
  text += "  highest epoch:   " + number(found.known_epoch) +
          (found.known_leader == no_node ? "" : ", led by node " + number(found.known_leader)) + "\n";
  text += "  topics:          " + number(found.topics) + " with " + number(found.partitions) + " partitions; of " +
          number(found.partitions_elsewhere) + " no replica is here, of " + number(found.partitions_behind) + " one that was not in sync\n";
  text += "At risk:\n";
  text += "  - what the " + number(lost) + " other voters committed from offset " + number(found.last.end_offset) +
          " on, or in a later epoch, and this node never got\n";
  text += "  - a second cluster, if any of them is ever started again with what it had, out of reach of this one\n";
  text += "  - " + number(found.partitions_elsewhere) + " partitions without a replica here, and what others had of " +
          number(found.partitions_behind) + " that were not in sync here\n";
  return text;
}

int recover(const options& given, const recover_function& perform) {
  auto loaded = load_node_config(given.file, given.overrides, false);
  if (!loaded)
    return report(loaded.error(), usage);
  const auto found = perform(loaded->config, false);
  if (!found) {
    if (found.error().code == errc::already_locked)
      return report("the node runs: stop it first. " + found.error().detail);
    return report(found.error().detail.empty() ? found.error().to_string() : found.error().detail);
  }
  output out;
  out.write(remains_text(*found));
  if (!given.confirmed) {
    if (!out.flush())
      return out.failure_code();
    return report("nothing was changed. If the other voters are lost for good: --yes-lose-committed-metadata", usage);
  }
  const auto done = perform(loaded->config, true);
  if (!done)
    return report(done.error().detail.empty() ? done.error().to_string() : done.error().detail);
  out.write("Done: node " + number(done->self.id) + " is the only voter of cluster " + done->identity.cluster_id + " (recovery " +
            number(done->identity.recoveries) + "). Start it; start the others with empty data directories.\n");
  return out.flush() ? static_cast<int>(success) : out.failure_code();
}

} // namespace

void add_quorum_recover(CLI::App& group, action& chosen, const recover_function& perform) {
  auto given = std::make_shared<options>();
  auto* command = group.add_subcommand("recover", "Go on with one voter after the majority is lost for good");
  command->footer(footer);
  command->add_option("FILE", given->file, "server.properties of this node")->required();
  command->add_option("--override", given->overrides, "key=value, wins over the file; may be repeated")->take_all()->type_name("KEY=VALUE");
  command->add_flag("--yes-lose-committed-metadata", given->confirmed, "do it: what only the lost voters had is lost");
  command->callback([&chosen, given, &perform] { chosen = [given, &perform] { return recover(*given, perform); }; });
}

} // namespace cafka::cli
