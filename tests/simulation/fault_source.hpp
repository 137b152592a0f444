// Decides which faults there are, by a source of its own: what a fault does to the rest of a run does not change which come later. Those that come
// are numbered, and each can be left out by its number: so a failing seed can be made smaller by leaving faults out one after the other.
#pragma once
#include "base/prng.hpp"

#include <cstdint>
#include <set>

namespace cafka::test {

class fault_source {
public:
  explicit fault_source(std::uint64_t seed, std::set<std::uint64_t> left_out = {})
      : seed_(seed), random_(seed), left_out_(std::move(left_out)) {}

  [[nodiscard]] bool comes(std::uint64_t per_ten_thousand) {
    if (per_ten_thousand == 0 || !random_.chance(per_ten_thousand, 10'000))
      return false;
    const auto number = next_++;
    return !left_out_.contains(number);
  }
  // What the fault that came last looks like: the same whatever was left out before it.
  [[nodiscard]] prng details() const noexcept { return prng{seed_ ^ (next_ * 0x9e3779b97f4a7c15ULL)}; }
  [[nodiscard]] std::uint64_t count() const noexcept { return next_; }

private:
  std::uint64_t seed_;
  prng random_;
  std::set<std::uint64_t> left_out_;
  std::uint64_t next_ = 0;
};

} // namespace cafka::test
