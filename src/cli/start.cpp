// `cafka start`.
#include "base/log.hpp"
#include "cli/command.hpp"

#include <filesystem>

namespace cafka::cli {

namespace {

constexpr auto footer = R"(Without FILE every key has its default (`cafka config list`), but data goes to ./data.
Log lines go to standard error. SIGTERM or Ctrl-C stops the node in order; a second one at once.

Examples:
  cafka start config/server.properties
  cafka start config/server.properties --override listeners=PLAINTEXT://:9092 --override log.dirs=/srv/a,/srv/b)";

struct options {
  std::string file;
  std::vector<std::string> overrides;
  bool strict = false;
};

log_level level_of(logging_level level) {
  switch (level) {
  case logging_level::debug: return log_level::debug;
  case logging_level::info: return log_level::info;
  case logging_level::warn: return log_level::warn;
  case logging_level::error: return log_level::error;
  case logging_level::off: return log_level::off;
  }
  return log_level::info;
}

int start_node(const options& given, const start_function& start) {
  auto overrides = given.overrides;
  if (given.file.empty())
    overrides.insert(overrides.begin(), "log.dirs=./data");
  auto loaded = load_node_config(given.file, overrides, given.strict);
  if (!loaded)
    return report(loaded.error(), usage);
  start_logging(level_of(loaded->config.log_level));
  for (const auto& warning : loaded->warnings)
    CAFKA_LOG_WARN("{}", warning);
  return start(loaded->config);
}

} // namespace

void add_start(CLI::App& app, action& chosen, const start_function& start) {
  auto given = std::make_shared<options>();
  auto* command = app.add_subcommand("start", "Run a node until it is told to stop");
  command->footer(footer);
  command->add_option("FILE", given->file, "server.properties");
  command->add_option("--override", given->overrides, "key=value, wins over the file; may be repeated")->take_all()->type_name("KEY=VALUE");
  command->add_flag("--strict-config", given->strict, "refuse unknown and repeated keys instead of warning");
  command->callback([&chosen, given, &start] { chosen = [given, &start] { return start_node(*given, start); }; });
}

} // namespace cafka::cli
