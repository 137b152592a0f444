// What all connections of one shard share: its io_context, clock, deadlines, counters and one buffer to receive into.
// Everything but post, dispatch and counters belongs to the shard's thread. Outlives its connections.
#pragma once
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "net/counters.hpp"
#include "net/deadline_queue.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <utility>

namespace cafka::net {

class event_loop {
public:
  event_loop(boost::asio::io_context& io, clock& time) : io_(io), clock_(time), timer_(io) {}
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] clock& time() noexcept { return clock_; }
  [[nodiscard]] std::int64_t now_ms() const { return clock_.monotonic_ms(); }
  [[nodiscard]] loop_counters& counters() noexcept { return counters_; }

  // From any thread: `f` runs on the shard's thread; dispatch runs it at once when called there.
  template <class F>
  void post(F&& f) {
    boost::asio::post(io_, std::forward<F>(f));
  }
  template <class F>
  void dispatch(F&& f) {
    boost::asio::dispatch(io_, std::forward<F>(f));
  }

  deadline_queue::handle add_deadline(std::int64_t at_ms, deadline_queue::action then);
  bool cancel_deadline(const deadline_queue::handle& name) { return deadlines_.cancel(name); }
  // Runs what is due by the clock; the timer calls it, and so do tests whose clock is set by hand.
  void expire_deadlines();
  // Forgets all deadlines, so that io_context::run can return.
  void stop();

  // One for the whole loop, valid until the current handler returns.
  [[nodiscard]] mutable_byte_span scratch() noexcept { return {scratch_.get(), scratch_size}; }

private:
  static constexpr std::size_t scratch_size = 64 << 10;
  void arm();

  boost::asio::io_context& io_;
  clock& clock_;
  loop_counters counters_;
  deadline_queue deadlines_;
  boost::asio::steady_timer timer_;
  std::int64_t armed_ms_ = deadline_queue::never;
  bool stopped_ = false;
  std::unique_ptr<std::byte[]> scratch_ = std::make_unique<std::byte[]>(scratch_size);
};

} // namespace cafka::net
