// What the network side counts, for metrics and tests. One block per event loop, written by that loop's thread, read by anyone.
#pragma once
#include <atomic>
#include <cstdint>

namespace cafka::net {

// A sum of all loops at about one moment.
struct counter_values {
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_closed = 0;
  std::uint64_t connections_refused = 0; // over max.connections or max.connections.per.ip
  std::uint64_t requests = 0;
  std::uint64_t responses = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t frames_refused = 0;     // oversize, malformed, neither protocol
  std::uint64_t deadlines_missed = 0;   // idle or slow peers that were closed
  std::uint64_t session_exceptions = 0; // sessions that threw
  std::uint64_t reads_paused = 0;       // times a connection stopped reading because of a bound
  std::int64_t parked_fetches = 0;

  [[nodiscard]] std::uint64_t connections_open() const noexcept { return connections_opened - connections_closed; }
};

struct loop_counters {
  std::atomic<std::uint64_t> connections_opened{0}, connections_closed{0}, connections_refused{0}, requests{0}, responses{0},
      bytes_received{0}, bytes_sent{0}, frames_refused{0}, deadlines_missed{0}, session_exceptions{0}, reads_paused{0};
  std::atomic<std::int64_t> parked_fetches{0};

  // Only the loop's own thread writes, so no locked instruction is needed.
  template <class T>
  static void add(std::atomic<T>& counter, T amount = 1) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void add_to(counter_values& sum) const noexcept {
    sum.connections_opened += connections_opened;
    sum.connections_closed += connections_closed;
    sum.connections_refused += connections_refused;
    sum.requests += requests;
    sum.responses += responses;
    sum.bytes_received += bytes_received;
    sum.bytes_sent += bytes_sent;
    sum.frames_refused += frames_refused;
    sum.deadlines_missed += deadlines_missed;
    sum.session_exceptions += session_exceptions;
    sum.reads_paused += reads_paused;
    sum.parked_fetches += parked_fetches;
  }
};

} // namespace cafka::net
