#define CAF_SUITE placement
#include <caf/test/dsl.hpp>
#include <rapidcheck.h>

#include "metadata/placement.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace cafka;
using namespace cafka::metadata;

CAF_TEST(leaders go round and replicas spread) {
  const bool holds = rc::check([](std::uint64_t seed) {
    prng source{seed};
    const auto racks = 1 + source.below(4);
    const auto per_rack = 1 + source.below(3);
    std::vector<usable_broker> brokers;
    std::map<node_id, std::string> rack_of;
    for (std::uint64_t i = 0; i < racks * per_rack; ++i) {
      brokers.push_back({static_cast<node_id>(i), "rack" + std::to_string(i % racks), false});
      rack_of[brokers.back().id] = brokers.back().rack;
    }
    const auto factor = 1 + source.below(brokers.size());
    const auto partitions = static_cast<std::int32_t>(brokers.size() * (1 + source.below(5)));
    const auto placed = place_replicas(brokers, partitions, static_cast<std::int16_t>(factor), source);
    RC_ASSERT(placed.has_value());
    RC_ASSERT(placed->size() == static_cast<std::size_t>(partitions));
    std::map<node_id, int> leaders, replicas;
    for (const auto& one : *placed) {
      RC_ASSERT(one.size() == factor);
      RC_ASSERT(std::set<node_id>(one.begin(), one.end()).size() == factor);
      std::set<std::string> used;
      for (const auto id : one) {
        used.insert(rack_of[id]);
        ++replicas[id];
      }
      RC_ASSERT(used.size() == std::min<std::size_t>(factor, racks));
      ++leaders[one[0]];
    }
    for (const auto& [id, count] : leaders)
      RC_ASSERT(count == partitions / static_cast<std::int32_t>(brokers.size()));
    const auto [least, most] = std::minmax_element(replicas.begin(), replicas.end(), [](auto& a, auto& b) { return a.second < b.second; });
    RC_ASSERT(most->second - least->second <= 2);
  });
  CAF_CHECK(holds);
}

CAF_TEST(fenced brokers only follow) {
  prng source{1};
  const auto placed = place_replicas({{1, "", true}, {2, "", false}, {3, "", false}}, 30, 2, source);
  CAF_REQUIRE(placed.has_value());
  for (const auto& one : *placed)
    CAF_CHECK(one == (std::vector<node_id>{2, 3}) || one == (std::vector<node_id>{3, 2}));
  CAF_CHECK_EQUAL(place_replicas({{1, "", true}}, 1, 1, source).error().code, errc::invalid_replication_factor);
  CAF_CHECK_EQUAL(
      place_replicas({{1, "", false}}, 1, 2, source).error().detail,
      "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only 1 broker(s) are "
      "registered.");
}
