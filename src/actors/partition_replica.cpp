// The partition actor among its replicas: what it sends its followers while it leads, and how it follows its leader while it does not.
#include "actors/partition.hpp"

#include "actors/log_batches.hpp"
#include "actors/producer_files.hpp"
#include "base/log.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace cafka::actors {

namespace {

constexpr std::int64_t hold_back_ms = 5; // until another look at whether the way to a follower is free again
constexpr std::int64_t propose_again_ms = 100;

} // namespace

replication::replica_log partition::log_view() const {
  return {log_->log_start_offset(), log_->log_end_offset(), log_->flushed_end_offset(), log_->epoch_starts()};
}

void partition::take_part(leadership& order) {
  const auto& registration = order.registration;
  if (registration.replicas.size() < 2 || !environment_->desk) {
    replicas_.reset();
    return;
  }
  if (!replicas_)
    replicas_ = std::make_unique<among_replicas>();
  auto& mine = *replicas_;
  mine.topic_id = order.topic_id;
  mine.brokers = std::move(order.brokers);
  mine.others.clear();
  std::ranges::copy_if(registration.replicas, std::back_inserter(mine.others), [this](node_id id) { return id != environment_->node; });
  if (registration.leader == environment_->node) {
    mine.follower.reset();
    mine.cut_at = -1;
    return propose_isr();
  }
  release_fetches(); // they are told that this is no leader
  if (registration.leader == no_node || !offline_reason_.empty()) {
    if (mine.follower)
      mine.follower->stop();
    return;
  }
  if (!mine.follower)
    mine.follower = std::make_unique<replication::partition_follower>(follower_config());
  if (registration.leader_epoch != mine.follower->leader_epoch())
    mine.cut_at = -1; // the new leader will say for itself where the logs part
  mine.whom = {registration.leader, registration.leader_epoch, -1};
  follow();
}

replication::follower_config partition::follower_config() const {
  return {settings_->log.durability, environment_->replica_socket_timeout_ms, environment_->replica_fetch_backoff_ms};
}

// Not before this node is registered: a leader counts a follower by its broker epoch.
void partition::follow() {
  if (!replicas_ || !replicas_->follower || !replicas_->brokers || replicas_->brokers->broker_epoch < 0 || !offline_reason_.empty())
    return;
  replicas_->whom.broker_epoch = replicas_->brokers->broker_epoch;
  carry_out(replicas_->follower->follow(replicas_->whom, log_view(), marks_->high_watermark.load(), now_ms()));
}

void partition::obey(brokers_changed& order) {
  if (!replicas_)
    return;
  replicas_->brokers = std::move(order.brokers);
  if (!leader_.leads())
    follow();
  propose_isr();
  answer_deletions();
}

// -- leading ----------------------------------------------------------------------------------------------------------

void partition::take(replica_request& request) {
  if (!log_ || !replicas_)
    return;
  auto answer = replication::answer_replica_fetch(leader_, log_view(), request.from, request.position, now_ms());
  parked_fetch* place = nullptr;
  if (!request.is_progress) {
    place = &place_of(request.from);
    place->settle(request.load);
    // In a later epoch it may be another log.
    const auto told = place->position.current_leader_epoch == request.position.current_leader_epoch ? place->told_log_start_offset : -1;
    *place = {request.from, request.position, std::move(request.load), 0, true, std::max(told, request.position.log_start_offset)};
  }
  if (answer.high_watermark_moved)
    advance();
  if (place && place->is_waiting && (!answer.may_park || place->told_log_start_offset < log_->log_start_offset()))
    respond(*place);
  if (place)
    answer_deletions();
  if (leader_.leads() && leader_.isr().size() < leader_.replica_count())
    propose_isr();
}

partition::parked_fetch& partition::place_of(node_id follower) {
  for (auto& each : replicas_->fetches)
    if (each.from == follower)
      return each;
  return replicas_->fetches.emplace_back();
}

void partition::respond(parked_fetch& fetch) {
  replica_outgoing message;
  message.to = fetch.from;
  message.partition = {replicas_->topic_id, name_.partition};
  const auto response = replication::answer_parked(leader_, log_view(), fetch.position);
  if (response.has_records) {
    if (fetch.load && fetch.load->load(std::memory_order_relaxed) >= environment_->replica_fetch_response_max_bytes) {
      arm_tick(now_ms() + hold_back_ms);
      return;
    }
    auto batches = read_batches(*log_, fetch.position.fetch_offset, static_cast<std::uint32_t>(environment_->replica_fetch_max_bytes));
    if (!batches) {
      CAFKA_LOG_ERROR("{}: cannot read at offset {} for node {}: {}", name_.to_string(), fetch.position.fetch_offset, fetch.from,
                      batches.error().to_string());
      arm_tick(now_ms() + environment_->replica_fetch_backoff_ms);
      return;
    }
    message.batches = std::move(*batches);
    fetch.sent_bytes = static_cast<std::int64_t>(message.batches.size());
    if (fetch.load)
      fetch.load->fetch_add(fetch.sent_bytes, std::memory_order_relaxed);
  }
  fetch.is_waiting = false;
  fetch.told_log_start_offset = response.log_start_offset;
  message.content = response;
  caf::anon_send(environment_->desk, std::move(message));
}

// Those who have something to be told: after an append, a new high watermark, or the end of leadership.
void partition::release_fetches() {
  if (!replicas_ || !log_)
    return;
  for (auto& each : replicas_->fetches)
    if (each.is_waiting &&
        (each.told_log_start_offset < log_->log_start_offset() || replication::is_due(leader_, log_view(), each.position)))
      respond(each);
}

void partition::propose_isr() {
  if (!replicas_ || !leader_.leads() || !replicas_->brokers)
    return;
  if (now_ms() < replicas_->propose_not_before_ms) {
    arm_tick(replicas_->propose_not_before_ms);
    return;
  }
  if (auto proposal = leader_.propose_isr(replicas_->brokers->eligible, now_ms()))
    environment_->propose({{replicas_->topic_id, name_.partition}, std::move(*proposal), caf::actor_cast<partition_actor>(this)});
  arm_for_cores();
}

// The end of this actor: whoever waits for it asks again, whoever will then answer.
void partition::refuse_fetches() {
  if (!replicas_)
    return;
  for (auto& each : replicas_->fetches) {
    if (!each.is_waiting)
      continue;
    replication::replica_fetch_response said;
    said.current_leader_epoch = each.position.current_leader_epoch;
    said.fetch_offset = each.position.fetch_offset;
    said.last_fetched_epoch = each.position.last_fetched_epoch;
    said.code = errc::not_leader_or_follower;
    caf::anon_send(environment_->desk, replica_outgoing{each.from, {replicas_->topic_id, name_.partition}, said, {}});
  }
}

void partition::obey(isr_answer& answer) {
  if (!replicas_ || !leader_.leads())
    return;
  const auto& now = answer.partition;
  if (answer.code == errc::none) {
    // While others are eligible, the controller holds this ISR for less than min.insync.replicas, perhaps by a change of that which has not come
    // here: then the metadata says both, in their order.
    if (now.elr.empty())
      leader_.on_isr_accepted({now.leader_epoch, now.partition_epoch, now.replicas, now.isr}, now_ms());
  } else if (now.leader_epoch != leader_.leader_epoch() || now.partition_epoch != leader_.partition_epoch()) {
    return; // what was asked in an earlier epoch of the partition says nothing of what may be in flight now
  } else {
    CAFKA_LOG_DEBUG("{}: an in-sync set was not taken: {}", name_.to_string(), error{answer.code, answer.message}.to_string());
    replicas_->propose_not_before_ms = now_ms() + propose_again_ms;
    // Only these are said of this very partition epoch; anything else leaves open whether an earlier attempt was done.
    if (answer.code == errc::ineligible_replica || answer.code == errc::invalid_request)
      leader_.on_isr_refused(now_ms());
    else
      leader_.on_isr_unknown();
  }
  advance();
  propose_isr();
}

// -- following --------------------------------------------------------------------------------------------------------

void partition::take(replica_answer& answer) {
  if (!log_ || !replicas_ || !replicas_->follower || !offline_reason_.empty())
    return;
  auto& follower = *replicas_->follower;
  auto effects = follower.on_response(answer.response, log_view(), now_ms());
  const auto append = effects.append;
  carry_out(std::move(effects));
  if (!append)
    return;
  const auto log_end_offset = log_->log_end_offset();
  append_replicated(as_byte_span(answer.batches));
  if (!offline_reason_.empty())
    return;
  if (log_->log_end_offset() > log_end_offset)
    carry_out(follower.appended(log_view(), now_ms()));
  else
    carry_out(follower.append_failed(now_ms()));
}

void partition::append_replicated(byte_span batches) {
  const auto& follower = *replicas_->follower;
  const auto wall_ms = environment_->time->wall_ms();
  std::int64_t records = 0;
  while (!batches.empty()) {
    const auto header = storage::parse_batch_header(batches);
    const auto usable = header && header->size_bytes() <= batches.size() && header->base_offset == log_->log_end_offset() &&
                        header->leader_epoch >= log_->latest_leader_epoch() && header->leader_epoch <= follower.leader_epoch() &&
                        storage::verify_crc(*header, batches.first(header->size_bytes()));
    if (!usable) {
      CAFKA_LOG_ERROR("{}: node {} sent what does not continue the log at offset {}: not used", name_.to_string(), follower.leader(),
                      log_->log_end_offset());
      break;
    }
    const auto batch = batches.first(header->size_bytes());
    if (auto appended = log_->append(*header, batch, wall_ms); !appended) {
      CAFKA_LOG_ERROR("{}: cannot append: {}", name_.to_string(), appended.error().to_string());
      if (appended.error().code == errc::io_error)
        lose_directory(appended.error());
      break;
    }
    remember_producer(*header, batch);
    marks_->size_bytes.fetch_add(static_cast<std::int64_t>(batch.size()), std::memory_order_release);
    records += header->record_count;
    batches = batches.subspan(batch.size());
  }
  if (records > 0 && !is_fsync()) // under fsync the follower's core says when
    flush_by_policy(records);
}

void partition::remember_producer(const storage::batch_header& header, byte_span batch) {
  if (header.producer_id == storage::no_producer_id)
    return;
  if (const auto marker = header.is_control() ? storage::find_transaction_marker(batch) : std::nullopt)
    producers_.append_marker(header, *marker);
  else
    producers_.append(header);
  if (producers_due_ms_ == never_ms) {
    producers_due_ms_ = environment_->time->wall_ms() + environment_->producer_check_interval_ms;
    update_maintenance_due();
  }
}

void partition::carry_out(replication::follower_effects effects) {
  if (effects.lost)
    CAFKA_LOG_ERROR(
        "{}: records {} to {} were committed and leader {} does not have them: they are lost. An unclean election, or more disks than "
        "min.insync.replicas allows for lost data",
        name_.to_string(), effects.lost->from, effects.lost->to - 1, replicas_->follower->leader());
  if (effects.high_watermark)
    marks_->high_watermark.store(*effects.high_watermark, std::memory_order_release);
  if (effects.truncate_to || effects.start_over_at)
    return cut_later(effects);
  if (effects.log_start_offset) {
    if (auto advanced = log_->advance_log_start_offset(*effects.log_start_offset, environment_->time->wall_ms()); !advanced)
      CAFKA_LOG_WARN("{}: the log start could not follow the leader's: {}", name_.to_string(), advanced.error().to_string());
    note_extent();
    update_maintenance_due();
  }
  if (effects.flush)
    request_flush();
  const auto tell = [&](replication::replica_fetch_request& position, auto wrap) {
    position.log_start_offset = log_->log_start_offset(); // as it is after what was done above
    replica_outgoing message;
    message.to = replicas_->follower->leader();
    message.partition = {replicas_->topic_id, name_.partition};
    message.content = wrap(position);
    caf::anon_send(environment_->desk, std::move(message));
  };
  if (effects.fetch)
    tell(*effects.fetch, [](auto& fetch) { return fetch; });
  if (effects.progress)
    tell(*effects.progress, [](auto& progress) { return replica_progress{progress}; });
  arm_for_cores();
}

// A log that ends below its recovery point on disk would be taken for damaged: that is lowered first.
void partition::cut_later(const replication::follower_effects& effects) {
  auto& mine = *replicas_;
  mine.cut_at = effects.truncate_to ? *effects.truncate_to : *effects.start_over_at;
  mine.cut_starts_over = effects.start_over_at.has_value();
  const auto safe = std::min({mine.cut_at, log_->log_start_offset(), marks_->recovery_point.load()});
  marks_->recovery_point.store(safe, std::memory_order_release);
  write_checkpoints order;
  order.recovery_points = true;
  order.done = net::completion<void>{[self = caf::actor_cast<partition_actor>(this), number = ++mine.cut_number](result<void> outcome) {
    caf::anon_send(self, partition_order{recovery_point_lowered{number, std::move(outcome)}});
  }};
  caf::anon_send(environment_->flusher, directory_order{std::move(order)});
}

void partition::obey(recovery_point_lowered& order) {
  if (!replicas_ || !replicas_->follower || !log_ || !offline_reason_.empty() || order.number != replicas_->cut_number ||
      replicas_->cut_at < 0)
    return;
  const auto at = std::exchange(replicas_->cut_at, -1);
  if (!order.outcome)
    return go_offline(order.outcome.error().to_string());
  CAFKA_LOG_INFO("{}: {} at offset {}, where the log of leader {} goes another way", name_.to_string(),
                 replicas_->cut_starts_over ? "starts over" : "cut", at, replicas_->follower->leader());
  auto cut = replicas_->cut_starts_over ? log_->start_over_at(at) : log_->truncate_to(at);
  if (cut)
    cut = load_producers_again();
  if (!cut) {
    lose_directory(cut.error());
    return;
  }
  note_extent();
  update_maintenance_due();
  carry_out(replicas_->follower->repaired(log_view(), now_ms()));
}

result<void> partition::load_producers_again() {
  storage::log_open_options options;
  options.name = name_;
  options.topic_id = replicas_->topic_id;
  options.config = settings_->log;
  options.now_ms = environment_->time->wall_ms();
  replication::producer_limits limits;
  limits.expiration_ms = settings_->producer_expiration_ms;
  limits.max_producers = environment_->max_producers;
  CAFKA_TRY_ASSIGN(producers, load_producers(*log_, limits, options));
  producers_ = std::move(producers);
  return {};
}

// -- time -------------------------------------------------------------------------------------------------------------

void partition::arm_for_cores() {
  if (!replicas_)
    return;
  auto due_ms = replicas_->follower ? replicas_->follower->next_deadline_ms() : never_ms;
  if (leader_.leads())
    due_ms = std::min(due_ms, leader_.next_deadline_ms());
  if (due_ms != never_ms)
    arm_tick(due_ms);
}

void partition::tick_replicas() {
  if (!replicas_ || !log_)
    return;
  release_fetches();
  propose_isr();
  if (replicas_->follower && offline_reason_.empty())
    carry_out(replicas_->follower->tick(log_view(), now_ms()));
}

} // namespace cafka::actors
