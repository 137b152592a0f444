// Whole clusters of the real cores, under faults of every kind. A failure prints its seed and the end of its trace.
#define CAF_SUITE cluster_simulation
#include <caf/test/unit_test.hpp>

#include "simulation/simulated_cluster.hpp"
#include "support/seed_range.hpp"

#include <chrono>
#include <iostream>

using namespace cafka;
using cafka::test::cluster_totals;
using cafka::test::simulated_cluster;

namespace {

constexpr std::size_t events_per_seed = 5'000;
constexpr std::int64_t heals_within_ms = 60'000;

void print_trace(std::uint64_t seed) {
  simulated_cluster again{seed, true};
  if (again.run(events_per_seed))
    again.heals(heals_within_ms);
  const auto& trace = again.trace();
  for (auto i = trace.size() > 80 ? trace.size() - 80 : 0; i < trace.size(); ++i)
    std::cout << "  " << trace[i] << '\n';
}

} // namespace

CAF_TEST(clusters under faults of every kind) {
  const auto range = cafka::test::seeds_or(500);
  cluster_totals sum;
  const auto began = std::chrono::steady_clock::now();
  for (auto seed = range.first; seed <= range.last; ++seed) {
    simulated_cluster cluster{seed};
    if (!cluster.run(events_per_seed) || !cluster.heals(heals_within_ms)) {
      print_trace(seed);
      CAF_FAIL("seed " << seed << ": " << cluster.broken());
      break;
    }
    sum += cluster.totals();
  }
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  CAF_MESSAGE("seeds " << range.first << ".." << range.last << ": " << sum.events << " events, " << sum.simulated_ms / 1000
                       << " simulated seconds, " << sum.acked << " writes acked, " << sum.refused << " refused, " << sum.unknown
                       << " unknown, " << sum.topics << " topics, " << sum.elections << " elections, " << sum.unclean_elections
                       << " unclean elections, " << sum.lost_to_unclean << " records lost to them, " << sum.isr_changes << " isr changes, "
                       << sum.controllers << " controllers, " << sum.registrations << " registrations, " << sum.fencings << " fencings, "
                       << sum.crashes << " crashes (" << sum.power_cuts << " power cuts, " << sum.lost_disks << " lost disks), "
                       << sum.truncations << " truncations, " << sum.faults << " faults; " << static_cast<double>(range.count()) / took
                       << " seeds/s");
  CAF_CHECK(sum.acked > 0);
  CAF_CHECK(sum.truncations > 0);
  CAF_CHECK(sum.controllers > range.count());
}

CAF_TEST(the same seed gives the same run) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    simulated_cluster one{seed}, same{seed}, other{seed + 1};
    one.run(2'000);
    same.run(2'000);
    other.run(2'000);
    CAF_CHECK_EQUAL(one.trace_hash(), same.trace_hash());
    CAF_CHECK_NOT_EQUAL(one.trace_hash(), other.trace_hash());
  }
}

// Without a fault nobody is fenced, nobody leaves an ISR, and the quorum keeps its leader.
CAF_TEST(a healthy cluster keeps its leaders) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulated_cluster cluster{seed};
    cluster.be_quiet();
    if (!cluster.run(events_per_seed))
      CAF_FAIL("seed " << seed << ": " << cluster.broken());
    const auto totals = cluster.totals();
    CAF_CHECK_EQUAL(totals.fencings, 0u);
    CAF_CHECK_EQUAL(totals.crashes, 0u);
    CAF_CHECK(totals.acked > 0);
  }
}
