#include "metadata/image_builder.hpp"

#include <algorithm>
#include <concepts>

namespace cafka::metadata {

namespace {

bool is_subset(const std::vector<node_id>& part, const std::vector<node_id>& whole) {
  return std::all_of(part.begin(), part.end(), [&](node_id id) { return std::find(whole.begin(), whole.end(), id) != whole.end(); });
}

// KIP-631: −2 says nothing of the leader; anything else, even the same one again, opens a new leader epoch.
constexpr node_id leader_unchanged = -2;

broker_registration registration_of(const register_broker_record& record) {
  broker_registration broker;
  broker.id = record.broker_id;
  broker.broker_epoch = record.broker_epoch;
  broker.incarnation_id = record.incarnation_id;
  for (const auto& found : record.endpoints)
    broker.endpoints.push_back({found.name, found.host, found.port, found.security_protocol});
  for (const auto& feature : record.features)
    broker.features[feature.name] = {feature.min_supported_version, feature.max_supported_version};
  broker.rack = record.rack.value_or("");
  broker.directories = record.directories;
  broker.fenced = record.fenced;
  broker.in_controlled_shutdown = record.in_controlled_shutdown;
  return broker;
}

register_broker_record record_of(const broker_registration& broker) {
  register_broker_record record;
  record.broker_id = broker.id;
  record.incarnation_id = broker.incarnation_id;
  record.broker_epoch = broker.broker_epoch;
  for (const auto& known : broker.endpoints)
    record.endpoints.push_back({known.listener, known.host, known.port, known.security_protocol, {}});
  for (const auto& [name, levels] : broker.features)
    record.features.push_back({name, levels.first, levels.second, {}});
  record.rack = broker.rack.empty() ? std::nullopt : std::optional{broker.rack};
  record.fenced = broker.fenced;
  record.in_controlled_shutdown = broker.in_controlled_shutdown;
  record.directories = broker.directories;
  return record;
}

partition_record record_of(const uuid& topic, std::int32_t number, const partition_registration& partition) {
  partition_record record;
  record.partition_id = number;
  record.topic_id = topic;
  record.replicas = partition.replicas;
  record.isr = partition.isr;
  record.removing_replicas = partition.removing_replicas;
  record.adding_replicas = partition.adding_replicas;
  record.leader = partition.leader;
  record.leader_recovery_state = static_cast<std::int8_t>(partition.leader_recovery);
  record.leader_epoch = partition.leader_epoch;
  record.partition_epoch = partition.partition_epoch;
  record.directories = partition.directories;
  if (!partition.elr.empty())
    record.eligible_leader_replicas = partition.elr;
  if (!partition.last_known_elr.empty())
    record.last_known_elr = partition.last_known_elr;
  return record;
}

std::string name_of(const uuid& topic, std::int32_t partition) { return topic.to_string() + " partition " + std::to_string(partition); }

} // namespace

void apply_change(const partition_change_record& change, partition_registration& into) {
  if (change.isr)
    into.isr = *change.isr;
  if (change.replicas)
    into.replicas = *change.replicas;
  if (change.directories)
    into.directories = *change.directories;
  else if (change.replicas)
    into.directories.assign(into.replicas.size(), uuid{});
  if (change.removing_replicas)
    into.removing_replicas = *change.removing_replicas;
  if (change.adding_replicas)
    into.adding_replicas = *change.adding_replicas;
  if (change.eligible_leader_replicas)
    into.elr = *change.eligible_leader_replicas;
  if (change.last_known_elr)
    into.last_known_elr = *change.last_known_elr;
  if (change.leader_recovery_state >= 0)
    into.leader_recovery = static_cast<recovery_state>(change.leader_recovery_state);
  if (change.leader != leader_unchanged) {
    into.leader = change.leader;
    ++into.leader_epoch;
  }
  ++into.partition_epoch;
}

bool metadata_delta::empty() const noexcept {
  return created_topics.empty() && removed_topics.empty() && changed_partitions.empty() && changed_configs.empty() &&
         changed_brokers.empty() && changed_features.empty() && !producer_ids_changed;
}

image_builder::image_builder(image_ptr from) {
  if (from)
    current_ = *from;
}

result<void> image_builder::replay(std::int64_t offset, std::int32_t epoch, const metadata_record& record) {
  if (std::holds_alternative<begin_transaction_record>(record)) {
    if (transaction_)
      return fail(errc::bad_format, "offset " + std::to_string(offset) + ": a transaction begins within a transaction");
    transaction_.emplace();
  } else if (std::holds_alternative<end_transaction_record>(record) || std::holds_alternative<abort_transaction_record>(record)) {
    if (!transaction_)
      return fail(errc::bad_format, "offset " + std::to_string(offset) + ": a transaction ends that never began");
    const auto records = std::exchange(transaction_, std::nullopt);
    if (std::holds_alternative<end_transaction_record>(record))
      for (const auto& one : *records)
        if (auto applied = apply(one.record); !applied)
          return fail(applied.error().code, "offset " + std::to_string(one.offset) + ": " + applied.error().detail);
  } else if (transaction_) {
    transaction_->push_back({offset, epoch, record});
  } else if (auto applied = apply(record); !applied) {
    return fail(applied.error().code, "offset " + std::to_string(offset) + ", " + type_name(record) + ": " + applied.error().detail);
  }
  advance_to(offset, epoch);
  return {};
}

void image_builder::advance_to(std::int64_t offset, std::int32_t epoch) noexcept {
  current_.offset_ = std::max(current_.offset_, offset);
  current_.epoch_ = std::max(current_.epoch_, epoch);
}

result<void> image_builder::apply(const metadata_record& record) {
  return std::visit(
      [&]<class T>(const T& value) -> result<void> {
        if constexpr (requires { apply_one(value); })
          return apply_one(value);
        else if constexpr (!std::same_as<T, no_op_record>)
          keep(record);
        return {};
      },
      record);
}

void image_builder::keep(const metadata_record& record) {
  if (const auto* unknown = std::get_if<unknown_record>(&record))
    ++unknown_types_[unknown->api_key];
  encode_record(record, newly_kept_.emplace_back());
}

result<topic_image*> image_builder::writable_topic(const uuid& id) {
  if (const auto mine = writable_.find(id); mine != writable_.end())
    return mine->second.get();
  const auto found = current_.topics_by_id_.find(id);
  if (found == current_.topics_by_id_.end())
    return fail(errc::bad_format, "there is no topic " + id.to_string());
  auto copy = std::make_shared<topic_image>(*found->second);
  found->second = copy;
  current_.topics_by_name_.find(copy->name)->second = copy;
  return writable_.emplace(id, std::move(copy)).first->second.get();
}

result<void> image_builder::apply_one(const topic_record& record) {
  if (current_.topics_by_name_.contains(record.name))
    return fail(errc::bad_format, "topic " + record.name + " is there already");
  if (current_.topics_by_id_.contains(record.topic_id))
    return fail(errc::bad_format, "topic id " + record.topic_id.to_string() + " is there already");
  auto topic = std::make_shared<topic_image>();
  topic->name = record.name;
  topic->id = record.topic_id;
  current_.topics_by_name_.emplace(record.name, topic);
  current_.topics_by_id_.emplace(record.topic_id, topic);
  delta_.created_topics.emplace(record.topic_id, record.name);
  writable_.emplace(record.topic_id, std::move(topic));
  return {};
}

result<void> image_builder::apply_one(const partition_record& record) {
  CAFKA_TRY_ASSIGN(topic, writable_topic(record.topic_id));
  partition_registration partition;
  partition.replicas = record.replicas;
  partition.directories = record.directories;
  partition.directories.resize(record.replicas.size());
  partition.isr = record.isr;
  partition.adding_replicas = record.adding_replicas;
  partition.removing_replicas = record.removing_replicas;
  partition.elr = record.eligible_leader_replicas.value_or(std::vector<node_id>{});
  partition.last_known_elr = record.last_known_elr.value_or(std::vector<node_id>{});
  partition.leader = record.leader;
  partition.leader_recovery = static_cast<recovery_state>(record.leader_recovery_state);
  partition.leader_epoch = record.leader_epoch;
  partition.partition_epoch = record.partition_epoch;
  if (!is_subset(partition.isr, partition.replicas))
    return fail(errc::bad_format, "the ISR of " + name_of(record.topic_id, record.partition_id) + " is not among its replicas");
  const auto [place, added] = topic->partitions.insert_or_assign(record.partition_id, std::move(partition));
  current_.partition_count_ += added ? 1 : 0;
  delta_.changed_partitions.insert({record.topic_id, record.partition_id});
  return {};
}

result<void> image_builder::apply_one(const partition_change_record& record) {
  CAFKA_TRY_ASSIGN(topic, writable_topic(record.topic_id));
  const auto found = topic->partitions.find(record.partition_id);
  if (found == topic->partitions.end())
    return fail(errc::bad_format, "there is no " + name_of(record.topic_id, record.partition_id));
  const auto& replicas = record.replicas ? *record.replicas : found->second.replicas;
  if (!is_subset(record.isr ? *record.isr : found->second.isr, replicas))
    return fail(errc::bad_format, "the ISR of " + name_of(record.topic_id, record.partition_id) + " is not among its replicas");
  apply_change(record, found->second);
  delta_.changed_partitions.insert({record.topic_id, record.partition_id});
  return {};
}

result<void> image_builder::apply_one(const remove_topic_record& record) {
  const auto found = current_.topics_by_id_.find(record.topic_id);
  if (found == current_.topics_by_id_.end())
    return fail(errc::bad_format, "there is no topic " + record.topic_id.to_string());
  const auto name = found->second->name;
  current_.partition_count_ -= found->second->partitions.size();
  current_.topics_by_id_.erase(found);
  current_.topics_by_name_.erase(current_.topics_by_name_.find(name));
  writable_.erase(record.topic_id);
  const config_key configs{config_resource::topic, name};
  if (current_.configs_.erase(configs) > 0)
    delta_.changed_configs.insert(configs);
  auto& changed = delta_.changed_partitions;
  changed.erase(changed.lower_bound({record.topic_id, 0}), changed.upper_bound({record.topic_id, INT32_MAX}));
  if (delta_.created_topics.erase(record.topic_id) == 0)
    delta_.removed_topics.emplace(record.topic_id, name);
  return {};
}

void image_builder::clear_elr(topic_image& topic) {
  for (auto& [number, partition] : topic.partitions) {
    if (partition.elr.empty() && partition.last_known_elr.empty())
      continue;
    partition.elr.clear();
    partition.last_known_elr.clear();
    delta_.changed_partitions.insert({topic.id, number});
  }
}

result<void> image_builder::apply_one(const clear_elr_record& record) {
  std::vector<uuid> topics;
  for (const auto& [name, topic] : current_.topics_by_name_)
    if (record.topic_name.empty() || record.topic_name == name)
      topics.push_back(topic->id);
  if (topics.empty() && !record.topic_name.empty())
    return fail(errc::bad_format, "there is no topic " + record.topic_name);
  for (const auto& id : topics) {
    CAFKA_TRY_ASSIGN(topic, writable_topic(id));
    clear_elr(*topic);
  }
  return {};
}

result<void> image_builder::apply_one(const config_record& record) {
  const config_key key{static_cast<config_resource>(record.resource_type), record.resource_name};
  if (record.value) {
    current_.configs_[key].insert_or_assign(record.name, *record.value);
  } else if (const auto found = current_.configs_.find(key); found != current_.configs_.end()) {
    found->second.erase(record.name);
    if (found->second.empty())
      current_.configs_.erase(found);
  }
  delta_.changed_configs.insert(key);
  return {};
}

result<void> image_builder::apply_one(const register_broker_record& record) {
  current_.brokers_.insert_or_assign(record.broker_id, registration_of(record));
  delta_.changed_brokers.insert(record.broker_id);
  return {};
}

result<void> image_builder::apply_one(const unregister_broker_record& record) {
  const auto found = current_.brokers_.find(record.broker_id);
  if (found == current_.brokers_.end() || found->second.broker_epoch != record.broker_epoch)
    return fail(errc::bad_format,
                "broker " + std::to_string(record.broker_id) + " is not registered with epoch " + std::to_string(record.broker_epoch));
  current_.brokers_.erase(found);
  delta_.changed_brokers.insert(record.broker_id);
  return {};
}

result<void> image_builder::apply_one(const broker_registration_change_record& record) {
  const auto found = current_.brokers_.find(record.broker_id);
  if (found == current_.brokers_.end() || found->second.broker_epoch != record.broker_epoch)
    return fail(errc::bad_format,
                "broker " + std::to_string(record.broker_id) + " is not registered with epoch " + std::to_string(record.broker_epoch));
  if (record.fenced != 0)
    found->second.fenced = record.fenced > 0;
  if (record.in_controlled_shutdown != 0)
    found->second.in_controlled_shutdown = record.in_controlled_shutdown > 0;
  if (!record.directories.empty())
    found->second.directories = record.directories;
  delta_.changed_brokers.insert(record.broker_id);
  return {};
}

result<void> image_builder::set_fenced(node_id id, std::int64_t broker_epoch, bool fenced) {
  broker_registration_change_record change;
  change.broker_id = id;
  change.broker_epoch = broker_epoch;
  change.fenced = fenced ? 1 : -1;
  return apply_one(change);
}

result<void> image_builder::apply_one(const fence_broker_record& record) { return set_fenced(record.id, record.epoch, true); }
result<void> image_builder::apply_one(const unfence_broker_record& record) { return set_fenced(record.id, record.epoch, false); }

result<void> image_builder::apply_one(const feature_level_record& record) {
  if (record.feature_level == 0)
    current_.features_.erase(record.name);
  else
    current_.features_[record.name] = record.feature_level;
  delta_.changed_features.insert(record.name);
  return {};
}

result<void> image_builder::apply_one(const producer_ids_record& record) {
  if (record.next_producer_id < current_.next_producer_id_)
    return fail(errc::bad_format, "the next producer id goes back from " + std::to_string(current_.next_producer_id_) + " to " +
                                      std::to_string(record.next_producer_id));
  current_.next_producer_id_ = record.next_producer_id;
  delta_.producer_ids_changed = true;
  return {};
}

image_builder::built image_builder::build() {
  if (!newly_kept_.empty()) {
    auto all = std::make_shared<std::vector<std::vector<std::byte>>>(*current_.kept_records_);
    std::move(newly_kept_.begin(), newly_kept_.end(), std::back_inserter(*all));
    newly_kept_.clear();
    current_.kept_records_ = std::move(all);
  }
  writable_.clear(); // from here on the topics are shared
  return {std::make_shared<const image>(current_), std::exchange(delta_, {})};
}

std::optional<std::string> image_builder::check_invariants() const {
  std::size_t partitions = 0;
  for (const auto& [name, topic] : current_.topics_by_name_) {
    const auto by_id = current_.topics_by_id_.find(topic->id);
    if (topic->name != name || by_id == current_.topics_by_id_.end() || by_id->second != topic)
      return "topic " + name + " is not the same by name and by id";
    partitions += topic->partitions.size();
    for (const auto& [number, partition] : topic->partitions) {
      const auto where = name + '-' + std::to_string(number);
      if (!is_subset(partition.isr, partition.replicas)) // R11
        return where + ": ISR outside the replicas";
      if (partition.directories.size() != partition.replicas.size())
        return where + ": not one directory per replica";
      if (partition.leader != no_node && !is_subset({partition.leader}, partition.isr))
        return where + ": the leader is not in the ISR";
      if (std::any_of(partition.elr.begin(), partition.elr.end(), [&](node_id id) { return is_subset({id}, partition.isr); }))
        return where + ": a replica is in the ISR and merely eligible";
    }
  }
  if (current_.topics_by_name_.size() != current_.topics_by_id_.size())
    return "topics by name and by id differ in number";
  if (partitions != current_.partition_count_)
    return "partition_count is " + std::to_string(current_.partition_count_) + ", there are " + std::to_string(partitions);
  return std::nullopt;
}

result<void> for_each_record_of(const image& from, const std::function<result<void>(metadata_record)>& visit) {
  // Readers must know the metadata.version before anything else.
  if (const auto version = from.features().find("metadata.version"); version != from.features().end())
    CAFKA_TRY(visit(feature_level_record{version->first, version->second, {}}));
  for (const auto& [name, level] : from.features())
    if (name != "metadata.version")
      CAFKA_TRY(visit(feature_level_record{name, level, {}}));
  for (const auto& [id, broker] : from.brokers())
    CAFKA_TRY(visit(record_of(broker)));
  for (const auto& [name, topic] : from.topics()) {
    CAFKA_TRY(visit(topic_record{name, topic->id, {}}));
    for (const auto& [number, partition] : topic->partitions)
      CAFKA_TRY(visit(record_of(topic->id, number, partition)));
  }
  for (const auto& [resource, configs] : from.all_configs())
    for (const auto& [key, value] : configs)
      CAFKA_TRY(visit(config_record{static_cast<std::int8_t>(resource.type), resource.name, key, value, {}}));
  if (from.next_producer_id() > 0) {
    producer_ids_record ids;
    ids.broker_id = no_node;
    ids.next_producer_id = from.next_producer_id();
    CAFKA_TRY(visit(ids));
  }
  for (const auto& kept : *from.kept_records()) {
    CAFKA_TRY_ASSIGN(decoded, decode_record(kept));
    CAFKA_TRY(visit(std::move(decoded.record)));
  }
  return {};
}

std::vector<metadata_record> records_of(const image& from) {
  std::vector<metadata_record> records;
  (void)for_each_record_of(from, [&](metadata_record record) -> result<void> {
    records.push_back(std::move(record));
    return {};
  });
  return records;
}

} // namespace cafka::metadata
