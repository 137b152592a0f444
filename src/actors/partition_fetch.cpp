// The partition actor's reads: fetch with watches, offsets by time, ends of epochs; and delete_records, which only moves where reads begin.
#include "actors/partition.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace cafka::actors {

partition::refusal partition::refuse_read(std::int32_t current_leader_epoch) const {
  if (const auto code = leader_.check_epoch(current_leader_epoch); code != errc::none)
    return {code, explain(code, current_leader_epoch)};
  return {};
}

std::string partition::explain(errc code, std::int32_t current_leader_epoch) const {
  switch (code) {
  case errc::not_leader_or_follower: return "node " + std::to_string(environment_->node) + " does not lead " + name_.to_string();
  case errc::fenced_leader_epoch:
  case errc::unknown_leader_epoch:
    return name_.to_string() + " is in leader epoch " + std::to_string(leader_.leader_epoch()) + ", the request in " +
           std::to_string(current_leader_epoch);
  case errc::not_enough_replicas:
  case errc::not_enough_replicas_after_append:
    return name_.to_string() + " has " + std::to_string(leader_.isr().size()) + " in-sync replicas, min.insync.replicas is " +
           std::to_string(settings_->min_insync_replicas);
  case errc::too_many_requests: return name_.to_string() + " already has " + std::to_string(parked_.size()) + " requests waiting";
  case errc::request_timed_out: return "the deadline passed";
  default: return name_.to_string();
  }
}

void partition::fetch(fetch_request& request) {
  const auto& task = request.task;
  if (auto refused = refuse_read(task.current_leader_epoch)) {
    request.reply.fail(refused.code, std::move(refused.message));
    return;
  }
  net::fetch_outcome outcome;
  outcome.high_watermark = leader_.high_watermark();
  outcome.last_stable_offset = outcome.high_watermark;
  outcome.log_start_offset = log_->log_start_offset();
  outcome.leader_epoch = leader_.leader_epoch();
  storage::read_limits limits;
  limits.max_offset = task.level == net::isolation::read_committed ? outcome.last_stable_offset : outcome.high_watermark;
  limits.max_bytes = task.max_bytes;
  limits.at_least_one = task.at_least_one;
  auto records = log_->read(task.offset, limits);
  if (!records) {
    outcome.code = records.error().code;
    outcome.message = std::move(records.error().detail);
    request.reply.deliver(std::move(outcome));
    return;
  }
  outcome.records = std::move(*records);
  // max_bytes may be what emptied the answer: then waiting for more would wait for ever.
  if (outcome.records.slices.empty() && task.watch_when_empty && task.offset >= limits.max_offset)
    outcome.watching = add_watch(request.reply);
  request.reply.deliver(std::move(outcome));
}

bool partition::add_watch(const fetch_reply& from) {
  if (watches_.size() >= prune_watches_at_) {
    const auto abandoned = std::erase_if(watches_, [](const watch& w) { return w.is_abandoned(); });
    environment_->load->watches.subtract(static_cast<std::int64_t>(abandoned));
    prune_watches_at_ = std::max<std::size_t>(16, watches_.size() * 2);
  }
  if (watches_.size() >= max_watches_per_partition || !environment_->load->watches.try_add())
    return false;
  watches_.emplace_back(from);
  return true;
}

void partition::notify_watchers() {
  if (watches_.empty())
    return;
  // A session may answer by fetching again at once, which may add a watch: that one waits for the next advance.
  auto told = std::move(watches_);
  watches_.clear();
  prune_watches_at_ = 16;
  environment_->load->watches.subtract(static_cast<std::int64_t>(told.size()));
  for (auto& each : told)
    each.notify();
}

void partition::answer(list_offset_query& query) {
  if (auto refused = refuse_read(query.current_leader_epoch)) {
    query.done.deliver(fail(refused.code, std::move(refused.message)));
    return;
  }
  query.done.deliver(find_offset(query.timestamp));
}

result<storage::timestamp_and_offset> partition::find_offset(std::int64_t timestamp) {
  const auto high_watermark = leader_.high_watermark();
  if (timestamp < 0 && timestamp != net::latest_timestamp && timestamp != net::earliest_timestamp && timestamp != net::max_timestamp &&
      timestamp != net::earliest_local_timestamp && timestamp != net::latest_tiered_timestamp)
    return fail(errc::invalid_request, "no offset is meant by the timestamp " + std::to_string(timestamp));
  if (timestamp != net::earliest_timestamp && timestamp != net::earliest_local_timestamp)
    if (const auto code = leader_.check_high_watermark(); code != errc::none)
      return fail(code, name_.to_string() + " does not know its high watermark yet");
  switch (timestamp) {
  case net::earliest_timestamp:
  case net::earliest_local_timestamp:
    return storage::timestamp_and_offset{storage::no_timestamp, log_->log_start_offset(), leader_.leader_epoch()};
  case net::latest_timestamp: return storage::timestamp_and_offset{storage::no_timestamp, high_watermark, leader_.leader_epoch()};
  case net::latest_tiered_timestamp: // nothing is tiered
    return storage::timestamp_and_offset{};
  default: break;
  }
  auto found = timestamp == net::max_timestamp ? log_->find_max_timestamp() : log_->find_by_timestamp(timestamp);
  if (!found)
    return tl::unexpected<error>(std::move(found.error()));
  // What is not committed yet does not exist for clients.
  if (!*found || (*found)->offset >= high_watermark)
    return storage::timestamp_and_offset{};
  return **found;
}

void partition::answer(epoch_end_query& query) {
  if (auto refused = refuse_read(query.current_leader_epoch)) {
    query.done.deliver(fail(refused.code, std::move(refused.message)));
    return;
  }
  query.done.deliver(log_->end_offset_for_epoch(query.leader_epoch));
}

void partition::answer(delete_records_query& query) {
  if (auto refused = refuse_read(-1)) {
    query.done.deliver(fail(refused.code, std::move(refused.message)));
    return;
  }
  if (!offline_reason_.empty()) {
    query.done.deliver(fail(errc::kafka_storage_error, offline_reason_));
    return;
  }
  // A reader of a compacted log would miss the newest record of a key, not old ones.
  if (settings_->log.cleanup_compact && !settings_->log.cleanup_delete) {
    query.done.deliver(fail(errc::policy_violation, name_.to_string() + " is compacted and not deleted from (cleanup.policy)"));
    return;
  }
  const auto high_watermark = leader_.high_watermark();
  const auto offset = query.offset == -1 ? high_watermark : query.offset;
  if (offset < 0 || offset > high_watermark) {
    query.done.deliver(fail(errc::offset_out_of_range, "cannot delete " + name_.to_string() + " up to " + std::to_string(offset) +
                                                           ": the high watermark is " + std::to_string(high_watermark)));
    return;
  }
  if (offset > log_->log_start_offset()) {
    if (auto advanced = log_->advance_log_start_offset(offset, environment_->time->wall_ms()); !advanced) {
      query.done.deliver(tl::unexpected<error>(std::move(advanced.error())));
      return;
    }
    note_extent();
    update_maintenance_due();
    release_fetches();
  }
  // Answered once the checkpoint holds it: deleted records must not come back after a crash.
  waiting_to_save_.push_back({log_->log_start_offset(), query.deadline_monotonic_ms, std::move(query.done)});
  save_start_offset();
}

void partition::save_start_offset() {
  if (!saving_.empty() || waiting_to_save_.empty())
    return;
  saving_ = std::move(waiting_to_save_);
  waiting_to_save_.clear();
  write_checkpoints order;
  order.log_start_offsets = true;
  order.done = net::completion<void>{[self = caf::actor_cast<partition_actor>(this)](result<void> outcome) {
    caf::anon_send(self, partition_order{start_offset_saved{std::move(outcome)}});
  }};
  caf::anon_send(environment_->flusher, directory_order{std::move(order)});
}

void partition::obey(start_offset_saved& order) {
  for (auto& each : saving_) {
    if (order.outcome)
      deleting_.push_back(std::move(each));
    else
      each.done.deliver(fail(errc::kafka_storage_error, order.outcome.error().to_string()));
  }
  saving_.clear();
  answer_deletions();
  save_start_offset();
}

std::int64_t partition::low_watermark() const {
  auto low = log_->log_start_offset();
  if (!replicas_ || !replicas_->brokers)
    return low;
  const auto is_alive = [this](node_id id) {
    return std::ranges::find(replicas_->brokers->eligible, id, &replication::partition_leader::eligible_broker::id) !=
           replicas_->brokers->eligible.end();
  };
  for (const auto id : replicas_->others) {
    if (!is_alive(id))
      continue;
    const auto asked = std::ranges::find(replicas_->fetches, id, &parked_fetch::from);
    if (asked == replicas_->fetches.end() || asked->position.current_leader_epoch != leader_.leader_epoch())
      return -1;
    low = std::min(low, asked->position.log_start_offset);
  }
  return low;
}

// As in Kafka: with the low watermark, once no live replica serves the deleted records, should it lead one day.
void partition::answer_deletions() {
  if (deleting_.empty())
    return;
  if (!leader_.leads())
    return fail_deletions(errc::not_leader_or_follower, explain(errc::not_leader_or_follower, -1));
  const auto low = low_watermark();
  const auto now = now_ms();
  std::erase_if(deleting_, [&](pending_start_offset& each) {
    if (low >= each.log_start_offset)
      each.done.deliver(std::int64_t{low});
    else if (each.deadline_ms <= now)
      each.done.deliver(fail(errc::request_timed_out,
                             "deleted here up to " + std::to_string(each.log_start_offset) + ", but not on every replica that is alive"));
    else
      return false;
    return true;
  });
  for (const auto& each : deleting_)
    arm_tick(each.deadline_ms);
}

void partition::fail_deletions(errc code, const std::string& message) {
  for (auto* all : {&waiting_to_save_, &deleting_})
    for (auto& each : std::exchange(*all, {}))
      each.done.deliver(fail(code, message));
}

} // namespace cafka::actors
