// Measuring for `cafka perf`: when a record is due, what a second and the whole run came to, and how that is said. Pure: `now` is an argument.
#pragma once
#include "cli/latency_histogram.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cafka::cli {

using perf_clock = std::chrono::steady_clock;

// A constant rate over the whole run: what a stall held up is made good for after it.
class pacer {
public:
  // nullopt: as fast as it goes.
  pacer(std::optional<double> records_per_second, perf_clock::time_point start) : rate_(records_per_second), start_(start) {}

  // How long the record after the first `sent` is to wait. Less than a millisecond is not worth a system call: it is sent that much early.
  [[nodiscard]] std::chrono::nanoseconds wait(std::uint64_t sent, perf_clock::time_point now) const;

private:
  std::optional<double> rate_;
  perf_clock::time_point start_;
};

struct perf_sums {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::chrono::nanoseconds latency{0}; // of all together
  std::chrono::nanoseconds max_latency{0};
  double seconds = 0;

  void add(std::uint64_t more_bytes, std::chrono::nanoseconds more_latency);
};

class perf_meter {
public:
  explicit perf_meter(perf_clock::time_point start) : start_(start), interval_start_(start) {}

  void add(std::uint64_t bytes, std::chrono::nanoseconds latency = {});
  // When the next line is due.
  [[nodiscard]] perf_clock::time_point next_line() const { return interval_start_ + std::chrono::seconds{1}; }
  // What came since the last line, if the next is due.
  std::optional<perf_sums> take_interval(perf_clock::time_point now);
  [[nodiscard]] perf_sums total(perf_clock::time_point now) const;
  [[nodiscard]] const latency_histogram& latencies() const noexcept { return latencies_; }

private:
  perf_clock::time_point start_, interval_start_;
  perf_sums interval_, total_;
  latency_histogram latencies_;
};

// Lines in the words of kafka-producer-perf-test, whose MB are 1,048,576 bytes.
std::string sent_line(const perf_sums& interval);
// `label`: "" or " steady state".
std::string sent_total_line(const perf_sums& total, const latency_histogram& latencies, std::string_view label = "");
std::string read_line(const perf_sums& sums);

} // namespace cafka::cli
