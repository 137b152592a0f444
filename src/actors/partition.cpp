// The partition actor's orders, maintenance and end.
#include "actors/partition.hpp"

#include "actors/producer_files.hpp"
#include "base/log.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <chrono>

namespace cafka::actors {

namespace {
constexpr std::int64_t first_retention_ms = 30'000; // after a start, as in Kafka

constexpr std::int64_t retention_retry_ms = 1'000; // after it failed

// What was said of the process before this one does not hold for this one, which may lack what its followers still have: in a leader epoch that was
// written in they could not tell, and would cut their logs. Its registration ends that epoch.
bool is_led_here(const leadership& order, node_id self) {
  const auto& registration = order.registration;
  return registration.leader == self && (registration.replicas.size() < 2 || !order.brokers || order.brokers->broker_epoch >= 0);
}

// A sum that stays at the end of time.
std::int64_t later(std::int64_t from_ms, std::int64_t by_ms) noexcept { return by_ms > never_ms - from_ms ? never_ms : from_ms + by_ms; }
} // namespace

partition::partition(caf::actor_config& config, shard* home, std::shared_ptr<partition_start> start)
    : shard_actor(config, home),
      name_(std::move(start->name)),
      environment_(std::move(start->environment)),
      log_(std::move(start->log)),
      settings_(std::move(start->settings)),
      marks_(std::move(start->marks)),
      leader_(environment_->node, core_config()),
      producers_(std::move(start->producers)) {
  log_->on_roll([this](std::int64_t base_offset) { return snapshot_at_roll(*log_, producers_, base_offset); });
  if (!producers_.empty())
    producers_due_ms_ = environment_->time->wall_ms() + environment_->producer_check_interval_ms;
  const auto interval_ms = environment_->retention_check_interval_ms;
  retention_due_ms_ =
      later(environment_->time->wall_ms(), log_->size_bytes() == 0 ? interval_ms : std::min(interval_ms, first_retention_ms));
  // Recovery has synced what it found: all of it is behind the recovery point now.
  marks_->recovery_point.store(log_->flushed_end_offset(), std::memory_order_release);
  note_extent();
  marks_->high_watermark.store(std::min(marks_->high_watermark.load(), log_->log_end_offset()), std::memory_order_release);
}

bool partition::enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) {
  const auto& what = element->content();
  if (what.match_elements<produce_request>() || what.match_elements<fetch_request>())
    return enqueue_here(std::move(element), unit);
  return shard_actor::enqueue(std::move(element), unit);
}

partition::behavior_type partition::make_behavior() {
  update_maintenance_due();
  return {
      [this](produce_request& request) { produce(request); },
      [this](fetch_request& request) { fetch(request); },
      [this](const flush_outcome& outcome) { flushed(outcome); },
      [this](partition_query& query) { std::visit([this](auto& what) { answer(what); }, query.what); },
      [this](partition_order& order) { std::visit([this](auto& what) { obey(what); }, order.what); },
      [this](caf::tick_atom) { expire(); },
      [this](replica_request& request) { take(request); },
      [this](replica_answer& answer) { take(answer); },
  };
}

void partition::on_exit() {
  if (environment_) {
    environment_->load->parked_produces.subtract(static_cast<std::int64_t>(parked_.size()));
    environment_->load->watches.subtract(static_cast<std::int64_t>(watches_.size()));
  }
  // Replies and watches answer as they go.
  parked_.take_all().clear();
  watches_.clear();
  saving_.clear();
  waiting_to_save_.clear();
  deleting_.clear();
  if (environment_)
    refuse_fetches();
  replicas_.reset();
  log_.reset();
}

// -- orders -----------------------------------------------------------------------------------------------------------

replication::leader_config partition::core_config() const {
  replication::leader_config config;
  config.min_isr = settings_->min_insync_replicas;
  config.durability = settings_->log.durability;
  config.replica_lag_time_max_ms = environment_->replica_lag_time_max_ms;
  config.max_parked = max_parked_produces_per_partition;
  return config;
}

void partition::obey(leadership& order) {
  const auto& registration = order.registration;
  std::vector<replication::released_ack> released;
  if (!is_led_here(order, environment_->node)) {
    leader_.resign(released);
    finish_all(released);
    notify_watchers();
    answer_deletions();
    return take_part(order);
  }
  const replication::leadership view{registration.leader_epoch, registration.partition_epoch, registration.replicas, registration.isr};
  if (leader_.leads() && registration.leader_epoch == leader_.leader_epoch()) {
    leader_.on_partition_changed(view, now_ms());
  } else {
    if (leader_.leads())
      leader_.resign(released);
    finish_all(released);
    leader_.become_leader(view, log_->log_end_offset(), log_->flushed_end_offset(), marks_->high_watermark.load(), now_ms());
    if (offline_reason_.empty()) {
      if (auto begun = log_->begin_leader_epoch(registration.leader_epoch); !begun && begun.error().code == errc::io_error)
        lose_directory(begun.error());
      else if (!begun)
        go_offline("cannot write the leader epoch: " + begun.error().to_string());
    }
  }
  take_part(order);
  advance();
  answer_deletions();
  if (is_fsync())
    request_flush();
}

void partition::obey(new_settings& order) {
  settings_ = std::move(order.settings);
  if (replicas_ && replicas_->follower)
    replicas_->follower->set_config(follower_config());
  log_->set_config(settings_->log);
  producers_.set_expiration(settings_->producer_expiration_ms);
  adopt_core_config();
  update_maintenance_due();
}

void partition::adopt_core_config() {
  // A topic that becomes fsync flushes before it promises (R7). This is the one wait of this actor; it is rare, and behind a ticket in
  // flight it waits its turn.
  if (is_fsync() && leader_.config().durability != storage::durability_mode::fsync && offline_reason_.empty()) {
    if (flush_in_flight_)
      return;
    if (auto ticket = log_->prepare_flush()) {
      if (auto synced = ticket->sync(); !synced) {
        lose_directory(synced.error());
        return;
      }
      log_->mark_flushed(ticket->end_offset);
      leader_.on_flushed(log_->flushed_end_offset(), now_ms());
    }
  }
  leader_.set_config(core_config(), now_ms());
  advance();
}

void partition::obey(maintain&) {
  const auto wall_ms = environment_->time->wall_ms();
  if (offline_reason_.empty()) {
    auto maintained = log_->roll_if_due(wall_ms);
    if (maintained)
      maintained = apply_retention(wall_ms);
    if (!maintained)
      CAFKA_LOG_WARN("{}: retention is put off: {}", name_.to_string(), maintained.error().to_string());
    note_extent();
    if (auto deletable = log_->take_deletable_files(wall_ms); !deletable.empty())
      caf::anon_send(environment_->flusher, directory_order{remove_files{std::move(deletable), 0}});
    if (flush_due_ms_ <= wall_ms)
      request_flush();
  }
  if (producers_due_ms_ <= wall_ms)
    expire_producers(wall_ms);
  update_maintenance_due();
}

result<void> partition::apply_retention(std::int64_t wall_ms) {
  if (!leader_.leads() || wall_ms < retention_due_ms_)
    return {};
  const auto applied = log_->apply_retention(leader_.high_watermark(), wall_ms);
  retention_due_ms_ = later(wall_ms, applied ? environment_->retention_check_interval_ms : retention_retry_ms);
  CAFKA_TRY(applied);
  return {};
}

void partition::note_extent() {
  marks_->log_start_offset.store(log_->log_start_offset(), std::memory_order_release);
  marks_->size_bytes.store(static_cast<std::int64_t>(log_->size_bytes()), std::memory_order_release);
}

void partition::expire_producers(std::int64_t wall_ms) {
  producers_.expire(wall_ms);
  producers_due_ms_ = producers_.empty() ? never_ms : wall_ms + environment_->producer_check_interval_ms;
}

void partition::update_maintenance_due() {
  segments_seen_ = log_->segment_count();
  due_knows_append_ = false;
  // Never at once again: what could not be done now is not hammered at.
  const auto soonest_ms = environment_->time->wall_ms() + 1000;
  const auto log_due_ms = std::min(log_->next_maintenance_ms(), std::max(log_->next_retention_ms(), retention_due_ms_));
  const auto due_ms = std::min({log_due_ms, flush_due_ms_, producers_due_ms_});
  marks_->set_maintenance_due(due_ms == never_ms ? never_ms : std::max(due_ms, soonest_ms), *environment_->board);
}

void partition::obey(close_partition& order) {
  auto outcome = result<void>{};
  if (order.flush && offline_reason_.empty()) {
    outcome = snapshot_at_close(*log_, producers_).and_then([&] { return log_->close(); });
    if (outcome) {
      // What was waiting for the disk has reached it.
      marks_->recovery_point.store(log_->log_end_offset(), std::memory_order_release);
      leader_.on_flushed(log_->log_end_offset(), now_ms());
      advance();
    }
  } else if (order.flush) {
    outcome = fail(errc::log_dir_offline, offline_reason_);
  }
  fail_parked(errc::not_leader_or_follower, name_.to_string() + " was closed");
  order.done.deliver(std::move(outcome));
  quit();
}

// -- deadlines --------------------------------------------------------------------------------------------------------

void partition::arm_tick(std::int64_t deadline_ms) {
  if (deadline_ms >= next_tick_ms_)
    return;
  next_tick_ms_ = deadline_ms;
  const std::chrono::milliseconds wait{std::max<std::int64_t>(1, deadline_ms - now_ms())};
  if (auto* here = shard::current())
    here->after(wait, [self = caf::weak_actor_ptr{ctrl()}] {
      if (const auto alive = self.lock())
        caf::anon_send(caf::actor_cast<partition_actor>(alive), caf::tick_atom_v);
    });
  else // a test's scheduler
    delayed_send(this, wait, caf::tick_atom_v);
}

void partition::expire() {
  next_tick_ms_ = never_ms;
  std::vector<replication::released_ack> late;
  leader_.expire(now_ms(), late);
  finish_all(late);
  if (parked_.size() > 0)
    arm_tick(leader_.next_deadline_ms());
  answer_deletions();
  tick_replicas();
}

} // namespace cafka::actors
