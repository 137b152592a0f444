// Any configuration is right: for simulations, which set only what they mean.
#pragma once
#include "metadata/controller_config.hpp"

namespace cafka::test {

class any_config_rules final : public metadata::config_rules {
public:
  result<void> check(const metadata::config_key&, std::string_view, std::string_view) const override { return {}; }
  result<void> check_all(const metadata::config_key&, const metadata::config_map&) const override { return {}; }
  bool is_list(metadata::config_resource, std::string_view) const override { return false; }
  std::string default_value(metadata::config_resource, std::string_view) const override { return {}; }
};

} // namespace cafka::test
