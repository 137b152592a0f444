// One connection between nodes until it is a link or is given up: sends and receives a hello, under one deadline for all of it.
// Belongs to its event loop's thread.
#pragma once
#include "net/event_loop.hpp"
#include "net/links/hello.hpp"

#include <array>
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
  void say(const hello& what, done then);
  void hear(heard then);
  // What is under way fails.
  void abandon();
  // After the last exchange: the caller's from here on, blocking or not as it was.
  [[nodiscard]] boost::asio::ip::tcp::socket release();

private:
  [[nodiscard]] error why(const boost::system::error_code& failed) const;

  event_loop& loop_;
  boost::asio::ip::tcp::socket socket_;
  deadline_queue::handle deadline_;
  bool is_late_ = false;
  byte_vector sent_, received_;
};

} // namespace cafka::net::links
