#include "net/links/greeting.hpp"

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>

namespace cafka::net::links {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// A fatal alert, protocol_version (RFC 8446 section 6): what a peer that speaks no TLS can still be told. OpenSSL says nothing to those.
constexpr std::array<unsigned char, 7> no_tls_alert{0x15, 3, 3, 0, 2, 2, 70};

bool is_not_tls(const boost::system::error_code& failed) {
  if (failed.category() != asio::error::get_ssl_category())
    return false;
  const auto reason = ERR_GET_REASON(static_cast<unsigned long>(failed.value()));
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST;
}

} // namespace

void greeting::limit(std::int64_t after_ms) {
  deadline_ = loop_.add_deadline(loop_.now_ms() + after_ms, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->is_late_ = true;
      self->abandon();
    }
  });
}

void greeting::connect(const tcp::endpoint& to, done then) {
  socket_.async_connect(to, [self = shared_from_this(), to, then = std::move(then)](const boost::system::error_code& failed) {
    if (failed)
      return then(tl::unexpected{self->why(failed)});
    boost::system::error_code ignored;
    // On one host the kernel may choose the very port that is dialled for ours, and TCP then joins the socket to itself
    // (simultaneous open, RFC 9293 section 3.5): nobody listens there, and nobody could while we, or TIME_WAIT, held it.
    if (self->socket_.local_endpoint(ignored) == to) {
      self->socket_.set_option(tcp::socket::linger(true, 0), ignored);
      self->abandon();
      return then(tl::unexpected{self->why(asio::error::connection_refused)});
    }
    self->socket_.set_option(tcp::no_delay(true), ignored);
    then({});
  });
}

void greeting::secure(std::shared_ptr<const tls_identity> by, side ours, done then) {
  identity_ = std::move(by);
  tls_ = std::make_unique<tls_stream>(std::move(socket_), identity_->context());
  tls_->async_handshake(ours == side::dialler ? asio::ssl::stream_base::client : asio::ssl::stream_base::server,
                        [self = shared_from_this(), then = std::move(then)](const boost::system::error_code& failed) {
                          boost::system::error_code ignored;
                          if (is_not_tls(failed))
                            self->socket().write_some(asio::buffer(no_tls_alert), ignored);
                          then(failed ? result<void>{tl::unexpected{self->why(failed)}} : result<void>{});
                        });
}

std::string greeting::complaint(node_id claimed, const std::string& host) const {
  return tls_ ? identity_->complaint(tls_->native_handle(), claimed, host) : std::string{};
}

void greeting::say(const hello& what, done then) {
  sent_ = to_bytes(what);
  auto sent = [self = shared_from_this(), then = std::move(then)](const boost::system::error_code& failed, std::size_t) {
    then(failed ? result<void>{tl::unexpected{self->why(failed)}} : result<void>{});
  };
  with_stream([&](auto& stream) { asio::async_write(stream, asio::buffer(sent_), std::move(sent)); });
}

// Not a byte more than the hello is read: what follows is not ours.
void greeting::hear(heard then) {
  received_.resize(hello_prefix_bytes);
  auto body_came = [self = shared_from_this(), then](const boost::system::error_code& failed, std::size_t) {
    then(failed ? result<hello>{tl::unexpected{self->why(failed)}} : parse_body(self->received_));
  };
  auto prefix_came = [self = shared_from_this(), then, body_came](const boost::system::error_code& failed, std::size_t size) {
    if (failed && !speaks_tls(byte_span{self->received_}.first(size)))
      return then(tl::unexpected{self->why(failed)});
    const auto body = body_size(byte_span{self->received_}.first(size));
    if (!body)
      return then(tl::unexpected{body.error()});
    self->received_.resize(*body);
    self->with_stream([&](auto& stream) { asio::async_read(stream, asio::buffer(self->received_), body_came); });
  };
  with_stream([&](auto& stream) { asio::async_read(stream, asio::buffer(received_), std::move(prefix_came)); });
}

void greeting::abandon() {
  boost::system::error_code ignored;
  socket().close(ignored);
}

void greeting::dismiss(std::function<void()> then) {
  boost::system::error_code ignored;
  socket().shutdown(tcp::socket::shutdown_send, ignored);
  received_.resize(max_hello_bytes);
  drain(std::move(then));
}

void greeting::drain(std::function<void()> then) {
  socket().async_read_some(asio::buffer(received_), [self = shared_from_this(),
                                                     then = std::move(then)](const boost::system::error_code& ended, std::size_t) mutable {
    if (!ended)
      return self->drain(std::move(then));
    self->abandon();
    then();
  });
}

result<asio::generic::stream_protocol::socket> greeting::release() {
  loop_.cancel_deadline(deadline_);
  if (tls_)
    return tls_relay::start(loop_, std::move(tls_));
  return asio::generic::stream_protocol::socket{std::move(socket_)};
}

error greeting::why(const boost::system::error_code& failed) const {
  if (is_late_)
    return {errc::request_timed_out, "it did not answer in time"};
  if (failed == asio::error::connection_refused)
    return {errc::not_found, failed.message()}; // nobody listens there
  if (tls_)
    if (auto reason = tls_reason(tls_->native_handle(), failed); !reason.empty())
      return {errc::bad_argument, std::move(reason)};
  const auto ended = failed == asio::error::eof || failed == asio::ssl::error::stream_truncated;
  if (tls_ && (ended || failed == asio::error::connection_reset))
    return {errc::io_error,
            SSL_is_init_finished(tls_->native_handle())
                ? "it closed the connection before its greeting was whole: it may not accept this node's certificate, its log tells"
                : "it closed the connection in the TLS handshake: listener.security.protocol.map must say SSL for nodes on all of them or "
                  "on none"};
  return {errc::io_error, ended ? "it closed the connection before its greeting was whole" : failed.message()};
}

} // namespace cafka::net::links
