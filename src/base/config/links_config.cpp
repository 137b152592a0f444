#include "base/config/links_config.hpp"

#include "base/config/listener.hpp"
#include "base/config/spec.hpp"

#include <algorithm>

namespace cafka {

namespace {

// The text in force of a key that the table has.
std::string text_of(const node_config& config, std::string_view key) { return node_value_text(config, *find_node_key(key)); }

} // namespace

bool meets_others(const node_config& config) noexcept { return !(config.is_alone() && config.is_broker); }

bool is_voter(const node_config& config, node_id which) noexcept {
  return std::ranges::find(config.quorum_voters, which, &quorum_voter::id) != config.quorum_voters.end();
}

links_config links_config_of(const node_config& config) {
  links_config links;
  links.listener = links.advertised = config.controller_listeners.front();
  if (const auto told = parse_listeners(text_of(config, "advertised.listeners")))
    if (const auto found = std::ranges::find(*told, links.listener.name, &listener_address::name); found != told->end())
      links.advertised = *found;
  if (links.advertised.host.empty() || links.advertised.host == "0.0.0.0" || links.advertised.host == "::")
    links.advertised.host = reachable_host_name();
  const auto protocols = parse_protocol_map(text_of(config, "listener.security.protocol.map"));
  if (const auto found = protocols->find(links.listener.name); found != protocols->end() && found->second == "SSL")
    links.tls =
        links_tls_config{text_of(config, "ssl.keystore.location"), text_of(config, "ssl.key.password"),
                         text_of(config, "ssl.truststore.location"), !text_of(config, "ssl.endpoint.identification.algorithm").empty()};
  return links;
}

} // namespace cafka
