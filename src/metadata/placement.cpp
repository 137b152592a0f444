#include "metadata/placement.hpp"

#include <algorithm>
#include <tuple>

namespace cafka::metadata {

namespace {

struct candidate {
  const usable_broker* broker = nullptr;
  std::size_t rack = 0;
  std::int32_t replicas = 0;
};

std::vector<candidate> candidates_of(const std::vector<usable_broker>& brokers, std::size_t& rack_count) {
  const bool rackless = std::any_of(brokers.begin(), brokers.end(), [](const auto& broker) { return broker.rack.empty(); });
  std::vector<std::string_view> racks;
  std::vector<candidate> all;
  for (const auto& broker : brokers) {
    const std::string_view rack = rackless ? std::string_view{} : broker.rack;
    auto found = std::find(racks.begin(), racks.end(), rack);
    const auto index = static_cast<std::size_t>(found - racks.begin());
    if (found == racks.end())
      racks.push_back(rack);
    all.push_back({&broker, index, 0});
  }
  rack_count = racks.size();
  return all;
}

// Neighbours in the round are of different racks where that can be: the first of each rack, then the second of each, …
std::vector<candidate*> leader_round(std::vector<candidate>& all, std::size_t rack_count) {
  std::vector<std::size_t> taken(rack_count, 0);
  std::vector<std::tuple<std::size_t, std::size_t, candidate*>> order;
  for (auto& one : all)
    if (!one.broker->fenced)
      order.emplace_back(taken[one.rack]++, one.rack, &one);
  std::sort(order.begin(), order.end());
  std::vector<candidate*> round;
  round.reserve(order.size());
  for (const auto& entry : order)
    round.push_back(std::get<candidate*>(entry));
  return round;
}

candidate& best_follower(std::vector<candidate>& all, const std::vector<std::int32_t>& racks_used, const std::vector<bool>& chosen,
                         prng& source) {
  candidate* best = nullptr;
  std::uint64_t ties = 0;
  auto rank = [&](const candidate& one) { return std::tuple{racks_used[one.rack], one.broker->fenced, one.replicas}; };
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (chosen[i])
      continue;
    if (!best || rank(all[i]) < rank(*best)) {
      best = &all[i];
      ties = 1;
    } else if (rank(all[i]) == rank(*best) && source.below(++ties) == 0) {
      best = &all[i]; // each of n equal ones with probability 1/n
    }
  }
  return *best;
}

} // namespace

result<std::vector<std::vector<node_id>>> place_replicas(const std::vector<usable_broker>& brokers, std::int32_t partition_count,
                                                         std::int16_t replication_factor, prng& source) {
  const auto times = "Unable to replicate the partition " + std::to_string(replication_factor) + " time(s): ";
  if (replication_factor <= 0)
    return fail(errc::invalid_replication_factor, times + "the replication factor must be positive.");
  if (static_cast<std::size_t>(replication_factor) > brokers.size())
    return fail(errc::invalid_replication_factor, times + "The target replication factor of " + std::to_string(replication_factor) +
                                                      " cannot be reached because only " + std::to_string(brokers.size()) +
                                                      " broker(s) are registered.");
  std::size_t rack_count = 0;
  auto all = candidates_of(brokers, rack_count);
  const auto round = leader_round(all, rack_count);
  if (round.empty())
    return fail(errc::invalid_replication_factor, times + "All brokers are currently fenced.");
  const auto start = source.below(round.size());
  std::vector<std::vector<node_id>> placed;
  placed.reserve(static_cast<std::size_t>(std::max(partition_count, 0)));
  std::vector<std::int32_t> racks_used;
  std::vector<bool> chosen;
  for (std::int32_t partition = 0; partition < partition_count; ++partition) {
    racks_used.assign(rack_count, 0);
    chosen.assign(all.size(), false);
    auto& replicas = placed.emplace_back();
    auto take = [&](candidate& one) {
      replicas.push_back(one.broker->id);
      ++one.replicas;
      ++racks_used[one.rack];
      chosen[static_cast<std::size_t>(&one - all.data())] = true;
    };
    take(*round[(start + static_cast<std::size_t>(partition)) % round.size()]);
    while (replicas.size() < static_cast<std::size_t>(replication_factor))
      take(best_follower(all, racks_used, chosen, source));
  }
  return placed;
}

} // namespace cafka::metadata
