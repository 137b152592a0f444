// One TCP connection to one address, opened when there is something to send and again after a failure (jittered exponential
// back-off). Requests pipeline; answers find their request by correlation id. Everything happens on the cluster's strand,
// handlers included; they are called from within, so a handler may send or close.
//
//   idle ─send→ waiting (back-off) ─→ connecting (TCP, preface, hello) ─→ ready
//    ↑              any failure: all requests fail, with sent = false if none of their bytes was handed over
//    └──────────────────────────────────────────────────────────────────────┘
//
// A request that is unanswered at its deadline fails, and if it was sent the connection goes with it: a server that does not
// answer cannot be told from a dead one, and later answers must not be waited for behind it.
#pragma once
#include "base/prng.hpp"
#include "client/internal/rpc.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <set>
#include <unordered_map>

namespace cafka::client {

struct address {
  std::string host;
  std::string port;
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const address&) const = default;
};
// HOST:PORT[,…], IPv6 in brackets. bad_argument names the part that is wrong.
result<std::vector<address>> parse_addresses(std::string_view list);

// ± 20 % of `base` doubled `failures` − 1 times, at most `limit`.
milliseconds backoff_after(int failures, milliseconds base, milliseconds limit, prng& jitter);

struct server_limits {
  std::int32_t node = -1;
  std::int64_t max_frame_bytes = 0; // 0: not told
  std::int64_t max_fetch_bytes = 0;
};

class connection : public std::enable_shared_from_this<connection> {
public:
  connection(strand where, address to, std::shared_ptr<const cluster_config> config);

  void send(rpc_request request, rpc_handler handler);
  // Fails what is outstanding with `why`. Later requests fail at once.
  void close(const error& why);

  [[nodiscard]] bool ready() const noexcept { return state_ == state::ready; }
  [[nodiscard]] const address& to() const noexcept { return to_; }
  // Meaningful once ready.
  [[nodiscard]] const server_limits& limits() const noexcept { return limits_; }

private:
  enum class state { idle, waiting, connecting, ready, closed };
  struct outgoing {
    std::uint64_t id;
    byte_vector head; // lengths and header
    std::vector<std::shared_ptr<const byte_vector>> payload;
  };
  struct pending {
    rpc_handler handler;
    time_point deadline;
    bool sent = false;
    bool answered = true;
  };
  // One attempt at a connection: handlers of an abandoned attempt find that it is no longer the current one.
  struct link;
  using link_ptr = std::shared_ptr<link>;

  void start();
  void connect();
  void say_hello(const link_ptr& on);
  void on_hello(const link_ptr& on, rpc_result answer);
  outgoing encode(rpc_request& request, std::uint64_t id) const;
  void write_more();
  void on_written(const link_ptr& on, const boost::system::error_code& failure);
  void read_more(const link_ptr& on);
  void read_rest(const link_ptr& on);
  bool consume_input(const link_ptr& on);
  void on_frame(const link_ptr& on);
  void finish(std::uint64_t id, rpc_result answer);
  void fail_link(error why);
  void arm_deadline();
  void on_deadline();

  strand strand_;
  address to_;
  std::shared_ptr<const cluster_config> config_;
  prng jitter_;
  state state_ = state::idle;
  server_limits limits_;
  link_ptr link_;
  int failures_ = 0;
  time_point not_before_{};
  asio::steady_timer retry_timer_;
  asio::steady_timer deadline_timer_;
  time_point deadline_armed_ = time_point::max();
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, pending> pending_;
  std::set<std::pair<time_point, std::uint64_t>> deadlines_;
  std::deque<outgoing> queue_; // not handed to the socket
  std::vector<outgoing> writing_;
  std::size_t in_flight_ = 0; // sent and unanswered
  error close_reason_;
  std::string last_failure_; // why there is no connection; empty once there is one
};

} // namespace cafka::client
