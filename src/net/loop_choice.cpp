#include "net/loop_choice.hpp"

#include <cmath>

namespace cafka::net {

namespace {
constexpr double half_life_ms = 10'000;
// What a request costs whatever its size, in bytes that cost as much to receive and store: about 20 µs, of which a KiB takes one.
constexpr std::uint64_t bytes_per_request = 20 << 10;
} // namespace

std::size_t loop_choice::choose(std::span<const totals> loops, std::int64_t now_ms) {
  recent_.resize(loops.size());
  const double kept = std::exp2(-static_cast<double>(now_ms - last_ms_) / half_life_ms);
  last_ms_ = now_ms;
  double all_work = 0, all_connections = 0;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    const auto done = loops[i].bytes + loops[i].requests * bytes_per_request;
    recent_[i].work = recent_[i].work * kept + static_cast<double>(done - recent_[i].seen);
    recent_[i].seen = done;
    all_work += recent_[i].work;
    all_connections += static_cast<double>(loops[i].open_connections);
  }
  const auto share = [](double part, double of) { return of > 0 ? part / of : 0; };
  const auto first = turn_++ % loops.size();
  auto best = first;
  double least = 3; // more than two shares
  for (std::size_t k = 0; k < loops.size(); ++k) {
    const auto i = (first + k) % loops.size();
    const auto cost = share(recent_[i].work, all_work) + share(static_cast<double>(loops[i].open_connections), all_connections);
    if (cost < least - 1e-9) {
      least = cost;
      best = i;
    }
  }
  return best;
}

} // namespace cafka::net
