// Replication: fetches, divergence, and what is committed (KIP-595, KIP-630; Raft §5.3, §5.4.2).
#include "election/quorum.hpp"

#include <algorithm>

namespace cafka::election {

void quorum::send_fetch(std::int64_t now_ms, effects& out) {
  const bool asks_around = role_ == role::unattached && !is_voter() && !peers_.empty();
  if (log_busy_ || flushed_end_offset_ != log_end_offset_ || (role_ != role::follower && !asks_around)) {
    next_fetch_ms_ = INT64_MAX; // flushed(), truncated() or snapshot_loaded() sends the next
    return;
  }
  auto to = state_.leader;
  if (asks_around)
    to = std::next(peers_.begin(), static_cast<std::ptrdiff_t>(source_.below(peers_.size())))->first;
  if (receiving_) {
    next_fetch_ms_ = receiving_->writing ? INT64_MAX : now_ms + config_.fetch_timeout_ms / 2; // a piece takes longer than an answer
    if (!receiving_->writing)
      out.messages.push_back({to, snapshot_request{epoch(), config_.self, receiving_->snapshot, receiving_->position}});
    return;
  }
  next_fetch_ms_ = now_ms + config_.max_park_ms + config_.retry_ms;
  out.messages.push_back({to, fetch_request{epoch(), config_.self, log_end_offset_, last().leader_epoch, high_watermark_}});
}

void quorum::refuse(node_id to, const fetch_request& request, effects& out) const {
  fetch_response response;
  response.leader_epoch = epoch();
  response.leader = leader();
  response.fetch_offset = request.fetch_offset;
  response.last_fetched_epoch = request.last_fetched_epoch;
  out.messages.push_back({to, response});
}

// True if the replica's log is a prefix of this one; else `response` says how to make it one.
bool quorum::place_in_log(const fetch_request& request, fetch_response& response) const {
  const auto end = end_of_epoch(request.last_fetched_epoch);
  const bool before_start = request.fetch_offset < log_start_offset_;
  const bool same = end.leader_epoch == request.last_fetched_epoch && request.fetch_offset <= end.end_offset;
  if (same && !before_start)
    return true;
  // No record before the start can be compared or sent.
  if (before_start || (end.end_offset <= log_start_offset_ && log_start_offset_ > 0))
    response.snapshot = snapshot_;
  if (!response.snapshot)
    response.diverging = end;
  return false;
}

void quorum::answer(node_id to, const fetch_request& request, std::int64_t now_ms, effects& out) {
  fetch_response response;
  response.leader_epoch = epoch();
  response.leader = config_.self.id;
  response.accepted = true;
  response.high_watermark = high_watermark_;
  response.fetch_offset = request.fetch_offset;
  response.last_fetched_epoch = request.last_fetched_epoch;
  if (place_in_log(request, response))
    response.has_records = request.fetch_offset < log_end_offset_;
  if (const auto known = peers_.find(to); known != peers_.end())
    known->second.last_answer_ms = now_ms;
  out.messages.push_back({to, response});
}

void quorum::on(node_id from, const fetch_request& request, std::int64_t now_ms, effects& out) {
  if (request.leader_epoch > epoch())
    become_unattached(request.leader_epoch, now_ms, out);
  if (role_ != role::leader || request.leader_epoch != epoch())
    return refuse(from, request, out);
  fetch_response ignored;
  const bool placed = place_in_log(request, ignored);
  auto* voter = heard_from(from, request.replica, now_ms);
  auto* seen = voter ? &voter->seen : note_observer(from, request.replica, now_ms);
  if (seen && placed) {
    seen->log_end_offset = voter ? std::max(seen->log_end_offset, request.fetch_offset) : request.fetch_offset;
    if (request.fetch_offset >= log_end_offset_)
      seen->last_caught_up_ms = now_ms;
  }
  if (voter && placed)
    advance_high_watermark(now_ms, out);
  const bool nothing_new = placed && request.fetch_offset >= log_end_offset_ && request.high_watermark >= high_watermark_;
  if (nothing_new && (parked_.size() < config_.max_parked || parked_.contains(from)))
    parked_[from] = {request, now_ms + config_.max_park_ms};
  else
    answer(from, request, now_ms, out);
}

// Null: no voter. A voter's node on another disk is not that voter: it may read, it does not count.
quorum::peer* quorum::heard_from(node_id from, const replica_key& replica, std::int64_t now_ms) {
  const auto known = peers_.find(from);
  if (known == peers_.end() || !known->second.seen.replica.matches(replica))
    return nullptr;
  auto& voter = known->second;
  voter.answered = true;
  voter.confirmed_ms = voter.last_answer_ms;
  voter.seen.last_fetch_ms = now_ms;
  return &voter;
}

// For people to see: nothing depends on it. Null: there are too many.
quorum::replica_progress* quorum::note_observer(node_id from, const replica_key& replica, std::int64_t now_ms) {
  if (observers_.size() >= config_.max_parked && !observers_.contains(from)) {
    std::erase_if(observers_, [&](const auto& each) { return now_ms - each.second.last_fetch_ms > observer_session_ms; });
    if (observers_.size() >= config_.max_parked)
      return nullptr;
  }
  auto& seen = observers_[from];
  if (seen.replica != replica)
    seen = {replica};
  seen.last_fetch_ms = now_ms;
  return &seen;
}

// A voter that receives a snapshot fetches nothing else meanwhile, and is as alive as one that does.
void quorum::on(node_id from, const snapshot_request& request, std::int64_t now_ms, effects& out) {
  if (request.leader_epoch > epoch())
    become_unattached(request.leader_epoch, now_ms, out);
  snapshot_response response;
  response.leader_epoch = epoch();
  response.leader = leader();
  response.accepted = role_ == role::leader && request.leader_epoch == epoch();
  response.snapshot = request.snapshot;
  response.position = request.position;
  if (response.accepted) {
    if (auto* voter = heard_from(from, request.replica, now_ms))
      voter->last_answer_ms = now_ms;
    else
      note_observer(from, request.replica, now_ms);
  }
  out.messages.push_back({from, response});
}

void quorum::release_parked(std::int64_t now_ms, effects& out) {
  for (auto next = parked_.begin(); next != parked_.end();) {
    const auto& [request, deadline_ms] = next->second;
    if (request.fetch_offset < log_end_offset_ || request.high_watermark < high_watermark_ || now_ms >= deadline_ms) {
      answer(next->first, request, now_ms, out);
      next = parked_.erase(next);
    } else {
      ++next;
    }
  }
}

// §5.4.2: records of earlier epochs are committed only by a record of this one that stands behind them.
void quorum::advance_high_watermark(std::int64_t now_ms, effects& out) {
  std::vector<std::int64_t> ends;
  if (is_voter())
    ends.push_back(flushed_end_offset_);
  for (const auto& [id, known] : peers_)
    ends.push_back(known.seen.log_end_offset);
  std::sort(ends.begin(), ends.end(), std::greater<>{});
  const auto reached = ends[config_.voters.majority() - 1];
  if (reached <= epoch_start_offset_ || reached <= high_watermark_)
    return;
  set_high_watermark(reached, out);
  if (!std::exchange(serving_, true))
    out.ready_to_serve = true;
  release_parked(now_ms, out);
}

void quorum::set_high_watermark(std::int64_t offset, effects& out) {
  if (offset <= high_watermark_)
    return;
  high_watermark_ = offset;
  out.high_watermark = offset;
}

// Whether an answer is of the leader that is followed, as such.
bool quorum::heard_leader(node_id from, std::int32_t leader_epoch, node_id leader, bool accepted, std::int64_t now_ms, effects& out) {
  take_over(leader_epoch, leader, now_ms, out);
  if (role_ != role::follower || leader_epoch != epoch() || from != state_.leader)
    return false;
  if (!accepted) { // it led this epoch, and does no more
    become_unattached(epoch(), now_ms, out);
    return false;
  }
  last_leader_contact_ms_ = now_ms;
  leader_link_lost_ = false;
  deadline_ms_ = now_ms + config_.fetch_timeout_ms;
  return true;
}

void quorum::on(node_id from, const snapshot_response& response, std::int64_t now_ms, effects& out) {
  if (!heard_leader(from, response.leader_epoch, response.leader, response.accepted, now_ms, out))
    return;
  if (!receiving_ || receiving_->writing || response.snapshot != receiving_->snapshot || response.position != receiving_->position)
    return; // of a request that was given up
  if (response.size_bytes < 0) { // a newer one has taken its place
    receiving_.reset();
    send_fetch(now_ms, out);
    return;
  }
  receiving_->size_bytes = response.size_bytes;
  receiving_->writing = wants_piece_ = true;
  next_fetch_ms_ = INT64_MAX;
}

void quorum::on(node_id from, const fetch_response& response, std::int64_t now_ms, effects& out) {
  if (!heard_leader(from, response.leader_epoch, response.leader, response.accepted, now_ms, out))
    return;
  if (log_busy_ || receiving_ || flushed_end_offset_ != log_end_offset_ || response.fetch_offset != log_end_offset_ ||
      response.last_fetched_epoch != last().leader_epoch)
    return; // of a fetch that was given up
  if (response.snapshot) {
    receiving_ = transfer{.snapshot = *response.snapshot};
    out.receive_snapshot = response.snapshot;
    send_fetch(now_ms, out);
    return;
  }
  if (response.diverging)
    return cut_to(*response.diverging, out);
  set_high_watermark(std::min(response.high_watermark, log_end_offset_), out);
  wants_records_ = response.has_records;
  if (wants_records_)
    next_fetch_ms_ = INT64_MAX;
  else
    send_fetch(now_ms, out);
}

void quorum::cut_to(const log_position& diverging, effects& out) {
  const auto own = end_of_epoch(diverging.leader_epoch);
  const auto target = std::max(
      log_start_offset_, own.leader_epoch == diverging.leader_epoch ? std::min(own.end_offset, diverging.end_offset) : own.end_offset);
  if (target < high_watermark_) {
    broken_ = "asked to cut the log to " + std::to_string(target) + ", below the high watermark " + std::to_string(high_watermark_);
    return;
  }
  log_busy_ = true;
  next_fetch_ms_ = INT64_MAX;
  out.truncate_to = target;
}

} // namespace cafka::election
