// The invariants of docs/replication.md, each checked where it could break: see simulated_partition.hpp.
#include "simulation/simulated_partition.hpp"

namespace cafka::test {

using storage::durability_mode;

namespace {
bool has(const std::vector<node_id>& list, node_id id) { return std::find(list.begin(), list.end(), id) != list.end(); }
std::string list(const std::vector<node_id>& ids) {
  std::string text;
  for (const auto id : ids)
    text += (text.empty() ? "" : " ") + std::to_string(id);
  return '{' + text + '}';
}
} // namespace

void simulated_partition::fail(const std::string& invariant, const std::string& why) {
  if (broken_.empty())
    broken_ = invariant + ": " + why + "; at " + std::to_string(now_ms_) + " ms after " + std::to_string(totals_.events) + " events; " +
              describe();
}

std::string simulated_partition::describe(const node& of) const {
  auto text = std::to_string(of.id) + (of.up ? now_ms_ < of.paused_until_ms ? " hangs" : "" : " down") + " [" +
              std::to_string(of.log.start()) + ", " + std::to_string(of.log.end()) + ") flushed " + std::to_string(of.log.flushed_end()) +
              " hw " + std::to_string(of.high_watermark);
  if (of.leader && of.leader->leads())
    text += " leads " + std::to_string(of.leader->leader_epoch()) + " isr " + list(of.leader->isr()) + " maximal " +
            list(of.leader->maximal_isr());
  else if (of.follower && of.follower->follows())
    text += " follows " + std::to_string(of.follower->leader()) + " in " + std::to_string(of.follower->leader_epoch());
  return text + (of.may_lack_acked ? " lossy" : "");
}

std::string simulated_partition::describe(const event& one) {
  static constexpr std::array names = {"fetch",      "progress",     "answer",       "write",     "flush",
                                       "stop",       "power cut",    "start",        "metadata",  "isr answer",
                                       "registered", "isr proposal", "registration", "heartbeat", "commit"};
  return std::string{names[one.what]} + (one.from == no_node ? " to " : " of " + std::to_string(one.from) + " to ") +
         (one.what >= event::alter ? "the controller" : std::to_string(one.to));
}

std::string simulated_partition::describe_controller() const {
  const auto& partition = metadata_.view(metadata_.appended()).partition;
  auto text = "leader " + (partition.leader == no_node ? "none" : std::to_string(partition.leader)) + " in epoch " +
              std::to_string(partition.leader_epoch) + ", isr " + list(partition.isr);
  if (!partition.elr.empty())
    text += ", eligible " + list(partition.elr);
  if (!partition.last_known_elr.empty())
    text += ", last known " + list(partition.last_known_elr);
  return text;
}

std::string simulated_partition::describe() const {
  const auto& partition = metadata_.view(metadata_.appended()).partition;
  auto text = std::to_string(count_) + " brokers, min isr " + std::to_string(min_isr_) +
              (durability_ == durability_mode::fsync ? ", fsync" : ", replicated") + ", committed " + std::to_string(committed_end()) +
              "; controller: leader " + std::to_string(partition.leader) + " in " + std::to_string(partition.leader_epoch) + " isr " +
              list(partition.isr) + " elr " + list(partition.elr) + " partition epoch " + std::to_string(partition.partition_epoch);
  for (std::size_t id = 1; id <= count_; ++id)
    text += "; " + describe(nodes_[id]);
  return text;
}

void simulated_partition::note_text(const std::string& text) {
  if (std::exchange(last_note_, text) == text) // again and again
    return;
  if (trace_.size() >= 400)
    trace_.erase(trace_.begin(), trace_.begin() + 200);
  trace_.push_back(std::to_string(now_ms_) + ' ' + text);
}

std::int64_t simulated_partition::counted(const node& of) const noexcept {
  return durability_ == durability_mode::fsync ? of.log.flushed_end() : of.log.end();
}

// Does it have, where it counts, exactly what is committed below `end`?
bool simulated_partition::holds(const node& of, std::int64_t end) const {
  if (counted(of) < end)
    return false;
  return end == 0 || !of.log.can_hash_below(end) || of.log.hash_below(end) == committed_[static_cast<std::size_t>(end) - 1].hash;
}

// R2, R8: in sync or eligible, and if it lost its memory, then with the controller's knowledge.
bool simulated_partition::must_hold(const node& of, const metadata_view& view) const {
  if (!has(view.partition.isr, of.id) && !has(view.partition.elr, of.id))
    return false;
  return !of.may_lack_acked || (of.up && of.broker_epoch >= 0 && of.broker_epoch == view.broker_epoch[static_cast<std::size_t>(of.id)]);
}

// R4 below the high watermarks, R9, and R7 for a leader. Every move of a high watermark comes through here.
void simulated_partition::set_high_watermark(node& of, std::int64_t offset) {
  if (offset == of.high_watermark)
    return;
  const auto before = std::exchange(of.high_watermark, offset);
  if (offset < before)
    return fail("R9 a high watermark never falls", describe(of) + " from " + std::to_string(before));
  note("high watermark ", offset, " at ", std::to_string(of.id));
  if (offset > of.log.end())
    return fail("R4 the high watermark is within the log", describe(of));
  if (of.leader->leads())
    check_commit(of);
  if (offset > committed_end())
    return fail("R9 nothing is taken for committed that is not", describe(of));
  if (offset > 0 && of.log.can_hash_below(offset) && of.log.hash_below(offset) != committed_[static_cast<std::size_t>(offset) - 1].hash)
    fail("R4 replicas are identical below their high watermarks", describe(of));
}

// A leader says that more is committed.
void simulated_partition::check_commit(node& of) {
  const auto& core = *of.leader;
  const auto end = of.high_watermark;
  const auto epoch = static_cast<std::size_t>(core.leader_epoch());
  if (high_watermark_of_epoch_.size() <= epoch)
    high_watermark_of_epoch_.resize(epoch + 1);
  high_watermark_of_epoch_[epoch] = end;
  if (end <= committed_end())
    return;
  const auto& first = of.log;
  if (committed_end() > 0 && first.hash_below(committed_end()) != committed_.back().hash)
    return fail("R1 what was committed is in the log of every later leader", describe(of));
  for (auto offset = committed_end(); offset < end; ++offset)
    committed_.push_back(of.log.at(offset));
  const auto needed = std::min<std::size_t>(static_cast<std::size_t>(min_isr_), count_);
  if (core.isr().size() < needed)
    fail("R7 committed by at least min isr", describe(of));
  for (const auto id : core.maximal_isr()) {
    const auto& member = nodes_[static_cast<std::size_t>(id)];
    if (!member.may_lack_acked && !holds(member, end))
      fail("R7 every member of the maximal isr has what is committed", describe(of) + " commits " + std::to_string(end));
  }
  check_in_sync("commit");
}

// R2 and R3: whoever may be elected has everything committed; the leader of this epoch counts everyone in the ISR.
void simulated_partition::check_in_sync(const char* why) {
  for (const auto batch : {metadata_.committed(), metadata_.appended()}) {
    const auto& view = metadata_.view(batch);
    for (std::size_t id = 1; id <= count_; ++id) {
      const auto& one = nodes_[id];
      if (must_hold(one, view) && !holds(one, committed_end()))
        fail("R2 who is in sync or eligible has what is committed", describe(one) + " after " + why);
      if (!one.up || !one.leader->leads() || one.leader->leader_epoch() != view.partition.leader_epoch ||
          one.leader->isr().size() < static_cast<std::size_t>(min_isr_))
        continue;
      const auto maximal = one.leader->maximal_isr();
      for (const auto* members : {&view.partition.isr, &view.partition.elr})
        for (const auto member : *members)
          if (!has(maximal, member))
            fail("R3 the leader counts everyone whom the controller may count", describe(one) + " lacks " + std::to_string(member));
    }
  }
}

// R2 for one whose log became shorter.
void simulated_partition::check_holds(const node& of, const char* why) {
  for (const auto batch : {metadata_.committed(), metadata_.appended()})
    if (must_hold(of, metadata_.view(batch)) && !holds(of, committed_end()))
      fail("R2 who is in sync or eligible has what is committed", describe(of) + " after " + why);
}

// The controller decided: R11, R5 and what follows for R2, R3.
void simulated_partition::check_metadata() {
  if (!metadata_.broken().empty())
    return fail("controller", metadata_.broken());
  const auto& view = metadata_.view(metadata_.appended());
  const auto& before = metadata_.view(metadata_.committed());
  for (const auto id : view.partition.isr)
    if (!has(view.partition.replicas, id) || view.fenced[static_cast<std::size_t>(id)])
      fail("R11 who is in sync is a replica and not fenced", std::to_string(id));
  if (view.partition.leader_epoch < before.partition.leader_epoch)
    fail("R5 leader epochs never go back", "at the controller");
  check_in_sync("a decision");
}

void simulated_partition::check_new_leader(node& of) {
  const auto epoch = static_cast<std::size_t>(of.leader->leader_epoch());
  if (leader_of_epoch_.size() <= epoch)
    leader_of_epoch_.resize(epoch + 1, no_node);
  if (leader_of_epoch_[epoch] != no_node)
    fail("R5 one leader per leader epoch", std::to_string(of.id) + " and " + std::to_string(leader_of_epoch_[epoch]));
  leader_of_epoch_[epoch] = of.id;
  ++totals_.elections;
  // Even if it was not alive when others committed: it is the newest that may lead.
  if (metadata_.view(metadata_.committed()).partition.leader_epoch == of.leader->leader_epoch() &&
      (of.log.end() < committed_end() ||
       (committed_end() > 0 && of.log.can_hash_below(committed_end()) && of.log.hash_below(committed_end()) != committed_.back().hash)))
    fail("R1 what was committed is in the log of every later leader", describe(of));
}

// Log matching: the same leader epoch at the same offset means the same log up to there.
void simulated_partition::check_record(const node& of, const simulated_record& record, std::int64_t offset) {
  const auto key = static_cast<std::uint64_t>(record.leader_epoch) << 32 | static_cast<std::uint64_t>(offset);
  const auto [known, first] = written_.emplace(key, record.hash);
  if (!first && known->second != record.hash)
    fail("R4 a follower's log is a prefix of the leader's",
         describe(of) + " has another history below " + std::to_string(offset) + ", epoch " + std::to_string(record.leader_epoch));
}

void simulated_partition::check_cut(const node& of, std::int64_t to) {
  ++totals_.truncations;
  if (to < of.high_watermark)
    fail("R4 no cut below the high watermark", describe(of) + " to " + std::to_string(to));
}

// The leader took this follower's log for a prefix of its own.
void simulated_partition::check_placed(const node& of, const event& one) {
  const auto& other = nodes_[static_cast<std::size_t>(one.from)];
  const auto end = one.request.fetch_offset;
  if (one.request.current_leader_epoch != of.leader->leader_epoch())
    fail("R7 a position counts only in its leader epoch",
         describe(of) + " counts what " + describe(other) + " said in " + std::to_string(one.request.current_leader_epoch));
  if (!other.up || other.incarnation != one.incarnation || other.leader_epoch != of.leader_epoch || other.log.end() != end ||
      !of.log.can_hash_below(end))
    return;
  if (other.log.hash_below(end) != of.log.hash_below(end))
    fail("R4 a follower's log is a prefix of the leader's", describe(of) + " takes that of " + describe(other) + " for one");
}

void simulated_partition::check_acked(const node& of, const waiting_write& write) {
  if (write.offset >= committed_end() || committed_[static_cast<std::size_t>(write.offset)].value != write.value)
    fail("R1 what is acknowledged is committed", describe(of) + " acks " + std::to_string(write.offset));
  acked_value_ = std::max(acked_value_, write.value);
}

// R6: what a leader says of its end includes all that any leader before it said.
void simulated_partition::check_read(const node& of) {
  if (of.leader->leads() && of.leader->check_high_watermark() == errc::none) {
    const auto earlier = std::min<std::size_t>(static_cast<std::size_t>(of.leader->leader_epoch()), high_watermark_of_epoch_.size());
    for (std::size_t epoch = 0; epoch < earlier; ++epoch)
      if (high_watermark_of_epoch_[epoch] > of.high_watermark)
        fail("R6 a leader answers only what it can know",
             describe(of) + ", but " + std::to_string(high_watermark_of_epoch_[epoch]) + " in epoch " + std::to_string(epoch));
  }
  if (of.log.start() > of.high_watermark)
    fail("R11 retention stops at the high watermark", describe(of));
}

void simulated_partition::check_core(const node& of) {
  if (!of.up)
    return;
  if (auto why = of.leader->check_invariants())
    fail("leader core", describe(of) + ": " + *why);
  if (auto why = of.follower->check_invariants(of.log.view()))
    fail("follower core", describe(of) + ": " + *why);
  if (of.leader->leads() && of.follower->follows())
    fail("one role at a time", describe(of));
}

} // namespace cafka::test
