// Which seeds a simulation runs: a usual few, or those of SEEDS=A..B (then give the program -r SECONDS, or it stops itself after 30). What a seed
// does never changes, so that a failure can be looked at again by its seed alone.
#pragma once
#include <cstdint>
#include <cstdlib>

namespace cafka::test {

struct seed_range {
  std::uint64_t first = 1, last = 1;
  [[nodiscard]] std::uint64_t count() const noexcept { return last - first + 1; }
};

inline seed_range seeds_or(std::uint64_t usual) {
  seed_range range{1, usual};
  if (const char* text = std::getenv("SEEDS")) {
    char* rest = nullptr;
    range.first = range.last = std::strtoull(text, &rest, 10);
    if (rest[0] == '.' && rest[1] == '.')
      range.last = std::strtoull(rest + 2, nullptr, 10);
  }
  return range;
}

} // namespace cafka::test
