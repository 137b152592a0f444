#include "simulation/simulated_cluster.hpp"

#include "simulation/any_config_rules.hpp"

#include <algorithm>

namespace cafka::test {

using namespace metadata;

namespace {
constexpr std::int64_t heartbeat_ms = 400;
constexpr std::int64_t retry_ms = 120;
} // namespace

cluster_totals& cluster_totals::operator+=(const cluster_totals& other) noexcept {
  events += other.events, acked += other.acked, refused += other.refused, unknown += other.unknown;
  lost_to_unclean += other.lost_to_unclean, elections += other.elections, unclean_elections += other.unclean_elections;
  isr_changes += other.isr_changes, topics += other.topics, controllers += other.controllers, registrations += other.registrations;
  fencings += other.fencings, crashes += other.crashes, power_cuts += other.power_cuts, lost_disks += other.lost_disks;
  truncations += other.truncations, faults += other.faults, simulated_ms += other.simulated_ms;
  return *this;
}

simulated_cluster::simulated_cluster(std::uint64_t seed, bool with_trace, std::set<std::uint64_t> faults_left_out)
    : random_(seed),
      faults_(random_.next(), std::move(faults_left_out)),
      with_trace_(with_trace),
      count_(3 + (random_.chance(1, 2) ? 0 : random_.below(5))),
      quorum_(0) {
  auto& c = chances_;
  auto some = [&](std::uint64_t most) { return random_.chance(1, 3) ? 0 : random_.below(most + 1); };
  c.drop = some(200);
  c.late = some(random_.chance(1, 2) ? 200 : 1'500);
  c.replica_drop = some(300);
  c.kill = some(25);
  c.kill_between = some(20);
  c.power = some(20);
  c.joins = c.power > 0 ? 400 : 0;
  c.disk = some(6);
  c.pause = some(25);
  c.cut = some(25);
  c.heal = 40 + random_.below(100);
  c.reset = some(60);
  c.resign = some(10);
  c.shut_down = some(12);
  c.stall = some(200);
  c.full = some(10);
  c.failing = some(8);
  c.clock = some(20);
  c.retention = some(40);
  c.administer = 40 + random_.below(160);
  c.write = 200 + random_.below(2'000);
  c.unclean = random_.chance(1, 3);
  c.drifts = random_.chance(1, 2);
  c.least_min_isr = random_.chance(1, 2) ? 2 : 1;
  c.usual_delay_ms = 1 + static_cast<std::int64_t>(random_.below(20));
  c.late_ms = 100 + static_cast<std::int64_t>(random_.below(1'500));
  c.flush_ms = 1 + static_cast<std::int64_t>(random_.below(30));
  c.restart_ms = 10 + static_cast<std::int64_t>(random_.below(3'000));
  replica_lag_ms_ = 600 + static_cast<std::int64_t>(random_.below(2'000));
  fetch_wait_ms_ = 400 + static_cast<std::int64_t>(random_.below(1'500));
  fetch_backoff_ms_ = 50 + static_cast<std::int64_t>(random_.below(300));

  const auto voters = std::min<std::size_t>(count_, random_.chance(1, 6) ? 1 : count_ >= 5 && random_.chance(1, 2) ? 5 : 3);
  std::vector<election::replica_key> keys;
  for (std::size_t i = 1; i <= count_; ++i) {
    auto& one = nodes_[i];
    one.id = static_cast<node_id>(i);
    one.index = i;
    one.directories = {uuid::random(random_)};
    one.key = {one.id, one.directories[0]};
    if (random_.chance(1, 2)) // the metadata then does not say which one a replica is in
      one.directories.push_back(uuid::random(random_));
    if (i <= voters)
      keys.push_back(one.key);
    one.clock.run_at(c.drifts ? 900 + static_cast<std::int64_t>(random_.below(201)) : 1'000, 0);
  }
  voters_ = election::voter_set{keys};
  quorum_ = quorum_checks{voters_.majority()};
  records_.push_back({});
  for (std::size_t i = 1; i <= count_; ++i)
    start(nodes_[i]);
}

void simulated_cluster::be_quiet() {
  quiet_ = true;
  auto& c = chances_;
  c.drop = c.late = c.replica_drop = c.stall = c.kill_between = c.failing = c.joins = c.administer = 0;
  c.write = std::min<std::uint64_t>(c.write, 800);
}

cluster_totals simulated_cluster::totals() const {
  auto all = totals_;
  all.faults = faults_.count();
  return all;
}

// ---- time and network ----

std::int64_t simulated_cluster::delay(std::uint64_t late) {
  const auto usual = 1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(chances_.usual_delay_ms)));
  if (!faults_.comes(late))
    return usual;
  return usual + static_cast<std::int64_t>(faults_.details().below(static_cast<std::uint64_t>(chances_.late_ms)));
}

// A timer of this process: its clock decides when it is due.
void simulated_cluster::at_own(node& of, std::int64_t after_ms, event one) {
  one.to = of.id;
  one.incarnation = of.incarnation;
  at(now_ms_ + after_ms, std::move(one));
}

void simulated_cluster::send(event one, bool in_order) {
  auto& to = of(one.to);
  if (one.to == one.from) {
    one.incarnation = to.incarnation;
    return at(now_ms_, std::move(one));
  }
  if (!to.up || is_cut(one.from, one.to) || faults_.comes(in_order ? chances_.drop : chances_.replica_drop))
    return;
  const auto from = static_cast<std::size_t>(one.from);
  one.incarnation = to.incarnation;
  one.link = link_[from][to.index];
  auto when_ms = now_ms_ + delay(chances_.late);
  if (in_order) {
    auto& last = last_in_order_ms_[from][to.index];
    when_ms = last = std::max(last, when_ms);
  }
  at(when_ms, std::move(one));
}

// What is on its way is lost, and both sides know.
void simulated_cluster::reset_link(node_id a, node_id b) {
  for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
    const auto i = static_cast<std::size_t>(from), j = static_cast<std::size_t>(to);
    ++link_[i][j];
    last_in_order_ms_[i][j] = 0;
    auto& one = of(from);
    if (!one.up)
      continue;
    give_up_calls(one, to);
    for (auto& each : one.replicas)
      if (each && each->serves && each->follower->leader() == to) {
        each->follower->link_lost(now(one));
        update_deadline(one, *each);
      }
    update_deadline(one);
  }
}

void simulated_cluster::step() {
  ++totals_.events;
  auto next_ms = INT64_MAX;
  node* who = nullptr;
  for (std::size_t i = 1; i <= count_; ++i)
    if (nodes_[i].deadline_ms < next_ms) {
      next_ms = nodes_[i].deadline_ms;
      who = &nodes_[i];
    }
  const auto arrives_ms = events_.next_ms();
  const auto due_ms = std::min(next_ms, arrives_ms);
  totals_.simulated_ms += std::max<std::int64_t>(0, due_ms - now_ms_);
  now_ms_ = std::max(now_ms_, due_ms);
  mix(static_cast<std::uint64_t>(now_ms_));
  if (arrives_ms <= next_ms) {
    auto one = events_.pop();
    return perform(one);
  }
  mix(who->index);
  tick(*who);
}

void simulated_cluster::perform(event& one) {
  auto& to = of(one.to);
  mix(one.what.index() << 8 | to.index);
  if (std::holds_alternative<restart_now>(one.what)) {
    if (!to.up)
      start(to);
    return;
  }
  if (!to.up || one.incarnation != to.incarnation)
    return;
  if (now_ms_ < to.paused_until_ms) // it lies in its socket
    return at(to.paused_until_ms, std::move(one));
  if (one.from != no_node && one.from != one.to && one.link != link_[static_cast<std::size_t>(one.from)][to.index])
    return;
  if (auto* mail = std::get_if<quorum_mail>(&one.what)) {
    deliver(to, one.from, *mail);
  } else if (auto* asked = std::get_if<std::unique_ptr<question>>(&one.what)) {
    serve(to, one.from, **asked);
  } else if (auto* said = std::get_if<std::unique_ptr<answer>>(&one.what)) {
    on_answer(to, **said);
  } else if (std::holds_alternative<log_flushed>(one.what)) {
    on_log_flushed(to, one);
  } else if (const auto* refused = std::get_if<refused_link>(&one.what)) {
    carry_out(to, to.core->peer_unreachable(refused->other, now(to)));
    if (to.up)
      fence_if_gone(to, refused->other);
  } else if (std::holds_alternative<act_now>(one.what)) {
    act(to);
  } else if (auto* mine = serving_replica(to, one.partition)) {
    if (std::holds_alternative<fetch_mail>(one.what))
      on_fetch(to, *mine, one);
    else if (const auto* response = std::get_if<fetch_answer_mail>(&one.what))
      on_fetch_answer(to, *mine, *response);
    else if (const auto* write = std::get_if<write_mail>(&one.what))
      on_write(to, *mine, *write);
    else
      on_replica_flushed(to, *mine, one);
    if (to.up && mine->serves) {
      check_core(to, *mine);
      update_deadline(to, *mine);
    }
  } else if (std::holds_alternative<write_mail>(one.what)) {
    ++totals_.refused;
  }
  if (to.up)
    update_deadline(to);
}

// ---- a node's life ----

void simulated_cluster::start(node& one) {
  ++one.incarnation;
  one.up = true;
  one.flushed_end = static_cast<std::int64_t>(one.log.size()); // recovery syncs what it keeps
  one.seen_high_watermark = -1;
  one.cuts = 0;
  one.flushing = one.serve_when_applied = one.acting = one.acts = one.all_changed = false;
  one.committed = image_builder{};
  one.applied_end = one.acted_end = 0;
  one.changed.clear();
  one.eligible.clear();
  one.parked.clear();
  one.proposals.clear();
  one.standing = {};
  one.isr_call = {};
  one.leave_by_ms = INT64_MAX;
  for (auto& each : one.replicas)
    if (each) {
      auto& log = each->log;
      log.recover(log.end());
      each->high_watermark = std::clamp(each->checkpoint, log.start(), log.end());
      each->leader_epoch = -1;
      each->deadline_ms = INT64_MAX;
    }
  note([&] { return "start of " + describe(one); });
  controller_config config;
  config.broker_session_timeout_ms = session_ms_;
  one.controller.emplace(config, std::make_shared<any_config_rules>(), prng{random_.next()});
  one.lifecycle.emplace(registration(one), broker_lifecycle::intervals{heartbeat_ms, retry_ms});
  election::quorum_config quorum;
  quorum.self = one.key;
  quorum.voters = voters_;
  election::log_summary summary{0, one.flushed_end, {}, {}};
  for (std::size_t i = 0; i < one.log.size(); ++i)
    if (summary.epochs.empty() || summary.epochs.back().leader_epoch < one.log[i].leader_epoch)
      summary.epochs.push_back({one.log[i].leader_epoch, static_cast<std::int64_t>(i)});
  one.core = std::make_unique<election::quorum>(quorum, one.memory, summary, prng{random_.next()}, now(one));
  carry_out(one, one.core->start(now(one)));
  update_deadline(one);
}

void simulated_cluster::tick(node& one) {
  if (one.core->next_deadline_ms() <= now(one))
    carry_out(one, one.core->tick(now(one)));
  if (one.up)
    expire_sessions(one);
  if (one.up)
    report_standing(one);
  if (one.up)
    propose_isrs(one);
  for (std::size_t i = 0; i < one.replicas.size() && one.up; ++i)
    if (auto* mine = one.replicas[i].get(); mine && mine->serves && mine->deadline_ms <= now(one))
      tick(one, *mine);
  if (one.up && one.lifecycle->current() == broker_lifecycle::state::gone && one.leave_by_ms == INT64_MAX)
    return crash(one, false); // another process has its id: this one ends
  if (one.up && (now(one) >= one.leave_by_ms || one.lifecycle->current() == broker_lifecycle::state::gone))
    return stop_cleanly(one);
  update_deadline(one);
  one.deadline_ms = std::max(one.deadline_ms, now_ms_ + 1);
}

void simulated_cluster::update_deadline(node& one) {
  if (!one.up) {
    one.deadline_ms = INT64_MAX;
    return;
  }
  auto next = std::min(one.core->next_deadline_ms(), one.leave_by_ms);
  if (one.controller->active())
    next = std::min({next, one.controller->next_deadline_ms(), one.looked_at_sessions_ms + 500});
  if (!one.standing.present)
    next = std::min(next, one.lifecycle->next_deadline_ms());
  for (const auto* call : {&one.standing, &one.isr_call})
    if (call->present)
      next = std::min(next, call->sent ? call->deadline_ms : call->send_at_ms);
  if (!one.isr_call.present && !one.proposals.empty())
    next = now(one);
  for (const auto& each : one.replicas)
    if (each && each->serves)
      next = std::min(next, each->deadline_ms);
  one.deadline_ms = std::max({one.clock.when(next), one.paused_until_ms, now_ms_});
}

// The process ends, and everything in it.
void simulated_cluster::go_down(node& victim) {
  victim.up = false;
  victim.core.reset();
  victim.controller->deactivate();
  victim.parked.clear();
  victim.paused_until_ms = victim.full_until_ms = 0;
  for (auto& each : victim.replicas)
    if (each) {
      totals_.unknown += each->writes.size();
      each->writes.clear();
      each->serves = each->flushing = false;
      each->parked = {};
    }
  update_deadline(victim);
  for (std::size_t i = 1; i <= count_; ++i) {
    if (i == victim.index)
      continue;
    reset_link(victim.id, nodes_[i].id);
    // A closed link, and nobody listens any more.
    if (nodes_[i].up && !is_cut(nodes_[i].id, victim.id) && random_.chance(1, 2))
      at_own(nodes_[i], delay(0), {.what = refused_link{victim.id}});
  }
}

void simulated_cluster::crash(node& victim, bool power, std::int64_t restart_within_ms) {
  if (!victim.up)
    return;
  note([&] { return (power ? "power cut of " : "kill of ") + describe(victim); });
  ++totals_.crashes;
  const bool registered = victim.acts || victim.lifecycle->broker_epoch() >= 0;
  go_down(victim);
  // An earlier start that has not come to its registration lost what it lost.
  victim.directory_lost = victim.directory_lost && !registered;
  victim.page_cache_survived = !power && (registered || victim.page_cache_survived);
  victim.clean_broker_epoch = -1;
  if (power) {
    ++totals_.power_cuts;
    auto kept = static_cast<std::size_t>(victim.flushed_end);
    while (kept < victim.log.size() && random_.chance(1, 2))
      kept = batch_end(victim.log, kept);
    victim.log.resize(kept);
    for (auto& each : victim.replicas)
      if (each) {
        if (partitions_[each->partition].durability == storage::durability_mode::replicated)
          each->may_lack_acked = true;
        const auto unflushed = static_cast<std::uint64_t>(each->log.end() - each->log.flushed_end());
        each->log.recover(each->log.flushed_end() + static_cast<std::int64_t>(random_.below(unflushed + 1)));
        check_holds(victim, *each, "a power cut");
      }
  }
  const auto most_ms = static_cast<std::uint64_t>(restart_within_ms > 0 ? restart_within_ms : chances_.restart_ms);
  at(now_ms_ + 1 + static_cast<std::int64_t>(random_.below(most_ms)), {.to = victim.id, .what = restart_now{}});
}

void simulated_cluster::stop_cleanly(node& one) {
  note([&] { return "clean stop of " + describe(one); });
  carry_out(one, one.core->resign(now(one)));
  if (!one.up)
    return;
  const auto broker_epoch = one.lifecycle->broker_epoch();
  go_down(one);
  one.flushed_end = static_cast<std::int64_t>(one.log.size());
  for (auto& each : one.replicas)
    if (each) {
      each->log.flushed(each->log.end());
      each->checkpoint = each->high_watermark;
    }
  one.clean_broker_epoch = broker_epoch;
  one.directory_lost = one.directory_lost && broker_epoch < 0;
  one.page_cache_survived = true;
  at(now_ms_ + 1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(chances_.restart_ms))),
     {.to = one.id, .what = restart_now{}});
}

// ---- the run ----

bool simulated_cluster::run(std::size_t count) {
  for (std::size_t i = 0; i < count && broken_.empty(); ++i) {
    step();
    if (random_.chance(chances_.write, 10'000))
      random_write();
    if (random_.chance(500, 10'000))
      random_look();
    if (quiet_) {
      if (existing_.size() < 4 && random_.chance(1, 200))
        if (auto* leads = newest_controller())
          administer(*leads, prng{random_.next()});
    } else {
      random_faults();
    }
  }
  return broken_.empty();
}

bool simulated_cluster::heals(std::int64_t limit_ms) {
  note([] { return std::string{"no more faults"}; });
  be_quiet();
  cut_ = {};
  for (std::size_t i = 1; i <= count_; ++i) {
    auto& one = nodes_[i];
    one.paused_until_ms = std::min(one.paused_until_ms, now_ms_ + 1);
    one.full_until_ms = 0;
    update_deadline(one);
  }
  const auto until_ms = now_ms_ + limit_ms;
  const auto mark = next_value_;
  auto next_write_ms = now_ms_;
  auto is_acked = [&] {
    return std::all_of(existing_.begin(), existing_.end(), [&](std::size_t each) { return partitions_[each].acked_value >= mark; });
  };
  while (now_ms_ < until_ms && broken_.empty()) {
    step();
    if (now_ms_ >= next_write_ms) {
      next_write_ms = now_ms_ + 50;
      elect_where_nothing_can_be_lost();
      for (const auto each : existing_)
        if (const auto& truth = partitions_[each]; truth.acked_value < mark && truth.known.leader != no_node) {
          event one{.to = truth.known.leader, .partition = each, .what = write_mail{next_value_++, true}};
          one.incarnation = of(one.to).incarnation;
          at(now_ms_ + delay(0), std::move(one));
        }
    }
    if (totals_.events % 64 == 0 && is_acked() && is_whole())
      return broken_.empty();
  }
  if (broken_.empty())
    fail("heals", "not within " + std::to_string(limit_ms) + " ms");
  return false;
}

} // namespace cafka::test
