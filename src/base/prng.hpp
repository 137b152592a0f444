// A seeded pseudo-random source (splitmix64): the same seed gives the same run on every machine. Not for secrets.
#pragma once
#include <cstdint>

namespace cafka {

class prng {
public:
  explicit constexpr prng(std::uint64_t seed) noexcept : state_(seed) {}
  // A source seeded by the operating system: ids of a new cluster, jitter. Shells only.
  static prng from_system();

  constexpr std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound); bound > 0.
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  // True with probability numerator / denominator.
  constexpr bool chance(std::uint64_t numerator, std::uint64_t denominator) noexcept { return below(denominator) < numerator; }

private:
  std::uint64_t state_;
};

} // namespace cafka
