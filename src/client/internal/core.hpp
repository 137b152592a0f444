// The state behind a `cluster`: its strand, connections and metadata. Unless said otherwise, members are called on the strand.
#pragma once
#include "client/internal/connection.hpp"

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <thread>

namespace cafka::client {

struct partition_route {
  node_id leader = no_node;
  std::int32_t leader_epoch = -1;
};
struct topic_route {
  std::string name;
  uuid id;
  bool internal = false;
  std::vector<partition_route> partitions;
};

// The route that a request took did not hold: metadata must be asked again.
bool is_about_route(errc code) noexcept;
// May another attempt succeed, there or elsewhere? Kafka's retriable errors, and what befalls a connection. Not cancelled.
bool is_passing(errc code) noexcept;

// What producers and consumers want to hear of.
class core_listener {
public:
  virtual ~core_listener() = default;
  virtual void on_metadata() = 0;
  virtual void on_close() = 0;
};

// A user's handler with the work that keeps its executor running until it is called.
template <class Signature>
class user_handler;
template <class T>
class user_handler<void(T)> {
public:
  using handler_type = asio::any_completion_handler<void(T)>;
  user_handler() = default;
  user_handler(handler_type handler, const asio::any_io_executor& otherwise)
      : handler_(std::move(handler)),
        from_(otherwise),
        executor_(asio::prefer(asio::get_associated_executor(handler_, otherwise), asio::execution::outstanding_work.tracked)) {}
  explicit operator bool() const noexcept { return static_cast<bool>(handler_); }
  // Runs later, outside the strand: a handler may do what it likes.
  void operator()(T value) {
    auto from = std::move(from_);
    asio::post(from, [executor = std::move(executor_), handler = std::move(handler_), value = std::move(value)]() mutable {
      asio::dispatch(executor,
                     [handler = std::move(handler), value = std::move(value)]() mutable { std::move(handler)(std::move(value)); });
    });
  }

private:
  stored_handler<T> handler_;
  asio::any_io_executor from_;
  asio::any_completion_executor executor_;
};
template <class T>
using user_completion = user_handler<void(result<T>)>;

class core : public std::enable_shared_from_this<core> {
public:
  core(const asio::any_io_executor& executor, cluster_config config, std::shared_ptr<void> keep_alive);

  // From any thread.
  [[nodiscard]] const asio::any_io_executor& executor() const noexcept { return executor_; }
  [[nodiscard]] const strand& where() const noexcept { return strand_; }
  [[nodiscard]] const cluster_config& config() const noexcept { return *config_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  // The own thread has ended: nothing that is posted will run.
  [[nodiscard]] bool gone() const noexcept { return gone_; }
  void mark_gone() noexcept { gone_ = true; }
  // Would a blocking call wait for itself here?
  [[nodiscard]] bool on_own_thread() const;
  void set_thread(std::thread::id own) noexcept { own_thread_ = own; }
  void close_from_anywhere();

  void listen(std::weak_ptr<core_listener> who) { listeners_.push_back(std::move(who)); }

  // To that node, or to any if nobody has heard of it.
  void call(node_id node, rpc_request request, rpc_handler handler);
  // To a connection that works, or to the next address.
  void call_any(rpc_request request, rpc_handler handler);
  asio::awaitable<rpc_result> call_and_wait(node_id node, rpc_request request); // no_node: any
  [[nodiscard]] const server_limits* limits_of(node_id node) const;

  // Metadata. Topics that were asked for stay wanted, and fresh, until they are found not to exist.
  [[nodiscard]] const topic_route* find_topic(std::string_view name) const;
  [[nodiscard]] const topic_route* find_topic(const uuid& id) const;
  [[nodiscard]] node_id controller() const noexcept { return description_.controller; }
  [[nodiscard]] const cluster_description& description() const noexcept { return description_; }
  // Completes when each topic is known. unknown_topic_or_partition after unknown_topic_wait, request_timed_out at the deadline
  // (its detail says what went wrong last), an error that will not pass at once. `fresh`: asked anew in any case.
  void want_topics(std::vector<std::string> names, time_point deadline, bool fresh,
                   asio::any_completion_handler<void(result<void>)> handler);
  asio::awaitable<result<void>> want_topics_and_wait(std::vector<std::string> names, time_point deadline, bool fresh);
  // Something was wrong with a route: asks again soon, tells listeners.
  void refresh_soon();

  [[nodiscard]] milliseconds backoff(int failures) {
    return backoff_after(failures, config_->retry_backoff, config_->retry_backoff_max, jitter_);
  }
  asio::awaitable<void> wait(milliseconds time);
  [[nodiscard]] prng& jitter() noexcept { return jitter_; }

  // Keeps the first answer to a malformed configuration.
  [[nodiscard]] const std::optional<error>& config_error() const noexcept { return config_error_; }

private:
  struct waiter {
    std::vector<std::string> names;
    time_point deadline;
    time_point unknown_until;
    std::uint64_t version;
    stored_handler<result<void>> handler;
  };
  std::shared_ptr<connection> connection_to(const address& to);
  std::shared_ptr<connection> any_connection();
  void close(const error& why);
  void refresh();
  void on_refreshed(rpc_result answer);
  void apply(const native::MetadataResponse& from);
  void settle_waiters(const std::optional<error>& failure);
  void schedule_refresh(milliseconds after);

  std::shared_ptr<void> keep_alive_; // the own io_context: first in, last out
  asio::any_io_executor executor_;
  strand strand_;
  std::shared_ptr<const cluster_config> config_;
  std::optional<error> config_error_;
  std::atomic<bool> closed_ = false;
  std::atomic<bool> gone_ = false;
  std::atomic<std::thread::id> own_thread_{};
  prng jitter_;
  std::vector<address> bootstrap_;
  std::size_t next_address_ = 0;
  std::map<address, std::shared_ptr<connection>> connections_;
  std::map<node_id, address> nodes_;
  cluster_description description_;
  std::map<std::string, topic_route, std::less<>> topics_;
  std::map<std::string, error, std::less<>> unusable_; // topics of the last answer that have an error
  std::set<std::string, std::less<>> wanted_;
  std::vector<waiter> waiters_;
  std::vector<std::weak_ptr<core_listener>> listeners_;
  std::set<asio::steady_timer*> waits_; // of wait(), to be cut short by close
  asio::steady_timer refresh_timer_;
  time_point refresh_at_ = time_point::max();
  bool refreshing_ = false;
  int refresh_failures_ = 0;
  std::uint64_t version_ = 0; // of the metadata held
  time_point last_refresh_{};
};

// Blocks for an operation that start(handler) begins; invalid_request on a thread that runs the cluster.
template <class T, class Start>
result<T> block_on(const core& of, Start start) {
  if (of.on_own_thread())
    return fail(errc::invalid_request, "a blocking call on the thread that runs the cluster");
  auto answer = std::make_shared<std::promise<result<T>>>();
  auto future = answer->get_future();
  start(completion<T>{[answer](result<T> value) { answer->set_value(std::move(value)); }});
  return future.get();
}

// Runs `body`, an awaitable<result<T>>, on the strand and completes the handler; cancelled if the cluster is closed.
inline error closed_error() { return {errc::cancelled, "the cluster was closed"}; }

// For an operation that cannot start because the cluster is closed, and whose executor may be gone with it.
template <class T>
void refuse(const core& on, asio::any_completion_handler<void(T)> handler, T answer) {
  if (on.gone())
    std::move(handler)(std::move(answer));
  else
    user_handler<void(T)>{std::move(handler), on.executor()}(std::move(answer));
}

// Runs `body` on the strand and completes the handler with its result.
template <class T>
void run_operation(const std::shared_ptr<core>& on, asio::awaitable<result<T>> body, completion<T> handler) {
  if (on->closed())
    return refuse<result<T>>(*on, std::move(handler), tl::unexpected(closed_error()));
  user_completion<T> user{std::move(handler), on->executor()};
  asio::co_spawn(on->where(), std::move(body), [on, user = std::move(user)](std::exception_ptr failure, result<T> value) mutable {
    if (failure)
      std::rethrow_exception(failure); // no memory: nothing here throws otherwise
    user(std::move(value));
  });
}

} // namespace cafka::client
