#include "metadata/table_config_rules.hpp"

#include "base/config/spec.hpp"
#include "base/config/value_text.hpp"

#include <algorithm>

namespace cafka::metadata {

namespace {

const key_spec* find_key(config_resource type, std::string_view key) {
  const bool of_topic = type == config_resource::topic;
  const auto* spec = of_topic ? find_topic_key(key) : find_node_key(key);
  return spec ? spec : find_ineffective_key(key, of_topic);
}

// "0:1,3:2" or "*": partitions and brokers whose replication is throttled.
bool is_throttle_list(std::string_view value) {
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const auto items = split_list(value);
  return trim_value(value) == "*" || std::ranges::all_of(items, [&](std::string_view item) {
           const auto colon = item.find(':');
           return colon != std::string_view::npos && is_number(item.substr(0, colon)) && is_number(item.substr(colon + 1));
         });
}

result<void> check_ineffective_topic_key(const key_spec& spec, std::string_view value) {
  const auto refuse = [&](std::string_view shown, const std::string& why) {
    return fail(errc::invalid_config,
                "Invalid value " + std::string{shown} + " for configuration " + std::string{spec.topic_name} + ": " + why);
  };
  if (!is_acceptable(spec, value))
    return refuse(value, complaint(spec, value));
  if (spec.topic_name == "remote.storage.enable" && parse_boolean(value))
    return fail(errc::invalid_config,
                "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.");
  if (spec.topic_name.ends_with(".throttled.replicas") && !is_throttle_list(value))
    return refuse('[' + std::string{value} + ']', std::string{spec.topic_name} +
                                                      " must be the literal '*' or a list of replicas in the following format: "
                                                      "[partitionId]:[brokerId],[partitionId]:[brokerId],...");
  return {};
}

} // namespace

result<void> table_config_rules::check(const config_key& resource, std::string_view key, std::string_view value) const {
  if (resource.type == config_resource::broker)
    return check_dynamic_node_config(key, value);
  if (const auto* ineffective = find_ineffective_key(key, true))
    return check_ineffective_topic_key(*ineffective, value);
  if (!find_topic_key(key) && is_ignored_kafka_topic_key(key)) // tolerated in an old log, not set anew
    return fail(errc::invalid_config, "Unknown topic config name: " + std::string{key});
  return check_topic_configs({{std::string{key}, std::string{value}}});
}

result<void> table_config_rules::check_all(const config_key& resource, const config_map& configs) const {
  if (resource.type == config_resource::topic)
    return check_topic_configs(configs);
  auto laid_over = resource.name.empty() ? with_dynamic(node_, configs, {}) : with_dynamic(node_, {}, configs);
  if (!laid_over)
    return fail(errc::invalid_config, std::move(laid_over.error().detail));
  return {};
}

bool table_config_rules::is_list(config_resource type, std::string_view key) const {
  const auto* spec = find_key(type, key);
  return spec && spec->type == value_type::list;
}

std::string table_config_rules::default_value(config_resource type, std::string_view key) const {
  const auto* spec = find_key(type, key);
  return spec ? node_value_text(node_, *spec) : std::string{};
}

} // namespace cafka::metadata
