#include "cli/config_text.hpp"

#include "base/config/spec.hpp"

#include <nlohmann/json.hpp>

namespace cafka::cli {

namespace {

constexpr auto introduction = R"(# Configuration

<!-- Written by `cafka config list --markdown`; change src/base/config/spec_table*.cpp instead. -->

A node reads a file of `key=value` lines (Java's `.properties` format, UTF-8) and then `--override key=value` from its command line;
[`config/server.properties`](../config/server.properties) is a commented start. Keys, defaults and meaning are Kafka's 4.3 unless marked *own*.

- **A bad value** stops the start with one line: file, line, key, value, what is expected. Nothing has been touched then.
- **A key of Kafka without effect here** (or of an older Kafka, like `zookeeper.connect`) is accepted; one warning line lists them all.
- **A key that neither knows** is warned about, with the nearest name. `--strict-config` refuses it, and repeated keys.
- **On a topic** many keys can be set for that topic alone, under the name given here: `cafka topic create t --config retention.ms=60000`.
- **While running** keys marked *dynamic* can be changed for all nodes or one: `cafka config alter brokers --set log.retention.ms=60000`.
)";

std::string default_text(const key_spec& spec) {
  if (spec.default_value.empty())
    return "unset";
  return spec.default_value == "9223372036854775807" ? "9223372036854775807 (never)" : std::string{spec.default_value};
}

std::string wrapped(std::string_view text, std::string_view indent, std::size_t width) {
  std::string out, line;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (!line.empty() && line.size() + 1 + end > width) {
      out += std::string{indent} + line + '\n';
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string{text.substr(0, end)};
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return line.empty() ? out : out + std::string{indent} + line + '\n';
}

std::string names_of(bool topic_level, update_mode mode) {
  std::string names;
  for (const auto& spec : ineffective_key_specs(topic_level))
    if (spec.mode == mode)
      names += (names.empty() ? "`" : ", `") + std::string{topic_level ? spec.topic_name : spec.name} + '`';
  return names;
}

std::string ineffective_keys() {
  return "\n## Keys of Kafka without effect here\n\nAccepted in the file, shown by `kafka-configs --describe --all` with Kafka's types and "
         "defaults.\n\nAlso accepted while running, and checked and kept as by Kafka (those that begin with `ssl.` or `sasl.` are refused "
         "there: "
         "Kafka takes them for single listeners only, and no listener has settings of its own here): " +
         names_of(false, update_mode::cluster_wide) + ".\n\nOnly in the file: " + names_of(false, update_mode::read_only) +
         ".\n\nOn a topic: " + names_of(true, update_mode::cluster_wide) +
         ". `remote.storage.enable=true` is refused, as by a Kafka without tiered storage.\n";
}

} // namespace

std::string config_markdown() {
  std::string out = introduction;
  std::string_view section;
  for (const auto& spec : all_key_specs()) {
    if (spec.section != section) {
      section = spec.section;
      out += "\n## " + std::string{section} + '\n';
    }
    out += "\n### `" + std::string{spec.name} + "`\n\n" + std::string{spec.meaning} + "\n\n";
    out += "Default: `" + default_text(spec) + "` · expected: " + expectation(spec);
    if (!spec.topic_name.empty())
      out += " · on a topic: `" + std::string{spec.topic_name} + '`';
    if (spec.mode != update_mode::read_only)
      out += " · *dynamic*";
    if (spec.own)
      out += " · *own*";
    out += '\n';
  }
  return out + ineffective_keys();
}

std::string config_text(std::string_view part) {
  std::string out;
  for (const auto& spec : all_key_specs()) {
    if (spec.name.find(part) == std::string_view::npos && spec.topic_name.find(part) == std::string_view::npos)
      continue;
    out += std::string{spec.name};
    if (!spec.topic_name.empty() && spec.topic_name != spec.name)
      out += "   (topic: " + std::string{spec.topic_name} + ')';
    out += "\n    default " + default_text(spec) + "; " + expectation(spec) + (spec.mode == update_mode::read_only ? "" : "; dynamic") +
           (spec.own ? "; cafka's own" : "") + '\n' + wrapped(spec.meaning, "    ", 110) + '\n';
  }
  return out;
}

std::string config_json() {
  auto all = nlohmann::ordered_json::array();
  for (const auto& spec : all_key_specs()) {
    nlohmann::ordered_json one;
    one["key"] = spec.name;
    one["topic_key"] = spec.topic_name.empty() ? nlohmann::ordered_json{} : nlohmann::ordered_json(spec.topic_name);
    one["type"] = to_string(spec.type);
    one["default"] = spec.default_value.empty() ? nlohmann::ordered_json{} : nlohmann::ordered_json(spec.default_value);
    one["unit"] = spec.unit;
    one["expected"] = expectation(spec);
    one["dynamic"] = spec.mode != update_mode::read_only;
    one["own"] = spec.own;
    one["section"] = spec.section;
    one["meaning"] = spec.meaning;
    all.push_back(std::move(one));
  }
  return all.dump(2) + '\n';
}

} // namespace cafka::cli
