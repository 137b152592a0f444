#include "election/formation.hpp"

#include <algorithm>
#include <utility>

namespace cafka::election {

namespace {
std::string join(const std::vector<node_id>& ids) {
  std::string text;
  for (const auto id : ids)
    text.append(text.empty() ? "" : ",").append(std::to_string(id));
  return text;
}
} // namespace

formation::formation(replica_key self, std::vector<node_id> configured, std::optional<cluster_identity> memory, std::string new_cluster_id,
                     std::string wanted_cluster_id)
    : self_(self),
      configured_(std::move(configured)),
      new_cluster_id_(std::move(new_cluster_id)),
      wanted_cluster_id_(std::move(wanted_cluster_id)),
      formed_(std::move(memory)) {}

formation::effects formation::start() {
  if (formed_)
    (void)heard_of_same(report());
  return propose_if_complete();
}

formation::effects formation::link_up(node_id other) {
  linked_[other].reset();
  return report_to(other);
}

// While the disk is being written it is neither empty nor formed: persisted() tells.
formation::effects formation::report_to(node_id other) const { return adopting_ ? effects{} : effects{{}, {other}, {}}; }

void formation::link_down(node_id other) { linked_.erase(other); }

formation::effects formation::handle(const formation_report& heard) {
  const auto link = linked_.find(heard.from.id);
  if (link == linked_.end())
    return {}; // from a link that is gone
  const auto name = "node " + std::to_string(heard.from.id);
  if (heard.formed) {
    const auto* own = formed_ ? &*formed_ : adopting_ ? &*adopting_ : nullptr;
    if (!own)
      return heard.confirmed || heard.formed->voters.contains(self_) ? adopt(*heard.formed) : effects{};
    if (own->cluster_id != heard.formed->cluster_id)
      return {{}, {}, problem(name + " belongs to cluster " + heard.formed->cluster_id + ", this node to " + own->cluster_id)};
    if (own->recoveries != heard.formed->recoveries)
      return {{},
              {},
              problem(name + " is of recovery " + std::to_string(heard.formed->recoveries) + " of the cluster, this node of " +
                      std::to_string(own->recoveries) + ": restart it")};
    return heard_of_same(heard);
  }
  if (formed_)
    return {{}, {heard.from.id}, {}}; // its report crossed ours, or it waits for a voter that will not come
  if (heard.configured != configured_)
    return {{},
            {},
            problem(name + " has other controller.quorum.voters (" + join(heard.configured) + ") than this node (" + join(configured_) +
                    "): no cluster is formed until they agree")};
  link->second = heard;
  return propose_if_complete();
}

formation::effects formation::persisted() {
  formed_ = std::exchange(adopting_, std::nullopt);
  (void)heard_of_same(report());
  return {{}, everybody(), {}};
}

formation::effects formation::heard_of_same(const formation_report& heard) {
  const auto& voters = (formed_ ? *formed_ : *adopting_).voters;
  if (voters.contains(heard.from) && std::ranges::find(holders_, heard.from) == holders_.end())
    holders_.push_back(heard.from);
  if (confirmed_ || !(heard.confirmed || holders_.size() >= voters.majority()))
    return {};
  confirmed_ = true;
  return {{}, formed_ ? everybody() : std::vector<node_id>{}, {}};
}

std::vector<node_id> formation::everybody() const {
  std::vector<node_id> out;
  out.reserve(linked_.size());
  for (const auto& [id, reported] : linked_)
    out.push_back(id);
  return out;
}

std::vector<node_id> formation::missing() const {
  std::vector<node_id> out;
  if (formed_ || adopting_ || configured_.empty() || configured_.front() != self_.id)
    return out;
  for (const auto id : configured_)
    if (const auto link = linked_.find(id); id != self_.id && (link == linked_.end() || !link->second))
      out.push_back(id);
  return out;
}

formation::effects formation::propose_if_complete() {
  if (formed_ || adopting_ || configured_.empty() || configured_.front() != self_.id || !missing().empty())
    return {};
  std::vector<replica_key> voters;
  voters.reserve(configured_.size());
  for (const auto id : configured_)
    voters.push_back(id == self_.id ? self_ : linked_.at(id)->from);
  return adopt({wanted_cluster_id_.empty() ? new_cluster_id_ : wanted_cluster_id_, voter_set{std::move(voters)}});
}

formation::effects formation::adopt(const cluster_identity& which) {
  if (!wanted_cluster_id_.empty() && which.cluster_id != wanted_cluster_id_)
    return {{}, {}, problem("cluster.id is " + wanted_cluster_id_ + ", but the other nodes belong to cluster " + which.cluster_id)};
  adopting_ = which;
  return {which, {}, {}};
}

std::string formation::problem(const std::string& text) { return std::exchange(told_, text) == text ? std::string{} : text; }

} // namespace cafka::election
