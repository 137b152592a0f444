// The network side of a node: listeners, connections over the shards, limits. Made with one io_context per shard, which somebody else runs, one thread each.
// Shutdown: stop() ends listening and every session while the shards still run; then the actors may exit, then the io_contexts may return.
#pragma once
#include "base/clock.hpp"
#include "base/config/node_config.hpp"
#include "net/connection.hpp"
#include "net/listener.hpp"
#include "net/service.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace cafka::net {

struct server_options {
  std::vector<listener_address> listeners{{"PLAINTEXT", "", 9092}};
  int backlog = 50;
  std::size_t max_connections = SIZE_MAX; // the process's descriptor limit may lower it
  std::size_t max_connections_per_ip = SIZE_MAX;
  connection_limits connection;
  frame_pool::options pool;
  std::size_t max_parked_fetches = 10'000; // in the node; more long polls are answered at once
  std::size_t max_fetch_sessions = 1000; // of Kafka's clients, in the node
  bool auto_create_topics = true; // by Kafka's clients, when they name a topic that is missing
  std::int64_t drain_ms = 1000; // stop() waits so long for answers that are under way
  clock* time = &system_clock();

  static server_options from(const node_config& config);
};

class server {
public:
  // The service and the shards outlive the server.
  server(server_options options, service& node, const std::vector<boost::asio::io_context*>& shards);
  ~server(); // after stop(), or when the shards no longer run

  // Binds all listeners or none: what connects waits, unanswered, until start(). Blocks for name look-ups.
  result<std::vector<bound_endpoint>> bind();
  // Starts to accept; binds first if that was not done. Also makes the process ignore SIGPIPE, which sendfile could raise.
  result<std::vector<bound_endpoint>> start();
  // Accepts no more, answers what is parked, closes every session. `done` is called from a shard's thread once all are closed. At most once.
  void stop(std::function<void()> done);
  // The same, blocking. Not from a shard's thread.
  void stop();

  // As in server_options, for connections that come from now on; those that are there stay. From any thread.
  void limit_connections(std::size_t in_all, std::size_t per_ip);

  [[nodiscard]] counter_values counters() const;
  [[nodiscard]] const frame_pool& frames() const noexcept;
  // For tests with a clock set by hand: has every shard look at its deadlines.
  void expire_deadlines();

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace cafka::net
