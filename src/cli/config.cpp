// `cafka config list|describe|alter`.
#include "cli/command.hpp"
#include "cli/config_text.hpp"
#include "cli/output.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace cafka::cli {

namespace {

using client::config_change;
using client::config_resource;

struct options {
  connect_options connect;
  std::string part;
  bool markdown = false;
  bool json = false;
  bool all = false;
  bool dry_run = false;
  std::string kind;
  std::string name;
  std::vector<std::string> set, removed, appended, subtracted;
};

int print(std::string_view text) {
  output out;
  out.write(text);
  return out.flush() ? static_cast<int>(success) : out.failure_code();
}

int list(const options& given) {
  const auto text = given.markdown ? config_markdown() : given.json ? config_json() : config_text(given.part);
  if (text.empty())
    return report("no key's name contains '" + given.part + '\'');
  return print(text);
}

// "topic NAME", "broker ID", "brokers"
result<config_resource> parse_resource(const options& given) {
  if (given.kind == "brokers" && given.name.empty())
    return config_resource{config_resource::kind::broker, ""};
  const bool is_number =
      !given.name.empty() && std::all_of(given.name.begin(), given.name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (given.kind == "broker" && is_number)
    return config_resource{config_resource::kind::broker, given.name};
  if (given.kind == "topic" && !given.name.empty())
    return config_resource{config_resource::kind::topic, given.name};
  return fail(errc::bad_argument, "expected topic NAME, broker ID, or brokers (the default of them all)");
}

std::string_view origin_text(client::config_entry::origin source) {
  using enum client::config_entry::origin;
  switch (source) {
  case topic: return "topic";
  case dynamic_broker: return "dynamic, this broker";
  case dynamic_default: return "dynamic, all brokers";
  case file: return "server.properties";
  case built_in: return "default";
  case unknown: break;
  }
  return "unknown";
}

std::string described_json(const std::vector<client::config_entry>& entries) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& entry : entries)
    all.push_back({{"key", entry.key},
                   {"value", entry.value ? nlohmann::ordered_json(*entry.value) : nlohmann::ordered_json{}},
                   {"source", origin_text(entry.source)},
                   {"read_only", entry.read_only},
                   {"type", entry.type}});
  return all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

int describe(const options& given) {
  auto resource = parse_resource(given);
  if (!resource)
    return report("config describe: " + resource.error().detail, usage);
  client::cluster where{given.connect.cluster("cafka-config")};
  client::admin administrator{where};
  auto described = administrator.describe_configs({*resource});
  if (!described)
    return report(described.error());
  if (described->empty())
    return report("the cluster did not answer");
  auto& entries = described->front().entries;
  if (!entries)
    return report(entries.error());
  if (!given.all)
    std::erase_if(*entries, [](const auto& entry) { return entry.source == client::config_entry::origin::built_in; });
  if (given.json)
    return print(described_json(*entries));
  std::string text;
  for (const auto& entry : *entries)
    text += entry.key + '=' + (entry.sensitive ? "(hidden)" : entry.value.value_or("")) + "   (" + std::string{origin_text(entry.source)} +
            ")\n";
  return print(text);
}

result<std::vector<config_change>> parse_changes(const options& given) {
  std::vector<config_change> changes;
  const std::pair<const std::vector<std::string>*, config_change::operation> groups[] = {
      {&given.set, config_change::operation::set},
      {&given.appended, config_change::operation::append},
      {&given.subtracted, config_change::operation::subtract}};
  for (const auto& [texts, operation] : groups)
    for (const auto& text : *texts) {
      CAFKA_TRY_ASSIGN(pair, split_assignment(text));
      changes.push_back({std::move(pair.first), operation, std::move(pair.second)});
    }
  for (const auto& key : given.removed)
    changes.push_back({key, config_change::operation::remove, {}});
  if (changes.empty())
    return fail(errc::bad_argument, "expected --set, --delete, --append or --subtract");
  return changes;
}

int alter(const options& given) {
  auto resource = parse_resource(given);
  if (!resource)
    return report("config alter: " + resource.error().detail, usage);
  auto changes = parse_changes(given);
  if (!changes)
    return report("config alter: " + changes.error().detail, usage);
  client::cluster where{given.connect.cluster("cafka-config")};
  client::admin administrator{where};
  auto outcomes = administrator.alter_configs({{*resource, std::move(*changes)}}, given.dry_run);
  if (!outcomes)
    return report(outcomes.error());
  if (outcomes->empty())
    return report("the cluster did not answer");
  if (const auto& outcome = outcomes->front().outcome; !outcome)
    return report(outcome.error());
  return print(given.dry_run ? "Would alter the configs.\n" : "Altered the configs.\n");
}

void add_resource(CLI::App& command, const std::shared_ptr<options>& given) {
  given->connect.add_to(command);
  command.add_option("KIND", given->kind, "topic, broker or brokers")->required()->check(CLI::IsMember({"topic", "broker", "brokers"}));
  command.add_option("NAME", given->name, "the topic's name or the broker's id");
}

} // namespace

void add_config(CLI::App& app, action& chosen) {
  auto given = std::make_shared<options>();
  auto* group = app.add_subcommand("config", "Explain, show and change configuration");
  group->require_subcommand(1);
  auto hook = [&chosen, given](CLI::App* command, int (*run)(const options&)) {
    command->callback([&chosen, given, run] { chosen = [given, run] { return run(*given); }; });
  };

  auto* list_command = group->add_subcommand("list", "Every key: default, unit, meaning (asks no cluster)");
  list_command->footer(
      "Examples:\n  cafka config list\n  cafka config list retention\n  cafka config list --markdown > docs/configuration.md");
  list_command->add_option("PART", given->part, "only keys whose name contains this");
  auto* markdown = list_command->add_flag("--markdown", given->markdown, "as docs/configuration.md");
  list_command->add_flag("--json", given->json, "as JSON")->excludes(markdown);
  hook(list_command, list);

  auto* describe_command = group->add_subcommand("describe", "What is set on a topic or a node, and where");
  describe_command->footer("Examples:\n  cafka config describe topic greetings\n  cafka config describe broker 1 --all");
  add_resource(*describe_command, given);
  describe_command->add_flag("--all", given->all, "with the keys that have their default");
  describe_command->add_flag("--json", given->json, "as JSON");
  hook(describe_command, describe);

  auto* alter_command = group->add_subcommand("alter", "Change the configuration of a topic or of nodes while they run");
  alter_command->footer("Examples:\n  cafka config alter topic greetings --set retention.ms=60000 --delete segment.bytes\n"
                        "  cafka config alter brokers --set log.retention.ms=60000");
  add_resource(*alter_command, given);
  alter_command->add_option("--set", given->set, "key=value; may be repeated")->take_all()->type_name("KEY=VALUE");
  alter_command->add_option("--delete", given->removed, "key that shall have its default again; may be repeated")
      ->take_all()
      ->type_name("KEY");
  alter_command->add_option("--append", given->appended, "add to a list; may be repeated")->take_all()->type_name("KEY=VALUE");
  alter_command->add_option("--subtract", given->subtracted, "take off a list; may be repeated")->take_all()->type_name("KEY=VALUE");
  alter_command->add_flag("--dry-run", given->dry_run, "check everything, change nothing");
  hook(alter_command, alter);
}

} // namespace cafka::cli
