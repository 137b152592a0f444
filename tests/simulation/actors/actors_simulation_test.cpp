// Clusters of the real actors under faults of every kind. A failure prints its seed and the end of its trace.
#define CAF_SUITE actors_simulation
#include <caf/test/unit_test.hpp>

#include "simulation/actors/simulated_cluster.hpp"
#include "support/seed_range.hpp"
#include "support/show_logs.hpp"

#include <chrono>
#include <iostream>

using namespace cafka;
using cafka::test::simulated_cluster;

namespace {

constexpr std::int64_t faults_for_ms = 10'000;
constexpr std::int64_t heals_within_ms = 25'000;

bool lives(simulated_cluster& cluster) { return cluster.run(faults_for_ms) && cluster.heals(heals_within_ms); }

void print_trace(std::uint64_t seed) {
  simulated_cluster again{seed, true};
  lives(again);
  const auto& trace = again.trace();
  for (auto i = trace.size() > 120 ? trace.size() - 120 : 0; i < trace.size(); ++i)
    std::cout << "  " << trace[i] << '\n';
}

struct fixture {
  fixture() { cafka::test::show_logs(std::getenv("SIMULATION_LOG") != nullptr); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(actors_simulation, fixture)

CAF_TEST(clusters of actors under faults of every kind) {
  const auto range = cafka::test::seeds_or(40);
  test::cluster_totals sum;
  test::client_totals clients;
  test::network_totals network;
  const auto began = std::chrono::steady_clock::now();
  for (auto seed = range.first; seed <= range.last; ++seed) {
    simulated_cluster cluster{seed};
    if (!lives(cluster)) {
      print_trace(seed);
      CAF_FAIL("seed " << seed << ": " << cluster.broken());
      break;
    }
    const auto& one = cluster.totals();
    sum.steps += one.steps;
    sum.kills += one.kills;
    sum.mid_write += one.mid_write;
    sum.power_cuts += one.power_cuts;
    sum.lost_disks += one.lost_disks;
    sum.pauses += one.pauses;
    sum.cuts += one.cuts;
    sum.stops += one.stops;
    sum.full_disks += one.full_disks;
    sum.failed_syncs += one.failed_syncs;
    sum.elections += one.elections;
    sum.simulated_ms += one.simulated_ms;
    clients.written += cluster.clients().written;
    clients.acked += cluster.clients().acked;
    clients.refused += cluster.clients().refused;
    clients.unknown += cluster.clients().unknown;
    clients.batches_read += cluster.clients().batches_read;
    network.messages += cluster.network().messages;
    network.connections += cluster.network().connections;
    network.resets += cluster.network().resets;
    network.silences += cluster.network().silences;
  }
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  CAF_MESSAGE("seeds " << range.first << ".." << range.last << ": " << sum.steps << " events, " << sum.simulated_ms / 1000
                       << " simulated seconds, " << clients.acked << " writes acked, " << clients.refused << " refused, " << clients.unknown
                       << " unknown, " << clients.batches_read << " batches read, " << sum.elections << " elections, " << sum.kills
                       << " ends of a process, " << sum.mid_write << " amid a write, " << sum.power_cuts << " power cuts, "
                       << sum.lost_disks << " lost disks, " << sum.full_disks << " full disks, " << sum.failed_syncs << " failing syncs, "
                       << sum.pauses << " hangs, " << sum.stops << " stops, " << sum.cuts << " cuts, " << network.resets << " resets, "
                       << network.silences << " silences, " << network.connections << " links, " << network.messages << " messages; "
                       << static_cast<double>(range.count()) / took << " seeds/s");
  CAF_CHECK(clients.acked > 0);
  CAF_CHECK(network.messages > 0);
}

CAF_TEST(a seed does the same again) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    simulated_cluster first{seed}, again{seed};
    CAF_CHECK(lives(first));
    CAF_CHECK(lives(again));
    CAF_CHECK_EQUAL(first.totals().steps, again.totals().steps);
    CAF_CHECK_EQUAL(first.hash(), again.hash());
    CAF_CHECK_EQUAL(first.totals().simulated_ms, again.totals().simulated_ms);
  }
}

// Nobody is elected but at the start, nobody is fenced, every write is acknowledged.
CAF_TEST(a healthy cluster keeps its leaders) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    simulated_cluster cluster{seed};
    cluster.without_faults();
    if (!lives(cluster))
      CAF_FAIL("seed " << seed << ": " << cluster.broken());
    CAF_CHECK(cluster.clients().acked > 100);
    CAF_CHECK_EQUAL(cluster.clients().refused, 0u);
    CAF_CHECK_EQUAL(cluster.clients().unknown, 0u);
    CAF_CHECK_EQUAL(cluster.network().silences, 0u);
    CAF_CHECK_EQUAL(cluster.totals().kills, 0u);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
