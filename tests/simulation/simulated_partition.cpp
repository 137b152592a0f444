#include "simulation/simulated_partition.hpp"

namespace cafka::test {

using namespace replication;
using storage::durability_mode;

simulated_partition::simulated_partition(std::uint64_t seed, bool with_trace, const std::optional<std::vector<decision>>& only)
    : dice_(seed, only),
      with_trace_(with_trace),
      count_(random_.chance(2, 3) ? 3 : 4 + random_.below(2)),
      min_isr_(static_cast<std::int32_t>(1 + random_.below(count_ - 1))),
      durability_(random_.chance(1, 2) ? durability_mode::fsync : durability_mode::replicated),
      metadata_(count_, min_isr_, durability_, random_.next(), now_ms_) {
  auto& c = chances_;
  auto some = [&](std::uint64_t most) { return random_.chance(1, 3) ? 0 : random_.below(most + 1); };
  c.drop = some(300);
  c.late = some(random_.chance(1, 2) ? 300 : 1'500);
  c.control_drop = some(1'500);
  c.control_late = some(2'000);
  c.kill = some(25);
  c.power = some(25);
  c.disk = some(8);
  c.pause = some(25);
  c.cut = some(40);
  c.heal = 30 + random_.below(100);
  c.fail_over = some(15);
  c.elect = some(60);
  c.shut_down = some(15);
  c.stall = some(200);
  c.retention = some(40);
  c.write = 300 + random_.below(2'500);
  c.usual_delay_ms = 1 + static_cast<std::int64_t>(random_.below(20));
  c.late_ms = 100 + static_cast<std::int64_t>(random_.below(2'000));
  c.flush_ms = 1 + static_cast<std::int64_t>(random_.below(40));
  c.restart_ms = 10 + static_cast<std::int64_t>(random_.below(3'000));
  prng apart{seed ^ 0x9e3779b97f4a7c15ULL}; // of some seeds only, and nothing else that a seed chose changes with it
  if (apart.chance(1, 4) && (durability_ == durability_mode::fsync || min_isr_ > 1)) // else none may lack anything, as one does after that
    c.directory = 1 + apart.below(20);
  leader_config_.min_isr = min_isr_;
  leader_config_.durability = durability_;
  leader_config_.replica_lag_time_max_ms = 600 + static_cast<std::int64_t>(random_.below(2'000));
  follower_config_.durability = durability_;
  follower_config_.fetch_wait_max_ms = 250;
  follower_config_.fetch_backoff_ms = 50 + static_cast<std::int64_t>(random_.below(300));
  begin();
}

simulated_partition::simulated_partition(const partition_shape& shape)
    : dice_(1, std::vector<decision>{}),
      with_trace_(true),
      count_(shape.brokers),
      min_isr_(shape.min_isr),
      durability_(shape.durability),
      metadata_(count_, min_isr_, durability_, 1, now_ms_) {
  leader_config_.min_isr = min_isr_;
  leader_config_.durability = follower_config_.durability = durability_;
}

void simulated_partition::begin() {
  const auto& known = metadata_.view(metadata_.committed());
  for (std::size_t id = 1; id <= count_; ++id) {
    auto& one = nodes_[id];
    one.id = static_cast<node_id>(id);
    one.broker_epoch = known.broker_epoch[id];
    one.next_beat_ms = now_ms_ + static_cast<std::int64_t>(random_.below(300));
    one.leader.emplace(one.id, leader_config_);
    one.follower.emplace(follower_config_);
    obey(one, metadata_.committed());
    update_deadline(one);
  }
  told_of_controller_ = describe_controller();
  check_metadata();
}

void simulated_partition::be_quiet() {
  quiet_ = true;
  chances_.drop = chances_.late = chances_.control_drop = chances_.control_late = chances_.stall = 0;
  chances_.write = std::min<std::uint64_t>(chances_.write, 800); // a follower that gets a few records an answer can have all
}

// ---- time and network ----

void simulated_partition::at(std::int64_t when_ms, event one) {
  std::size_t slot = 0;
  if (free_slots_.empty()) {
    slot = slots_.size();
    slots_.push_back(std::move(one));
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot] = std::move(one);
  }
  due_.push({when_ms, next_number_++, slot});
}

std::int64_t simulated_partition::delay(decision_kind kind, std::uint64_t late) {
  const auto usual = 1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(chances_.usual_delay_ms)));
  return happens(kind, late) ? usual + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(chances_.late_ms))) : usual;
}

// Between brokers a message may be lost, and overtake any other.
void simulated_partition::send(event one) {
  if (cut_[static_cast<std::size_t>(one.from)][static_cast<std::size_t>(one.to)] || lost("drop", chances_.drop, one))
    return;
  const auto arrives_ms = now_ms_ + delay();
  note_late(one, arrives_ms);
  at(arrives_ms, std::move(one));
}

void simulated_partition::send_to_controller(event one) {
  const auto from = static_cast<std::size_t>(one.from);
  if (cut_[from][0] || lost("control_drop", chances_.control_drop, one))
    return;
  auto& last = last_to_controller_ms_[from];
  last = std::max(last, now_ms_ + delay("control_late", chances_.control_late));
  note_late(one, last);
  at(last, std::move(one));
}

void simulated_partition::send_to_broker(event one) {
  if (cut_[0][static_cast<std::size_t>(one.to)] || lost("control_drop", chances_.control_drop, one))
    return;
  const auto arrives_ms = now_ms_ + delay("control_late", chances_.control_late);
  note_late(one, arrives_ms);
  at(arrives_ms, std::move(one));
}

bool simulated_partition::lost(decision_kind kind, std::uint64_t per_ten_thousand, const event& one) {
  if (!happens(kind, per_ten_thousand))
    return false;
  if (with_trace_)
    note("lost: ", describe(one));
  return true;
}

void simulated_partition::note_late(const event& one, std::int64_t arrives_ms) {
  if (with_trace_ && arrives_ms - now_ms_ > chances_.usual_delay_ms)
    note("late: ", describe(one), ", arrives at ", arrives_ms);
}

void simulated_partition::step() {
  ++totals_.events;
  dice_.next_step();
  auto next_ms = metadata_.core().next_deadline_ms();
  std::size_t who = 0;
  for (std::size_t id = 1; id <= count_; ++id)
    if (nodes_[id].deadline_ms < next_ms) {
      next_ms = nodes_[id].deadline_ms;
      who = id;
    }
  if (!due_.empty() && due_.top().at_ms <= next_ms) {
    const auto next = due_.top();
    due_.pop();
    totals_.simulated_ms += std::max<std::int64_t>(0, next.at_ms - now_ms_);
    now_ms_ = std::max(now_ms_, next.at_ms);
    auto one = std::move(slots_[next.slot]);
    free_slots_.push_back(next.slot);
    return perform(one);
  }
  totals_.simulated_ms += std::max<std::int64_t>(0, next_ms - now_ms_);
  now_ms_ = std::max(now_ms_, next_ms);
  if (who != 0)
    tick(nodes_[who]);
  else
    expire_sessions();
}

void simulated_partition::perform(event& one) {
  if (one.what >= event::alter)
    return perform_at_controller(one);
  auto& to = nodes_[static_cast<std::size_t>(one.to)];
  if (to.up && now_ms_ < to.paused_until_ms)
    return at(to.paused_until_ms, std::move(one)); // it lies in its socket
  perform_at_broker(to, one);
}

// ---- the controller's shell ----

void simulated_partition::perform_at_controller(event& one) {
  auto& core = metadata_.core();
  switch (one.what) {
  case event::commit: commit(one.batch); return;
  case event::alter: {
    metadata::alter_partition_request request;
    request.leader = one.from;
    request.broker_epoch = one.offset;
    request.partition = {metadata_.topic_id(), 0};
    request.leader_epoch = one.proposal.leader_epoch;
    request.partition_epoch = one.proposal.partition_epoch;
    for (const auto& member : one.proposal.isr)
      request.isr.push_back({member.id, member.broker_epoch});
    auto decision = core.alter_partition(request);
    const auto batch = metadata_.append(decision);
    if (decision.outcome.code != errc::none)
      note("controller refuses ", std::to_string(one.from), ": ", std::string{to_string(decision.outcome.code)});
    totals_.isr_changes += decision.records.size();
    waiting_answers_.emplace_back(batch, event{.what = event::alter_answer,
                                               .to = one.from,
                                               .incarnation = one.incarnation,
                                               .id = one.id,
                                               .batch = batch,
                                               .code = decision.outcome.code});
    return decided(batch);
  }
  case event::registration: {
    auto decision = core.register_broker(
        metadata_.registration(one.from, one.incarnation, one.flag, one.count == 1, static_cast<std::uint8_t>(one.batch)),
        metadata_.log_end(), now_ms_);
    const auto batch = metadata_.append(decision);
    if (decision.outcome.code != errc::none)
      note("controller refuses ", std::to_string(one.from), ": ", std::string{to_string(decision.outcome.code)});
    else
      waiting_answers_.emplace_back(
          batch, event{.what = event::registered, .to = one.from, .incarnation = one.incarnation, .offset = decision.outcome.broker_epoch});
    return decided(batch);
  }
  case event::failure: {
    const auto home = [&](std::size_t number) {
      return simulated_metadata::directory(one.from, static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(one.batch));
    };
    const auto decision = core.replicas_failed({one.from,
                                                static_cast<std::int64_t>(one.id),
                                                {home(one.count)},
                                                {{{metadata_.topic_id(), 0}, home(one.count), home(3 - one.count)}}});
    const auto batch = metadata_.append(decision);
    note("failed directory of ", std::to_string(one.from), ": ", describe());
    return decided(batch);
  }
  default: {
    const auto decision = core.heartbeat({one.from, static_cast<std::int64_t>(one.id), one.offset, false, one.flag}, now_ms_);
    return decided(metadata_.append(decision));
  }
  }
}

// Whatever needs that batch waits for its commit, which takes a while.
void simulated_partition::decided(std::size_t batch) {
  check_metadata();
  if (with_trace_) {
    const auto now = describe_controller();
    if (std::exchange(told_of_controller_, now) != now)
      note("controller: ", now);
  }
  if (batch > metadata_.committed())
    at(now_ms_ + delay(), {.what = event::commit, .batch = batch});
  else
    commit(batch);
}

void simulated_partition::commit(std::size_t batch) {
  if (metadata_.commit(batch)) {
    const auto& view = metadata_.view(metadata_.committed());
    for (std::size_t id = 1; id <= count_; ++id) {
      auto& one = nodes_[id];
      if (one.up)
        at(now_ms_ + delay(), {.what = event::metadata, .to = one.id, .incarnation = one.incarnation});
      const auto& isr = view.partition.isr;
      if (one.may_lack_acked && one.up && one.broker_epoch == view.broker_epoch[id] && one.broker_epoch >= 0 &&
          std::find(isr.begin(), isr.end(), one.id) != isr.end()) {
        one.may_lack_acked = false;
        check_holds(one, "its return to the isr");
      }
    }
  }
  auto keep = waiting_answers_.begin();
  for (auto& waiting : waiting_answers_)
    if (waiting.first <= metadata_.committed())
      send_to_broker(std::move(waiting.second));
    else
      *keep++ = std::move(waiting);
  waiting_answers_.erase(keep, waiting_answers_.end());
}

void simulated_partition::expire_sessions() {
  const auto decision = metadata_.core().expire_sessions(now_ms_);
  const auto batch = metadata_.append(decision);
  note("sessions expire");
  decided(batch);
}

// ---- faults ----

// What is acknowledged is at min ISR brokers: that many must not lose theirs. Under `fsync` it is on their disks.
bool simulated_partition::may_lose_acked(const node& victim) const noexcept {
  std::int32_t lossy = 0;
  for (std::size_t id = 1; id <= count_; ++id)
    lossy += (nodes_[id].may_lack_acked || nodes_[id].failed || nodes_[id].moved) && nodes_[id].id != victim.id ? 1 : 0;
  return lossy < min_isr_ - 1;
}

bool simulated_partition::may_stop(const node& victim) const noexcept {
  return victim.up && ((!victim.failed && !victim.moved) || may_lose_power(victim));
}

bool simulated_partition::may_lose_power(const node& victim) const noexcept {
  return victim.up && (durability_ == durability_mode::fsync || may_lose_acked(victim));
}

void simulated_partition::lose_disk(node& victim) {
  victim.may_lack_acked = true; // from now on it need not have anything
  crash(victim, true);
  empty_disk(victim);
}

void simulated_partition::empty_disk(node& victim) {
  ++totals_.lost_disks;
  victim.log = {};
  victim.checkpoint = 0;
  victim.high_watermark = 0;
  victim.directory_lost = true;
  ++victim.disk;
  victim.directory = 1;
}

// Of two; the process lives. What was not flushed may be gone, which shows when the process ends.
void simulated_partition::fail_directory(node& victim) {
  ++totals_.failed_directories;
  victim.failed = true;
  victim.failed_in_epoch = victim.leader_epoch;
  victim.follower->stop();
  note("a directory fails at ", describe(victim));
  report_failure(victim);
  update_deadline(victim);
}

void simulated_partition::report_failure(const node& of) {
  send_to_controller(
      {.what = event::failure, .from = of.id, .count = of.directory, .id = static_cast<std::uint64_t>(of.broker_epoch), .batch = of.disk});
}

// `kept_end`: of a power cut or a failed disk, how much of the log is left.
void simulated_partition::stop(node& victim, bool power, std::int64_t kept_end) {
  if (with_trace_)
    note(power ? "power cut of " : "kill of ", describe(victim));
  ++totals_.crashes;
  victim.up = false;
  const auto says_lossy = power || victim.failed || victim.moved; // this boot proves nothing any more
  if (says_lossy && durability_ == durability_mode::replicated)
    victim.may_lack_acked = true;
  if (power || victim.failed) {
    totals_.power_cuts += power ? 1 : 0;
    victim.log.recover(kept_end);
    check_holds(victim, "a power cut");
  }
  // An earlier start that has not come to its registration lost what it lost.
  victim.directory_lost = victim.directory_lost && victim.broker_epoch < 0;
  victim.page_cache_survived = !says_lossy && (victim.broker_epoch >= 0 || victim.page_cache_survived);
  victim.paused_until_ms = 0;
  totals_.unknown += victim.writes.size();
  victim.writes.clear();
  victim.leader.emplace(victim.id, leader_config_);
  victim.follower.emplace(follower_config_);
  update_deadline(victim);
}

void simulated_partition::crash(node& victim, bool power, std::int64_t restart_within_ms) {
  const auto unflushed = static_cast<std::uint64_t>(victim.log.end() - victim.log.flushed_end());
  stop(victim, power, victim.log.flushed_end() + static_cast<std::int64_t>(power || victim.failed ? random_.below(unflushed + 1) : 0));
  const auto most_ms = restart_within_ms > 0 ? restart_within_ms : chances_.restart_ms;
  at(now_ms_ + 1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most_ms))),
     {.what = event::restart, .to = victim.id});
  // A closed link and a refused dial: the controller may fence it at once.
  if (victim.broker_epoch >= 0 && !cut_[0][static_cast<std::size_t>(victim.id)] && (restart_within_ms > 0 || random_.chance(1, 2))) {
    const auto decision = metadata_.core().fence_broker(victim.id, victim.broker_epoch);
    decided(metadata_.append(decision));
  }
}

void simulated_partition::random_cut() {
  auto any = [&] { return random_.below(count_ + 1); };
  const auto from = any(), to = any();
  switch (random_.below(3)) {
  case 0: cut_[from][to] = true; break; // one way
  case 1: cut_[from][to] = cut_[to][from] = true; break;
  default: // all that it says, or all that it hears
    for (std::size_t other = 0; other <= count_; ++other)
      (to % 2 == 0 ? cut_[from][other] : cut_[other][from]) = true;
  }
  note("cut of ", static_cast<std::int64_t>(from), " and ", static_cast<std::int64_t>(to));
}

void simulated_partition::random_fault() {
  const auto& c = chances_;
  if (happens("kill", c.kill))
    if (auto& victim = any_node(); may_stop(victim))
      crash(victim, false);
  if (happens("power", c.power))
    if (auto& victim = any_node(); may_lose_power(victim))
      crash(victim, true);
  if (happens("disk", c.disk))
    if (auto& victim = any_node(); victim.up && may_lose_acked(victim))
      lose_disk(victim);
  if (c.directory > 0 && happens("directory", c.directory))
    if (auto& victim = any_node(); victim.up && victim.broker_epoch >= 0 && !victim.failed && !victim.moved && may_lose_acked(victim))
      fail_directory(victim);
  if (happens("shutdown", c.shut_down))
    if (auto& victim = any_node(); victim.up && victim.broker_epoch >= 0) { // its leaders move first
      note("shutdown of ", describe(victim));
      send_to_controller({.what = event::heartbeat,
                          .from = victim.id,
                          .id = static_cast<std::uint64_t>(victim.broker_epoch),
                          .offset = metadata_.view(victim.known).offset,
                          .flag = true});
      at(now_ms_ + 300, {.what = event::stop, .to = victim.id, .incarnation = victim.incarnation});
    }
  if (happens("elect", c.elect)) {
    const auto decision = metadata_.core().elect_leaders(metadata::election_kind::preferred, {{"t", 0}});
    const auto batch = metadata_.append(decision);
    note("preferred election");
    decided(batch);
  }
  if (happens("hang", c.pause))
    if (auto& victim = any_node(); victim.up) {
      victim.paused_until_ms = now_ms_ + 100 + static_cast<std::int64_t>(random_.below(4'000));
      note("hang of ", describe(victim));
      update_deadline(victim);
    }
  if (happens("cut", c.cut))
    random_cut();
  if (happens("mend", c.heal))
    cut_ = {};
  if (happens("controller", c.fail_over)) {
    note("another controller");
    ++totals_.fail_overs;
    waiting_answers_.clear();
    metadata_.fail_over(random_, now_ms_);
    check_metadata();
    const auto committed = metadata_.committed();
    for (std::size_t id = 1; id <= count_; ++id)
      if (nodes_[id].up)
        at(now_ms_ + delay(), {.what = event::metadata, .to = nodes_[id].id, .incarnation = nodes_[id].incarnation, .batch = committed});
  }
  if (happens("retention", c.retention)) {
    auto& one = any_node();
    if (one.up && !one.failed && one.leader->leads() && now_ms_ >= one.paused_until_ms && one.high_watermark > one.log.start())
      one.log.advance_start(one.log.start() + 1 +
                            static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(one.high_watermark - one.log.start()))));
  }
}

// ---- clients and housekeeping ----

void simulated_partition::random_write() {
  const auto leader = metadata_.view(metadata_.committed()).partition.leader;
  const auto to = leader != no_node && random_.chance(4, 5) ? leader : any_node().id;
  at(now_ms_ + delay(), {.what = event::write, .to = to, .id = next_value_++, .flag = random_.chance(3, 4)});
}

void simulated_partition::random_read() {
  auto& one = any_node();
  if (!one.up || now_ms_ < one.paused_until_ms)
    return;
  check_read(one);
  if (random_.chance(1, 4))
    one.checkpoint = one.high_watermark;
  if (durability_ == durability_mode::replicated && random_.chance(1, 4)) // the system writes back when it likes
    one.log.flushed(one.log.flushed_end() +
                    static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(one.log.end() - one.log.flushed_end()) + 1)));
}

bool simulated_partition::run(std::size_t count) {
  for (std::size_t i = 0; i < count && broken_.empty(); ++i) {
    step();
    if (happens("write", chances_.write))
      random_write();
    dice_.part();
    if (random_.chance(1, 20))
      random_read();
    if (!quiet_)
      random_fault();
  }
  return broken_.empty();
}

bool simulated_partition::heals(std::int64_t limit_ms) {
  note("no more faults");
  be_quiet();
  cut_ = {};
  for (std::size_t id = 1; id <= count_; ++id) {
    nodes_[id].paused_until_ms = std::min(nodes_[id].paused_until_ms, now_ms_ + 1);
    update_deadline(nodes_[id]);
  }
  const auto until_ms = now_ms_ + limit_ms;
  const auto mark = next_value_;
  auto next_write_ms = now_ms_;
  auto is_whole = [&] {
    const auto& view = metadata_.view(metadata_.committed());
    if (acked_value_ < mark || view.partition.leader == no_node || view.partition.isr.size() != count_)
      return false;
    for (std::size_t id = 1; id <= count_; ++id) {
      const auto& one = nodes_[id];
      if (!one.up || view.fenced[id] || one.known != metadata_.committed() || !one.writes.empty() ||
          one.high_watermark != committed_end() || one.log.end() != committed_end())
        return false;
    }
    return true;
  };
  while (now_ms_ < until_ms && broken_.empty()) {
    step();
    if (acked_value_ < mark && now_ms_ >= next_write_ms) {
      next_write_ms = now_ms_ + 100;
      random_write();
    }
    if (totals_.events % 16 == 0 && is_whole())
      return broken_.empty();
  }
  if (broken_.empty())
    fail("heals", "not within " + std::to_string(limit_ms) + " ms");
  return false;
}

} // namespace cafka::test
