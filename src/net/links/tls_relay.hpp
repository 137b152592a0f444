// Carries a link with TLS for a protocol that wants a plain descriptor (BASP): what is written to one end of a pair of local sockets goes out encrypted,
// what comes in is written there. In each direction one buffer, full or empty: whoever is slow is waited for. Either end's end is the other's too,
// after what was under way: at once if the network is gone; if the local end is, within linger_ms, however slow the network is.
// Keeps itself alive as long as a socket is open. Belongs to its event loop's thread.
#pragma once
#include "base/error.hpp"
#include "net/event_loop.hpp"

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

namespace cafka::net::links {

using tls_stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

class tls_relay : public std::enable_shared_from_this<tls_relay> {
public:
  static constexpr std::chrono::milliseconds linger{500};

  // Starts one for a stream whose handshake is over. The end for the other protocol; or why there is none: the stream is closed then.
  static result<boost::asio::generic::stream_protocol::socket> start(event_loop& loop, std::unique_ptr<tls_stream> network);

  // Use start().
  tls_relay(std::unique_ptr<tls_stream> network, boost::asio::local::stream_protocol::socket local);

private:
  void carry_out(); // local to network
  void carry_in();
  void watch();
  void local_ended();
  void finish();

  static constexpr std::size_t buffer_bytes = 64 << 10;
  std::unique_ptr<tls_stream> network_;
  boost::asio::local::stream_protocol::socket local_;
  boost::asio::steady_timer patience_;
  bool local_is_gone_ = false, is_over_ = false;
  std::array<std::byte, buffer_bytes> outgoing_, incoming_;
};

} // namespace cafka::net::links
