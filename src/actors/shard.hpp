// One event loop per core that is both an Asio io_context and a CAF execution unit: sessions and partition actors live here, so a request
// to a partition of the same shard never leaves its thread. The one place that knows both libraries.
// Order at the end of a node: stop accepting, send_exit and await every actor of the shard while it runs, then drain() and join().
// Stopping earlier would strand queued jobs and hang ~actor_system; an actor must not outlive its shard.
#pragma once
#include "net/deadline_queue.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>

namespace cafka::actors {

class shard final : public caf::execution_unit {
public:
  shard(caf::actor_system& system, std::size_t number);
  ~shard() override; // drains and joins

  shard(const shard&) = delete;
  shard& operator=(const shard&) = delete;

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] std::size_t number() const noexcept { return number_; }
  // The shard whose loop the calling thread runs; null on other threads.
  [[nodiscard]] static shard* current() noexcept;

  // From any thread. Takes over the reference that the caller holds for `job`.
  void exec_later(caf::resumable* job) override;

  // On the shard's thread. Runs `then` there after `wait`, unless the shard is drained before. CAF's own clock sorts all that is pending
  // whenever it wakes: with some thousand partitions that cost an idle node 2 % of a core.
  void after(std::chrono::milliseconds wait, std::function<void()> then);

  // Runs the loop on a thread of its own.
  void start();
  // Runs the loop on the calling thread until drained. What a handler throws is logged, and the loop goes on.
  void run();
  // Lets the loop return when nothing is left to do. No job may be given to the shard afterwards.
  void drain();
  void join();

private:
  void resume(caf::resumable* job);
  void arm();

  boost::asio::io_context io_{1};
  net::deadline_queue deadlines_; // by the steady clock
  boost::asio::steady_timer timer_{io_};
  std::int64_t armed_ms_ = net::deadline_queue::never;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
  std::size_t number_;
};

} // namespace cafka::actors
