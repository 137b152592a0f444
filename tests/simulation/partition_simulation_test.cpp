// Brokers, a controller and clients around one partition, under faults of every kind. A failure prints its seed and the end of its trace.
#define CAF_SUITE partition_simulation
#include <caf/test/unit_test.hpp>

#include "simulation/simulated_partition.hpp"
#include "support/seed_range.hpp"

#include <chrono>
#include <iostream>

using namespace cafka;
using cafka::test::simulated_partition;
using cafka::test::simulation_totals;

namespace {

constexpr std::size_t events_per_seed = 5'000;
constexpr std::int64_t heals_within_ms = 60'000;

void print_trace(std::uint64_t seed) {
  simulated_partition again{seed, true};
  if (again.run(events_per_seed))
    again.heals(heals_within_ms);
  const auto& trace = again.trace();
  for (auto i = trace.size() > 60 ? trace.size() - 60 : 0; i < trace.size(); ++i)
    std::cout << "  " << trace[i] << '\n';
}

} // namespace

CAF_TEST(faults of every kind) {
  const auto range = cafka::test::seeds_or(2'000);
  simulation_totals sum;
  const auto began = std::chrono::steady_clock::now();
  for (auto seed = range.first; seed <= range.last; ++seed) {
    simulated_partition cluster{seed};
    if (!cluster.run(events_per_seed) || !cluster.heals(heals_within_ms)) {
      print_trace(seed);
      CAF_FAIL("seed " << seed << ": " << cluster.broken());
      break;
    }
    const auto& one = cluster.totals();
    sum.events += one.events;
    sum.acked += one.acked;
    sum.refused += one.refused;
    sum.unknown += one.unknown;
    sum.elections += one.elections;
    sum.crashes += one.crashes;
    sum.power_cuts += one.power_cuts;
    sum.lost_disks += one.lost_disks;
    sum.truncations += one.truncations;
    sum.starts_over += one.starts_over;
    sum.isr_changes += one.isr_changes;
    sum.fail_overs += one.fail_overs;
    sum.failed_directories += one.failed_directories;
    sum.moves += one.moves;
    sum.simulated_ms += one.simulated_ms;
  }
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  CAF_MESSAGE("seeds " << range.first << ".." << range.last << ": " << sum.events << " events, " << sum.simulated_ms / 1000
                       << " simulated seconds, " << sum.acked << " writes acked, " << sum.refused << " refused, " << sum.unknown
                       << " unknown, " << sum.elections << " elections, " << sum.isr_changes << " isr changes, " << sum.crashes
                       << " crashes (" << sum.power_cuts << " power cuts, " << sum.lost_disks << " lost disks), " << sum.truncations
                       << " truncations, " << sum.starts_over << " starts over, " << sum.failed_directories << " failed directories ("
                       << sum.moves << " moves), " << sum.fail_overs << " controller changes; " << static_cast<double>(range.count()) / took
                       << " seeds/s");
  CAF_CHECK(sum.acked > 0);
  CAF_CHECK(sum.truncations > 0);
  if (range.count() > 100)
    CAF_CHECK(sum.moves > 0);
}

// Without a fault nobody leaves the ISR, however busy its disk: what is one flush behind keeps up.
CAF_TEST(a healthy cluster keeps leader and isr) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulated_partition cluster{seed};
    cluster.be_quiet();
    if (!cluster.run(events_per_seed))
      CAF_FAIL("seed " << seed << ": " << cluster.broken());
    CAF_CHECK_EQUAL(cluster.totals().elections, 1u);
    CAF_CHECK_EQUAL(cluster.totals().isr_changes, 0u);
    CAF_CHECK(cluster.totals().acked > 0);
  }
}
