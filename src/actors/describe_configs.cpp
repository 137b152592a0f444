#include "actors/describe_configs.hpp"

#include "base/config/spec.hpp"
#include "base/config/topic_config.hpp"
#include "metadata/controller.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace cafka::actors {

namespace {

using metadata::config_entry;
using metadata::config_source;

constexpr std::string_view ineffective_meaning = "A key of Kafka that has no effect here.";

// Keys that say one thing in several units, or that step in for one another: the first that is set holds.
std::span<const std::string_view> stand_ins(const std::string_view& key) {
  static constexpr std::array<std::string_view, 3> retention{"log.retention.ms", "log.retention.minutes", "log.retention.hours"};
  static constexpr std::array<std::string_view, 2> roll{"log.roll.ms", "log.roll.hours"};
  static constexpr std::array<std::string_view, 2> jitter{"log.roll.jitter.ms", "log.roll.jitter.hours"};
  static constexpr std::array<std::string_view, 2> flush{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"};
  if (std::ranges::find(retention, key) != retention.end())
    return retention;
  if (std::ranges::find(roll, key) != roll.end())
    return roll;
  if (std::ranges::find(jitter, key) != jitter.end())
    return jitter;
  if (key == flush[0])
    return flush;
  return {&key, 1};
}

std::optional<std::string> default_of(const key_spec& spec) {
  if (spec.default_value.data() == nullptr)
    return std::nullopt;
  return std::string{spec.default_value};
}

// For tests only, and hidden by Kafka too: told where it was set.
bool is_hidden(const key_spec& spec) { return spec.name.starts_with("internal."); }

// What the levels of configuration say of a key, the strongest first.
class levels {
public:
  levels(const node_config& node, const metadata::image& image)
      : node_(node),
        cluster_wide_(image.configs(metadata::config_resource::broker, "")),
        own_(image.configs(metadata::config_resource::broker, std::to_string(node.id))) {}

  [[nodiscard]] const config_values& cluster_wide() const noexcept { return cluster_wide_; }

  // What a topic that sets nothing itself has.
  [[nodiscard]] topic_config topic_defaults() const {
    return dynamic_topic_defaults(node_, cluster_wide_, own_).value_or(node_.topic_defaults);
  }

  // From the level that has `key` under its very name downwards, as Kafka tells it.
  [[nodiscard]] std::vector<metadata::config_synonym> synonyms_of(std::string_view key) const {
    std::vector<metadata::config_synonym> all;
    const auto names = stand_ins(key);
    const auto take = [&](const config_values& level, config_source source) {
      for (const auto name : names)
        if (const auto found = level.find(name); found != level.end())
          all.push_back({std::string{name}, found->second, source});
    };
    take(own_, config_source::dynamic_broker);
    take(cluster_wide_, config_source::dynamic_default_broker);
    take(node_.set_values, config_source::static_broker);
    take(node_.ineffective_values, config_source::static_broker);
    for (const auto name : names) {
      const auto* spec = find_node_key(name);
      if (!spec)
        spec = find_ineffective_key(name, false);
      if (auto value = spec ? default_of(*spec) : std::nullopt)
        all.push_back({std::string{name}, std::move(value), config_source::default_value});
    }
    all.erase(all.begin(), std::ranges::find(all, key, &metadata::config_synonym::key));
    return all;
  }

  [[nodiscard]] config_entry node_entry(const key_spec& spec, bool has_effect) const {
    config_entry entry;
    entry.key = spec.name;
    entry.type = to_string(spec.type);
    entry.documentation = has_effect ? spec.meaning : ineffective_meaning;
    entry.read_only = spec.mode == update_mode::read_only;
    entry.sensitive = spec.type == value_type::password;
    entry.synonyms = synonyms_of(spec.name);
    if (!entry.synonyms.empty()) {
      entry.value = entry.synonyms.front().value;
      entry.source = entry.synonyms.front().source;
    }
    if (entry.sensitive) {
      entry.value.reset();
      for (auto& each : entry.synonyms)
        each.value.reset();
    }
    return entry;
  }

  [[nodiscard]] config_entry topic_entry(const key_spec& spec, std::string_view node_key, bool has_effect, std::optional<std::string> holds,
                                         const config_values& set) const {
    config_entry entry;
    entry.key = spec.topic_name;
    entry.type = to_string(spec.type);
    entry.documentation = has_effect ? spec.meaning : ineffective_meaning;
    entry.value = std::move(holds);
    if (!node_key.empty())
      entry.synonyms = synonyms_of(node_key);
    if (const auto found = set.find(spec.topic_name); found != set.end()) {
      entry.value = found->second;
      entry.synonyms.insert(entry.synonyms.begin(), {entry.key, found->second, config_source::topic});
    }
    if (!entry.synonyms.empty())
      entry.source = entry.synonyms.front().source;
    return entry;
  }

private:
  const node_config& node_;
  const config_values& cluster_wide_;
  const config_values& own_;
};

// What was set for all nodes.
std::vector<config_entry> describe_cluster_wide(const levels& from) {
  std::vector<config_entry> entries;
  for (const auto& [key, value] : from.cluster_wide()) {
    const auto* effective = find_node_key(key);
    const auto* spec = effective ? effective : find_ineffective_key(key, false);
    if (!spec)
      continue;
    auto entry = from.node_entry(*spec, effective != nullptr);
    std::erase_if(entry.synonyms, [](const auto& each) { return each.source != config_source::dynamic_default_broker; });
    entry.value = entry.sensitive ? std::nullopt : std::optional(value);
    entry.source = config_source::dynamic_default_broker;
    entries.push_back(std::move(entry));
  }
  return entries;
}

} // namespace

std::vector<config_entry> describe_topic_configs(const node_config& node, const metadata::image& image, const config_values& set) {
  const levels from{node, image};
  const auto defaults = from.topic_defaults();
  std::vector<config_entry> entries;
  for (const auto& spec : all_key_specs())
    if (!spec.topic_name.empty() && (!is_hidden(spec) || set.contains(spec.topic_name)))
      entries.push_back(from.topic_entry(spec, spec.name, true, topic_member_text(defaults, spec.topic_name), set));
  for (const auto& spec : ineffective_key_specs(true)) {
    const auto node_key = "log." + std::string{spec.topic_name}; // log.local.retention.ms
    const bool is_of_nodes = find_ineffective_key(node_key, false) != nullptr;
    entries.push_back(from.topic_entry(spec, is_of_nodes ? node_key : std::string{}, false, default_of(spec), set));
  }
  return entries;
}

result<std::vector<config_entry>> describe_configs(const node_config& node, const metadata::image& image,
                                                   const metadata::config_key& resource) {
  if (resource.type == metadata::config_resource::topic) {
    CAFKA_TRY(metadata::check_topic_name(resource.name));
    if (!image.find_topic(resource.name))
      return fail(errc::unknown_topic_or_partition, "there is no topic " + resource.name);
    return describe_topic_configs(node, image, image.configs(metadata::config_resource::topic, resource.name));
  }
  const levels from{node, image};
  if (resource.name.empty())
    return describe_cluster_wide(from);
  node_id id = no_node;
  const auto* end = resource.name.data() + resource.name.size();
  if (const auto parsed = std::from_chars(resource.name.data(), end, id); parsed.ec != std::errc{} || parsed.ptr != end)
    return fail(errc::invalid_request, "Broker id must be an integer, but it is: " + resource.name);
  if (id != node.id)
    return fail(errc::invalid_request,
                "Unexpected broker id, expected " + std::to_string(node.id) + " or empty string, but received " + resource.name);
  std::vector<config_entry> entries;
  for (const auto& spec : all_key_specs())
    if (!is_hidden(spec) || node.set_values.contains(spec.name))
      entries.push_back(from.node_entry(spec, true));
  for (const auto& spec : ineffective_key_specs(false))
    entries.push_back(from.node_entry(spec, false));
  return entries;
}

} // namespace cafka::actors
