#include "net/links/greeting.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace cafka::net::links {

namespace asio = boost::asio;
using asio::ip::tcp;

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

void greeting::say(const hello& what, done then) {
  sent_ = to_bytes(what);
  asio::async_write(socket_, asio::buffer(sent_),
                    [self = shared_from_this(), then = std::move(then)](const boost::system::error_code& failed, std::size_t) {
                      then(failed ? result<void>{tl::unexpected{self->why(failed)}} : result<void>{});
                    });
}

// Not a byte more than the hello is read: what follows is not ours.
void greeting::hear(heard then) {
  received_.resize(hello_prefix_bytes);
  asio::async_read(socket_, asio::buffer(received_),
                   [self = shared_from_this(), then = std::move(then)](const boost::system::error_code& failed, std::size_t) {
                     if (failed)
                       return then(tl::unexpected{self->why(failed)});
                     const auto size = body_size(self->received_);
                     if (!size)
                       return then(tl::unexpected{size.error()});
                     self->received_.resize(*size);
                     asio::async_read(self->socket_, asio::buffer(self->received_),
                                      [self, then](const boost::system::error_code& cut, std::size_t) {
                                        then(cut ? result<hello>{tl::unexpected{self->why(cut)}} : parse_body(self->received_));
                                      });
                   });
}

void greeting::abandon() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

tcp::socket greeting::release() {
  loop_.cancel_deadline(deadline_);
  return std::move(socket_);
}

error greeting::why(const boost::system::error_code& failed) const {
  if (is_late_)
    return {errc::request_timed_out, "it did not answer in time"};
  if (failed == asio::error::connection_refused)
    return {errc::not_found, failed.message()}; // nobody listens there
  return {errc::io_error, failed == asio::error::eof ? "it closed the connection before its greeting was whole" : failed.message()};
}

} // namespace cafka::net::links
