// Brokers, a controller and clients around one partition, under faults of every kind. A failure prints its seed and the end of its trace.
#define CAF_SUITE partition_simulation
#include <caf/test/unit_test.hpp>

#include "simulation/simulated_partition.hpp"
#include "support/seed_range.hpp"
#include "support/shrink.hpp"

#include <chrono>
#include <iostream>

using namespace cafka;
using namespace cafka::test;

namespace {

constexpr std::size_t events_per_seed = 5'000;
constexpr std::int64_t heals_within_ms = 60'000;

run_outcome run(const reproduction& what) {
  simulated_partition cluster{what.seed, false, what.only};
  if (cluster.run(what.events))
    cluster.heals(heals_within_ms);
  return {cluster.broken(), std::min<std::uint64_t>(what.events, cluster.totals().events), cluster.totals().events, cluster.happened()};
}

// All of a short one, the end of a long one.
std::vector<std::string> trace(const reproduction& what) {
  simulated_partition cluster{what.seed, true, what.only};
  if (cluster.run(what.events))
    cluster.heals(heals_within_ms);
  const auto& all = cluster.trace();
  return {all.size() > 200 ? all.end() - 60 : all.begin(), all.end()};
}

} // namespace

CAF_TEST(faults of every kind) {
  const auto range = seeds_or(2'000);
  simulation_totals sum;
  const auto began = std::chrono::steady_clock::now();
  for (auto seed = range.first; seed <= range.last; ++seed) {
    simulated_partition cluster{seed};
    if (!cluster.run(events_per_seed) || !cluster.heals(heals_within_ms)) {
      std::cout << shrink_and_keep({"partition", seed, 0, events_per_seed, {}}, cluster.broken(), run, trace,
                                   "build/release/tests/simulation_test -s partition_simulation -t regressions");
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

// What once failed: regressions/*.txt.
CAF_TEST(regressions) {
  const auto kept = kept_reproductions("partition");
  CAF_CHECK(!kept.empty());
  for (const auto& [name, what] : kept) {
    const auto outcome = run(what);
    if (!outcome.broken.empty()) {
      for (const auto& line : trace(what))
        std::cout << "  " << line << '\n';
      CAF_FAIL("regressions/" << name << ": " << outcome.broken);
    }
  }
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
