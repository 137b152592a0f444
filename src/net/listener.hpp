// Accepts connections on one or more addresses and spreads them over the shards. Acceptors live on the first event loop.
// Out of descriptors, it pauses instead of spinning: peers wait in the backlog. Past a limit on connections a new one is closed at once.
#pragma once
#include "base/error.hpp"
#include "net/event_loop.hpp"
#include "net/loop_choice.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cafka::net {

// How many connections there are, in all and by address. Thread-safe.
class connection_census {
public:
  connection_census(std::size_t max_in_all, std::size_t max_per_address) : max_in_all_(max_in_all), max_per_address_(max_per_address) {}
  // For those that come from now on.
  void set_limits(std::size_t max_in_all, std::size_t max_per_address);
  // Empty when the connection may stay: then leave() must follow. Otherwise why not.
  [[nodiscard]] std::string enter(const boost::asio::ip::address& from);
  void leave(const boost::asio::ip::address& from);
  [[nodiscard]] std::size_t size() const;

private:
  mutable std::mutex mutex_;
  std::size_t max_in_all_, max_per_address_;
  std::size_t in_all_ = 0;
  std::map<boost::asio::ip::address, std::size_t> by_address_;
};

struct bound_endpoint {
  std::string host; // as configured; empty: every interface
  std::uint16_t port = 0;
};

class listener {
public:
  // On the thread of loops[0]: the accepted socket belongs to `loops[index]`; `tag` is listen()'s. Whether it stays: then the loop counts it when
  // it is closed.
  using accepted_handler = std::function<bool(boost::asio::ip::tcp::socket socket, std::size_t index, std::size_t tag)>;
  listener(std::vector<event_loop*> loops, accepted_handler accepted);
  ~listener();

  // Binds `host`:`port` (empty host: every interface, IPv6 and IPv4; port 0: the system chooses) without accepting yet. Blocks for the name's look-up.
  // io_error naming the address when it is taken or not ours.
  result<bound_endpoint> listen(const std::string& host, std::uint16_t port, int backlog, std::size_t tag);
  // Once everything is bound.
  void start();
  // On the thread of loops[0].
  void stop();

private:
  struct acceptor;
  result<std::unique_ptr<acceptor>> bind(const boost::asio::ip::tcp::endpoint& to, const std::string& shown, int backlog);
  void accept(acceptor& from);
  std::size_t choose_loop();
  void accept_failed(acceptor& from, const boost::system::error_code& why);

  std::vector<event_loop*> loops_;
  accepted_handler accepted_;
  std::vector<std::unique_ptr<acceptor>> acceptors_;
  loop_choice choice_;
  std::vector<std::uint64_t> accepted_on_; // by loop, how many stayed
  bool stopped_ = false;
  bool is_short_of_descriptors_ = false;
};

} // namespace cafka::net
