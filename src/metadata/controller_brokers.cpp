// Registration, heartbeats, fencing. A broker's partition records precede its fence record in the batch, and follow its unfence record,
// so that a fenced broker is in no ISR after any record (R11).
#include "metadata/controller.hpp"
#include "metadata/replica_places.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace cafka::metadata {

namespace {

template <class T>
bool has(const std::vector<T>& list, const T& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

std::vector<node_id> without(const std::vector<node_id>& list, node_id id) {
  std::vector<node_id> rest;
  std::copy_if(list.begin(), list.end(), std::back_inserter(rest), [&](node_id other) { return other != id; });
  return rest;
}

// What the replica of `id` was assigned to is not among the directories that came back.
bool replica_disk_lost(const partition_registration& partition, const broker_registration_request& restarted) {
  const auto directory = directory_of(partition, restarted.id);
  return directory.is_zero() ? restarted.directory_lost : !has(restarted.directories, directory);
}

std::vector<uuid> directories_with(const partition_registration& partition, node_id id, const uuid& directory) {
  auto all = partition.directories;
  all.at(static_cast<std::size_t>(std::ranges::find(partition.replicas, id) - partition.replicas.begin())) = directory;
  return all;
}

broker_registration_change_record fencing_record(const broker_registration& broker, bool fence) {
  broker_registration_change_record record;
  record.broker_id = broker.id;
  record.broker_epoch = broker.broker_epoch;
  record.fenced = fence ? 1 : -1;
  return record;
}

register_broker_record registration_record(const broker_registration_request& request, std::int64_t broker_epoch) {
  register_broker_record record;
  record.broker_id = request.id;
  record.incarnation_id = request.incarnation_id;
  record.broker_epoch = broker_epoch;
  for (const auto& known : request.endpoints)
    record.endpoints.push_back({known.listener, known.host, known.port, known.security_protocol, {}});
  for (const auto& [name, levels] : request.features)
    record.features.push_back({name, levels.first, levels.second, {}});
  record.rack = request.rack.empty() ? std::nullopt : std::optional{request.rack};
  record.fenced = true;
  record.directories = request.directories;
  std::sort(record.directories.begin(), record.directories.end());
  return record;
}

} // namespace

result<const broker_registration*> controller::find_broker(node_id id, std::int64_t broker_epoch) const {
  const auto found = working().brokers().find(id);
  if (found == working().brokers().end())
    return fail(errc::broker_id_not_registered, "broker " + std::to_string(id) + " is not registered");
  if (found->second.broker_epoch != broker_epoch)
    return fail(errc::stale_broker_epoch, "broker " + std::to_string(id) + " has broker epoch " +
                                              std::to_string(found->second.broker_epoch) + ", not " + std::to_string(broker_epoch));
  return &found->second;
}

void controller::add_fencing(node_id id, const broker_registration_request* restarted, bool lossy,
                             std::vector<metadata_record>& records) const {
  for (const auto& [name, topic] : working().topics()) {
    std::optional<partition_rules> rules;
    bool fsync = true;
    for (const auto& [number, partition] : topic->partitions) {
      const auto disk_lost = restarted && replica_disk_lost(partition, *restarted);
      const auto lacks = lossy || disk_lost;
      const auto unnamed = disk_lost && !directory_of(partition, id).is_zero(); // else the next restart would count as a loss again
      if (!unnamed && partition.leader != id && !has(partition.isr, id) && !(lacks && has(partition.elr, id)))
        continue;
      if (!rules) {
        const auto& configs = working().configs(config_resource::topic, name);
        rules = rules_of(configs);
        rules->can_lead = [this, id](node_id other) { return other != id && can_lead(other); };
        fsync = flag_of(configs, cluster_configs(), "durability", "fsync", config_.default_fsync);
      }
      wanted_change wanted;
      wanted.isr = without(partition.isr, id);
      if (lacks) {
        wanted.lossy = id;
        wanted.forget = !fsync || disk_lost;
      }
      if (unnamed)
        wanted.directories = directories_with(partition, id, uuid{});
      if (auto change = change_partition(topic->id, number, partition, wanted, *rules))
        records.emplace_back(std::move(*change));
    }
  }
}

void controller::add_unfencing(node_id id, std::vector<metadata_record>& records) const {
  for (const auto& [name, topic] : working().topics()) {
    std::optional<partition_rules> rules;
    for (const auto& [number, partition] : topic->partitions) {
      if (partition.leader != no_node || !has(partition.replicas, id))
        continue;
      if (!rules) {
        rules = rules_of(working().configs(config_resource::topic, name));
        rules->can_lead = [this, id](node_id other) { return other == id || can_lead(other); };
      }
      if (auto change = change_partition(topic->id, number, partition, {}, *rules))
        records.emplace_back(std::move(*change));
    }
  }
}

// Leaders go to other members of their ISR; a partition that has none stays where it is until the broker is fenced.
void controller::add_moved_leaders(node_id id, std::vector<metadata_record>& records) const {
  for (const auto& [name, topic] : working().topics()) {
    std::optional<partition_rules> rules;
    for (const auto& [number, partition] : topic->partitions) {
      if (!has(partition.isr, id))
        continue;
      if (!rules) {
        rules = rules_of(working().configs(config_resource::topic, name));
        rules->unclean_election = false;
        rules->can_lead = [this, id](node_id other) { return other != id && can_lead(other); };
      }
      const auto others = without(partition.isr, id);
      if (std::none_of(others.begin(), others.end(), rules->can_lead))
        continue;
      wanted_change wanted;
      wanted.isr = others;
      if (auto change = change_partition(topic->id, number, partition, wanted, *rules))
        records.emplace_back(std::move(*change));
    }
  }
}

decision<broker_registration_outcome> controller::register_broker(const broker_registration_request& request, std::int64_t log_end_offset,
                                                                  std::int64_t now_ms) {
  decision<broker_registration_outcome> decided;
  if (!active()) {
    decided.outcome.code = errc::not_controller;
    return decided;
  }
  const auto existing = working().brokers().find(request.id);
  std::int64_t records_before = 0;
  if (existing != working().brokers().end()) {
    const auto& before = existing->second;
    if (before.incarnation_id == request.incarnation_id) { // the same process asks again: its first answer was lost
      decided.outcome.broker_epoch = before.broker_epoch;
      return decided;
    }
    if (const auto session = sessions_.find(request.id);
        !before.fenced && session != sessions_.end() && session->second.heard && session->second.deadline_ms > now_ms) {
      decided.outcome.code = errc::duplicate_broker_registration;
      // The same words each time: who is refused logs what is new.
      decided.outcome.message = "another process is registered as node " + std::to_string(request.id) + " (incarnation " +
                                before.incarnation_id.to_string() + ") and its session lives: give each its own node.id";
      return decided;
    }
    auto restarted = request;
    restarted.directory_lost = request.directory_lost || std::ranges::any_of(before.directories, [&](const uuid& directory) {
                                 return !has(request.directories, directory);
                               });
    const bool nothing_lost =
        (request.previous_broker_epoch == before.broker_epoch || request.page_cache_survived) && !restarted.directory_lost;
    add_fencing(request.id, &restarted, !nothing_lost, decided.records);
    records_before = static_cast<std::int64_t>(decided.records.size());
  }
  // The offset that this record will get: greater than every broker epoch before it.
  decided.outcome.broker_epoch = log_end_offset + records_before;
  decided.records.emplace_back(registration_record(request, decided.outcome.broker_epoch));
  return decided;
}

decision<broker_heartbeat_outcome> controller::heartbeat(const broker_heartbeat& request, std::int64_t now_ms) {
  decision<broker_heartbeat_outcome> decided;
  auto& outcome = decided.outcome;
  if (!active()) {
    outcome.code = errc::not_controller;
    return decided;
  }
  const auto found = find_broker(request.id, request.broker_epoch);
  if (!found) {
    outcome.code = found.error().code;
    outcome.message = found.error().detail;
    return decided;
  }
  const auto& broker = **found;
  outcome.caught_up = request.metadata_offset >= broker.broker_epoch;
  outcome.fenced = broker.fenced;
  sessions_[request.id] = {now_ms + config_.broker_session_timeout_ms, true};
  if (broker.fenced) {
    outcome.should_shut_down = request.want_shutdown;
    if (request.want_fence || request.want_shutdown || !outcome.caught_up)
      return decided;
    decided.records.emplace_back(fencing_record(broker, false));
    add_unfencing(request.id, decided.records);
    outcome.fenced = false;
    return decided;
  }
  if (request.want_shutdown && !broker.in_controlled_shutdown) {
    broker_registration_change_record leaving;
    leaving.broker_id = broker.id;
    leaving.broker_epoch = broker.broker_epoch;
    leaving.in_controlled_shutdown = 1;
    decided.records.emplace_back(std::move(leaving));
    add_moved_leaders(request.id, decided.records);
    return decided;
  }
  if (request.want_fence || request.want_shutdown) {
    add_fencing(request.id, nullptr, false, decided.records);
    decided.records.emplace_back(fencing_record(broker, true));
    outcome.fenced = true;
    outcome.should_shut_down = request.want_shutdown;
  }
  return decided;
}

decision<std::vector<node_id>> controller::expire_sessions(std::int64_t now_ms) {
  decision<std::vector<node_id>> decided;
  if (!active())
    return decided;
  for (const auto& [id, session] : sessions_) {
    if (session.deadline_ms > now_ms || working().brokers().at(id).fenced)
      continue;
    // One at a time: the next is judged by what this one's records make of the partitions.
    auto fenced = fence_broker(id, working().brokers().at(id).broker_epoch);
    return {{id}, std::move(fenced.records)};
  }
  return decided;
}

void controller::extend_sessions(std::int64_t by_ms) {
  for (auto& [id, session] : sessions_)
    session.deadline_ms += by_ms;
}

decision<bool> controller::fence_broker(node_id id, std::int64_t broker_epoch) {
  decision<bool> decided{false, {}};
  if (!active())
    return decided;
  const auto found = find_broker(id, broker_epoch);
  if (!found || (*found)->fenced)
    return decided;
  add_fencing(id, nullptr, false, decided.records);
  decided.records.emplace_back(fencing_record(**found, true));
  decided.outcome = true;
  return decided;
}

// -- directories that fail ---------------------------------------------------------------------------------------------

std::optional<partition_change_record> controller::change_of_failed(node_id id, const failed_replica& failed, const topic_image& topic,
                                                                    const std::vector<uuid>& online) const {
  const auto number = failed.partition.partition;
  const auto* now = topic.find_partition(number);
  if (!now || !has(now->replicas, id))
    return std::nullopt;
  auto rules = rules_of(working().configs(config_resource::topic, topic.name));
  rules.unclean_election = false;
  rules.can_lead = [this, id](node_id other) { return other != id && can_lead(other); };
  wanted_change wanted;
  wanted.isr = without(now->isr, id);
  wanted.lossy = id;
  wanted.forget = true;
  wanted.choice = leader_choice::reelect;
  wanted.directories = directories_with(*now, id, failed.anew_in);
  if (auto change = change_partition(topic.id, number, *now, wanted, rules); change && change->leader >= 0 && has(online, failed.anew_in))
    return change;
  if (failed.directory.is_zero() || directory_of(*now, id) == failed.directory)
    return std::nullopt;
  partition_change_record where; // so that everybody sees that it is offline
  where.topic_id = topic.id;
  where.partition_id = number;
  where.directories = directories_with(*now, id, failed.directory);
  return where;
}

decision<failed_replicas_outcome> controller::replicas_failed(const failed_replicas_report& report) const {
  decision<failed_replicas_outcome> decided;
  if (!active()) {
    decided.outcome.code = errc::not_controller;
    return decided;
  }
  const auto found = find_broker(report.id, report.broker_epoch);
  if (!found) {
    decided.outcome.code = found.error().code;
    decided.outcome.message = found.error().detail;
    return decided;
  }
  std::vector<uuid> online;
  std::ranges::copy_if((*found)->directories, std::back_inserter(online), [&](const uuid& each) { return !has(report.directories, each); });
  if (online.size() < (*found)->directories.size() && !online.empty()) { // in the record, none means that nothing changes
    broker_registration_change_record fewer;
    fewer.broker_id = report.id;
    fewer.broker_epoch = report.broker_epoch;
    fewer.directories = online;
    decided.records.emplace_back(std::move(fewer));
  }
  std::set<topic_id_partition> named;
  for (const auto& failed : report.replicas)
    if (const auto* topic = working().find_topic(failed.partition.topic_id); topic && named.insert(failed.partition).second)
      if (auto change = change_of_failed(report.id, failed, *topic, online))
        decided.records.emplace_back(std::move(*change));
  return decided;
}

} // namespace cafka::metadata
