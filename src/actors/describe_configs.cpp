#include "actors/describe_configs.hpp"

#include "base/config/spec.hpp"
#include "base/config/topic_config.hpp"

namespace cafka::actors {

namespace {

using metadata::config_entry;
using metadata::config_source;

// Lays the layers that hold `key` over each other, the strongest last.
class layers {
public:
  layers(const node_config& node, const metadata::image& image)
      : node_(node),
        cluster_wide_(image.configs(metadata::config_resource::broker, "")),
        own_(image.configs(metadata::config_resource::broker, std::to_string(node.id))) {}

  // What a topic that sets nothing itself has.
  [[nodiscard]] topic_config topic_defaults() const {
    auto dynamic = with_dynamic(node_, cluster_wide_, own_);
    return dynamic ? std::move(dynamic->topic_defaults) : node_.topic_defaults;
  }

  [[nodiscard]] config_entry node_key(const key_spec& spec, std::string_view shown_name) const {
    config_entry entry;
    entry.key = shown_name;
    entry.type = to_string(spec.type);
    entry.documentation = spec.meaning;
    if (!spec.default_value.empty())
      entry.value = std::string{spec.default_value};
    lay(entry, node_.set_values, spec.name, config_source::static_broker);
    lay(entry, cluster_wide_, spec.name, config_source::dynamic_default_broker);
    lay(entry, own_, spec.name, config_source::dynamic_broker);
    return entry;
  }

  static void lay(config_entry& entry, const config_values& layer, std::string_view key, config_source source) {
    if (const auto found = layer.find(key); found != layer.end()) {
      entry.value = found->second;
      entry.source = source;
    }
  }

private:
  const node_config& node_;
  const config_values& cluster_wide_;
  const config_values& own_;
};

} // namespace

result<std::vector<metadata::config_entry>> describe_configs(const node_config& node, const metadata::image& image,
                                                             const metadata::config_key& resource) {
  std::vector<config_entry> entries;
  const layers from{node, image};
  if (resource.type == metadata::config_resource::topic) {
    if (!image.find_topic(resource.name))
      return fail(errc::unknown_topic_or_partition, "there is no topic " + resource.name);
    const auto& own = image.configs(metadata::config_resource::topic, resource.name);
    const auto defaults = from.topic_defaults();
    for (const auto& spec : all_key_specs()) {
      if (spec.topic_name.empty())
        continue;
      auto entry = from.node_key(spec, spec.topic_name);
      if (!entry.value) // unset, or set by a synonym (log.retention.hours): what holds is in the typed defaults
        entry.value = topic_member_text(defaults, spec.topic_name);
      layers::lay(entry, own, spec.topic_name, config_source::topic);
      entries.push_back(std::move(entry));
    }
    return entries;
  }
  if (resource.name.empty()) { // what was set for all nodes
    for (const auto& [key, value] : image.configs(metadata::config_resource::broker, ""))
      if (const auto* spec = find_node_key(key)) {
        auto entry = from.node_key(*spec, key);
        entry.value = value;
        entry.source = config_source::dynamic_default_broker;
        entries.push_back(std::move(entry));
      }
    return entries;
  }
  if (resource.name != std::to_string(node.id))
    return fail(errc::invalid_request, "node " + std::to_string(node.id) + " was asked for the configs of broker " + resource.name);
  for (const auto& spec : all_key_specs()) {
    auto entry = from.node_key(spec, spec.name);
    entry.read_only = spec.mode == update_mode::read_only;
    entries.push_back(std::move(entry));
  }
  return entries;
}

} // namespace cafka::actors
