#define CAF_SUITE quorum_simulation
#include <caf/test/unit_test.hpp>

#include "election/simulated_quorum.hpp"
#include "support/seed_range.hpp"

using namespace cafka;
using cafka::test::quorum_faults;
using cafka::test::simulated_quorum;

namespace {

struct totals {
  std::size_t committed = 0, elections = 0, crashes = 0, snapshots_loaded = 0;
  std::int64_t simulated_ms = 0;
};

totals simulate(std::size_t voters, std::uint64_t first_seed, std::uint64_t seeds, std::size_t events, const quorum_faults& faults) {
  totals sum;
  for (auto seed = first_seed; seed < first_seed + seeds; ++seed) {
    simulated_quorum quorum{voters, seed, faults};
    const auto began_ms = quorum.now_ms();
    if (!quorum.run(events) || !quorum.heals(120'000)) {
      CAF_FAIL(voters << " voters, seed " << seed << ": " << quorum.broken());
      break;
    }
    sum.committed += quorum.committed();
    sum.elections += quorum.elections();
    sum.crashes += quorum.crashes();
    sum.snapshots_loaded += quorum.snapshots_loaded();
    sum.simulated_ms += quorum.now_ms() - began_ms;
  }
  CAF_MESSAGE(voters << " voters, " << seeds << " seeds: " << sum.committed << " records committed, " << sum.elections << " elections, "
                     << sum.crashes << " crashes, " << sum.snapshots_loaded << " snapshots fetched, " << sum.simulated_ms / 1000
                     << " simulated seconds");
  return sum;
}

} // namespace

CAF_TEST(a quiet network keeps its first leader) {
  for (const std::size_t voters : {1, 3, 5}) {
    const auto sum = simulate(voters, 1, 20, 1'000, {});
    CAF_CHECK(sum.committed > 0);
    CAF_CHECK(sum.elections < 20 * 4);
  }
}

CAF_TEST(lost doubled and late messages) {
  const quorum_faults faults{.drop_percent = 10, .duplicate_percent = 10, .cuts = true};
  for (const std::size_t voters : {3, 5})
    CAF_CHECK(simulate(voters, 1'000, 60, 2'000, faults).committed > 0);
}

CAF_TEST(crashes and power cuts at every place) {
  const quorum_faults faults{.drop_percent = 3, .duplicate_percent = 5, .crash_per_mille = 5, .cuts = true, .snapshots = true};
  const auto range = cafka::test::seeds_or(700);
  for (const std::size_t voters : {1, 3, 5}) {
    const auto sum = simulate(voters, range.first, range.count(), 5'000, faults);
    CAF_CHECK(sum.committed > 0);
    CAF_CHECK(voters == 1 || sum.snapshots_loaded > 0);
  }
}
