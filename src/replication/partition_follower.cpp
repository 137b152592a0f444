#include "replication/partition_follower.hpp"

#include <algorithm>

namespace cafka::replication {

namespace {
constexpr std::int64_t first_backoff_ms = 20; // a new leader often learns of its epoch a moment after its followers
constexpr std::int32_t most_doublings = 10;
} // namespace

partition_follower::partition_follower(const follower_config& config) : config_(config) {}

replica_fetch_request partition_follower::request(const replica_log& log) const noexcept {
  return {.current_leader_epoch = whom_.leader_epoch,
          .fetch_offset = log.log_end_offset,
          .last_fetched_epoch = log.last_epoch(),
          .flushed_end_offset = std::min(log.flushed_end_offset, log.log_end_offset),
          .broker_epoch = whom_.broker_epoch,
          .high_watermark = high_watermark_,
          .log_start_offset = log.log_start_offset};
}

void partition_follower::fetch(const replica_log& log, std::int64_t now_ms, follower_effects& out) noexcept {
  state_ = state::fetching;
  in_flight_ = request(log);
  deadline_ms_ = now_ms + config_.fetch_wait_max_ms + config_.fetch_backoff_ms;
  out.fetch = in_flight_;
}

void partition_follower::back_off(std::int64_t now_ms) noexcept {
  state_ = state::waiting;
  deadline_ms_ = now_ms + std::min(config_.fetch_backoff_ms, first_backoff_ms << failures_);
  failures_ = std::min(failures_ + 1, most_doublings);
}

follower_effects partition_follower::follow(const following& whom, const replica_log& log, std::int64_t high_watermark,
                                            std::int64_t now_ms) {
  follower_effects out;
  if (whom.leader_epoch <= whom_.leader_epoch) {
    if (whom.leader_epoch == whom_.leader_epoch)
      whom_.broker_epoch = std::max(whom_.broker_epoch, whom.broker_epoch);
    return out;
  }
  whom_ = whom;
  failures_ = 0;
  high_watermark_ = std::clamp(high_watermark, log.log_start_offset, log.log_end_offset);
  fetch(log, now_ms, out);
  request_flush(log, out); // what it appended as leader, or before it knew of this leader
  return out;
}

void partition_follower::stop() noexcept { state_ = state::idle; }

follower_effects partition_follower::on_response(const replica_fetch_response& response, const replica_log& log, std::int64_t now_ms) {
  follower_effects out;
  if (state_ != state::fetching || response.current_leader_epoch != in_flight_.current_leader_epoch ||
      response.fetch_offset != in_flight_.fetch_offset || response.last_fetched_epoch != in_flight_.last_fetched_epoch)
    return out;
  if (response.code != errc::none && response.code != errc::offset_out_of_range) {
    back_off(now_ms);
    return out;
  }
  if (response.diverging || response.code == errc::offset_out_of_range) {
    repair(response, log, now_ms, out);
    return out;
  }
  failures_ = 0;
  leader_high_watermark_ = response.high_watermark;
  leader_log_start_offset_ = response.log_start_offset;
  if (response.has_records) {
    state_ = state::appending;
    out.append = true;
    return out;
  }
  learn(log, out);
  fetch(log, now_ms, out);
  return out;
}

// What the response says of the high watermark is not looked at: the own log up to there is not known to be the leader's (KAFKA-14704).
void partition_follower::repair(const replica_fetch_response& response, const replica_log& log, std::int64_t now_ms,
                                follower_effects& out) noexcept {
  std::int64_t target = response.log_start_offset;
  bool starts_over = true;
  bool progresses = log.log_start_offset != target || log.log_end_offset != target || log.last_epoch() >= 0;
  if (const auto& parting = response.diverging) {
    const auto own = storage::end_for(log.epochs, parting->leader_epoch, log.log_end_offset);
    target = std::min(parting->end_offset, own.leader_epoch < 0 ? log.log_start_offset : own.end_offset);
    starts_over = target < log.log_start_offset;
    progresses = target < log.log_end_offset || own.leader_epoch != log.last_epoch();
  }
  if (!progresses) // the same question would have the same answer: not from a leader that keeps the rules
    return back_off(now_ms);
  state_ = state::repairing;
  if (target < high_watermark_) {
    out.lost = committed_loss{target, high_watermark_};
    high_watermark_ = target;
    out.high_watermark = target;
  }
  (starts_over ? out.start_over_at : out.truncate_to) = target;
}

follower_effects partition_follower::repaired(const replica_log& log, std::int64_t now_ms) {
  follower_effects out;
  if (state_ != state::repairing)
    return out;
  if (log.log_start_offset > high_watermark_) { // it started over: what lies before was committed and is no more (KAFKA-9491)
    high_watermark_ = log.log_start_offset;
    out.high_watermark = high_watermark_;
  }
  fetch(log, now_ms, out);
  return out;
}

// What the leader said, as far as the own log goes.
void partition_follower::learn(const replica_log& log, follower_effects& out) noexcept {
  const auto known = std::min(leader_high_watermark_, log.log_end_offset);
  if (known > high_watermark_) {
    high_watermark_ = known;
    out.high_watermark = known;
  }
  const auto start = std::min(leader_log_start_offset_, high_watermark_);
  if (start > log.log_start_offset)
    out.log_start_offset = start;
}

void partition_follower::request_flush(const replica_log& log, follower_effects& out) noexcept {
  if (config_.durability != storage::durability_mode::fsync || flushing_ || log.flushed_end_offset >= log.log_end_offset)
    return;
  flushing_ = true;
  out.flush = true;
}

follower_effects partition_follower::appended(const replica_log& log, std::int64_t now_ms) {
  follower_effects out;
  if (state_ != state::appending)
    return out;
  learn(log, out);
  request_flush(log, out);
  fetch(log, now_ms, out);
  return out;
}

follower_effects partition_follower::append_failed(std::int64_t now_ms) noexcept {
  if (state_ == state::appending)
    back_off(now_ms);
  return {};
}

follower_effects partition_follower::flushed(const replica_log& log, std::int64_t /*now_ms*/) {
  follower_effects out;
  flushing_ = false;
  if (state_ == state::idle)
    return out;
  request_flush(log, out);
  const auto flushed_end = std::min(log.flushed_end_offset, in_flight_.fetch_offset);
  if (state_ == state::fetching && flushed_end > in_flight_.flushed_end_offset) {
    in_flight_.flushed_end_offset = flushed_end;
    out.progress = in_flight_;
  }
  return out;
}

void partition_follower::link_lost(std::int64_t now_ms) noexcept {
  if (state_ == state::fetching)
    back_off(now_ms);
}

follower_effects partition_follower::tick(const replica_log& log, std::int64_t now_ms) {
  follower_effects out;
  if (now_ms >= next_deadline_ms())
    fetch(log, now_ms, out);
  return out;
}

std::int64_t partition_follower::next_deadline_ms() const noexcept {
  return state_ == state::fetching || state_ == state::waiting ? deadline_ms_ : INT64_MAX;
}

std::optional<std::string> partition_follower::check_invariants(const replica_log& log) const {
  if (!follows() || state_ == state::repairing)
    return std::nullopt;
  if (high_watermark_ > log.log_end_offset)
    return "the high watermark " + std::to_string(high_watermark_) + " is past the log end " + std::to_string(log.log_end_offset);
  if (state_ == state::fetching && (in_flight_.fetch_offset != log.log_end_offset || in_flight_.last_fetched_epoch != log.last_epoch()))
    return "the log changed under the fetch in flight";
  if (state_ == state::fetching && in_flight_.current_leader_epoch != whom_.leader_epoch)
    return "the fetch in flight is of an earlier leader epoch";
  return std::nullopt;
}

} // namespace cafka::replication
