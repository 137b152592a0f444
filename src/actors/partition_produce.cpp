// The partition actor's writes: check, ask the core, append, acknowledge or park.
#include "actors/partition.hpp"

#include "base/log.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace cafka::actors {

partition::refusal partition::refuse_write(const net::produce_task& task) {
  if (const auto code = leader_.check_produce(task.current_leader_epoch, task.acks == net::required_acks::all); code != errc::none)
    return {code, explain(code, task.current_leader_epoch)};
  if (!offline_reason_.empty())
    return {errc::kafka_storage_error, offline_reason_};
  // What is acknowledged at once could lie where nobody looks for it; acks=all waits for the in-sync set, and reads see committed records only (R7).
  if (task.acks != net::required_acks::all && environment_->load->session_ends_ms.load(std::memory_order_acquire) <= now_ms())
    return {errc::not_leader_or_follower,
            "the controller has not been heard for this broker's session time-out: another may lead " + name_.to_string()};
  return {};
}

void partition::produce(produce_request& request) {
  const auto& task = request.task;
  if (auto refused = refuse_write(task)) {
    request.reply.fail(refused.code, std::move(refused.message));
    return;
  }
  auto checks = settings_->checks;
  checks.now_ms = environment_->time->wall_ms();
  auto batch = storage::check_produced_batch(task.batch, checks);
  if (!batch) {
    request.reply.fail(batch.error().code, std::move(batch.error().detail));
    return;
  }
  if (batch->header.producer_id != storage::no_producer_id || batch->header.is_transactional())
    if (answer_by_producer(request, batch->header))
      return;
  const auto waits = task.acks == net::required_acks::all;
  if (waits && !environment_->load->parked_produces.try_add()) {
    request.reply.fail(errc::too_many_requests, "not written: the node already has too many requests waiting for the disk");
    return;
  }
  if (!append(request, *batch, checks.now_ms)) {
    if (waits)
      environment_->load->parked_produces.subtract(1);
    return;
  }
  // The bytes are in the log: what waits from here on holds no request memory.
  request.task.owner.reset();
  const auto& header = batch->header;
  net::produce_outcome outcome;
  outcome.base_offset = header.base_offset;
  outcome.log_append_time_ms = header.time_type() == storage::timestamp_type::log_append_time ? header.max_timestamp : -1;
  acknowledge(request, std::move(outcome), header.last_offset() + 1);
  flush_by_policy(header.record_count);
}

bool partition::answer_by_producer(produce_request& request, const storage::batch_header& header) {
  if (header.is_transactional()) {
    request.reply.fail(errc::transactional_id_authorization_failed,
                       name_.to_string() + ": a transactional batch without a transactional id");
    return true;
  }
  const auto seen = producers_.check(header);
  switch (seen.verdict) {
  case replication::producer_verdict::fresh: return false;
  case replication::producer_verdict::refused:
    request.reply.set_may_be_written(seen.may_be_written);
    request.reply.fail(seen.code, name_.to_string() + ": " + seen.detail);
    return true;
  case replication::producer_verdict::duplicate: break;
  }
  // It lies in the log, perhaps uncommitted: whoever sends it again waits like whoever sent it first, or would be told what can still be lost.
  request.reply.set_may_be_written(true);
  if (request.task.acks == net::required_acks::all && !environment_->load->parked_produces.try_add()) {
    request.reply.fail(errc::too_many_requests, "the node already has too many requests waiting for the disk");
    return true;
  }
  request.task.owner.reset();
  net::produce_outcome outcome;
  outcome.base_offset = seen.base_offset;
  outcome.log_append_time_ms = seen.timestamp; // Kafka's answer, under CreateTime too
  acknowledge(request, std::move(outcome), seen.last_offset + 1);
  return true;
}

bool partition::append(produce_request& request, storage::checked_batch& batch, std::int64_t wall_ms) {
  auto& header = batch.header;
  header.base_offset = log_->log_end_offset();
  header.leader_epoch = leader_.leader_epoch();
  storage::assign_offset(batch.bytes, header.base_offset, header.leader_epoch);
  request.reply.set_may_be_written(true); // should the append not return
  if (auto appended = log_->append(header, batch.bytes, wall_ms); !appended) {
    // The log says that it is as it was.
    request.reply.set_may_be_written(false);
    request.reply.fail(errc::kafka_storage_error, "not written: " + appended.error().to_string());
    if (appended.error().code == errc::io_error)
      lose_directory(appended.error());
    return false;
  }
  marks_->size_bytes.fetch_add(static_cast<std::int64_t>(batch.bytes.size()), std::memory_order_release);
  leader_.on_appended(log_->log_end_offset(), now_ms());
  release_fetches();
  if (header.producer_id != storage::no_producer_id) {
    producers_.append(header);
    if (producers_due_ms_ == never_ms) {
      producers_due_ms_ = wall_ms + environment_->producer_check_interval_ms;
      update_maintenance_due();
    }
  }
  return true;
}

void partition::acknowledge(produce_request& request, net::produce_outcome outcome, std::int64_t end_offset) {
  outcome.log_start_offset = log_->log_start_offset();
  outcome.leader_epoch = leader_.leader_epoch();
  const auto deadline_ms = request.task.deadline_monotonic_ms;
  if (request.task.acks != net::required_acks::all) {
    request.reply.deliver(std::move(outcome));
  } else {
    const auto token = parked_.add({std::move(outcome), std::move(request.reply)});
    if (leader_.park(token, end_offset, deadline_ms))
      arm_tick(deadline_ms);
    else
      finish({token, errc::none});
  }
  advance();
}

void partition::finish(const replication::released_ack& ack) {
  auto parked = parked_.take(ack.token);
  if (!parked) // was failed when the directory went offline
    return;
  environment_->load->parked_produces.subtract(1);
  if (ack.code == errc::none)
    parked->reply.deliver(std::move(parked->outcome));
  else
    parked->reply.fail(ack.code, "appended, but not acknowledged: " + explain(ack.code, -1));
}

void partition::finish_all(std::vector<replication::released_ack>& released) {
  for (const auto& each : released)
    finish(each);
  released.clear();
}

void partition::fail_parked(errc code, const std::string& message) {
  auto all = parked_.take_all();
  environment_->load->parked_produces.subtract(static_cast<std::int64_t>(all.size()));
  for (auto& each : all)
    each.reply.fail(code, message);
}

void partition::advance() {
  std::vector<replication::released_ack> released;
  leader_.take_released(released);
  finish_all(released);
  const auto high_watermark = leader_.high_watermark();
  if (high_watermark <= marks_->high_watermark.load(std::memory_order_relaxed))
    return;
  marks_->high_watermark.store(high_watermark, std::memory_order_release);
  notify_watchers();
  release_fetches();
}

// -- flushes ----------------------------------------------------------------------------------------------------------

void partition::flush_by_policy(std::int64_t appended_records) {
  unflushed_records_ += appended_records;
  if (is_fsync() || unflushed_records_ >= settings_->log.flush_messages) {
    request_flush();
  } else if (flush_due_ms_ == never_ms) {
    const auto delay_ms = std::min(settings_->log.flush_ms, environment_->checkpoint_interval_ms);
    flush_due_ms_ = environment_->time->wall_ms() + delay_ms;
    update_maintenance_due();
  }
  // The first batch of an empty segment gives it an age to be rolled at.
  if (segments_seen_ != log_->segment_count() || !due_knows_append_) {
    update_maintenance_due();
    due_knows_append_ = true;
  }
}

void partition::request_flush() {
  if (flush_in_flight_ || !offline_reason_.empty() || !log_)
    return;
  auto ticket = log_->prepare_flush();
  if (!ticket)
    return;
  flush_in_flight_ = true;
  flush_due_ms_ = never_ms;
  unflushed_records_ = 0;
  caf::anon_send(environment_->flusher, flush_request{std::move(*ticket), caf::actor_cast<partition_actor>(this)});
}

void partition::flushed(const flush_outcome& outcome) {
  flush_in_flight_ = false;
  if (!log_)
    return;
  if (outcome.code != errc::none) {
    go_offline(outcome.message);
    return;
  }
  log_->mark_flushed(outcome.end_offset);
  marks_->recovery_point.store(log_->flushed_end_offset(), std::memory_order_release);
  leader_.on_flushed(log_->flushed_end_offset(), now_ms());
  adopt_core_config();
  if (replicas_ && replicas_->follower)
    carry_out(replicas_->follower->flushed(log_view(), now_ms()));
  if (is_fsync() && log_->flushed_end_offset() < log_->log_end_offset())
    request_flush();
}

void partition::lose_directory(const error& cause) {
  go_offline("log directory " + environment_->log_directory + " is offline: " + cause.to_string());
  environment_->report({environment_->log_directory, cause.to_string()});
}

void partition::go_offline(const std::string& reason) {
  if (!offline_reason_.empty())
    return;
  offline_reason_ = reason;
  CAFKA_LOG_ERROR("{} takes no more writes: {}", name_.to_string(), reason);
  if (replicas_ && replicas_->follower)
    replicas_->follower->stop();
  fail_parked(errc::kafka_storage_error, "appended, but whether it is on the disk is unknown: " + reason);
  fail_deletions(errc::kafka_storage_error, reason);
}

} // namespace cafka::actors
