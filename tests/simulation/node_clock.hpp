// A node's monotonic clock: it runs a little too fast or too slow, and may jump ahead.
#pragma once
#include <cstdint>

namespace cafka::test {

class node_clock {
public:
  [[nodiscard]] std::int64_t at(std::int64_t true_ms) const noexcept { return local_ms_ + (true_ms - true_ms_) * per_mille_ / 1'000; }
  // The first true time at which this clock shows `local_ms` or more.
  [[nodiscard]] std::int64_t when(std::int64_t local_ms) const noexcept {
    if (local_ms > INT64_MAX / 2)
      return INT64_MAX;
    const auto ahead = local_ms - local_ms_;
    return ahead <= 0 ? true_ms_ : true_ms_ + (ahead * 1'000 + per_mille_ - 1) / per_mille_;
  }
  void run_at(std::int64_t per_mille, std::int64_t true_ms) noexcept {
    local_ms_ = at(true_ms);
    true_ms_ = true_ms;
    per_mille_ = per_mille;
  }
  void jump(std::int64_t by_ms) noexcept { local_ms_ += by_ms; }

private:
  std::int64_t true_ms_ = 0, local_ms_ = 0, per_mille_ = 1'000;
};

} // namespace cafka::test
