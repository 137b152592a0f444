#include "cli/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cafka::cli {

void latency_histogram::add(std::chrono::nanoseconds latency) noexcept {
  constexpr std::uint64_t limit = (std::uint64_t{1} << value_bits) - 1;
  const auto value = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0)), limit);
  const auto shift = static_cast<std::uint64_t>(std::max(static_cast<int>(std::bit_width(value)) - (precision_bits + 1), 0));
  ++buckets_[(shift << precision_bits) + (value >> shift)]; // the upper part counts on where the doubling before ended
  ++count_;
  greatest_ = std::max(greatest_, value);
}

std::chrono::nanoseconds latency_histogram::percentile(double fraction) const noexcept {
  const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_))), 1);
  std::uint64_t before = 0;
  for (std::uint64_t i = 0; i < bucket_count; ++i) {
    before += buckets_[i];
    if (before < rank)
      continue;
    const auto shift = i >> (precision_bits + 1) == 0 ? 0 : (i >> precision_bits) - 1;
    const auto lowest = (i - (shift << precision_bits)) << shift;
    const auto middle = lowest + ((std::uint64_t{1} << shift) >> 1);
    return std::chrono::nanoseconds{std::min(middle, greatest_)};
  }
  return std::chrono::nanoseconds{0};
}

} // namespace cafka::cli
