// A cluster, as a program sees it: bootstrap servers, connections, and the metadata that routes requests to leaders.
// Producers, consumers and admins share one `cluster`; each node gets at most one connection from it.
//
// The cluster runs either on a thread of its own or on an executor that the program brings (an io_context it runs, or a
// thread pool). Its state lives on one strand: every member of every class here may be called from any thread.
//
// Errors are values (cafka::result); the network never throws. Asynchronous operations are members `async_x(…, token)` with
// signature void(result<T>) and take any Asio completion token: a callback, asio::use_future, asio::use_awaitable, ….
// A handler runs on its associated executor, by default the cluster's. The operation counts as outstanding work there.
// Members without `async_` that return a result block the calling thread; they must not be called on a thread that runs the
// cluster, where they would wait for themselves (errc::invalid_request when that can be told).
#pragma once
#include "client/types.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

namespace cafka::client {

namespace asio = boost::asio;

class core; // private to the library

template <class T>
using completion = asio::any_completion_handler<void(result<T>)>;

struct cluster_config {
  // HOST:PORT[,HOST:PORT…], IPv6 as [ADDRESS]:PORT. Any that answers will do; more are for when one is down.
  std::string bootstrap_servers = "127.0.0.1:9092";
  std::string client_id = "cafka-client"; // shown in the servers' logs
  milliseconds connect_timeout{10'000};   // TCP and hello together
  milliseconds request_timeout{30'000};   // unanswered for that long: the connection is given up, its requests fail
  milliseconds retry_backoff{100};        // doubles with each failure in a row, ± 20 % …
  milliseconds retry_backoff_max{1'000};  // … up to this
  milliseconds metadata_max_age{300'000}; // refreshed after that long even without a reason
  // A topic that nobody knows may just have been created: asked again for so long before unknown_topic_or_partition.
  milliseconds unknown_topic_wait{1'000};
  std::size_t max_requests_in_flight = 64;              // per connection; further ones wait
  std::size_t max_response_bytes = 256 * 1024 * 1024;   // a larger frame is taken as garbage and closes the connection
};

class cluster {
public:
  // On a thread of its own, joined by the destructor. Connects when there is something to ask; a wrong address shows at the
  // first request, a malformed one (bad_argument) too.
  explicit cluster(cluster_config config = {});
  // On the caller's executor, whose io_context must outlive this object, all made from it, and all their handlers.
  cluster(asio::any_io_executor executor, cluster_config config = {});
  // As close(). Handlers still run (with errc::cancelled) before the own thread is joined.
  ~cluster();
  cluster(cluster&&) noexcept;
  cluster& operator=(cluster&&) noexcept;

  // What every handler without an executor of its own runs on.
  [[nodiscard]] asio::any_io_executor executor() const;
  [[nodiscard]] const cluster_config& config() const noexcept;

  // Brokers and controller, freshly asked.
  template <class CompletionToken>
  auto async_describe(CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<cluster_description>)>(
        [self = core_](auto handler) { start_describe(self, std::move(handler)); }, token);
  }
  result<cluster_description> describe();

  // Fails every outstanding request with errc::cancelled and closes the connections, producers and consumers. Records that
  // a producer still holds fail too: flush it first. Idempotent, does not block.
  void close();

  // For producer, consumer and admin.
  [[nodiscard]] const std::shared_ptr<core>& shared_core() const noexcept { return core_; }

private:
  struct own_thread;
  static void start_describe(const std::shared_ptr<core>& self, completion<cluster_description> handler);

  std::unique_ptr<own_thread> thread_;
  std::shared_ptr<core> core_;
};

} // namespace cafka::client
