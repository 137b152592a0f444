// What the subcommands share: how they hang in the parser, connect, and report failure.
#pragma once
#include "cli/cli.hpp"
#include "client/admin.hpp"

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace cafka::cli {

// Set by the parser's callback of the subcommand that was chosen; run afterwards, outside the parser.
using action = std::function<int()>;

void add_start(CLI::App& app, action& chosen, const start_function& start);
void add_topic(CLI::App& app, action& chosen);
void add_produce(CLI::App& app, action& chosen);
void add_consume(CLI::App& app, action& chosen);
void add_offsets(CLI::App& app, action& chosen);
void add_config(CLI::App& app, action& chosen);
void add_log(CLI::App& app, action& chosen);
void add_cluster(CLI::App& app, action& chosen);
void add_cluster_demo(CLI::App& group, action& chosen); // of `cafka cluster`
void add_quorum(CLI::App& app, action& chosen, const recover_function& recover);
void add_quorum_recover(CLI::App& group, action& chosen, const recover_function& recover); // of `cafka quorum`
void add_perf(CLI::App& app, action& chosen);

struct connect_options {
  std::string bootstrap_servers = "127.0.0.1:9092";
  std::int64_t timeout_ms = 30'000;

  void add_to(CLI::App& command);
  [[nodiscard]] client::cluster_config cluster(std::string_view client_id) const;
};

// "cafka: …" on standard error; returns `code`.
int report(std::string_view what, int code = failure);
int report(const error& what, int code = failure);
// A sentence for people, with what to try where that is known.
std::string explain(const error& what);

// "key=value"; usage error text otherwise.
result<std::pair<std::string, std::string>> split_assignment(std::string_view text);

// Does the file descriptor belong to a terminal?
bool is_terminal(int descriptor);

} // namespace cafka::cli
