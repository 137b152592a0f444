// The chances of a simulation that runs in steps from one seed, such that a fault can be taken out of a run and the rest stays as it was.
//
// Every decision about a fault (and about load) goes through happens(): it has a name, the step, its kind and which of that kind it is in the step,
// and its outcome depends on the seed and that name alone, not on what else happened. All other randomness comes from random(), which begins anew
// with every step, with every part() of one and with every fault that happens. So a run in which only some of the decisions may happen does not
// differ from the first one more than those that are left out make it differ; shrink.hpp looks for the fewest.
#pragma once
#include "base/prng.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace cafka::test {

// What may happen, by a short name without spaces: "kill", "drop".
struct decision_kind {
  const char* name;
  std::uint64_t key = 0xcbf29ce484222325ULL;
  consteval decision_kind(const char* text) : name(text) {
    for (; *text != '\0'; ++text)
      key = (key ^ static_cast<std::uint64_t>(*text)) * 0x100000001b3ULL;
  }
};

struct decision {
  std::uint64_t step = 0; // 0: before the first
  std::string kind;
  std::uint64_t nth = 0; // of that kind in that step, from 0
  auto operator<=>(const decision&) const = default;
};

class simulation_dice {
public:
  // `only`: what may happen; nothing: whatever the seed says.
  explicit simulation_dice(std::uint64_t seed, const std::optional<std::vector<decision>>& only = {}) : seed_(seed), random_(0) {
    if (only) {
      only_.emplace();
      for (const auto& one : *only)
        only_->emplace(one.step, one.kind, one.nth);
    }
    part();
  }
  simulation_dice(const simulation_dice&) = delete;
  simulation_dice& operator=(const simulation_dice&) = delete;

  void next_step() {
    ++step_;
    counts_.clear();
    parts_ = 0;
    part();
  }
  // What follows in this step does not depend on how much randomness was used before it.
  void part() { random_ = prng{mixed(++parts_)}; }
  [[nodiscard]] std::uint64_t step() const noexcept { return step_; }
  // For all that is no decision: delays, who, how much.
  [[nodiscard]] prng& random() noexcept { return random_; }

  // With probability numerator / denominator, or whenever it is among those that may; never if numerator is 0. What it does further is drawn
  // from random(), which is its own from here on.
  [[nodiscard]] bool happens(decision_kind kind, std::uint64_t numerator, std::uint64_t denominator = 10'000) {
    if (numerator == 0)
      return false;
    const auto nth = count(kind);
    prng own{mixed(kind.key + nth * 0xd6e8feb86659fd93ULL)};
    const bool by_chance = own.chance(numerator, denominator);
    if (!(only_ ? only_->contains({step_, kind.name, nth}) : by_chance))
      return false;
    happened_.push_back({step_, kind.name, nth});
    random_ = own;
    return true;
  }
  // In order.
  [[nodiscard]] const std::vector<decision>& happened() const noexcept { return happened_; }

private:
  [[nodiscard]] std::uint64_t mixed(std::uint64_t with) const noexcept {
    prng first{seed_};
    prng second{first.next() + step_};
    return second.next() ^ with;
  }
  std::uint64_t count(decision_kind kind) {
    for (auto& [key, count] : counts_)
      if (key == kind.key)
        return count++;
    counts_.emplace_back(kind.key, 1);
    return 0;
  }

  std::uint64_t seed_;
  std::uint64_t step_ = 0;
  std::uint64_t parts_ = 0;
  prng random_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> counts_; // in this step: kind, how many were decided
  std::optional<std::set<std::tuple<std::uint64_t, std::string, std::uint64_t>>> only_;
  std::vector<decision> happened_;
};

} // namespace cafka::test
