// What a node shows and whom it believes on links with TLS: its key and certificate, and the authorities that sign nodes' certificates. Both ends of
// a link show one. A certificate speaks for the one node that its common name says, `node-N`, so who has it cannot pose as another; the
// host that was dialled must stand in it too, as a subject alternative name (RFC 9525), unless that is turned off. TLS 1.3 only (RFC 8446).
// Read once; immutable afterwards, any thread.
#pragma once
#include "base/config/links_config.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

namespace cafka::net::links {

// For whom a node's own certificate must be.
struct tls_subject {
  node_id id = no_node;
  std::string host; // by which others dial this node
};

class tls_identity {
public:
  // Reads both files (blocks) and uses nothing of them before all of it holds: readable, key and certificate belong together, valid at `now_s`
  // (seconds since 1970), signed by one of the authorities, for both ends of a connection, for this node. Else bad_argument: which key and file,
  // what is wrong with it, what to do.
  static result<std::shared_ptr<const tls_identity>> load(const links_tls_config& files, const tls_subject& self, std::int64_t now_s);

  // Asio wants it changeable; nobody changes it.
  [[nodiscard]] boost::asio::ssl::context& context() const noexcept { return context_; }
  // Of a finished handshake: why the other end is not node `claimed`, dialled at `host` (empty: it dialled us). Empty: it is.
  [[nodiscard]] std::string complaint(SSL* connection, node_id claimed, const std::string& host) const;

private:
  explicit tls_identity(bool checks_host) : context_(boost::asio::ssl::context::tls), checks_host_(checks_host) {}

  mutable boost::asio::ssl::context context_;
  bool checks_host_;
};

// Why a handshake, or the first exchange after it, failed: for the log of who sees it. Empty if TLS has nothing to say on it.
std::string tls_reason(SSL* connection, const boost::system::error_code& failed);

} // namespace cafka::net::links
