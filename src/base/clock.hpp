// Time as the shells see it. Pure cores never hold a clock: they take `now` as an argument.
#pragma once
#include <cstdint>

namespace cafka {

class clock {
public:
  virtual ~clock() = default;
  // Milliseconds since 1970 UTC: record timestamps, retention.
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
  // Milliseconds from an arbitrary start, never going back: deadlines.
  [[nodiscard]] virtual std::int64_t monotonic_ms() const = 0;
};

// The machine's clock. Lives for the whole process.
clock& system_clock();

// Stands still until told: tests and simulation.
class manual_clock final : public clock {
public:
  explicit manual_clock(std::int64_t wall_ms = 1'700'000'000'000) : wall_ms_(wall_ms) {}
  [[nodiscard]] std::int64_t wall_ms() const override { return wall_ms_; }
  [[nodiscard]] std::int64_t monotonic_ms() const override { return monotonic_ms_; }
  void advance(std::int64_t ms) {
    wall_ms_ += ms;
    monotonic_ms_ += ms;
  }

private:
  std::int64_t wall_ms_;
  std::int64_t monotonic_ms_ = 0;
};

} // namespace cafka
