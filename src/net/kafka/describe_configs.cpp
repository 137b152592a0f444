// DescribeConfigs and ListConfigResources: what is configured, and what can be.
#include "net/kafka/admin_handlers.hpp"
#include "net/kafka/config_resources.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace cafka::net::kafka {

namespace {

// One request may ask for the same hundreds of keys thousands of times: above so many in one answer the rest is refused.
constexpr std::size_t max_described_entries = 500'000;

using resource_result = describe_configs_response::result;
using entries = std::vector<metadata::config_entry>;

std::int8_t type_number(std::string_view name) {
  static constexpr std::array<std::string_view, 10> names{"unknown", "boolean", "string", "int",   "short",
                                                          "long",    "double",  "list",   "class", "password"};
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? std::int8_t{0} : static_cast<std::int8_t>(found - names.begin());
}

// What of an entry is told.
struct wish {
  std::vector<std::string> keys; // empty: all
  bool with_synonyms = false;
  bool with_documentation = false;
};

describe_configs_response::config describe(metadata::config_entry& from, const wish& wanted) {
  describe_configs_response::config row;
  row.name = std::move(from.key);
  row.value = std::move(from.value);
  row.read_only = from.read_only;
  row.config_source = static_cast<std::int8_t>(from.source);
  row.is_sensitive = from.sensitive;
  if (wanted.with_synonyms)
    for (auto& each : from.synonyms)
      row.synonyms.push_back({std::move(each.key), std::move(each.value), static_cast<std::int8_t>(each.source)});
  row.config_type = type_number(from.type);
  row.documentation = wanted.with_documentation ? std::optional(std::move(from.documentation)) : std::nullopt;
  return row;
}

void refuse(resource_result& row, std::string why) {
  row.error_code = error_code_of(errc::invalid_request);
  row.error_message = std::move(why);
}

// Without a framework of named loggers there is none to list, which is what Kafka answers then.
void describe_loggers(resource_result& row, node_id self) {
  const auto id = parse_node_id(row.resource_name);
  if (row.resource_name.empty())
    refuse(row, "Broker id must not be empty");
  else if (!id)
    refuse(row, "Broker id must be an integer, but it is: " + row.resource_name);
  else if (*id != self)
    refuse(row, "Unexpected broker id, expected " + std::to_string(self) + " but received " + row.resource_name);
}

struct describing {
  describe_configs_response response;
  std::vector<wish> wishes;
  std::atomic<std::size_t> told{0}; // entries
};

} // namespace

void answer(kafka_session& session, const describe_configs_request& request, const call& to) {
  auto state = std::make_shared<describing>();
  const auto self = session.node().describe_node().id;
  auto& results = state->response.results;
  for (const auto& resource : request.resources) {
    auto& row = results.emplace_back();
    row.resource_type = resource.resource_type;
    row.resource_name = resource.resource_name;
    auto& wanted = state->wishes.emplace_back();
    wanted.with_synonyms = request.include_synonyms;
    wanted.with_documentation = request.include_documentation;
    if (resource.configuration_keys)
      wanted.keys.assign(resource.configuration_keys->begin(), resource.configuration_keys->end());
  }
  // One after the other, each cut down to what was asked for before the next: together they would be large.
  auto unanswered = session.when_all_done<bool>(results.size(), [&session, to, state](const auto&) { session.reply(to, state->response); });
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto& row = results[i];
    const auto kind = static_cast<resource_kind>(row.resource_type);
    if (kind == resource_kind::broker_logger)
      describe_loggers(row, self);
    else if (kind == resource_kind::client_metrics || kind == resource_kind::group)
      refuse(row, "Unsupported resource type " + std::to_string(row.resource_type) + ": this node has no " +
                      (kind == resource_kind::group ? "configuration of groups" : "client metrics"));
    else if (kind != resource_kind::topic && kind != resource_kind::broker)
      refuse(row, "Unknown resource type " + std::to_string(row.resource_type));
    else if (state->told >= max_described_entries)
      refuse(row, "more than " + std::to_string(max_described_entries) + " keys are asked for in one request");
    else {
      session.node().describe_configs({static_cast<metadata::config_resource>(row.resource_type), row.resource_name},
                                      [state, i, slot = unanswered->slot(i)](result<entries> found) {
                                        auto& into = state->response.results[i];
                                        auto& wanted = state->wishes[i];
                                        if (!found) {
                                          into.error_code = error_code_of(found.error().code);
                                          into.error_message = std::move(found.error().detail);
                                          return slot(true);
                                        }
                                        state->told += found->size();
                                        std::ranges::sort(wanted.keys);
                                        for (auto& entry : *found)
                                          if (wanted.keys.empty() || std::ranges::binary_search(wanted.keys, entry.key))
                                            into.configs.push_back(describe(entry, wanted));
                                        slot(true);
                                      });
      continue;
    }
    unanswered->answer(i, true);
  }
  unanswered->close();
}

void answer(kafka_session& session, const list_config_resources_request& request, const call& to) {
  static constexpr std::array all_kinds{resource_kind::topic, resource_kind::broker, resource_kind::broker_logger,
                                        resource_kind::client_metrics, resource_kind::group};
  list_config_resources_response response;
  std::vector<resource_kind> kinds(all_kinds.begin(), all_kinds.end());
  if (to.version == 0)
    kinds = {resource_kind::client_metrics};
  else if (!request.resource_types.empty()) {
    kinds.clear();
    for (const auto type : request.resource_types)
      kinds.push_back(static_cast<resource_kind>(type));
    std::ranges::sort(kinds);
    kinds.erase(std::ranges::unique(kinds).begin(), kinds.end());
  }
  if (!std::ranges::all_of(kinds, [](auto kind) { return std::ranges::find(all_kinds, kind) != all_kinds.end(); })) {
    response.error_code = error_code_of(errc::unsupported_version);
    return session.reply(to, response);
  }
  const auto image = session.node().image();
  const auto add = [&](std::string name, resource_kind kind) {
    response.config_resources.push_back({std::move(name), static_cast<std::int8_t>(kind)});
  };
  for (const auto kind : kinds) {
    if (kind == resource_kind::topic)
      for (const auto& [name, topic] : image->topics())
        add(name, kind);
    if (kind == resource_kind::broker || kind == resource_kind::broker_logger)
      for (const auto& [id, broker] : image->brokers())
        if (!broker.fenced)
          add(std::to_string(id), kind);
  }
  session.reply(to, response);
}

} // namespace cafka::net::kafka
