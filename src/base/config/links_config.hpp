// How this node and the others meet, read from a node_config that was loaded: what only the links between nodes need to know.
#pragma once
#include "base/config/node_config.hpp"

#include <optional>

namespace cafka {

// PEM files, by Kafka's keys.
struct links_tls_config {
  std::string keystore; // ssl.keystore.location: this node's private key and certificate chain
  std::string key_password; // ssl.key.password; empty: the key is not encrypted
  std::string truststore; // ssl.truststore.location: the authorities that sign nodes' certificates
  bool checks_host = true; // ssl.endpoint.identification.algorithm
  bool operator==(const links_tls_config&) const = default;
};

struct links_config {
  listener_address listener; // the one of controller.listener.names
  listener_address advertised; // where others find it; port 0: the one that was bound
  std::optional<links_tls_config> tls; // if listener.security.protocol.map says SSL
};

// A cluster of one, that does everything itself, has no port for others; who does only one thing, or votes with others, has.
[[nodiscard]] bool meets_others(const node_config& config) noexcept;
[[nodiscard]] bool is_voter(const node_config& config, node_id which) noexcept;
// Of one that meets others. load_node_config has checked all that goes into it; not what is in the files.
[[nodiscard]] links_config links_config_of(const node_config& config);

} // namespace cafka
