// The controller's config_rules over the table of configuration keys (base/config/spec.hpp).
#pragma once
#include "base/config/node_config.hpp"
#include "metadata/controller_config.hpp"

namespace cafka::metadata {

class table_config_rules final : public config_rules {
public:
  // `node`: the static configuration, for what a key is worth where nothing was set.
  explicit table_config_rules(node_config node) : node_(std::move(node)) {}

  // Keys of Kafka that have no effect here are accepted, so that tools which set them go on working. Of a broker, what may not be changed and
  // what is no value are invalid_request, as from Kafka.
  [[nodiscard]] result<void> check(const config_key& resource, std::string_view key, std::string_view value) const override;
  [[nodiscard]] result<void> check_all(const config_key& resource, const config_map& configs) const override;
  [[nodiscard]] bool is_list(config_resource type, std::string_view key) const override;
  [[nodiscard]] std::string default_value(config_resource type, std::string_view key) const override;

private:
  node_config node_;
};

} // namespace cafka::metadata
