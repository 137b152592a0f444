#include "net/server.hpp"

#include "net/kafka/session.hpp"
#include "net/native/session.hpp"
#include "net/peer_log.hpp"

#include <algorithm>
#include <csignal>
#include <future>
#include <sys/resource.h>
#include <unordered_map>

namespace cafka::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// Half of the descriptors are for log files: when all are taken by connections, nothing can be served to them.
std::size_t descriptors_for_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return SIZE_MAX;
  return static_cast<std::size_t>(limit.rlim_cur) / 2;
}

void ignore_broken_pipes() {
  struct sigaction current {};
  if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
    current.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &current, nullptr);
  }
}

} // namespace

server_options server_options::from(const node_config& config) {
  server_options options;
  options.listeners = config.listeners;
  options.backlog = config.socket_listen_backlog_size;
  options.max_connections = static_cast<std::size_t>(config.max_connections);
  options.max_connections_per_ip = static_cast<std::size_t>(config.max_connections_per_ip);
  options.connection.max_frame_bytes = static_cast<std::uint32_t>(config.socket_request_max_bytes);
  options.connection.max_in_flight_requests = static_cast<std::size_t>(config.connection_inflight_max_requests);
  options.connection.max_in_flight_bytes = static_cast<std::size_t>(config.connection_inflight_max_bytes);
  options.connection.idle_ms = config.connections_max_idle_ms;
  options.connection.frame_ms = config.request_receive_timeout_ms;
  options.connection.send_buffer_bytes = config.socket_send_buffer_bytes;
  options.connection.receive_buffer_bytes = config.socket_receive_buffer_bytes;
  options.pool.budget_bytes = static_cast<std::size_t>(config.queued_max_request_bytes);
  options.max_parked_fetches = static_cast<std::size_t>(config.max_parked_fetches);
  options.max_fetch_sessions = static_cast<std::size_t>(config.max_fetch_sessions);
  options.auto_create_topics = config.auto_create_topics;
  return options;
}

struct server::state : std::enable_shared_from_this<server::state> {
  struct shard {
    shard(asio::io_context& io, clock& time) : loop(io, time) {}
    event_loop loop;
    std::unordered_map<connection*, std::shared_ptr<connection>> connections;
    bool stopping = false;
  };

  state(server_options with, service& node_service, const std::vector<asio::io_context*>& contexts)
      : options(std::move(with)),
        node(node_service),
        parked(options.max_parked_fetches),
        fetch_sessions(options.max_fetch_sessions),
        kafka_context{node_service, parked, fetch_sessions, options.auto_create_topics},
        pool(frame_pool::make(options.pool)),
        log(*options.time),
        census(std::min(options.max_connections, descriptors_for_connections()), options.max_connections_per_ip) {
    for (auto* io : contexts)
      shards.push_back(std::make_unique<shard>(*io, *options.time));
    std::vector<event_loop*> loops;
    loops.reserve(shards.size());
    for (auto& each : shards)
      loops.push_back(&each->loop);
    detect = [this](byte_span first_bytes, session_host& host) {
      return native::speaks_native(first_bytes) ? native::detect(first_bytes, host, {node, parked})
                                                : kafka::detect(first_bytes, host, kafka_context, options.connection.max_frame_bytes);
    };
    door = std::make_unique<listener>(std::move(loops), [this](tcp::socket socket, std::size_t index, std::size_t tag) {
      return welcome(std::move(socket), index, tag);
    });
  }

  bool welcome(tcp::socket socket, std::size_t index, std::size_t tag);
  void open(shard& on, tcp::socket socket, const asio::ip::address& from, std::size_t tag);
  void stop(std::function<void()> done);
  void stop_shard(shard& each);
  void shard_stopped();

  const server_options options;
  service& node;
  parked_fetches parked;
  kafka::fetch_session_cache fetch_sessions;
  const kafka::node_context kafka_context;
  std::shared_ptr<frame_pool> pool;
  peer_log log;
  connection_census census;
  protocol_detector detect;
  std::vector<std::unique_ptr<shard>> shards;
  std::unique_ptr<listener> door;
  std::vector<bound_endpoint> bound;
  std::atomic<std::size_t> shards_running{0};
  std::function<void()> when_stopped;
};

// On the first shard.
bool server::state::welcome(tcp::socket socket, std::size_t index, std::size_t tag) {
  boost::system::error_code failed;
  const auto remote = socket.remote_endpoint(failed);
  if (failed) // gone already
    return false;
  if (const auto why = census.enter(remote.address()); !why.empty()) {
    loop_counters::add(shards[0]->loop.counters().connections_refused);
    log.refused(remote.address().to_string(), why);
    return false;
  }
  auto& on = *shards[index];
  on.loop.post([self = shared_from_this(), &on, socket = std::move(socket), from = remote.address(), tag]() mutable {
    self->open(on, std::move(socket), from, tag);
  });
  return true;
}

void server::state::open(shard& on, tcp::socket socket, const asio::ip::address& from, std::size_t tag) {
  if (on.stopping)
    return census.leave(from);
  auto& counters = on.loop.counters();
  auto closed = [this, &on, from](connection& ended) {
    loop_counters::add(on.loop.counters().connections_closed);
    census.leave(from);
    on.connections.erase(&ended);
    if (on.stopping && on.connections.empty())
      shard_stopped();
  };
  auto opened = std::make_shared<connection>(std::move(socket), connection::environment{on.loop, pool, options.connection, detect, log,
                                                                                        options.listeners[tag].name, std::move(closed)});
  loop_counters::add(counters.connections_opened);
  on.connections.emplace(opened.get(), opened);
  opened->start();
}

void server::state::stop(std::function<void()> done) {
  when_stopped = std::move(done);
  shards_running = shards.size();
  shards[0]->loop.dispatch([self = shared_from_this()] {
    self->door->stop();
    // Behind what the listener had accepted by now, so that no connection comes after its shard has stopped.
    for (auto& each : self->shards)
      each->loop.post([self, &on = *each] { self->stop_shard(on); });
  });
}

void server::state::stop_shard(shard& each) {
  each.stopping = true;
  const auto deadline = each.loop.now_ms() + options.drain_ms;
  std::vector<std::shared_ptr<connection>> open;
  open.reserve(each.connections.size());
  for (auto& [key, connection] : each.connections)
    open.push_back(connection);
  if (open.empty())
    return shard_stopped();
  for (auto& connection : open)
    connection->drain(deadline);
}

void server::state::shard_stopped() {
  if (--shards_running != 0)
    return;
  // Two rounds through every loop: the first takes the timers back, the second lets what was queued before it run, so that nothing of
  // ours is left in the io_contexts when `done` is called.
  shards_running = shards.size();
  for (auto& each : shards)
    each->loop.post([self = shared_from_this(), &on = *each] {
      on.loop.stop();
      on.loop.post([self] {
        if (--self->shards_running == 0)
          std::exchange(self->when_stopped, nullptr)();
      });
    });
}

server::server(server_options options, service& node, const std::vector<asio::io_context*>& shards)
    : state_(std::make_shared<state>(std::move(options), node, shards)) {}

server::~server() = default;

result<std::vector<bound_endpoint>> server::bind() {
  std::vector<bound_endpoint> bound;
  for (std::size_t tag = 0; tag < state_->options.listeners.size(); ++tag) {
    const auto& each = state_->options.listeners[tag];
    auto one = state_->door->listen(each.host, each.port, state_->options.backlog, tag);
    if (!one)
      return tl::unexpected(std::move(one.error()));
    bound.push_back(std::move(*one));
  }
  state_->bound = bound;
  return bound;
}

result<std::vector<bound_endpoint>> server::start() {
  ignore_broken_pipes();
  if (state_->bound.empty())
    CAFKA_TRY(bind());
  state_->door->start();
  return state_->bound;
}

void server::stop(std::function<void()> done) { state_->stop(std::move(done)); }

void server::stop() {
  std::promise<void> stopped;
  auto done = stopped.get_future();
  state_->stop([&stopped] { stopped.set_value(); });
  done.wait();
}

void server::limit_connections(std::size_t in_all, std::size_t per_ip) {
  state_->census.set_limits(std::min(in_all, descriptors_for_connections()), per_ip);
}

counter_values server::counters() const {
  counter_values sum;
  for (const auto& each : state_->shards)
    each->loop.counters().add_to(sum);
  return sum;
}

const frame_pool& server::frames() const noexcept { return *state_->pool; }

void server::expire_deadlines() {
  for (auto& each : state_->shards)
    each->loop.post([&on = *each] { on.loop.expire_deadlines(); });
}

} // namespace cafka::net
