#include "simulation/actors/simulated_cluster.hpp"

#include <algorithm>

namespace cafka::test {

using namespace cafka::actors;

namespace {
constexpr std::int64_t fault_interval_ms = 100;
constexpr std::int64_t look_interval_ms = 500;
} // namespace

simulated_cluster::simulated_cluster(std::uint64_t seed, bool with_trace) : sim_(seed, with_trace) {
  choose();
  const auto model = sim_.chance(5'000) ? crash_model::ordered : crash_model::reordered;
  for (node_id id = 1; id <= static_cast<node_id>(count_); ++id)
    nodes_[id] = std::make_unique<simulated_node>(sim_, make_config(id), model);
  network_ = std::make_unique<simulated_network>(sim_, nodes_);
  network_->set_delays(delays_);
  simulated_clients::wishes wanted;
  wanted.partitions = static_cast<std::int32_t>(1 + sim_.some(2));
  wanted.producers = static_cast<std::int32_t>(2 + sim_.some(3));
  wanted.pause_ms = 20 + sim_.some(300);
  wanted.delay_ms = 1 + sim_.some(5);
  history_ = std::make_unique<history>(sim_, static_cast<std::size_t>(wanted.partitions));
  clients_ = std::make_unique<simulated_clients>(sim_, nodes_, *history_, wanted);
  for (const auto& [id, node] : nodes_)
    start_later(id, sim_.some(200));
  sim_.note(describe());
}

simulated_cluster::~simulated_cluster() {
  quiet_ = true;
  for (const auto& [id, node] : nodes_)
    node->kill();
  network_.reset(); // its links hold the nodes' systems
  nodes_.clear();
}

void simulated_cluster::choose() {
  count_ = sim_.chance(8'500) ? 3 : 5;
  min_isr_ = sim_.chance(7'500) ? 2 : 1;
  is_fsync_ = sim_.chance(6'500);
  const auto some = [this](std::uint64_t most) { return sim_.chance(4'000) ? 0 : sim_.random.below(most + 1); };
  chances_.kill = some(250);
  chances_.mid_write = some(250);
  chances_.power = some(250);
  chances_.disk = some(60);
  chances_.pause = some(200);
  chances_.cut = some(400);
  chances_.heal = 200 + sim_.random.below(600);
  chances_.reset = some(500);
  chances_.stop = some(150);
  chances_.full = some(100);
  chances_.failed_sync = some(120);
  chances_.slow = some(500);
  chances_.late = some(300);
  restart_ms_ = 100 + sim_.some(4'000);
  sync_ms_ = sim_.chance(5'000) ? 0 : 1 + sim_.some(10);
  delays_.usual_ms = 1 + sim_.some(5);
  delays_.late_ms = 50 + sim_.some(1'000);
}

std::shared_ptr<const node_config> simulated_cluster::make_config(node_id id) {
  auto config = std::make_shared<node_config>();
  config->id = id;
  for (node_id each = 1; each <= static_cast<node_id>(count_); ++each)
    config->quorum_voters.push_back({each, "node" + std::to_string(each), 9093});
  config->log_dirs = {"/data"};
  config->metadata_log_dir = sim_.chance(5'000) ? "/data" : "/meta";
  config->replica_lag_time_max_ms = 2'000;
  config->replica_fetch_backoff_ms = 200;
  config->controller_request_timeout_ms = 3'000;
  config->controller_wait_ms = 3'000;
  config->leader_imbalance_check_interval_s = 5;
  config->high_watermark_checkpoint_interval_ms = 2'000;
  config->recovery_point_checkpoint_interval_ms = 3'000;
  config->log_start_offset_checkpoint_interval_ms = 3'000;
  config->retention_check_interval_ms = 10'000;
  config->topic_defaults.min_insync_replicas = min_isr_;
  config->topic_defaults.durability_fsync = is_fsync_;
  config->topic_defaults.segment_bytes = 8'000;
  return config;
}

simulated_node& simulated_cluster::any_node() {
  auto chosen = nodes_.begin();
  std::advance(chosen, sim_.some(static_cast<std::int64_t>(count_) - 1));
  return *chosen->second;
}

// -- time -------------------------------------------------------------------------------------------------------------

// One message of one actor, or one event; if there is neither, time passes, up to `until_ms`. False: it is that late.
bool simulated_cluster::step(std::int64_t until_ms) {
  choices_.clear();
  for (const auto& [id, node] : nodes_) {
    if (!node->is_up() || node->is_paused())
      continue;
    node->find_runnable(places_);
    for (const auto place : places_)
      choices_.emplace_back(id, place);
  }
  const auto has_event = sim_.next_ms() <= sim_.now_ms();
  if (choices_.empty() && !has_event) {
    auto next = sim_.next_ms();
    for (const auto& [id, node] : nodes_)
      if (node->is_up() && !node->is_paused())
        next = std::min(next, node->next_ms());
    if (next > until_ms)
      return false;
    sim_.advance_to(std::max(next, sim_.now_ms()));
    for (const auto& [id, node] : nodes_)
      if (node->is_up() && !node->is_paused())
        node->set_time();
    return true;
  }
  ++totals_.steps;
  const auto chosen = sim_.random.below(choices_.size() + (has_event ? 1 : 0));
  if (chosen == choices_.size()) {
    sim_.run_one();
    for (const auto& [id, node] : nodes_)
      if (node->is_up() && (node->is_dying() || !node->wants_to_end().empty() || node->has_stopped()))
        look_at(*node);
    return true;
  }
  auto& node = *nodes_.at(choices_[chosen].first);
  sim_.mix(static_cast<std::uint64_t>(choices_[chosen].first) + (choices_[chosen].second << 8));
  node.run(choices_[chosen].second);
  look_at(node);
  return true;
}

// What may follow from a step of that node.
void simulated_cluster::look_at(simulated_node& node) {
  if (node.is_dying()) {
    ++totals_.mid_write;
    return end(node, sim_.chance(3'000) && may_lose_power(node), restart_ms_);
  }
  if (node.has_stopped())
    return end(node, false, restart_ms_);
  if (!node.wants_to_end().empty()) {
    sim_.note("node " + std::to_string(node.id()) + " cannot go on: " + node.wants_to_end());
    if (!node.had_disk_failure() && !node.disk.is_full)
      sim_.fail("a node with a sound disk goes on", "node " + std::to_string(node.id()) + ": " + node.wants_to_end());
    return end(node, node.had_disk_failure(), restart_ms_);
  }
  check_image(node);
}

void simulated_cluster::start_later(node_id id, std::int64_t ms) {
  sim_.after(ms, [this, id] {
    auto& node = *nodes_.at(id);
    if (node.is_up())
      return;
    node.disk = {};
    node.disk.sync_ms = sync_ms_;
    sim_.note("node " + std::to_string(id) + " starts");
    node.start();
    if (node.wants_to_end().empty())
      network_->started(id);
  });
}

bool simulated_cluster::run(std::int64_t ms) {
  sim_.after(0, [this] { clients_->start(); });
  sim_.after(fault_interval_ms, [this] { faults(); });
  while (sim_.broken().empty() && step(ms)) {
  }
  totals_.simulated_ms = sim_.now_ms();
  return sim_.broken().empty();
}

// -- faults -----------------------------------------------------------------------------------------------------------

// What is acknowledged is at min ISR brokers: fewer than that may lose what they have.
bool simulated_cluster::may_lose_acked(const simulated_node& victim) const {
  const auto others = may_lack_acked_.size() - may_lack_acked_.count(victim.id());
  return static_cast<std::int32_t>(others) < min_isr_ - 1;
}

bool simulated_cluster::may_lose_power(const simulated_node& victim) const { return is_fsync_ || may_lose_acked(victim); }

void simulated_cluster::end(simulated_node& node, bool by_power, std::int64_t restart_ms) {
  const auto id = node.id();
  sim_.note((by_power ? "power cut of node " : "end of node ") + std::to_string(id));
  if (by_power && !is_fsync_)
    may_lack_acked_.insert(id);
  if (by_power)
    node.cut_power();
  else
    node.kill();
  ++(by_power ? totals_.power_cuts : totals_.kills);
  network_->ended(id, by_power);
  clients_->ended(id);
  start_later(id, 1 + sim_.some(restart_ms));
}

void simulated_cluster::random_cut() {
  const auto from = any_node().id(), to = any_node().id();
  ++totals_.cuts;
  switch (sim_.some(2)) {
  case 0: network_->cut(from, to); break; // one way
  case 1:
    network_->cut(from, to);
    network_->cut(to, from);
    break;
  default: // from and to all others
    for (const auto& [other, node] : nodes_) {
      network_->cut(from, other);
      network_->cut(other, from);
    }
  }
  sim_.note("cut of " + std::to_string(from) + " and " + std::to_string(to));
}

void simulated_cluster::faults() {
  if (quiet_)
    return;
  sim_.after(fault_interval_ms, [this] { faults(); });
  const auto& c = chances_;
  auto& victim = any_node();
  const auto name = "node " + std::to_string(victim.id());
  if (sim_.chance(c.cut))
    random_cut();
  if (sim_.chance(c.heal))
    network_->heal();
  if (sim_.chance(c.reset)) {
    const auto other = any_node().id();
    if (other != victim.id())
      network_->reset(victim.id(), other);
  }
  if (sim_.chance(c.late)) {
    delays_.late = delays_.late == 0 ? 1'000 : 0;
    network_->set_delays(delays_);
  }
  if (sim_.chance(c.slow))
    victim.disk.sync_ms = victim.disk.sync_ms > sync_ms_ ? sync_ms_ : 10 + sim_.some(1'500);
  if (!victim.is_up() || victim.is_paused())
    return;
  if (sim_.chance(c.kill))
    return end(victim, false, restart_ms_);
  if (sim_.chance(c.power) && may_lose_power(victim))
    return end(victim, true, restart_ms_);
  if (sim_.chance(c.disk) && min_isr_ > 1 && may_lose_acked(victim) && lost_voters_ + (victim.lost_a_disk() ? 0 : 1) <= (count_ - 1) / 2 &&
      clients_->has_topic()) {
    lost_voters_ += victim.lost_a_disk() ? 0 : 1;
    ++totals_.lost_disks;
    may_lack_acked_.insert(victim.id());
    end(victim, true, restart_ms_);
    sim_.note(name + " gets another disk");
    victim.replace_disk();
    return;
  }
  if (sim_.chance(c.mid_write))
    victim.disk.dies_after_changes = 1 + sim_.random.below(12);
  if (sim_.chance(c.pause)) {
    ++totals_.pauses;
    sim_.note(name + " hangs");
    victim.pause(true);
    sim_.after(100 + sim_.some(5'000), [this, &victim, number = victim.incarnation()] {
      if (!victim.is_up() || victim.incarnation() != number || !victim.is_paused())
        return;
      sim_.note("node " + std::to_string(victim.id()) + " goes on");
      victim.pause(false);
      victim.set_time();
    });
    return;
  }
  if (sim_.chance(c.stop) && victim.is_serving()) {
    ++totals_.stops;
    sim_.note(name + " is stopped");
    return victim.stop();
  }
  if (sim_.chance(c.full)) {
    victim.disk.is_full = !victim.disk.is_full;
    totals_.full_disks += victim.disk.is_full ? 1 : 0;
    sim_.note(name + (victim.disk.is_full ? ": its disk is full" : ": there is room on its disk again"));
  }
  // What a failed sync leaves on the disk is unknown: it counts as lost.
  if (sim_.chance(c.failed_sync) && may_lose_power(victim) && !victim.had_disk_failure()) {
    ++totals_.failed_syncs;
    victim.disk.fails_next_sync = true;
    if (!is_fsync_)
      may_lack_acked_.insert(victim.id());
    sim_.after(2'000 + sim_.some(5'000), [this, &victim, number = victim.incarnation()] { // somebody restarts it
      if (victim.is_up() && victim.incarnation() == number && victim.had_disk_failure())
        end(victim, true, restart_ms_);
    });
  }
}

// -- healing ----------------------------------------------------------------------------------------------------------

bool simulated_cluster::heals(std::int64_t limit_ms) {
  sim_.note("no more faults");
  quiet_ = true;
  network_->heal();
  delays_.late = 0;
  network_->set_delays(delays_);
  for (const auto& [id, node] : nodes_) {
    if (node->is_paused()) {
      node->pause(false);
      node->set_time();
    }
    const auto sick = node->had_disk_failure();
    node->disk = {};
    if (node->is_up() && sick)
      end(*node, true, 100);
  }
  clients_->be_quiet();
  const auto until_ms = sim_.now_ms() + limit_ms;
  const auto answers_due_ms = sim_.now_ms() + 2'000; // a node that hung has its time to catch up
  bool probed = false, whole = false;
  std::int64_t next_look_ms = 0;
  while (sim_.broken().empty() && !whole && step(until_ms)) {
    if (sim_.now_ms() < next_look_ms)
      continue;
    next_look_ms = sim_.now_ms() + look_interval_ms;
    if (sim_.now_ms() < answers_due_ms)
      continue;
    clients_->check_answers();
    if (!is_whole())
      continue;
    if (!std::exchange(probed, true))
      clients_->probe();
    else
      whole = true;
  }
  totals_.simulated_ms = sim_.now_ms();
  if (sim_.broken().empty() && !whole)
    sim_.fail("heals", "not within " + std::to_string(limit_ms) + " ms: " + describe());
  if (sim_.broken().empty())
    check_quiet_replicas();
  return sim_.broken().empty();
}

} // namespace cafka::test
