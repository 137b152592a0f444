#include "metadata/partition_change.hpp"

#include <algorithm>

namespace cafka::metadata {

namespace {

using nodes = std::vector<node_id>;

bool has(const nodes& list, node_id id) { return std::find(list.begin(), list.end(), id) != list.end(); }
void remove(nodes& list, node_id id) { list.erase(std::remove(list.begin(), list.end(), id), list.end()); }

struct target {
  nodes isr, elr, last_known_elr;
  node_id leader = no_node;
  bool by_memory = false;  // the last known member leads
  bool unclean = false;    // someone who may lack committed records leads
};

std::int32_t needed_in_sync(const partition_registration& now, const partition_rules& rules) {
  return std::clamp<std::int32_t>(rules.min_isr, 1, std::max<std::int32_t>(1, static_cast<std::int32_t>(now.replicas.size())));
}

// KIP-966: whoever leaves an ISR that is then below min ISR holds everything that was committed, and stays eligible until the ISR is
// whole again. A lossy member comes last; one whose disk is gone, or who may lack acked records, is only remembered.
void choose_eligible(const partition_registration& now, const wanted_change& wanted, const partition_rules& rules, target& to) {
  to.elr.clear();
  to.last_known_elr.clear();
  if (static_cast<std::int32_t>(to.isr.size()) >= needed_in_sync(now, rules))
    return;
  auto add = [&](nodes& list, node_id id) {
    if (!has(to.isr, id) && !has(to.elr, id) && !has(list, id))
      list.push_back(id);
  };
  for (const auto* from : {&now.elr, &now.isr})
    for (const auto id : *from)
      if (id != wanted.lossy)
        add(to.elr, id);
  if (has(now.isr, wanted.lossy) || has(now.elr, wanted.lossy))
    add(wanted.forget ? to.last_known_elr : to.elr, wanted.lossy);
  for (const auto id : now.last_known_elr)
    add(to.last_known_elr, id);
}

node_id first_alive(const nodes& among, const nodes& order, const partition_rules& rules) {
  for (const auto id : order)
    if (has(among, id) && rules.can_lead(id))
      return id;
  return no_node;
}

// From the ISR in replica order, else an eligible replica, else the one last known member, else (if allowed) anyone.
void choose_leader(const partition_registration& now, const wanted_change& wanted, const partition_rules& rules, target& to) {
  const bool stays = now.leader != no_node && has(to.isr, now.leader) && rules.can_lead(now.leader);
  if (wanted.choice == leader_choice::preferred && !now.replicas.empty() && has(to.isr, now.replicas[0]) && rules.can_lead(now.replicas[0]))
    to.leader = now.replicas[0];
  else if (stays)
    to.leader = now.leader;
  else
    to.leader = first_alive(to.isr, now.replicas, rules);
  if (to.leader != no_node)
    return;
  to.leader = first_alive(to.elr, to.elr, rules);
  if (to.leader == no_node && to.isr.empty() && to.elr.empty() && to.last_known_elr.size() == 1) {
    to.leader = first_alive(to.last_known_elr, to.last_known_elr, rules);
    to.by_memory = to.leader != no_node;
  }
  if (to.leader == no_node && (rules.unclean_election || wanted.choice == leader_choice::unclean)) {
    to.leader = first_alive(now.replicas, now.replicas, rules);
    to.unclean = to.leader != no_node;
  }
  if (to.leader != no_node)
    to.isr = {to.leader};
}

} // namespace

std::optional<partition_change_record> change_partition(const uuid& topic, std::int32_t number, const partition_registration& now,
                                                        const wanted_change& wanted, const partition_rules& rules) {
  target to;
  to.isr = wanted.isr.value_or(now.isr);
  if (wanted.lossy != no_node)
    remove(to.isr, wanted.lossy);
  choose_eligible(now, wanted, rules, to);
  choose_leader(now, wanted, rules, to);
  // Whoever led the ISR back to strength, or was elected from outside it, changes who is eligible.
  choose_eligible(now, wanted, rules, to);
  if (to.by_memory || to.unclean) { // what the others hold may be no part of this history
    to.elr.clear();
    to.last_known_elr.clear();
  }

  partition_change_record record;
  record.partition_id = number;
  record.topic_id = topic;
  bool changes = false;
  auto set_if_changed = [&]<class T>(std::optional<T>& field, const T& value, const T& before) {
    if (value == before)
      return;
    field = value;
    changes = true;
  };
  set_if_changed(record.isr, to.isr, now.isr);
  set_if_changed(record.eligible_leader_replicas, to.elr, now.elr);
  set_if_changed(record.last_known_elr, to.last_known_elr, now.last_known_elr);
  set_if_changed(record.directories, wanted.directories.value_or(now.directories), now.directories);
  if (to.leader != now.leader || (wanted.choice == leader_choice::reelect && to.leader != no_node)) {
    record.leader = to.leader;
    changes = true;
  }
  auto recovery = wanted.leader_recovery.value_or(now.leader_recovery);
  if (to.unclean)
    recovery = recovery_state::recovering;
  if (recovery != now.leader_recovery) {
    record.leader_recovery_state = static_cast<std::int8_t>(recovery);
    changes = true;
  }
  return changes ? std::optional{record} : std::nullopt;
}

} // namespace cafka::metadata
