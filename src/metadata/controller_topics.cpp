// Topics and partitions: what a request may ask for, and the records that make it so. Answers are Kafka 4.3's codes, with the numbers in the message.
#include "metadata/controller.hpp"

#include <algorithm>
#include <set>

namespace cafka::metadata {

namespace {

template <class Outcome>
void set_error(Outcome& outcome, error why) {
  outcome.code = why.code;
  outcome.message = std::move(why.detail);
}

std::string joined(const std::vector<node_id>& ids) {
  std::string text = "[";
  for (const auto id : ids)
    text += (text.size() == 1 ? "" : ",") + std::to_string(id);
  return text + "]";
}

template <class T, class Key>
std::set<Key> repeated(const std::vector<T>& list, Key T::*key) {
  std::set<Key> seen, twice;
  for (const auto& entry : list)
    if (!seen.insert(entry.*key).second)
      twice.insert(entry.*key);
  return twice;
}

} // namespace

result<void> check_topic_name(std::string_view name) {
  constexpr std::size_t longest = 249; // with "-<partition>" and a deletion's suffix it must still be a file name
  if (name.empty())
    return fail(errc::invalid_topic_exception, "Topic name is invalid: the empty string is not allowed");
  if (name == "." || name == "..")
    return fail(errc::invalid_topic_exception, "Topic name is invalid: '" + std::string{name} + "' is not allowed");
  if (name.size() > longest)
    return fail(errc::invalid_topic_exception, "Topic name is invalid: the length of '" + std::string{name} +
                                                   "' is longer than the max allowed length " + std::to_string(longest));
  const bool legal = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
  if (!legal)
    return fail(errc::invalid_topic_exception, "Topic name is invalid: '" + std::string{name} +
                                                   "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'");
  return {};
}

bool is_internal_topic(std::string_view name) noexcept {
  return name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state" || name == metadata_topic;
}

std::string collision_key(std::string_view name) {
  std::string key{name};
  std::replace(key.begin(), key.end(), '.', '_');
  return key;
}

result<void> controller::check_new_name(std::string_view name, const std::map<std::string, std::string>& also_new) const {
  CAFKA_TRY(check_topic_name(name));
  if (name == metadata_topic)
    return fail(errc::invalid_request, "Creation of internal topic " + std::string{name} + " is prohibited.");
  if (working().find_topic(name))
    return fail(errc::topic_already_exists, "Topic '" + std::string{name} + "' already exists.");
  if (name.find_first_of("._") != std::string_view::npos)
    for (const auto* names : {&collision_keys_, &also_new})
      if (const auto found = names->find(collision_key(name)); found != names->end())
        // Names that differ only in '.' and '_' look the same in metrics.
        return fail(errc::invalid_topic_exception, "Topic '" + std::string{name} + "' collides with existing topic: " + found->second);
  return {};
}

std::vector<usable_broker> controller::usable_brokers() const {
  std::vector<usable_broker> brokers;
  for (const auto& [id, broker] : working().brokers())
    if (!broker.in_controlled_shutdown)
      brokers.push_back({id, broker.rack, broker.fenced});
  return brokers;
}

result<void> controller::check_assignment(const std::vector<std::vector<node_id>>& assignment, std::size_t replication_factor) const {
  constexpr std::string_view told = "The manual partition assignment includes ";
  for (const auto& replicas : assignment) {
    if (replicas.empty())
      return fail(errc::invalid_replica_assignment, std::string{told} + "an empty replica list.");
    for (auto id = replicas.begin(); id != replicas.end(); ++id) {
      if (!working().brokers().contains(*id))
        return fail(errc::invalid_replica_assignment,
                    std::string{told} + "broker " + std::to_string(*id) + ", but no such broker is registered.");
      if (std::find(replicas.begin(), id, *id) != id)
        return fail(errc::invalid_replica_assignment, std::string{told} + "the broker " + std::to_string(*id) + " more than once.");
    }
    if (replicas.size() != replication_factor)
      return fail(errc::invalid_replica_assignment, std::string{told} + "a partition with " + std::to_string(replicas.size()) +
                                                        " replica(s), but this is not consistent with previous partitions, which have " +
                                                        std::to_string(replication_factor) + " replica(s).");
  }
  return {};
}

result<partition_record> controller::new_partition(const uuid& topic, std::int32_t number, const std::vector<node_id>& replicas) const {
  partition_record record;
  record.partition_id = number;
  record.topic_id = topic;
  record.replicas = replicas;
  for (const auto id : replicas) {
    if (can_lead(id))
      record.isr.push_back(id);
    // One directory: the replica will be there. Several: the broker chooses, and says so later.
    const auto& directories = working().brokers().at(id).directories;
    record.directories.push_back(directories.size() == 1 ? directories[0] : uuid{});
  }
  if (record.isr.empty())
    return fail(errc::invalid_replica_assignment, "All brokers specified in the manual partition assignment for partition " +
                                                      std::to_string(number) +
                                                      " are fenced or in controlled shutdown: " + joined(replicas));
  record.leader = record.isr[0];
  record.leader_epoch = 0;
  record.partition_epoch = 0;
  return record;
}

result<std::vector<std::vector<node_id>>> controller::replicas_for(const new_topic& topic, std::int32_t budget) {
  const auto over_budget = [] { return fail(errc::policy_violation, "Excessively large number of partitions per request."); };
  if (!topic.assignment.empty()) {
    if (topic.replication_factor != -1)
      return fail(errc::invalid_request, "A manual partition assignment was specified, but replication factor was not set to -1.");
    if (topic.partition_count != -1)
      return fail(errc::invalid_request, "A manual partition assignment was specified, but numPartitions was not set to -1.");
    if (topic.assignment.size() > static_cast<std::size_t>(std::max(budget, 0)))
      return over_budget();
    CAFKA_TRY(check_assignment(topic.assignment, topic.assignment[0].size()));
    return topic.assignment;
  }
  if (topic.replication_factor == 0 || topic.replication_factor < -1)
    return fail(errc::invalid_replication_factor, "Replication factor must be larger than 0, or -1 to use the default value.");
  if (topic.partition_count == 0 || topic.partition_count < -1)
    return fail(errc::invalid_partitions, "Number of partitions was set to an invalid non-positive value.");
  const auto partitions = topic.partition_count == -1 ? config_.default_partition_count : topic.partition_count;
  const auto factor = topic.replication_factor == -1 ? config_.default_replication_factor : topic.replication_factor;
  if (partitions > budget)
    return over_budget();
  return place_replicas(usable_brokers(), partitions, factor, source_);
}

topic_outcome controller::plan_topic(const new_topic& topic, std::int32_t& budget, std::vector<metadata_record>& records) {
  topic_outcome outcome;
  outcome.name = topic.name;
  auto plan = [&]() -> result<void> {
    const config_key resource{config_resource::topic, topic.name};
    if (topic.flaw.code != errc::none)
      return tl::unexpected(topic.flaw);
    for (const auto& [key, value] : topic.configs)
      CAFKA_TRY(rules_->check(resource, key, value));
    CAFKA_TRY(rules_->check_all(resource, topic.configs));
    CAFKA_TRY_ASSIGN(replicas, replicas_for(topic, budget));
    const auto id = uuid::random(source_);
    std::vector<metadata_record> planned;
    planned.reserve(1 + topic.configs.size() + replicas.size());
    planned.emplace_back(topic_record{topic.name, id, {}});
    for (const auto& [key, value] : topic.configs)
      planned.emplace_back(config_record{static_cast<std::int8_t>(config_resource::topic), topic.name, key, value, {}});
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      CAFKA_TRY_ASSIGN(partition, new_partition(id, static_cast<std::int32_t>(i), replicas[i]));
      planned.emplace_back(std::move(partition));
    }
    outcome.topic_id = id;
    outcome.partition_count = static_cast<std::int32_t>(replicas.size());
    outcome.replication_factor = static_cast<std::int16_t>(replicas[0].size());
    budget -= outcome.partition_count;
    std::move(planned.begin(), planned.end(), std::back_inserter(records));
    return {};
  };
  if (auto planned = plan(); !planned)
    set_error(outcome, std::move(planned.error()));
  return outcome;
}

decision<std::vector<topic_outcome>> controller::create_topics(const std::vector<new_topic>& topics) {
  decision<std::vector<topic_outcome>> decided;
  const auto twice = repeated(topics, &new_topic::name);
  std::map<std::string, std::string> also_new;
  auto budget = config_.max_partitions_per_request;
  for (const auto& topic : topics) {
    auto& outcome = decided.outcome.emplace_back();
    outcome.name = topic.name;
    if (!active()) {
      outcome.code = errc::not_controller;
    } else if (twice.contains(topic.name)) {
      set_error(outcome, {errc::invalid_request, "Duplicate topic name."});
    } else if (auto legal = check_new_name(topic.name, also_new); !legal) {
      set_error(outcome, std::move(legal.error()));
    } else {
      outcome = plan_topic(topic, budget, decided.records);
      if (outcome.code == errc::none)
        also_new.emplace(collision_key(topic.name), topic.name);
    }
  }
  return decided;
}

decision<std::vector<topic_outcome>> controller::delete_topics(const std::vector<topic_ref>& topics) {
  decision<std::vector<topic_outcome>> decided;
  std::set<uuid> removed;
  for (const auto& wanted : topics) {
    auto& outcome = decided.outcome.emplace_back();
    outcome.name = wanted.name;
    outcome.topic_id = wanted.topic_id;
    if (!active()) {
      outcome.code = errc::not_controller;
      continue;
    }
    const auto* topic = wanted.name.empty() ? working().find_topic(wanted.topic_id) : working().find_topic(wanted.name);
    if (!topic) {
      outcome.code = wanted.name.empty() ? errc::unknown_topic_id : errc::unknown_topic_or_partition;
      outcome.message = "there is no topic " + (wanted.name.empty() ? "with id " + wanted.topic_id.to_string() : "'" + wanted.name + "'");
      continue;
    }
    outcome.name = topic->name;
    outcome.topic_id = topic->id;
    if (!removed.insert(topic->id).second)
      set_error(outcome, {errc::invalid_request, "Duplicate topic name."});
    else
      decided.records.emplace_back(remove_topic_record{topic->id, {}});
  }
  return decided;
}

topic_outcome controller::plan_partitions(const new_partitions& wanted, std::int32_t& budget, std::vector<metadata_record>& records) {
  topic_outcome outcome;
  outcome.name = wanted.topic;
  auto plan = [&]() -> result<void> {
    const auto* topic = working().find_topic(wanted.topic);
    if (!topic)
      return fail(errc::unknown_topic_or_partition, "there is no topic '" + wanted.topic + "'");
    outcome.topic_id = topic->id;
    const auto current = static_cast<std::int32_t>(topic->partitions.size());
    if (wanted.total_count == current)
      return fail(errc::invalid_partitions, "Topic already has " + std::to_string(current) + " partition(s).");
    if (wanted.total_count < current)
      return fail(errc::invalid_partitions, "The topic " + wanted.topic + " currently has " + std::to_string(current) + " partition(s); " +
                                                std::to_string(wanted.total_count) + " would not be an increase.");
    const auto added = wanted.total_count - current;
    if (added > budget)
      return fail(errc::policy_violation, "Excessively large number of partitions per request.");
    const auto factor = topic->partitions.begin()->second.replicas.size();
    auto replicas = wanted.assignment;
    if (replicas.empty() && !wanted.is_assigned) {
      CAFKA_TRY_ASSIGN(placed, place_replicas(usable_brokers(), added, static_cast<std::int16_t>(factor), source_));
      replicas = std::move(placed);
    } else if (replicas.size() != static_cast<std::size_t>(added)) {
      return fail(errc::invalid_replica_assignment, "Attempted to add " + std::to_string(added) + " additional partition(s), but only " +
                                                        std::to_string(replicas.size()) + " assignment(s) were specified.");
    }
    CAFKA_TRY(check_assignment(replicas, factor));
    std::vector<metadata_record> planned;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      CAFKA_TRY_ASSIGN(partition, new_partition(topic->id, current + static_cast<std::int32_t>(i), replicas[i]));
      planned.emplace_back(std::move(partition));
    }
    outcome.partition_count = wanted.total_count;
    outcome.replication_factor = static_cast<std::int16_t>(factor);
    budget -= added;
    std::move(planned.begin(), planned.end(), std::back_inserter(records));
    return {};
  };
  if (auto planned = plan(); !planned)
    set_error(outcome, std::move(planned.error()));
  return outcome;
}

decision<std::vector<topic_outcome>> controller::create_partitions(const std::vector<new_partitions>& topics) {
  decision<std::vector<topic_outcome>> decided;
  const auto twice = repeated(topics, &new_partitions::topic);
  auto budget = config_.max_partitions_per_request;
  for (const auto& wanted : topics) {
    auto& outcome = decided.outcome.emplace_back();
    outcome.name = wanted.topic;
    if (!active())
      outcome.code = errc::not_controller;
    else if (twice.contains(wanted.topic))
      set_error(outcome, {errc::invalid_request, "Duplicate topic name."});
    else
      outcome = plan_partitions(wanted, budget, decided.records);
  }
  return decided;
}

} // namespace cafka::metadata
