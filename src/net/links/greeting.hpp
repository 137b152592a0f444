// One connection between nodes until it is a link or is given up: TLS if there is to be any, then a hello each way, under one deadline for all of it.
// Belongs to its event loop's thread.
#pragma once
#include "net/event_loop.hpp"
#include "net/links/hello.hpp"
#include "net/links/tls_identity.hpp"
#include "net/links/tls_relay.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

namespace cafka::net::links {

class greeting : public std::enable_shared_from_this<greeting> {
public:
  using done = std::function<void(result<void>)>;
  using heard = std::function<void(result<hello>)>;

  greeting(event_loop& loop, boost::asio::ip::tcp::socket socket) : loop_(loop), socket_(std::move(socket)) {}
  ~greeting() { loop_.cancel_deadline(deadline_); }

  // What is not done `after_ms` from now fails with request_timed_out.
  void limit(std::int64_t after_ms);
  void connect(const boost::asio::ip::tcp::endpoint& to, done then);
  enum class side : std::uint8_t { dialler, acceptor };
  // What is said and heard from here on is encrypted, with who showed a certificate of ours; of which node, complaint() tells.
  void secure(std::shared_ptr<const tls_identity> by, side ours, done then);
  // Why the other end is not node `claimed`, dialled at `host` (empty: it dialled us); empty: it is, or nothing is encrypted.
  [[nodiscard]] std::string complaint(node_id claimed, const std::string& host) const;
  void say(const hello& what, done then);
  void hear(heard then);
  // What is under way fails.
  void abandon();
  // Ends it, but for what is on its way to the other side, and waits for its end; `then` is called at the deadline at the latest.
  void dismiss(std::function<void()> then);
  // After the last exchange: the caller's from here on, blocking or not as it was.
  [[nodiscard]] result<boost::asio::generic::stream_protocol::socket> release();

private:
  [[nodiscard]] error why(const boost::system::error_code& failed) const;
  void drain(std::function<void()> then);
  [[nodiscard]] boost::asio::ip::tcp::socket& socket() noexcept { return tls_ ? tls_->next_layer() : socket_; }
  template <class Use>
  void with_stream(Use use) {
    tls_ ? use(*tls_) : use(socket_);
  }

  event_loop& loop_;
  boost::asio::ip::tcp::socket socket_; // until secure()
  std::unique_ptr<tls_stream> tls_;
  std::shared_ptr<const tls_identity> identity_;
  deadline_queue::handle deadline_;
  bool is_late_ = false;
  byte_vector sent_, received_;
};

} // namespace cafka::net::links
