// ISR changes asked for by leaders, elections asked for by people, and blocks of producer ids.
#include "metadata/controller.hpp"

#include <algorithm>
#include <set>

namespace cafka::metadata {

namespace {
bool has(const std::vector<node_id>& list, node_id id) { return std::find(list.begin(), list.end(), id) != list.end(); }
} // namespace

// In this order, so that a leader of an older epoch learns that first. A request from the future means that this controller is not the newest.
result<void> controller::check_isr_change(const alter_partition_request& request, const partition_registration& now) const {
  auto against = [](std::string_view what, std::int64_t asked, std::int64_t is) {
    return std::string{what} + " " + std::to_string(asked) + " of the request against " + std::to_string(is);
  };
  if (request.leader_epoch > now.leader_epoch)
    return fail(errc::not_controller, against("leader epoch", request.leader_epoch, now.leader_epoch));
  if (request.partition_epoch > now.partition_epoch)
    return fail(errc::not_controller, against("partition epoch", request.partition_epoch, now.partition_epoch));
  if (request.leader_epoch < now.leader_epoch)
    return fail(errc::fenced_leader_epoch, against("leader epoch", request.leader_epoch, now.leader_epoch));
  if (request.leader != now.leader)
    return fail(errc::invalid_request, against("leader", request.leader, now.leader));
  if (request.partition_epoch < now.partition_epoch)
    return fail(errc::invalid_update_version, against("partition epoch", request.partition_epoch, now.partition_epoch));
  std::set<node_id> members;
  for (const auto& member : request.isr)
    if (!has(now.replicas, member.id) || !members.insert(member.id).second)
      return fail(errc::invalid_request, "broker " + std::to_string(member.id) + " is no replica, or named twice");
  if (!members.contains(request.leader))
    return fail(errc::invalid_request, "the proposed ISR lacks the leader " + std::to_string(request.leader));
  if (request.leader_recovery == recovery_state::recovering && (request.isr.size() > 1 || now.leader_recovery == recovery_state::recovered))
    return fail(errc::invalid_request, "a leader that is recovering is alone in its ISR, and none goes back to recovering");
  for (const auto& member : request.isr) {
    const auto broker = working().brokers().find(member.id);
    if (!can_lead(member.id))
      return fail(errc::ineligible_replica, "broker " + std::to_string(member.id) + " is fenced, shutting down or not registered");
    // KIP-903: an incarnation that was not the one that caught up does not get in on its credit.
    if (member.broker_epoch != -1 && member.broker_epoch != broker->second.broker_epoch)
      return fail(errc::ineligible_replica,
                  "broker " + std::to_string(member.id) + ": " + against("broker epoch", member.broker_epoch, broker->second.broker_epoch));
  }
  return {};
}

decision<alter_partition_outcome> controller::alter_partition(const alter_partition_request& request) {
  decision<alter_partition_outcome> decided;
  auto refuse = [&](error why) {
    decided.outcome.code = why.code;
    decided.outcome.message = std::move(why.detail);
    return decided;
  };
  if (!active())
    return refuse({errc::not_controller, {}});
  if (auto broker = find_broker(request.leader, request.broker_epoch); !broker)
    return refuse({errc::stale_broker_epoch, std::move(broker.error().detail)});
  const auto* topic = working().find_topic(request.partition.topic_id);
  if (!topic)
    return refuse({errc::unknown_topic_id, "there is no topic with id " + request.partition.topic_id.to_string()});
  const auto* now = topic->find_partition(request.partition.partition);
  if (!now)
    return refuse({errc::unknown_topic_or_partition, "topic '" + topic->name + "' has no such partition"});
  if (auto legal = check_isr_change(request, *now); !legal)
    return refuse(std::move(legal.error()));
  wanted_change wanted;
  wanted.isr.emplace();
  for (const auto id : now->replicas) // in replica order, whatever the leader's
    if (std::any_of(request.isr.begin(), request.isr.end(), [&](const isr_member& member) { return member.id == id; }))
      wanted.isr->push_back(id);
  wanted.leader_recovery = request.leader_recovery;
  decided.outcome.partition = *now;
  const auto rules = rules_of(working().configs(config_resource::topic, topic->name));
  if (auto change = change_partition(topic->id, request.partition.partition, *now, wanted, rules)) {
    apply_change(*change, decided.outcome.partition);
    decided.records.emplace_back(std::move(*change));
  }
  return decided;
}

decision<producer_id_block> controller::allocate_producer_ids(node_id broker, std::int64_t broker_epoch) {
  decision<producer_id_block> decided;
  auto& block = decided.outcome;
  if (!active()) {
    block.code = errc::not_controller;
    return decided;
  }
  if (const auto found = find_broker(broker, broker_epoch); !found) {
    block.code = found.error().code;
    block.message = found.error().detail;
    return decided;
  }
  block.first = working().next_producer_id();
  block.count = config_.producer_id_block_size;
  if (block.first > INT64_MAX - block.count) {
    block = {errc::unknown_server_error, "all producer ids up to " + std::to_string(block.first) + " are given out", -1, 0};
    return decided;
  }
  producer_ids_record record;
  record.broker_id = broker;
  record.broker_epoch = broker_epoch;
  record.next_producer_id = block.first + block.count;
  decided.records.emplace_back(std::move(record));
  return decided;
}

decision<std::vector<election_outcome>> controller::elect_leaders(election_kind kind, const std::vector<topic_partition>& partitions) {
  decision<std::vector<election_outcome>> decided;
  std::set<topic_partition> seen;
  for (const auto& wanted_partition : partitions) {
    auto& outcome = decided.outcome.emplace_back();
    outcome.partition = wanted_partition;
    if (!active()) {
      outcome.code = errc::not_controller;
      continue;
    }
    const auto* topic = working().find_topic(wanted_partition.topic);
    const auto* now = topic ? topic->find_partition(wanted_partition.partition) : nullptr;
    if (!now) {
      outcome.code = errc::unknown_topic_or_partition;
      outcome.message = "there is no partition " + wanted_partition.to_string();
      continue;
    }
    const bool preferred = kind == election_kind::preferred;
    if (!seen.insert(wanted_partition).second || (preferred ? now->leader == now->replicas[0] : now->leader != no_node)) {
      outcome.code = errc::election_not_needed;
      continue;
    }
    wanted_change wanted;
    wanted.choice = preferred ? leader_choice::preferred : leader_choice::unclean;
    const auto rules = rules_of(working().configs(config_resource::topic, topic->name));
    auto change = change_partition(topic->id, wanted_partition.partition, *now, wanted, rules);
    if (change && change->leader >= 0) {
      decided.records.emplace_back(std::move(*change));
    } else {
      outcome.code = preferred ? errc::preferred_leader_not_available : errc::eligible_leaders_not_available;
      outcome.message = preferred ? "broker " + std::to_string(now->replicas[0]) + " is not in the ISR, fenced or shutting down"
                                  : std::string{"no replica is alive"};
    }
  }
  return decided;
}

} // namespace cafka::metadata
