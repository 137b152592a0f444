// Addresses in configuration values: NAME://HOST:PORT, ID@HOST:PORT, NAME:PROTOCOL. Errors' details say what was expected.
#pragma once
#include "base/config/node_config.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

// At least one; names and (non-zero) ports each once. Names become upper case.
result<std::vector<listener_address>> parse_listeners(std::string_view text);
result<std::vector<quorum_voter>> parse_voters(std::string_view text);
// Listener name → security protocol, both upper case.
result<std::map<std::string, std::string>> parse_protocol_map(std::string_view text);

struct host_and_port {
  std::string host;
  std::uint16_t port = 0;
};
// "HOST:PORT" or "[IPv6]:PORT"; the host may be empty if `allow_empty_host`. A missing port is `default_port` if that is not 0.
result<host_and_port> parse_host_and_port(std::string_view text, bool allow_empty_host, std::uint16_t default_port);

// This machine's host name if it resolves to an address, else "localhost". May ask the system's resolver.
std::string reachable_host_name();

} // namespace cafka
