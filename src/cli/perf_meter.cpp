#include "cli/perf_meter.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace cafka::cli {

namespace {

using std::chrono::nanoseconds;

double ms_of(nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }
double seconds_between(perf_clock::time_point from, perf_clock::time_point to) { return std::chrono::duration<double>(to - from).count(); }

template <class... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
  std::array<char, 400> text;
  const auto length = std::snprintf(text.data(), text.size(), format, arguments...);
  return {text.data(), std::min(static_cast<std::size_t>(std::max(length, 0)), text.size() - 1)};
}

double mean_ms(const perf_sums& sums) { return sums.records == 0 ? 0 : ms_of(sums.latency) / static_cast<double>(sums.records); }
double per_second(double amount, const perf_sums& sums) { return sums.seconds > 0 ? amount / sums.seconds : 0; }
double records_per_second(const perf_sums& sums) { return per_second(static_cast<double>(sums.records), sums); }
double megabytes_per_second(const perf_sums& sums) { return per_second(static_cast<double>(sums.bytes) / (1024.0 * 1024.0), sums); }

} // namespace

nanoseconds pacer::wait(std::uint64_t sent, perf_clock::time_point now) const {
  if (!rate_)
    return nanoseconds{0};
  const auto due = start_ + nanoseconds{static_cast<std::int64_t>(static_cast<double>(sent) / *rate_ * 1e9)};
  return due - now < std::chrono::milliseconds{1} ? nanoseconds{0} : due - now;
}

void perf_sums::add(std::uint64_t more_bytes, nanoseconds more_latency) {
  ++records;
  bytes += more_bytes;
  latency += more_latency;
  max_latency = std::max(max_latency, more_latency);
}

void perf_meter::add(std::uint64_t bytes, nanoseconds latency) {
  interval_.add(bytes, latency);
  total_.add(bytes, latency);
  latencies_.add(latency);
}

std::optional<perf_sums> perf_meter::take_interval(perf_clock::time_point now) {
  if (now < next_line())
    return std::nullopt;
  auto taken = std::exchange(interval_, {});
  taken.seconds = seconds_between(std::exchange(interval_start_, now), now);
  return taken;
}

perf_sums perf_meter::total(perf_clock::time_point now) const {
  auto sums = total_;
  sums.seconds = seconds_between(start_, now);
  return sums;
}

std::string sent_line(const perf_sums& interval) {
  return formatted("%" PRIu64 " records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max latency.\n",
                   interval.records, records_per_second(interval), megabytes_per_second(interval), mean_ms(interval),
                   ms_of(interval.max_latency));
}

std::string sent_total_line(const perf_sums& total, const latency_histogram& latencies, std::string_view label) {
  const auto at = [&](double fraction) { return ms_of(latencies.percentile(fraction)); };
  return formatted("%" PRIu64 "%.*s records sent, %.1f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, "
                   "%.2f ms 50th, %.2f ms 95th, %.2f ms 99th, %.2f ms 99.9th.\n",
                   total.records, static_cast<int>(label.size()), label.data(), records_per_second(total), megabytes_per_second(total),
                   mean_ms(total), ms_of(total.max_latency), at(.5), at(.95), at(.99), at(.999));
}

std::string read_line(const perf_sums& sums) {
  return formatted("%" PRIu64 " records read, %.1f records/sec (%.2f MB/sec).\n", sums.records, records_per_second(sums),
                   megabytes_per_second(sums));
}

} // namespace cafka::cli
