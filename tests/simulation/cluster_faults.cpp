// Faults, administrators and clients.
#include "simulation/simulated_cluster.hpp"

#include <algorithm>

namespace cafka::test {

// What is acknowledged is at so many replicas, of which one less may lose theirs; under `fsync` it takes the disk to lose it.
bool simulated_cluster::may_lose(const node& victim, bool disk) const {
  if (!victim.up)
    return false;
  for (const auto& each : victim.replicas) {
    if (!each)
      continue;
    const auto& truth = partitions_[each->partition];
    if (truth.removed || (!disk && truth.durability == storage::durability_mode::fsync))
      continue;
    std::int32_t lossy = 0;
    for (std::size_t i = 1; i <= count_; ++i)
      if (const auto& other = nodes_[i]; other.id != victim.id && each->partition < other.replicas.size())
        if (const auto& theirs = other.replicas[each->partition])
          lossy += theirs->may_lack_acked ? 1 : 0;
    if (truth.unclean_pending || lossy >= truth.held_by - 1)
      return false;
  }
  return true;
}

bool simulated_cluster::may_lose_voter(const node& victim) const {
  return !is_voter(victim) || lost_voters_ + 1 <= voters_.size() - voters_.majority();
}

void simulated_cluster::lose_disk(node& victim) {
  ++totals_.lost_disks;
  lost_voters_ += is_voter(victim) ? 1 : 0;
  for (auto& each : victim.replicas)
    if (each)
      each->may_lack_acked = true; // from now on it need not have anything
  crash(victim, true);
  for (auto& each : victim.replicas)
    if (each) {
      each->log = {};
      each->checkpoint = each->high_watermark = 0;
    }
  victim.log.clear();
  victim.flushed_end = 0;
  victim.memory = {};
  for (auto& directory : victim.directories)
    directory = uuid::random(random_);
  victim.key.directory_id = victim.directories[0];
  victim.directory_lost = true;
}

void simulated_cluster::random_cut(prng& random) {
  const auto any = [&] { return 1 + random.below(count_); };
  const auto from = any(), to = any();
  switch (random.below(4)) {
  case 0: cut_[from][to] = true; break; // one way
  case 1: cut_[from][to] = cut_[to][from] = true; break;
  case 2: // all that it says, or all that it hears
    for (std::size_t other = 1; other <= count_; ++other)
      (to % 2 == 0 ? cut_[from][other] : cut_[other][from]) = other != from;
    break;
  default: // in two
    for (std::size_t a = 1; a <= count_; ++a)
      for (std::size_t b = 1; b <= count_; ++b)
        cut_[a][b] = (a <= from) != (b <= from);
  }
  for (std::size_t i = 1; i <= count_; ++i)
    cut_[i][i] = false;
  note([&] { return "cut of " + std::to_string(from) + " and " + std::to_string(to); });
}

void simulated_cluster::random_faults() {
  const auto& c = chances_;
  auto victim_of = [&](prng& random) -> node& { return nodes_[1 + random.below(count_)]; };
  if (faults_.comes(c.kill)) {
    auto random = faults_.details();
    crash(victim_of(random), false);
  }
  if (faults_.comes(c.power)) {
    auto random = faults_.details();
    if (auto& victim = victim_of(random); may_lose(victim, false))
      crash(victim, true);
  }
  if (faults_.comes(c.disk)) {
    auto random = faults_.details();
    if (auto& victim = victim_of(random); may_lose(victim, true) && may_lose_voter(victim))
      lose_disk(victim);
  }
  if (faults_.comes(c.shut_down)) {
    auto random = faults_.details();
    if (auto& victim = victim_of(random); victim.up && victim.lifecycle->broker_epoch() >= 0 && victim.leave_by_ms == INT64_MAX) {
      note([&] { return "shutdown of " + describe(victim); });
      victim.lifecycle->leave();
      victim.leave_by_ms = now(victim) + 300 + static_cast<std::int64_t>(random.below(3'000));
      update_deadline(victim);
    }
  }
  if (faults_.comes(c.pause)) {
    auto random = faults_.details();
    if (auto& victim = victim_of(random); victim.up) {
      victim.paused_until_ms = now_ms_ + 100 + static_cast<std::int64_t>(random.below(4'000));
      note([&] { return "hang of " + describe(victim); });
      update_deadline(victim);
    }
  }
  if (faults_.comes(c.cut)) {
    auto random = faults_.details();
    random_cut(random);
  }
  if (random_.chance(c.heal, 10'000))
    cut_ = {};
  if (faults_.comes(c.reset)) {
    auto random = faults_.details();
    const auto& a = victim_of(random);
    const auto& b = victim_of(random);
    if (a.id != b.id)
      reset_link(a.id, b.id);
  }
  if (faults_.comes(c.resign))
    if (auto* leads = newest_controller())
      carry_out(*leads, leads->core->resign(now(*leads)));
  if (faults_.comes(c.full)) {
    auto random = faults_.details();
    auto& victim = victim_of(random);
    victim.full_until_ms = now_ms_ + 50 + static_cast<std::int64_t>(random.below(3'000));
    note([&] { return "no room at " + describe(victim); });
  }
  if (faults_.comes(c.clock)) {
    auto random = faults_.details();
    auto& victim = victim_of(random);
    if (random.chance(1, 2))
      victim.clock.jump(static_cast<std::int64_t>(random.below(5'000)));
    else if (c.drifts)
      victim.clock.run_at(900 + static_cast<std::int64_t>(random.below(201)), now_ms_);
    update_deadline(victim);
  }
  if (faults_.comes(c.retention)) {
    auto random = faults_.details();
    auto& victim = victim_of(random);
    if (auto* mine = existing_.empty() ? nullptr : serving_replica(victim, existing_[random.below(existing_.size())]);
        mine && mine->leads() && now_ms_ >= victim.paused_until_ms) {
      const auto end = std::min(mine->high_watermark, partitions_[mine->partition].committed_end());
      if (const auto start = mine->log.start(); end > start && partitions_[mine->partition].counts(mine->line()))
        mine->log.advance_start(start + 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(end - start))));
    }
  }
  if (faults_.comes(c.administer)) {
    auto random = faults_.details();
    if (auto& one = victim_of(random); one.up && one.controller->active() && now_ms_ >= one.paused_until_ms) // perhaps no longer the newest
      administer(one, random);
    else if (auto* leads = newest_controller(); leads && now_ms_ >= leads->paused_until_ms)
      administer(*leads, random);
  }
}

// ---- clients ----

void simulated_cluster::random_write() {
  if (existing_.empty())
    return;
  const auto partition = existing_[random_.below(existing_.size())];
  const auto leader = partitions_[partition].known.leader;
  auto& to = leader != no_node && random_.chance(7, 8) ? of(leader) : any_node();
  event one{.to = to.id, .incarnation = to.incarnation, .partition = partition, .what = write_mail{next_value_++, random_.chance(3, 4)}};
  at(now_ms_ + delay(0), std::move(one));
}

void simulated_cluster::random_look() {
  auto& one = any_node();
  if (existing_.empty() || !one.up || now_ms_ < one.paused_until_ms)
    return;
  auto* mine = serving_replica(one, existing_[random_.below(existing_.size())]);
  if (!mine)
    return;
  check_read(one, *mine);
  if (random_.chance(1, 4))
    mine->checkpoint = mine->high_watermark;
  if (partitions_[mine->partition].durability == storage::durability_mode::replicated &&
      random_.chance(1, 4)) // written back when the system likes
    mine->log.flushed(mine->log.flushed_end() +
                      static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(mine->log.end() - mine->log.flushed_end()) + 1)));
}

} // namespace cafka::test
