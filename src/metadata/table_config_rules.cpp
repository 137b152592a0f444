#include "metadata/table_config_rules.hpp"

#include "base/config/spec.hpp"

namespace cafka::metadata {

namespace {

const key_spec* find_key(config_resource type, std::string_view key) {
  return type == config_resource::topic ? find_topic_key(key) : find_node_key(key);
}

} // namespace

result<void> table_config_rules::check(const config_key& resource, std::string_view key, std::string_view value) const {
  if (resource.type == config_resource::broker)
    return check_dynamic_node_config(key, value);
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
