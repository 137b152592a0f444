// How often which time was taken, in memory that does not grow: 128 buckets for each doubling, so that a percentile is at most 0.4 % off.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>

namespace cafka::cli {

class latency_histogram {
public:
  // More than 19 hours count as that.
  void add(std::chrono::nanoseconds latency) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  // The time that the `fraction` of all that was fastest took at most; 0 of none.
  [[nodiscard]] std::chrono::nanoseconds percentile(double fraction) const noexcept;

private:
  static constexpr int precision_bits = 7;
  static constexpr int value_bits = 46;
  // Below 2^(precision_bits + 1) each value has a bucket of its own.
  static constexpr std::size_t bucket_count = static_cast<std::size_t>(value_bits - precision_bits + 1) << precision_bits;

  std::array<std::uint64_t, bucket_count> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t greatest_ = 0;
};

} // namespace cafka::cli
