// AlterConfigs and IncrementalAlterConfigs.
#include "net/kafka/admin_handlers.hpp"
#include "net/kafka/config_resources.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>
#include <set>

namespace cafka::net::kafka {

namespace {

using metadata::config_operation;
using outcomes = std::vector<metadata::config_outcome>;

// A resource of a request of either kind.
struct wanted_change {
  std::int8_t type = 0;
  std::string name;
  std::vector<metadata::config_change> changes;
  error flaw{errc::none, {}};
};

// Answers rows for what is refused here, asks the controller for the rest, and replies.
template <class Response>
class alteration : public std::enable_shared_from_this<alteration<Response>> {
public:
  void run(kafka_session& session, const call& to, std::vector<wanted_change> wanted, bool replaces_all, bool validate_only) {
    std::vector<metadata::alter_config> changes;
    for (auto& each : wanted) {
      auto& row = response_.responses.emplace_back();
      row.resource_type = each.type;
      row.resource_name = each.name;
      row.error_message.reset();
      if (each.flaw.code != errc::none || static_cast<resource_kind>(each.type) == resource_kind::broker_logger) {
        set_error(row, each.flaw);
        continue;
      }
      asked_.push_back(response_.responses.size() - 1);
      changes.push_back({{static_cast<metadata::config_resource>(each.type), std::move(each.name)}, std::move(each.changes), replaces_all});
    }
    if (changes.empty())
      return session.reply(to, response_);
    auto finish = [self = this->shared_from_this(), &session, to](const result<outcomes>& done) {
      for (std::size_t i = 0; i < self->asked_.size(); ++i) {
        auto& row = self->response_.responses[self->asked_[i]];
        if (done)
          set_error(row, (*done)[i].code, (*done)[i].message);
        else
          set_error(row, done.error());
      }
      session.reply(to, self->response_);
    };
    session.node().alter_configs(std::move(changes), validate_only, session.when_done<outcomes>(std::move(finish)));
  }

private:
  Response response_;
  std::vector<std::size_t> asked_; // rows, in the order of the controller's outcomes
};

error refusal(std::string why) { return {errc::invalid_request, std::move(why)}; }

// As Kafka's broker does before it asks the controller: a broker's own settings are changed by that broker.
error flaw_of_resource(std::int8_t type, const std::string& name, node_id self) {
  const auto kind = static_cast<resource_kind>(type);
  if (kind == resource_kind::topic || (kind == resource_kind::broker && name.empty()))
    return {errc::none, {}};
  if (kind != resource_kind::broker)
    return refusal("Unknown resource type " + std::to_string(type));
  const auto id = parse_node_id(name);
  if (!id)
    return refusal("Node id must be an integer, but it is: " + name);
  if (*id != self)
    return refusal("Unexpected broker id, expected " + std::to_string(self) + ", but received " + name);
  return {errc::none, {}};
}

// There are no named loggers here; Kafka answers so for one that it does not have.
error flaw_of_loggers(const std::string& name, node_id self, const std::vector<metadata::config_change>& changes) {
  const auto id = parse_node_id(name);
  if (!id)
    return refusal("Node id must be an integer, but it is: " + name);
  if (*id != self)
    return refusal("Unexpected node id. Expected " + std::to_string(self) + ", but received " + name);
  for (const auto& change : changes) {
    if (change.operation == config_operation::append || change.operation == config_operation::subtract)
      return refusal(std::string{change.operation == config_operation::append ? "APPEND" : "SUBTRACT"} +
                     " operation is not allowed for the BROKER_LOGGER resource");
    if (change.operation == config_operation::remove && change.key == "root")
      return refusal("Removing the log level of the root logger is not allowed");
    return {errc::invalid_config, "Logger " + change.key + " does not exist!"};
  }
  return {errc::none, {}};
}

std::optional<std::string> text_of(const std::optional<std::string_view>& value) {
  return value ? std::optional(std::string{*value}) : std::nullopt;
}

void refuse_repeated(std::vector<wanted_change>& wanted) {
  std::set<std::pair<std::int8_t, std::string_view>> seen, twice;
  for (const auto& each : wanted)
    if (!seen.emplace(each.type, each.name).second)
      twice.emplace(each.type, each.name);
  for (auto& each : wanted)
    if (twice.contains({each.type, each.name}))
      each.flaw = refusal("Each resource must appear at most once.");
}

} // namespace

void answer(kafka_session& session, const alter_configs_request& request, const call& to) {
  const auto self = session.node().describe_node().id;
  std::vector<wanted_change> wanted;
  for (const auto& resource : request.resources) {
    auto& one = wanted.emplace_back();
    one.type = resource.resource_type;
    one.name = resource.resource_name;
    one.flaw = flaw_of_resource(one.type, one.name, self);
    for (const auto& config : resource.configs)
      one.changes.push_back({std::string{config.name}, config_operation::set, text_of(config.value)});
  }
  refuse_repeated(wanted);
  std::make_shared<alteration<alter_configs_response>>()->run(session, to, std::move(wanted), true, request.validate_only);
}

void answer(kafka_session& session, const incremental_alter_configs_request& request, const call& to) {
  const auto self = session.node().describe_node().id;
  std::vector<wanted_change> wanted;
  for (const auto& resource : request.resources) {
    auto& one = wanted.emplace_back();
    one.type = resource.resource_type;
    one.name = resource.resource_name;
    for (const auto& config : resource.configs) {
      const auto operation = static_cast<config_operation>(config.config_operation);
      if (operation < config_operation::set || operation > config_operation::subtract)
        one.flaw = refusal("Unknown operation " + std::to_string(config.config_operation) + " for config key " + std::string{config.name});
      one.changes.push_back(
          {std::string{config.name}, operation, operation == config_operation::remove ? std::nullopt : text_of(config.value)});
    }
    if (one.flaw.code == errc::none)
      one.flaw = static_cast<resource_kind>(one.type) == resource_kind::broker_logger ? flaw_of_loggers(one.name, self, one.changes)
                                                                                      : flaw_of_resource(one.type, one.name, self);
  }
  refuse_repeated(wanted);
  std::make_shared<alteration<incremental_alter_configs_response>>()->run(session, to, std::move(wanted), false, request.validate_only);
}

} // namespace cafka::net::kafka
