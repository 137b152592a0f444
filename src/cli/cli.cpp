#include "cli/cli.hpp"

#include "cli/command.hpp"

#include <csignal>
#include <cstdio>
#include <exception>

namespace cafka::cli {

namespace {

constexpr auto footer = R"(Examples:
  cafka start config/server.properties
  cafka topic create greetings --partitions 3
  echo hello | cafka produce greetings
  cafka consume greetings --from-beginning
  cafka log verify ./data

`cafka COMMAND --help` has more. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration,
3 records not written, 4 records of unknown outcome, 130 interrupted, 141 the reader of the output has gone.)";

void add_version(CLI::App& app, action& chosen) {
  app.add_subcommand("version", "Print the version")->callback([&chosen] {
    chosen = [] {
      std::puts("cafka " CAFKA_VERSION);
      return static_cast<int>(success);
    };
  });
}

int parse_and_run(int argc, char** argv, const server_functions& server) {
  CLI::App app{"cafka: a distributed append-only log with the Kafka data model", "cafka"};
  app.footer(footer);
  app.require_subcommand(1);
  app.set_version_flag("--version", "cafka " CAFKA_VERSION);
  app.get_formatter()->column_width(34);
  action chosen;
  add_start(app, chosen, server.start);
  add_topic(app, chosen);
  add_produce(app, chosen);
  add_consume(app, chosen);
  add_offsets(app, chosen);
  add_config(app, chosen);
  add_log(app, chosen);
  add_cluster(app, chosen);
  add_quorum(app, chosen, server.recover_quorum);
  add_perf(app, chosen);
  add_version(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    const bool is_help = stop.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
    if (is_help)
      return app.exit(stop) == 0 ? success : failure;
    std::fprintf(stderr, "cafka: %s\n", stop.what());
    const auto* at = &app;
    while (!at->get_subcommands().empty())
      at = at->get_subcommands().front();
    std::string name = at->get_name();
    for (const auto* up = at->get_parent(); up != nullptr; up = up->get_parent())
      name = up->get_name() + ' ' + name;
    std::fprintf(stderr, "`%s --help` shows how it is used.\n", name.c_str());
    return usage;
  }
  return chosen ? chosen() : static_cast<int>(usage);
}

} // namespace

int run(int argc, char** argv, const server_functions& server) {
  std::signal(SIGPIPE, SIG_IGN); // a closed pipe or socket is an error where it is written to, not the end of the process
  try {
    const int code = parse_and_run(argc, argv, server);
    return std::fflush(stdout) == 0 || code != success ? code : static_cast<int>(broken_pipe);
  } catch (const std::exception& what) {
    return report(std::string{"unexpected: "} + what.what());
  }
}

} // namespace cafka::cli
