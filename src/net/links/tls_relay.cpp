#include "net/links/tls_relay.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/write.hpp>

namespace cafka::net::links {

namespace asio = boost::asio;
using boost::system::error_code;

result<asio::generic::stream_protocol::socket> tls_relay::start(event_loop& loop, std::unique_ptr<tls_stream> network) {
  asio::local::stream_protocol::socket ours{loop.io()}, theirs{loop.io()};
  error_code failed;
  asio::local::connect_pair(ours, theirs, failed);
  if (failed)
    return fail(errc::io_error, "no pair of sockets for TLS: " + failed.message());
  const auto relay = std::make_shared<tls_relay>(std::move(network), std::move(ours));
  relay->carry_out();
  relay->carry_in();
  relay->watch();
  return asio::generic::stream_protocol::socket{std::move(theirs)};
}

tls_relay::tls_relay(std::unique_ptr<tls_stream> network, asio::local::stream_protocol::socket local)
    : network_(std::move(network)), local_(std::move(local)), patience_(local_.get_executor()) {}

void tls_relay::carry_out() {
  local_.async_read_some(asio::buffer(outgoing_), [self = shared_from_this()](const error_code& failed, std::size_t size) {
    if (self->is_over_)
      return;
    if (failed) {
      // No close_notify: its frames say where they end, and a link that ends is lost however it ends.
      error_code ignored;
      self->network_->next_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      return self->local_ended();
    }
    asio::async_write(*self->network_, asio::buffer(self->outgoing_, size),
                      [self](const error_code& cut, std::size_t) { cut ? self->finish() : self->carry_out(); });
  });
}

void tls_relay::carry_in() {
  network_->async_read_some(asio::buffer(incoming_), [self = shared_from_this()](const error_code& failed, std::size_t size) {
    if (failed)
      return self->finish();
    if (self->local_is_gone_)
      return self->carry_in(); // read and dropped, so that closing does not reset what the other side still has to read
    asio::async_write(self->local_, asio::buffer(self->incoming_, size), [self](const error_code& cut, std::size_t) {
      if (self->is_over_)
        return;
      if (cut)
        self->local_ended();
      self->carry_in();
    });
  });
}

// While a write to a slow network is under way nobody reads the local end, and would see that it is gone.
void tls_relay::watch() {
  local_.async_wait(asio::socket_base::wait_error, [self = shared_from_this()](const error_code& failed) {
    if (!failed && !self->is_over_)
      self->local_ended();
  });
}

void tls_relay::local_ended() {
  if (std::exchange(local_is_gone_, true))
    return;
  patience_.expires_after(linger);
  patience_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (!cancelled)
      self->finish();
  });
}

void tls_relay::finish() {
  if (std::exchange(is_over_, true))
    return;
  patience_.cancel();
  error_code ignored;
  local_.close(ignored);
  network_->next_layer().close(ignored);
}

} // namespace cafka::net::links
