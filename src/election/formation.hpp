// How nodes with empty disks become one cluster, without a format step. The configured voter with the lowest id proposes a cluster id and the voters'
// directory ids, once every configured voter has reported to it, over its present link, that its disk is empty; each makes that durable before it
// acts on it. From then on a voter is a node with that directory: one that comes back with an empty disk is an observer until it is added again, so
// it cannot help to elect a leader that lacks what was committed. Who is no voter of a proposal follows only once a majority has it, for a
// proposal whose proposer loses its disk at once may be forgotten again. Pure; the shell keeps `identity` beside the metadata log. Source: KIP-853, 595.
//
// not formed → adopting (an identity was proposed or heard; the shell makes it durable) → formed. Never back.
#pragma once
#include "election/voter_set.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cafka::election {

struct cluster_identity {
  std::string cluster_id;
  voter_set voters; // with their directory ids, as they were at the beginning or after the last recovery
  // How often a majority was lost for good and an operator went on with what was left. Who knows a smaller number is of a past that was given up: it
  // gets no link, and stops when it is told.
  std::int32_t recoveries = 0;
  bool operator==(const cluster_identity&) const = default;
};

// What a node says of itself when a link comes up and when it has been formed.
struct formation_report {
  replica_key from;
  std::vector<node_id> configured; // controller.quorum.voters, ascending
  std::optional<cluster_identity> formed; // none: its disk is empty
  bool confirmed = false; // a majority of those voters have it on their disks
  bool operator==(const formation_report&) const = default;
};

class formation {
public:
  struct effects {
    std::optional<cluster_identity> persist; // write and sync it, then call persisted()
    std::vector<node_id> tell; // send report() there
    std::string problem; // for the operator; told once
  };

  // `configured`: ascending, distinct. `memory`: what was persisted; nothing: the disk is empty. `new_cluster_id`: for a cluster that this node
  // proposes. `wanted_cluster_id`: cluster.id of the configuration, empty if not set: no other is adopted.
  formation(replica_key self, std::vector<node_id> configured, std::optional<cluster_identity> memory, std::string new_cluster_id,
            std::string wanted_cluster_id = {});

  // Once, first: a node that is the only voter needs nobody.
  effects start();
  effects link_up(node_id other);
  // The same, to a link that is up: what link_up() said could not be sent yet.
  [[nodiscard]] effects report_to(node_id other) const;
  // What it reported counts no more: when it is back its disk may be another.
  void link_down(node_id other);
  effects handle(const formation_report& heard);
  effects persisted();

  // Durable; null before.
  [[nodiscard]] const cluster_identity* formed() const noexcept { return formed_ ? &*formed_ : nullptr; }
  [[nodiscard]] bool is_voter() const noexcept { return formed_ && formed_->voters.contains(self_); }
  [[nodiscard]] formation_report report() const { return {self_, configured_, formed_, confirmed_}; }
  // Who has to come before a cluster can be formed: for the log, while a start waits. Empty unless this node is the one that proposes.
  [[nodiscard]] std::vector<node_id> missing() const;

private:
  effects propose_if_complete();
  effects heard_of_same(const formation_report& heard);
  [[nodiscard]] std::vector<node_id> everybody() const;
  effects adopt(const cluster_identity& which);
  [[nodiscard]] std::string problem(const std::string& text);

  replica_key self_;
  std::vector<node_id> configured_;
  std::string new_cluster_id_, wanted_cluster_id_;
  std::optional<cluster_identity> formed_, adopting_;
  std::map<node_id, std::optional<formation_report>> linked_; // and what each reported over this link while its disk was empty
  std::vector<replica_key> holders_; // voters that reported to have it, this one too
  bool confirmed_ = false;
  std::string told_;
};

} // namespace cafka::election
