#include "election/simulated_quorum.hpp"

#include <algorithm>
#include <array>

namespace cafka::test {

using namespace election;

namespace {
constexpr std::size_t trace_limit = 400;

std::string kind_of(const message& content) {
  static constexpr std::array names = {"vote request",      "vote response", "begin epoch request", "begin epoch response",
                                       "end epoch request", "fetch request", "fetch response"};
  return names[content.index()];
}
} // namespace

simulated_quorum::simulated_quorum(std::size_t voters, std::uint64_t seed, quorum_faults faults,
                                   const std::optional<std::vector<decision>>& only, bool with_trace)
    : voters_(voters), with_trace_(with_trace), dice_(seed, only), faults_(faults) {
  std::vector<replica_key> keys;
  for (node_id id = 1; id <= static_cast<node_id>(voters); ++id)
    keys.push_back(nodes_[id].key = {id, uuid::random(random_)});
  voter_set_ = voter_set{keys};
  for (auto& [id, one] : nodes_)
    start(one);
}

void simulated_quorum::fail(const std::string& invariant, const std::string& why) {
  if (broken_.empty())
    broken_ = invariant + ": " + why + " at " + std::to_string(now_ms_) + " ms";
}

std::string simulated_quorum::name_of(const log_entry& entry) const {
  return entry.value == 0 ? "leader change" : std::to_string(entry.value);
}

void simulated_quorum::note(const std::string& text) {
  if (trace_.size() >= trace_limit)
    trace_.erase(trace_.begin(), trace_.begin() + trace_limit / 2);
  trace_.push_back(std::to_string(now_ms_) + ' ' + text);
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
  config.voters = voter_set_;
  const auto summarise = [&one] {
    log_summary summary{one.log_start, one.log_end(), {}, one.snapshot};
    for (auto offset = one.log_start; offset < one.log_end(); ++offset)
      if (summary.epochs.empty() || summary.epochs.back().leader_epoch < one.at(offset).leader_epoch)
        summary.epochs.push_back({one.at(offset).leader_epoch, offset});
    return summary;
  };
  auto summary = summarise();
  if (!continues_snapshot(summary)) {
    one.log.clear();
    one.log_start = one.snapshot->end_offset;
    summary = summarise();
  }
  one.received.reset();
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
  if (with_trace_)
    note("crash of " + describe(victim));
  victim.core.reset();
  if (faults_.power_loss) {
    const auto unsynced = static_cast<std::uint64_t>(victim.log_end() - victim.flushed_end);
    victim.log.resize(static_cast<std::size_t>(victim.flushed_end - victim.log_start) + random_.below(unsynced + 1));
  }
  at(now_ms_ + 1 + static_cast<std::int64_t>(random_.below(3'000)), {.what = event::restart, .to = victim.key.id});
}

bool simulated_quorum::dies_here(node& one) {
  if (!dice_.happens("crash_here", faults_.crash_per_mille, 1'000))
    return false;
  crash(one);
  return true;
}

void simulated_quorum::note_vote(const node& voter, const outgoing& message) {
  const auto* answer = std::get_if<vote_response>(&message.content);
  if (!answer || !answer->granted || answer->pre_vote)
    return;
  if (voter.memory.leader_epoch != answer->leader_epoch || voter.memory.voted.id != message.to)
    fail("vote persisted before answer", describe(voter) + " votes for " + std::to_string(message.to));
  const auto [vote, first] = vote_of_.emplace(std::pair{answer->leader_epoch, voter.key.id}, message.to);
  if (!first && vote->second != message.to)
    fail("one vote per epoch", describe(voter) + " voted for " + std::to_string(vote->second) + " and for " + std::to_string(message.to));
}

void simulated_quorum::send(node& from, const outgoing& message) {
  note_vote(from, message);
  event one{.what = event::deliver, .to = message.to, .from = from.key.id, .content = message.content};
  if (const auto* answer = std::get_if<fetch_response>(&message.content); answer && answer->has_records) {
    const auto most = static_cast<std::int64_t>(records_per_answer());
    for (auto offset = answer->fetch_offset; offset < std::min(from.log_end(), answer->fetch_offset + most); ++offset)
      one.entries.push_back(from.at(offset));
  }
  if (auto* answer = std::get_if<snapshot_response>(&one.content); answer && answer->accepted && answer->snapshot == from.snapshot)
    answer->size_bytes = from.snapshot_bytes;
  if (cut_.contains({from.key.id, message.to}))
    return;
  auto describe_message = [&] {
    return kind_of(message.content) + " of " + std::to_string(from.key.id) + " to " + std::to_string(message.to);
  };
  if (dice_.happens("drop", faults_.drop_percent, 100)) {
    if (with_trace_)
      note("lost: " + describe_message());
    return;
  }
  const auto copies = dice_.happens("double", faults_.duplicate_percent, 100) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const bool late = dice_.happens("late", faults_.late_percent, 100);
    const auto arrives_ms = now_ms_ + 1 + static_cast<std::int64_t>(random_.below(late ? 2'000 : 20));
    if (late && with_trace_)
      note("late: " + describe_message() + ", arrives at " + std::to_string(arrives_ms));
    at(arrives_ms, one);
  }
}

void simulated_quorum::append(node& to, log_entry entry) {
  const auto base = to.log_end();
  if (with_trace_)
    note(std::to_string(to.key.id) + " appends " + name_of(entry));
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
    if (with_trace_)
      note(std::to_string(of.key.id) + " truncates to " + std::to_string(*out.truncate_to));
    if (*out.truncate_to < of.log_start)
      fail("truncation within the log", describe(of));
    of.log.resize(static_cast<std::size_t>(*out.truncate_to - of.log_start));
    of.flushed_end = *out.truncate_to;
    carry_out(of, of.core->truncated(*out.truncate_to, now_ms_));
    if (!of.core)
      return;
  }
  if (out.receive_snapshot) {
    of.received = out.receive_snapshot;
    of.received_bytes = 0;
    ++of.transfer;
  }
  if (out.load_snapshot) {
    if (of.received != out.load_snapshot)
      fail("what is loaded was received", describe(of));
    at(now_ms_ + static_cast<std::int64_t>(random_.below(200)),
       {.what = event::snapshot_checked, .to = of.key.id, .incarnation = of.incarnation, .snapshot = *out.load_snapshot});
  }
  if (out.became_leader) {
    if (with_trace_)
      note(std::to_string(of.key.id) + " leads in epoch " + std::to_string(of.core->epoch()));
    const auto [leader, first] = leader_of_epoch_.emplace(of.core->epoch(), of.key.id);
    if (!first)
      fail("one leader per epoch", describe(of) + " and " + std::to_string(leader->second));
    for (std::int64_t i = of.log_start; i < static_cast<std::int64_t>(committed_.size()); ++i)
      if (i >= of.log_end() || of.at(i) != committed_[static_cast<std::size_t>(i)])
        return fail("a leader has all that is committed", describe(of) + " lacks " + std::to_string(i));
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
    check_commit(of, *out.high_watermark);
  if (out.ready_to_serve && with_trace_)
    note(std::to_string(of.key.id) + " serves in epoch " + std::to_string(of.core->epoch()));
  check(of);
}

// What one node calls committed, every node that ever does agrees with, and a majority has on disk when it first is.
void simulated_quorum::check_commit(node& of, std::int64_t high_watermark) {
  if (high_watermark <= of.seen_high_watermark)
    fail("the high watermark never goes back", describe(of));
  of.seen_high_watermark = high_watermark;
  if (with_trace_)
    note("high watermark " + std::to_string(high_watermark) + " at " + std::to_string(of.key.id));
  if (high_watermark > of.log_end())
    return fail("the high watermark is within the log", describe(of));
  for (auto offset = of.log_start; offset < high_watermark; ++offset) {
    const auto index = static_cast<std::size_t>(offset);
    if (index < committed_.size()) {
      if (committed_[index] != of.at(offset))
        return fail("committed never lost", describe(of) + " has another record at " + std::to_string(offset));
      continue;
    }
    committed_.push_back(of.at(offset));
    std::size_t holders = 0;
    for (const auto& [id, other] : nodes_)
      if (offset < other.log_start || (offset < std::min(other.flushed_end, other.log_end()) && other.at(offset) == of.at(offset)))
        ++holders;
    if (holders < voters_ / 2 + 1)
      return fail("committed means synced on a majority",
                  describe(of) + " calls " + std::to_string(offset) + " committed, " + std::to_string(holders) + " have it");
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
  const bool wants_piece = to.core->wants_piece();
  carry_out(to, std::move(out));
  if (wants_piece && to.core)
    write_piece(to, std::get<snapshot_response>(one.content).position);
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
  } else if (one.what == event::piece_written && same_process && one.transfer == to.transfer) {
    to.received_bytes = one.offset;
    carry_out(to, to.core->snapshot_received(one.offset, now_ms_));
  } else if (one.what == event::snapshot_checked && same_process) {
    keep_snapshot(to, one.snapshot);
  }
}

void simulated_quorum::write_piece(node& to, std::int64_t position) {
  if (position != to.received_bytes)
    fail("no piece is missing or written twice", describe(to));
  const auto after = position + (random_.chance(1, 50) ? 0 : 1 + static_cast<std::int64_t>(random_.below(3)));
  at(now_ms_ + static_cast<std::int64_t>(random_.below(random_.chance(1, 50) ? 5'000 : 30)),
     {.what = event::piece_written, .to = to.key.id, .incarnation = to.incarnation, .offset = after, .transfer = to.transfer});
}

void simulated_quorum::keep_snapshot(node& to, const log_position& snapshot) {
  if (random_.chance(1, 10)) { // torn on its way
    carry_out(to, to.core->snapshot_failed(now_ms_));
    return;
  }
  to.snapshot = snapshot; // renamed and synced
  to.snapshot_bytes = to.received_bytes;
  to.received.reset();
  if (dies_here(to))
    return;
  to.log.clear();
  to.log_start = to.flushed_end = snapshot.end_offset;
  ++snapshots_loaded_;
  if (!dies_here(to))
    carry_out(to, to.core->snapshot_loaded(snapshot, now_ms_));
}

void simulated_quorum::take_snapshot(node& of) {
  const auto end = of.core->high_watermark();
  if (end <= of.log_start || end > of.log_end())
    return;
  of.snapshot = log_position{of.at(end - 1).leader_epoch, end};
  of.snapshot_bytes = 1 + static_cast<std::int64_t>(random_.below(10));
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

void simulated_quorum::random_cut() {
  auto any = [&] { return static_cast<node_id>(1 + random_.below(voters_)); };
  const auto from = any(), to = any();
  if (random_.chance(1, 3)) { // all that it says
    for (const auto& [id, other] : nodes_)
      cut_.emplace(from, id);
    note("cut: all that " + std::to_string(from) + " says");
  } else {
    cut_.emplace(from, to);
    note("cut: from " + std::to_string(from) + " to " + std::to_string(to));
  }
}

void simulated_quorum::random_fault() {
  auto any = [&]() -> node& { return nodes_.at(static_cast<node_id>(1 + random_.below(voters_))); };
  if (dice_.happens("cut", faults_.cuts ? 70 : 0))
    random_cut();
  if (dice_.happens("mend", faults_.cuts ? 70 : 0)) {
    note("all cuts mended");
    cut_.clear();
  }
  if (dice_.happens("crash", faults_.crash_per_mille > 0 ? 13 : 0))
    crash(any());
  if (dice_.happens("resign", 20))
    if (auto& one = any(); one.core) {
      note(describe(one) + " is asked to resign");
      carry_out(one, one.core->resign(now_ms_));
    }
  if (dice_.happens("snapshot", faults_.snapshots ? 120 : 0))
    if (auto& one = any(); one.core)
      take_snapshot(one);
  if (dice_.happens("hint", 30)) // need not be true
    if (auto &one = any(), &other = any(); one.core)
      carry_out(one, one.core->peer_unreachable(other.key.id, now_ms_));
}

void simulated_quorum::step() {
  dice_.next_step();
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
    if (dice_.happens("append", 1'000))
      random_append();
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
    const bool done = std::any_of(committed_.begin(), committed_.end(), [&](const log_entry& entry) { return entry.value >= mark; }) &&
                      std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
                        const auto& core = entry.second.core;
                        return core && core->high_watermark() == static_cast<std::int64_t>(committed_.size()) && core->leader() != no_node;
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
