#include "cli/command.hpp"

#include <cstdio>
#include <unistd.h>

namespace cafka::cli {

void connect_options::add_to(CLI::App& command) {
  command.add_option("-b,--bootstrap-server", bootstrap_servers, "HOST:PORT[,HOST:PORT...] of any node of the cluster")
      ->capture_default_str()
      ->envname("CAFKA_BOOTSTRAP_SERVER");
  command.add_option("--timeout-ms", timeout_ms, "how long to wait for an answer")->capture_default_str()->check(CLI::PositiveNumber);
}

client::cluster_config connect_options::cluster(std::string_view client_id) const {
  client::cluster_config config;
  config.bootstrap_servers = bootstrap_servers;
  config.client_id = client_id;
  config.request_timeout = client::milliseconds{timeout_ms};
  config.connect_timeout = std::min(config.connect_timeout, config.request_timeout);
  return config;
}

int report(std::string_view what, int code) {
  std::fprintf(stderr, "cafka: %.*s\n", static_cast<int>(what.size()), what.data());
  return code;
}

int report(const error& what, int code) { return report(explain(what), code); }

std::string explain(const error& what) {
  switch (what.code) {
  case errc::bad_argument: return what.detail;
  case errc::unknown_topic_or_partition: return what.to_string() + " (`cafka topic list` shows what there is)";
  case errc::connection_closed:
  case errc::network_exception:
  case errc::broker_not_available: return what.to_string() + " (is a node running there? see -b)";
  default: return what.to_string();
  }
}

result<std::pair<std::string, std::string>> split_assignment(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return fail(errc::bad_argument, '\'' + std::string{text} + "': expected key=value");
  return std::pair{std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)}};
}

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

} // namespace cafka::cli
