// Dynamic configurations of topics and brokers (KIP-339): what they become, and what that makes of eligible replicas.
#include "metadata/controller.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace cafka::metadata {

namespace {

std::vector<std::string> items_of(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto item = list.substr(0, comma);
    if (!item.empty())
      items.emplace_back(item);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return items;
}

std::string combined(std::string_view before, std::string_view change, bool add) {
  auto items = items_of(before);
  for (auto& item : items_of(change)) {
    const auto found = std::find(items.begin(), items.end(), item);
    if (add && found == items.end())
      items.push_back(std::move(item));
    else if (!add && found != items.end())
      items.erase(found);
  }
  std::string text;
  for (const auto& item : items)
    text += (text.empty() ? "" : ",") + item;
  return text;
}

} // namespace

result<config_map> controller::changed_configs(const alter_config& wanted) const {
  const auto& resource = wanted.resource;
  auto configs = working().configs(resource.type, resource.name);
  std::set<std::string> seen;
  for (const auto& change : wanted.changes)
    if (!seen.insert(change.key).second)
      return fail(errc::invalid_request, "Error due to duplicate config keys");
  for (const auto& change : wanted.changes)
    if (!change.value && change.operation != config_operation::remove)
      return fail(errc::invalid_request, "Null value not supported for : " + change.key);
  if (wanted.replaces_all)
    std::erase_if(configs, [&](const auto& entry) { return !seen.contains(entry.first); });
  for (const auto& change : wanted.changes) {
    if (change.operation == config_operation::remove) {
      configs.erase(change.key);
      continue;
    }
    auto value = *change.value;
    if (change.operation != config_operation::set) {
      const bool append = change.operation == config_operation::append;
      if (!rules_->is_list(resource.type, change.key))
        return fail(
            errc::invalid_config,
            resource.type == config_resource::topic
                ? std::string{"Can't "} + (append ? "APPEND to" : "SUBTRACT from") + " key " + change.key + " because its type is not LIST."
                : std::string{"Config value "} + (append ? "append" : "subtract") + " is not allowed for config key: " + change.key);
      const auto now = configs.find(change.key);
      const auto before = now != configs.end() ? now->second : rules_->default_value(resource.type, change.key);
      value = combined(before, value, append);
    }
    CAFKA_TRY(rules_->check(resource, change.key, value));
    // Eligible leader replicas are counted against one number for all nodes (KIP-966).
    if (resource.type == config_resource::broker && !resource.name.empty() && change.key == "min.insync.replicas")
      return fail(errc::invalid_config, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    configs.insert_or_assign(change.key, std::move(value));
  }
  CAFKA_TRY(rules_->check_all(resource, configs));
  return configs;
}

// R3, KIP-966: eligible replicas are forgotten in the batch that makes the ISR large enough, and a lower min.insync.replicas can be that batch: the
// topic's or the one for all brokers. From then on the leader commits without them.
void controller::add_eligibility_changes(const next_configs& next, std::vector<metadata_record>& records) const {
  const auto changed = [&](config_resource type, const std::string& name) {
    const auto found = next.find({type, name});
    return found == next.end() ? nullptr : &found->second;
  };
  const auto* everywhere = changed(config_resource::broker, "");
  for (const auto& [name, topic] : working().topics()) {
    const auto* own = changed(config_resource::topic, name);
    if (!everywhere && !own)
      continue;
    const auto rules = rules_of(own ? *own : working().configs(config_resource::topic, name), everywhere ? *everywhere : cluster_configs());
    for (const auto& [number, partition] : topic->partitions)
      if (!partition.elr.empty() || !partition.last_known_elr.empty() || (partition.leader == no_node && rules.unclean_election))
        if (auto change = change_partition(topic->id, number, partition, {}, rules))
          records.emplace_back(std::move(*change));
  }
}

config_outcome controller::plan_configs(const alter_config& wanted, next_configs& next, std::vector<metadata_record>& records) const {
  const auto& resource = wanted.resource;
  config_outcome outcome{resource, errc::none, {}};
  auto plan = [&]() -> result<void> {
    const auto* topic = resource.type == config_resource::topic ? working().find_topic(resource.name) : nullptr;
    if (resource.type == config_resource::topic) {
      if (resource.name.empty())
        return fail(errc::invalid_request, "Default topic resources are not allowed.");
      CAFKA_TRY(check_topic_name(resource.name));
      if (!topic)
        return fail(errc::unknown_topic_or_partition, "The topic '" + resource.name + "' does not exist.");
    } else if (!resource.name.empty()) {
      node_id id = no_node;
      const auto* end = resource.name.data() + resource.name.size();
      const auto parsed = std::from_chars(resource.name.data(), end, id);
      if (parsed.ec != std::errc{} || parsed.ptr != end || id < 0)
        return fail(errc::invalid_request, "Node id must be an integer, but it is: " + resource.name);
    }
    CAFKA_TRY_ASSIGN(after, changed_configs(wanted));
    const auto& before = working().configs(resource.type, resource.name);
    const auto change_to = [&](const std::string& key, std::optional<std::string> value) {
      records.emplace_back(config_record{static_cast<std::int8_t>(resource.type), resource.name, key, std::move(value), {}});
    };
    for (const auto& [key, value] : before)
      if (!after.contains(key))
        change_to(key, std::nullopt);
    for (const auto& [key, value] : after)
      if (const auto was = before.find(key); was == before.end() || was->second != value)
        change_to(key, value);
    next.insert_or_assign(resource, std::move(after));
    return {};
  };
  if (auto planned = plan(); !planned) {
    outcome.code = planned.error().code;
    outcome.message = std::move(planned.error().detail);
  }
  return outcome;
}

decision<std::vector<config_outcome>> controller::alter_configs(const std::vector<alter_config>& changes) {
  decision<std::vector<config_outcome>> decided;
  next_configs next;
  std::map<config_key, int> times_named;
  for (const auto& change : changes)
    ++times_named[change.resource];
  for (const auto& change : changes) {
    if (!active())
      decided.outcome.push_back({change.resource, errc::not_controller, {}});
    else if (times_named[change.resource] > 1)
      decided.outcome.push_back({change.resource, errc::invalid_request, "Each resource must appear at most once."});
    else
      decided.outcome.push_back(plan_configs(change, next, decided.records));
  }
  if (!next.empty())
    add_eligibility_changes(next, decided.records);
  return decided;
}

} // namespace cafka::metadata
