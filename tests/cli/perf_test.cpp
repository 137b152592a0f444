#define CAF_SUITE perf
#include "base/prng.hpp"
#include "cli/perf_meter.hpp"
#include "cli/perf_payload.hpp"
#include "support/temporary_directory.hpp"

#include <algorithm>
#include <caf/test/dsl.hpp>
#include <cmath>
#include <fstream>
#include <set>

using namespace cafka;
using namespace cafka::cli;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

const perf_clock::time_point start{1h};

double seconds(nanoseconds time) { return static_cast<double>(time.count()) / 1e9; }

} // namespace

// ---- the histogram ----

CAF_TEST(percentiles are within one percent of the sorted samples) {
  for (const std::uint64_t greatest : {200u, 1'000'000u, 4'000'000'000u}) {
    prng random{greatest};
    latency_histogram histogram;
    std::vector<std::uint64_t> samples;
    for (int i = 0; i < 20'000; ++i) { // as many small as great ones: what latencies are like
      const auto sample =
          static_cast<std::uint64_t>(std::pow(static_cast<double>(greatest), static_cast<double>(random.below(1001)) / 1000));
      samples.push_back(sample);
      histogram.add(nanoseconds{static_cast<std::int64_t>(sample)});
    }
    std::sort(samples.begin(), samples.end());
    CAF_CHECK_EQUAL(histogram.count(), samples.size());
    for (const double fraction : {.001, .5, .95, .99, .999, 1.0}) {
      const auto exact = static_cast<double>(samples[static_cast<std::size_t>(std::ceil(fraction * 20'000)) - 1]);
      const auto told = static_cast<double>(histogram.percentile(fraction).count());
      CAF_CHECK(std::abs(told - exact) <= exact * .004);
    }
  }
}

CAF_TEST(a histogram of nothing and of extremes) {
  latency_histogram histogram;
  CAF_CHECK_EQUAL(histogram.percentile(.5).count(), 0);
  histogram.add(-5ns);
  CAF_CHECK_EQUAL(histogram.percentile(.5).count(), 0);
  histogram.add(1'000'001ns);
  CAF_CHECK_EQUAL(histogram.percentile(1).count(), 1'000'001); // never more than the greatest
  histogram.add(1000h);
  CAF_CHECK(histogram.percentile(1) > 19h);
  CAF_CHECK(histogram.percentile(1) < 20h);
}

// ---- pacing ----

CAF_TEST(without a rate nothing waits) { CAF_CHECK_EQUAL((pacer{std::nullopt, start}.wait(1'000'000, start).count()), 0); }

CAF_TEST(each record has its moment) {
  const pacer slow{2.0, start};
  CAF_CHECK_EQUAL(slow.wait(0, start).count(), 0);
  CAF_CHECK(slow.wait(1, start) == 500ms);
  CAF_CHECK(slow.wait(1, start + 400ms) == 100ms);
  CAF_CHECK_EQUAL(slow.wait(1, start + 500ms).count(), 0);
  CAF_CHECK(slow.wait(20, start) == 10s);
}

CAF_TEST(what a stall held up is made good for and no more) {
  const pacer steady{100.0, start};
  const auto after = start + 3s;
  std::uint64_t sent = 10;
  while (steady.wait(sent, after) == nanoseconds{0})
    ++sent;
  CAF_CHECK_EQUAL(sent, 301u);
}

CAF_TEST(the rate holds whatever the steps of time are) {
  prng random{7};
  const pacer fast{100'000.0, start};
  auto now = start;
  std::uint64_t sent = 0;
  while (now < start + 2s) {
    if (const auto wait = fast.wait(sent, now); wait > nanoseconds{0}) {
      CAF_REQUIRE(wait >= 1ms);
      now += wait + nanoseconds{static_cast<std::int64_t>(random.below(300'000))}; // woken late
    } else {
      ++sent;
      now += 200ns;
    }
  }
  CAF_CHECK(std::abs(static_cast<double>(sent) - 200'000) < 200);
}

// ---- what is told ----

CAF_TEST(a line a second and one for all) {
  perf_meter meter{start};
  meter.add(1024 * 1024, 2ms);
  CAF_CHECK(!meter.take_interval(start + 999ms));
  meter.add(1024 * 1024, 6ms);
  const auto first = meter.take_interval(start + 2s);
  CAF_REQUIRE(first);
  CAF_CHECK_EQUAL(sent_line(*first), "2 records sent, 1.0 records/sec (1.00 MB/sec), 4.0 ms avg latency, 6.0 ms max latency.\n");
  CAF_CHECK(meter.next_line() == start + 3s);
  const auto silent = meter.take_interval(start + 3s);
  CAF_REQUIRE(silent);
  CAF_CHECK_EQUAL(sent_line(*silent), "0 records sent, 0.0 records/sec (0.00 MB/sec), 0.0 ms avg latency, 0.0 ms max latency.\n");
  CAF_CHECK_EQUAL(sent_total_line(meter.total(start + 4s), meter.latencies(), " steady state"),
                  "2 steady state records sent, 0.5 records/sec (0.50 MB/sec), 4.00 ms avg latency, 6.00 ms max latency, 2.00 ms 50th, "
                  "6.00 ms 95th, 6.00 ms 99th, 6.00 ms 99.9th.\n");
  CAF_CHECK_EQUAL(read_line(meter.total(start)), "2 records read, 0.0 records/sec (0.00 MB/sec).\n"); // no time, no rate
}

CAF_TEST(intervals add up to the whole) {
  prng random{3};
  perf_meter meter{start};
  auto now = start;
  std::uint64_t records = 0, bytes = 0;
  double time = 0;
  for (int i = 0; i < 5'000; ++i) {
    now += nanoseconds{static_cast<std::int64_t>(random.below(5'000'000))};
    meter.add(random.below(100), 1ms);
    if (const auto interval = meter.take_interval(now)) {
      records += interval->records;
      bytes += interval->bytes;
      time += interval->seconds;
    }
  }
  const auto end = std::max(now, meter.next_line());
  const auto last = meter.take_interval(end);
  CAF_REQUIRE(last);
  const auto whole = meter.total(end);
  CAF_CHECK_EQUAL(records + last->records, whole.records);
  CAF_CHECK_EQUAL(bytes + last->bytes, whole.bytes);
  CAF_CHECK(std::abs(time + last->seconds - whole.seconds) < 1e-6);
  CAF_CHECK(std::abs(whole.seconds - seconds(end - start)) < 1e-6);
}

// ---- what is sent ----

CAF_TEST(letters do not repeat within what a batch may hold) {
  auto payload = perf_payload::letters(1000);
  std::set<std::string> seen;
  for (int i = 0; i < 4000; ++i) {
    const auto value = payload.next();
    CAF_REQUIRE_EQUAL(value.size(), 1000u);
    CAF_REQUIRE(std::all_of(value.begin(), value.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
    CAF_REQUIRE(seen.insert(std::string{value}).second);
  }
  auto again = perf_payload::letters(1000);
  CAF_CHECK(seen.contains(std::string{again.next()}));
  CAF_CHECK_EQUAL(perf_payload::letters(5'000'000).next().size(), 5'000'000u);
}

CAF_TEST(pieces of a file) {
  const test::temporary_directory directory;
  const auto path = directory.path() + "/values";
  std::ofstream{path} << "one--two----four";
  auto payload = perf_payload::pieces_of(path, "--", 100);
  CAF_REQUIRE(payload);
  CAF_CHECK_EQUAL(payload->longest(), 4u);
  std::multiset<std::string> seen;
  for (int i = 0; i < 4000; ++i)
    seen.insert(std::string{payload->next()});
  CAF_CHECK_EQUAL(std::set<std::string>(seen.begin(), seen.end()).size(), 4u);
  for (const auto* piece : {"one", "two", "", "four"})
    CAF_CHECK(seen.count(piece) > 800);
  CAF_CHECK_EQUAL(perf_payload::pieces_of(path, "--", 3).error().code, errc::message_too_large);
  std::ofstream{path, std::ios::trunc};
  CAF_CHECK(perf_payload::pieces_of(path, "--", 100).error().detail.find("nothing to send") != std::string::npos);
  CAF_CHECK(perf_payload::pieces_of(path + "-no", "--", 100).error().detail.find("No such file") != std::string::npos);
}
