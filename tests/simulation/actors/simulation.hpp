// What all parts of a simulated cluster share: the seed's chances, one time, what is to come, and a record of what happened. Every event goes into a hash, so
// that two runs of a seed can be compared; the first thing that must not be is kept with its reason.
#pragma once
#include "base/prng.hpp"

#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <vector>

namespace cafka::test {

class simulation {
public:
  explicit simulation(std::uint64_t seed, bool with_trace) : random(seed), with_trace_(with_trace) {}

  prng random;

  // Up to and with `bound`.
  [[nodiscard]] std::int64_t some(std::int64_t bound) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bound) + 1));
  }
  [[nodiscard]] bool chance(std::uint64_t per_ten_thousand) { return random.chance(per_ten_thousand, 10'000); }

  [[nodiscard]] std::int64_t now_ms() const noexcept { return now_ms_; }
  void after(std::int64_t ms, std::function<void()> what) { due_.push({now_ms_ + ms, next_number_++, std::move(what)}); }
  [[nodiscard]] std::int64_t next_ms() const noexcept { return due_.empty() ? INT64_MAX : due_.top().at_ms; }
  // One event that is due now, the earliest made first. False: none is.
  bool run_one() {
    if (next_ms() > now_ms_)
      return false;
    const auto what = std::move(const_cast<due&>(due_.top()).what); // popped at once
    due_.pop();
    what();
    return true;
  }
  void advance_to(std::int64_t ms) noexcept { now_ms_ = ms; }

  void fail(const std::string& invariant, const std::string& why) {
    note("VIOLATED " + invariant + ": " + why);
    if (broken_.empty())
      broken_ = invariant + ": " + why + "; at " + std::to_string(now_ms_) + " ms";
  }
  [[nodiscard]] const std::string& broken() const noexcept { return broken_; }

  // What a reader of the trace wants to see.
  void note(const std::string& text) {
    mix(std::hash<std::string>{}(text));
    if (!with_trace_)
      return;
    if (trace_.size() >= 4'000)
      trace_.erase(trace_.begin(), trace_.begin() + 2'000);
    trace_.push_back(std::to_string(now_ms_) + ' ' + text);
  }
  void mix(std::uint64_t what) noexcept {
    hash_ ^= what + static_cast<std::uint64_t>(now_ms_);
    hash_ = (hash_ ^ (hash_ >> 29)) * 0xbf58476d1ce4e5b9ULL;
  }
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] bool with_trace() const noexcept { return with_trace_; }
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return trace_; }

private:
  struct due {
    std::int64_t at_ms;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const due& other) const noexcept { return at_ms != other.at_ms ? at_ms > other.at_ms : number > other.number; }
  };

  bool with_trace_;
  std::int64_t now_ms_ = 0;
  std::priority_queue<due> due_;
  std::uint64_t next_number_ = 0;
  std::uint64_t hash_ = 0x9e3779b97f4a7c15ULL;
  std::string broken_;
  std::vector<std::string> trace_;
};

} // namespace cafka::test
