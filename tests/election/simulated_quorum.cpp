#include "election/simulated_quorum.hpp"

#include <algorithm>

namespace cafka::test {

using namespace election;

simulated_quorum::simulated_quorum(std::size_t voters, std::uint64_t seed, quorum_faults faults)
    : voters_(voters), random_(seed), faults_(faults), checks_(voters / 2 + 1) {
  for (node_id id = 1; id <= static_cast<node_id>(voters); ++id)
    nodes_[id].key = {id, uuid::random(random_)};
  for (auto& [id, one] : nodes_)
    start(one);
}

void simulated_quorum::fail(const std::string& invariant, const std::string& why) {
  if (broken_.empty())
    broken_ = invariant + ": " + why + " at " + std::to_string(now_ms_) + " ms";
}

std::string simulated_quorum::describe(const node& of) const {
  if (!of.core)
    return std::to_string(of.key.id) + " down";
  return std::to_string(of.key.id) + ' ' + std::string{to_string(of.core->current_role())} + " epoch " + std::to_string(of.core->epoch()) +
         " log [" + std::to_string(of.log_start) + ", " + std::to_string(of.log_end()) + ") flushed " + std::to_string(of.flushed_end) +
         " hw " + std::to_string(of.core->high_watermark());
}

void simulated_quorum::start(node& one) {
  quorum_config config;
  config.self = one.key;
  std::vector<replica_key> voters;
  for (const auto& [id, other] : nodes_)
    voters.push_back(other.key);
  config.voters = voter_set{voters};
  log_summary summary{one.log_start, one.log_end(), {}, one.snapshot};
  for (auto offset = one.log_start; offset < one.log_end(); ++offset)
    if (summary.epochs.empty() || summary.epochs.back().leader_epoch < one.at(offset).leader_epoch)
      summary.epochs.push_back({one.at(offset).leader_epoch, offset});
  ++one.incarnation;
  one.flushed_end = one.log_end(); // recovery syncs what it keeps
  one.seen_high_watermark = -1;
  one.core = std::make_unique<quorum>(config, one.memory, summary, prng{random_.next()}, now_ms_);
  carry_out(one, one.core->start(now_ms_));
}

void simulated_quorum::crash(node& victim) {
  if (!victim.core)
    return;
  ++crashes_;
  trace_.push_back(std::to_string(now_ms_) + " crash of " + describe(victim));
  victim.core.reset();
  if (faults_.power_loss) {
    const auto unsynced = static_cast<std::uint64_t>(victim.log_end() - victim.flushed_end);
    victim.log.resize(static_cast<std::size_t>(victim.flushed_end - victim.log_start) + random_.below(unsynced + 1));
  }
  at(now_ms_ + 1 + static_cast<std::int64_t>(random_.below(3'000)), {.what = event::restart, .to = victim.key.id});
}

bool simulated_quorum::dies_here(node& one) {
  if (faults_.crash_per_mille == 0 || !random_.chance(faults_.crash_per_mille, 1'000))
    return false;
  crash(one);
  return true;
}

void simulated_quorum::send(node& from, const outgoing& message) {
  checks_.sends(from.key.id, from.memory, message);
  take_over_broken();
  event one{.what = event::deliver, .to = message.to, .from = from.key.id, .content = message.content};
  if (const auto* answer = std::get_if<fetch_response>(&message.content); answer && answer->has_records) {
    const auto most = 1 + static_cast<std::int64_t>(random_.below(5));
    for (auto offset = answer->fetch_offset; offset < std::min(from.log_end(), answer->fetch_offset + most); ++offset)
      one.entries.push_back(from.at(offset));
  }
  if (cut_.contains({from.key.id, message.to}) || random_.chance(faults_.drop_percent, 100))
    return;
  const auto copies = random_.chance(faults_.duplicate_percent, 100) ? 2 : 1;
  for (int i = 0; i < copies; ++i)
    at(now_ms_ + 1 + static_cast<std::int64_t>(random_.below(random_.chance(1, 20) ? 2'000 : 20)), one);
}

void simulated_quorum::append(node& to, log_entry entry) {
  const auto base = to.log_end();
  to.log.push_back(entry);
  carry_out(to, to.core->appended(base, base + 1, entry.leader_epoch, now_ms_));
}

void simulated_quorum::schedule_flush(node& of) {
  at(now_ms_ + static_cast<std::int64_t>(random_.below(30)),
     {.what = event::flush, .to = of.key.id, .incarnation = of.incarnation, .offset = of.log_end()});
}

void simulated_quorum::carry_out(node& of, effects out) {
  if (dies_here(of))
    return;
  if (out.persist) {
    if (out.persist->leader_epoch < of.memory.leader_epoch)
      fail("epochs never decrease on disk", describe(of));
    of.memory = *out.persist;
    if (dies_here(of))
      return;
  }
  if (out.truncate_to) {
    if (*out.truncate_to < of.log_start)
      fail("truncation within the log", describe(of));
    of.log.resize(static_cast<std::size_t>(*out.truncate_to - of.log_start));
    of.flushed_end = *out.truncate_to;
    carry_out(of, of.core->truncated(*out.truncate_to, now_ms_));
    if (!of.core)
      return;
  }
  if (out.load_snapshot)
    at(now_ms_ + static_cast<std::int64_t>(random_.below(200)),
       {.what = event::snapshot_arrives, .to = of.key.id, .incarnation = of.incarnation, .snapshot = *out.load_snapshot});
  if (out.became_leader) {
    checks_.leads(of.key.id, of.core->epoch(), of.view());
    take_over_broken();
    if (!broken_.empty())
      return;
  }
  if (out.append_leader_change) {
    append(of, {of.core->epoch(), 0});
    if (!of.core)
      return;
    schedule_flush(of);
  }
  for (const auto& message : out.messages)
    send(of, message);
  if (out.high_watermark)
    checks_.commits(of.key.id, *out.high_watermark, of.seen_high_watermark, of.view(), [this](std::int64_t offset, const log_entry& entry) {
      return static_cast<std::size_t>(
          std::count_if(nodes_.begin(), nodes_.end(), [&](const auto& other) { return other.second.view().has_synced(offset, entry); }));
    });
  take_over_broken();
  check(of);
}

void simulated_quorum::take_over_broken() {
  if (broken_.empty() && !checks_.broken().empty()) {
    std::string all;
    for (const auto& [id, one] : nodes_)
      all += "; " + describe(one);
    broken_ = checks_.broken() + " at " + std::to_string(now_ms_) + " ms" + all;
  }
}

void simulated_quorum::check(node& of) {
  if (!of.core)
    return;
  if (auto broken = of.core->check_invariants())
    fail("core", describe(of) + ": " + *broken);
  if (of.core->log_end_offset() != of.log_end())
    fail("core knows the log's end", describe(of) + " thinks " + std::to_string(of.core->log_end_offset()));
  if (of.core->epoch() != of.memory.leader_epoch)
    fail("the epoch is on disk", describe(of));
}

void simulated_quorum::deliver(node& to, event one) {
  if (!to.core || cut_.contains({one.from, one.to}))
    return;
  auto out = to.core->handle(one.from, one.content, now_ms_);
  const bool wants = to.core->wants_records();
  carry_out(to, std::move(out));
  if (!wants || !to.core)
    return;
  for (const auto& entry : one.entries) {
    append(to, entry);
    if (!to.core)
      return;
  }
  schedule_flush(to);
}

void simulated_quorum::perform(event one) {
  auto& to = nodes_.at(one.to);
  const bool same_process = to.core && to.incarnation == one.incarnation;
  if (one.what == event::deliver) {
    deliver(to, std::move(one));
  } else if (one.what == event::restart) {
    if (!to.core)
      start(to);
  } else if (one.what == event::flush && same_process) {
    const auto end = std::min(one.offset, to.log_end());
    to.flushed_end = std::max(to.flushed_end, end);
    carry_out(to, to.core->flushed(end, now_ms_));
  } else if (one.what == event::snapshot_arrives && same_process) {
    to.log.clear();
    to.log_start = to.flushed_end = one.snapshot.end_offset;
    to.snapshot = one.snapshot;
    carry_out(to, to.core->snapshot_loaded(one.snapshot, now_ms_));
  }
}

void simulated_quorum::take_snapshot(node& of) {
  const auto end = of.core->high_watermark();
  if (end <= of.log_start || end > of.log_end())
    return;
  of.snapshot = log_position{of.at(end - 1).leader_epoch, end};
  const auto start =
      std::min(of.flushed_end, of.log_start + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(end - of.log_start) + 1)));
  of.log.erase(of.log.begin(), of.log.begin() + static_cast<std::ptrdiff_t>(start - of.log_start));
  of.log_start = start;
  of.core->snapshot_taken(*of.snapshot, start);
  check(of);
}

void simulated_quorum::random_append() {
  for (auto& [id, one] : nodes_)
    if (one.core && one.core->can_append()) {
      append(one, {one.core->epoch(), next_value_++});
      if (one.core)
        schedule_flush(one);
    }
}

void simulated_quorum::random_fault() {
  auto any = [&] { return static_cast<node_id>(1 + random_.below(voters_)); };
  if (faults_.cuts && random_.chance(1, 3)) {
    const auto from = any(), to = any();
    if (random_.chance(1, 2))
      cut_.clear();
    else if (random_.chance(1, 3)) // all that it says, or all that it hears
      for (const auto& [id, other] : nodes_)
        cut_.emplace(from, id);
    else
      cut_.emplace(from, to);
  }
  auto& one = nodes_.at(any());
  if (faults_.crash_per_mille > 0 && random_.chance(1, 30))
    crash(one);
  else if (one.core && random_.chance(1, 20))
    carry_out(one, one.core->resign(now_ms_));
  else if (one.core && faults_.snapshots && random_.chance(1, 3))
    take_snapshot(one);
  else if (one.core && random_.chance(1, 10)) // a hint need not be true
    carry_out(one, one.core->peer_unreachable(any(), now_ms_));
}

void simulated_quorum::step() {
  auto next_ms = now_ms_ + 50;
  node* due = nullptr;
  for (auto& [id, one] : nodes_)
    if (one.core && one.core->next_deadline_ms() < next_ms) {
      next_ms = one.core->next_deadline_ms();
      due = &one;
    }
  if (!events_.empty() && events_.begin()->first <= next_ms) {
    now_ms_ = std::max(now_ms_, events_.begin()->first);
    perform(std::move(events_.extract(events_.begin()).mapped()));
    return;
  }
  now_ms_ = std::max(now_ms_, next_ms);
  if (due)
    carry_out(*due, due->core->tick(now_ms_));
}

bool simulated_quorum::run(std::size_t count) {
  for (std::size_t i = 0; i < count && broken_.empty(); ++i) {
    step();
    if (random_.chance(1, 10))
      random_append();
    if (random_.chance(1, 25))
      random_fault();
  }
  return broken_.empty();
}

bool simulated_quorum::heals(std::int64_t limit_ms) {
  faults_ = {};
  cut_.clear();
  const auto until_ms = now_ms_ + limit_ms;
  const auto mark = next_value_;
  while (now_ms_ < until_ms && broken_.empty()) {
    step();
    if (random_.chance(1, 50) && next_value_ < mark + 50)
      random_append();
    const bool done =
        std::any_of(checks_.committed().begin(), checks_.committed().end(), [&](const log_entry& entry) { return entry.value >= mark; }) &&
        std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
          const auto& core = entry.second.core;
          return core && core->high_watermark() == static_cast<std::int64_t>(checks_.committed().size()) && core->leader() != no_node;
        });
    if (done)
      return broken_.empty();
  }
  if (broken_.empty()) {
    std::string all;
    for (const auto& [id, one] : nodes_)
      all += describe(one) + "; ";
    fail("heals", all);
  }
  return false;
}

} // namespace cafka::test
