#define CAF_SUITE partition_leader
#include <caf/test/dsl.hpp>
#include <rapidcheck.h>

#include "base/prng.hpp"
#include "replication/partition_leader.hpp"

#include <algorithm>
#include <map>

using namespace cafka;
using namespace cafka::replication;
using storage::durability_mode;

namespace {

using nodes = std::vector<node_id>;

struct fixture {
  partition_leader core{1, {}};
  std::vector<released_ack> released;
  std::int64_t now = 1'000;

  void lead(nodes replicas, nodes isr, const leader_config& config = {}, std::int64_t log_end = 0) {
    core = partition_leader{1, config};
    core.become_leader({5, 7, std::move(replicas), std::move(isr)}, log_end, log_end, 0, now);
  }
  void fetch(node_id follower, std::int64_t offset, std::int64_t flushed = -1) {
    CAF_CHECK(core.on_follower_fetch({follower, 100 + follower, offset, flushed < 0 ? offset : flushed}, now).has_value());
  }
  // What the core lets go, as "token:code …".
  std::string take() {
    released.clear();
    core.take_released(released);
    return text();
  }
  std::string text() const {
    std::string all;
    for (const auto& ack : released)
      all += (all.empty() ? "" : " ") + std::to_string(ack.token) + ':' + std::string{to_string(ack.code)};
    return all;
  }
  std::vector<partition_leader::eligible_broker> all_alive() const { return {{1, 101}, {2, 102}, {3, 103}}; }
  ~fixture() { CAF_CHECK_EQUAL(core.check_invariants().value_or(""), ""); }
};

leader_config with(durability_mode mode, std::int32_t min_isr = 1) {
  leader_config config;
  config.durability = mode;
  config.min_isr = min_isr;
  return config;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(leading, fixture)

CAF_TEST(epochs are checked before anything is written) {
  CAF_CHECK_EQUAL(core.check_produce(-1, true), errc::not_leader_or_follower);
  lead({1}, {1});
  CAF_CHECK_EQUAL(core.check_produce(-1, true), errc::none);
  CAF_CHECK_EQUAL(core.check_produce(5, true), errc::none);
  CAF_CHECK_EQUAL(core.check_produce(4, false), errc::fenced_leader_epoch);
  CAF_CHECK_EQUAL(core.check_produce(6, false), errc::unknown_leader_epoch);
}

CAF_TEST(alone under fsync only what is flushed is committed) {
  lead({1}, {1});
  CAF_CHECK(!core.on_appended(10, now));
  CAF_CHECK(core.park(1, 4, now + 100));
  CAF_CHECK(core.park(2, 10, now + 100));
  CAF_CHECK_EQUAL(take(), "");
  CAF_CHECK(core.on_flushed(6, now));
  CAF_CHECK_EQUAL(core.high_watermark(), 6);
  CAF_CHECK_EQUAL(take(), "1:NONE");
  CAF_CHECK(!core.on_flushed(3, now)); // a late ticket
  CAF_CHECK(core.on_flushed(10, now));
  CAF_CHECK_EQUAL(take(), "2:NONE");
  CAF_CHECK(!core.park(3, 10, now)); // committed already
}

CAF_TEST(alone under replicated the append commits) {
  lead({1}, {1}, with(durability_mode::replicated));
  CAF_CHECK(core.on_appended(10, now));
  CAF_CHECK_EQUAL(core.high_watermark(), 10);
}

CAF_TEST(every isr member counts and only in this epoch) {
  lead({1, 2, 3}, {1, 2}, with(durability_mode::fsync, 2), 100);
  CAF_CHECK_EQUAL(core.high_watermark(), 0);
  CAF_CHECK_EQUAL(core.check_high_watermark(), errc::offset_not_available); // R6
  core.on_appended(120, now);
  core.on_flushed(120, now);
  fetch(3, 120);
  CAF_CHECK_EQUAL(core.high_watermark(), 0);
  fetch(2, 120, 90);
  CAF_CHECK_EQUAL(core.high_watermark(), 90);
  CAF_CHECK_EQUAL(core.check_high_watermark(), errc::offset_not_available);
  fetch(2, 120, 110);
  CAF_CHECK_EQUAL(core.high_watermark(), 110);
  CAF_CHECK_EQUAL(core.check_high_watermark(), errc::none);
  fetch(2, 100, 100); // a late request
  CAF_CHECK_EQUAL(core.high_watermark(), 110);
  CAF_CHECK_EQUAL(core.on_follower_fetch({9, 1, 0, 0}, now).error().code, errc::replica_not_available);
  CAF_CHECK_EQUAL(core.on_follower_fetch({2, 1, 0, 0}, now).error().code, errc::stale_broker_epoch);
}

CAF_TEST(below min isr nothing is accepted nor committed) {
  lead({1, 2, 3}, {1}, with(durability_mode::replicated, 2));
  CAF_CHECK_EQUAL(core.check_produce(-1, true), errc::not_enough_replicas);
  CAF_CHECK_EQUAL(core.check_produce(-1, false), errc::none);
  CAF_CHECK(!core.on_appended(10, now));
  CAF_CHECK(core.set_config(with(durability_mode::replicated, 1), now));
  lead({1}, {1}, with(durability_mode::replicated, 2)); // clamped to the replication factor
  CAF_CHECK_EQUAL(core.check_produce(-1, true), errc::none);
  CAF_CHECK(core.on_appended(10, now));
}

CAF_TEST(an isr that shrinks below min isr fails what waits) {
  lead({1, 2}, {1, 2}, with(durability_mode::replicated, 2));
  core.on_appended(10, now);
  CAF_CHECK(core.park(1, 10, now + 100));
  core.on_partition_changed({5, 8, {1, 2}, {1}}, now);
  CAF_CHECK_EQUAL(core.high_watermark(), 0);
  CAF_CHECK_EQUAL(take(), "1:NOT_ENOUGH_REPLICAS_AFTER_APPEND");
}

CAF_TEST(parked acks are bounded ordered and end) {
  auto config = with(durability_mode::fsync);
  config.max_parked = 3;
  lead({1}, {1}, config);
  core.on_appended(30, now);
  CAF_CHECK(core.park(1, 20, now + 50));
  CAF_CHECK(core.park(2, 10, now + 10)); // a duplicate waits for the original's end
  CAF_CHECK(core.park(3, 30, now + 30));
  CAF_CHECK_EQUAL(core.check_produce(-1, true), errc::too_many_requests);
  CAF_CHECK_EQUAL(core.check_produce(-1, false), errc::none);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 10);
  core.expire(now + 10, released);
  CAF_CHECK_EQUAL(text(), "2:REQUEST_TIMED_OUT");
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 30);
  core.on_flushed(20, now);
  CAF_CHECK_EQUAL(take(), "1:NONE");
  released.clear();
  core.resign(released);
  CAF_CHECK_EQUAL(text(), "3:NOT_LEADER_OR_FOLLOWER"); // KAFKA-10677
  CAF_CHECK_EQUAL(core.parked(), 0u);
}

CAF_TEST(expansion needs this epoch the high watermark and the right incarnation) {
  lead({1, 2, 3}, {1}, with(durability_mode::replicated), 100);
  core.on_appended(110, now);
  CAF_CHECK_EQUAL(core.high_watermark(), 110);
  CAF_CHECK(!core.propose_isr(all_alive(), now));
  fetch(2, 105);
  CAF_CHECK(!core.propose_isr(all_alive(), now));
  fetch(2, 110);
  CAF_CHECK(!core.propose_isr({{1, 101}, {2, 999}}, now)); // KIP-903
  CAF_CHECK(!core.propose_isr({{1, 101}}, now));           // fenced
  const auto proposal = core.propose_isr(all_alive(), now);
  CAF_REQUIRE(proposal.has_value());
  CAF_REQUIRE_EQUAL(proposal->isr.size(), 2u);
  CAF_CHECK_EQUAL(proposal->isr[1].id, 2);
  CAF_CHECK_EQUAL(proposal->isr[1].broker_epoch, 102);
  CAF_CHECK_EQUAL(proposal->partition_epoch, 7);
  CAF_CHECK(core.maximal_isr() == (nodes{1, 2}));
  // R3: it may be in the ISR by now, so it counts.
  core.on_appended(120, now);
  CAF_CHECK_EQUAL(core.high_watermark(), 110);
  CAF_CHECK(!core.propose_isr(all_alive(), now)); // one in flight
  core.on_isr_unknown();
  CAF_CHECK(core.maximal_isr() == (nodes{1, 2}));
  CAF_CHECK(core.propose_isr(all_alive(), now).has_value()); // the same again
  CAF_CHECK(!core.propose_isr(all_alive(), now));
  CAF_CHECK(!core.on_isr_accepted({5, 8, {1, 2, 3}, {1, 2}}, now));
  fetch(2, 120);
  CAF_CHECK_EQUAL(core.high_watermark(), 120);
  CAF_CHECK_EQUAL(core.partition_epoch(), 8);
}

CAF_TEST(a refusal takes the expansion back) {
  lead({1, 2}, {1}, with(durability_mode::replicated));
  fetch(2, 0);
  CAF_REQUIRE(core.propose_isr(all_alive(), now).has_value());
  core.on_appended(10, now);
  CAF_CHECK_EQUAL(core.high_watermark(), 0);
  CAF_CHECK(core.on_isr_refused(now));
  CAF_CHECK_EQUAL(core.high_watermark(), 10);
  CAF_CHECK(core.maximal_isr() == nodes{1});
}

CAF_TEST(whoever lags leaves and an idle partition has no laggards) {
  auto config = with(durability_mode::replicated);
  config.replica_lag_time_max_ms = 1'000;
  lead({1, 2, 3}, {1, 2, 3}, config);
  fetch(2, 0);
  fetch(3, 0);
  now += 10'000;
  CAF_CHECK(!core.propose_isr(all_alive(), now)); // nothing to lag behind
  CAF_CHECK_EQUAL(core.next_deadline_ms(), INT64_MAX);
  core.on_appended(10, now);
  fetch(2, 10);
  CAF_CHECK_EQUAL(core.high_watermark(), 0);
  fetch(3, 5);
  now += 1'001;
  const auto proposal = core.propose_isr(all_alive(), now);
  CAF_REQUIRE(proposal.has_value());
  CAF_CHECK_EQUAL(proposal->isr.size(), 2u);
  CAF_CHECK(core.maximal_isr() == (nodes{1, 2, 3})); // still counts until that is committed
  CAF_CHECK(core.on_isr_accepted({5, 8, {1, 2, 3}, {1, 2}}, now));
  CAF_CHECK_EQUAL(core.high_watermark(), 10);
}

CAF_TEST(under load whoever is always one flush behind keeps up) {
  auto config = with(durability_mode::fsync);
  config.replica_lag_time_max_ms = 1'000;
  lead({1, 2}, {1, 2}, config);
  fetch(2, 0);
  for (std::int64_t end = 10; end < 1'000; end += 10) { // each fetch finds more, none ever has all of it on disk
    now += 100;
    core.on_appended(end + 10, now);
    core.on_flushed(end + 10, now);
    fetch(2, end, end - 10);
    CAF_CHECK(!core.propose_isr(all_alive(), now));
  }
  for (int i = 0; i < 11; ++i) { // its disk hangs
    now += 100;
    core.on_appended(2'000 + i, now);
    fetch(2, 1'000, 980);
  }
  CAF_CHECK(core.propose_isr(all_alive(), now).has_value());
}

CAF_TEST(only newer metadata of this epoch is taken) {
  lead({1, 2}, {1, 2}, with(durability_mode::replicated));
  core.on_appended(10, now);
  CAF_CHECK(!core.on_partition_changed({5, 7, {1, 2}, {1}}, now));
  CAF_CHECK(!core.on_partition_changed({4, 9, {1, 2}, {1}}, now));
  CAF_CHECK_EQUAL(core.high_watermark(), 0);
  CAF_CHECK(core.on_partition_changed({5, 8, {1, 2}, {1}}, now));
}

CAF_TEST_FIXTURE_SCOPE_END()

// Random histories against the rule itself, computed from scratch: R3, R7, and that nothing is acked that is not committed.
CAF_TEST(random histories) {
  const bool holds = rc::check([](std::uint64_t seed) {
    prng random{seed};
    const nodes replicas{1, 2, 3};
    const auto mode = random.chance(1, 2) ? durability_mode::fsync : durability_mode::replicated;
    const auto min_isr = static_cast<std::int32_t>(1 + random.below(3));
    partition_leader core{1, with(mode, min_isr)};
    leadership controller{1, 1, replicas, {1, 2, 3}}; // what is committed
    std::int64_t now = 0, log_end = 0, flushed = 0;
    core.become_leader(controller, 0, 0, 0, now);
    std::map<node_id, std::int64_t> counted{{1, 0}, {2, -1}, {3, -1}};
    std::map<std::uint64_t, std::int64_t> waiting;
    std::optional<isr_proposal> in_flight;
    std::uint64_t token = 0;
    for (int step = 0; step < 200; ++step) {
      now += static_cast<std::int64_t>(random.below(4'000));
      const auto before = core.high_watermark();
      switch (random.below(8)) {
      case 0:
      case 1:
        if (core.check_produce(-1, true) == errc::none) {
          core.on_appended(++log_end, now);
          if (core.park(++token, log_end, now + 20'000))
            waiting[token] = log_end;
        }
        break;
      case 2:
        core.on_flushed(flushed += static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(log_end - flushed) + 1)), now);
        break;
      case 3:
      case 4: {
        const auto id = static_cast<node_id>(2 + random.below(2));
        const auto end = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(log_end) + 1));
        const auto synced = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(end) + 1));
        RC_ASSERT(core.on_follower_fetch({id, 100, end, synced}, now).has_value());
        counted[id] = mode == durability_mode::fsync ? synced : end;
        break;
      }
      case 5:
        if (auto proposal = core.propose_isr({{1, 100}, {2, 100}, {3, 100}}, now))
          in_flight = proposal;
        break;
      case 6:
        if (in_flight) {
          // The controller looks at the epoch first: one that is behind proves nothing, since an earlier attempt may be what it missed.
          const bool stale = in_flight->partition_epoch != controller.partition_epoch;
          const bool done = !stale && random.chance(2, 3);
          if (done) {
            controller.isr.clear();
            for (const auto& member : in_flight->isr)
              controller.isr.push_back(member.id);
            ++controller.partition_epoch;
          }
          if (stale || random.chance(1, 4))
            core.on_isr_unknown();
          else if (done)
            core.on_isr_accepted(controller, now);
          else
            core.on_isr_refused(now);
          if (core.partition_epoch() < controller.partition_epoch && random.chance(1, 2))
            core.on_partition_changed(controller, now);
          in_flight.reset();
        }
        break;
      default: core.on_partition_changed(controller, now); break;
      }
      counted[1] = mode == durability_mode::fsync ? flushed : log_end;
      RC_ASSERT(!core.check_invariants());
      RC_ASSERT(core.high_watermark() >= before);
      const auto maximal = core.maximal_isr();
      if (core.partition_epoch() == controller.partition_epoch)
        for (const auto id : controller.isr) // R3
          RC_ASSERT(std::find(maximal.begin(), maximal.end(), id) != maximal.end());
      if (core.high_watermark() > before) { // R7
        RC_ASSERT(core.isr().size() >= static_cast<std::size_t>(min_isr));
        for (const auto id : maximal)
          RC_ASSERT(counted[id] >= core.high_watermark());
        for (const auto id : controller.isr) // even if this leader does not know it yet
          RC_ASSERT(counted[id] >= core.high_watermark());
      }
      std::vector<released_ack> released;
      core.take_released(released);
      core.expire(now, released);
      for (const auto& ack : released) {
        RC_ASSERT(waiting.contains(ack.token));
        RC_ASSERT(ack.code != errc::none || waiting[ack.token] <= core.high_watermark());
        waiting.erase(ack.token);
      }
    }
    std::vector<released_ack> released;
    core.resign(released);
    RC_ASSERT(released.size() == waiting.size()); // each ack has exactly one end
  });
  CAF_CHECK(holds);
}
