#include "replication/partition_leader.hpp"

#include <algorithm>
#include <utility>

namespace cafka::replication {

namespace {
bool has(const std::vector<node_id>& list, node_id id) { return std::find(list.begin(), list.end(), id) != list.end(); }
} // namespace

partition_leader::partition_leader(node_id self, const leader_config& config) : self_(self), config_(config) {}

void partition_leader::become_leader(const leadership& with, std::int64_t log_end_offset, std::int64_t flushed_end_offset,
                                     std::int64_t high_watermark, std::int64_t now_ms) {
  leads_ = true;
  view_ = with;
  in_flight_.reset();
  repeat_proposal_ = false;
  log_end_offset_ = log_end_offset;
  flushed_end_offset_ = std::min(flushed_end_offset, log_end_offset);
  high_watermark_ = std::min(high_watermark, log_end_offset);
  epoch_start_offset_ = log_end_offset;
  followers_.clear();
  for (const auto id : with.replicas)
    if (id != self_)
      followers_.push_back(
          {.id = id, .last_caught_up_ms = now_ms, .mark_offset = log_end_offset, .mark_ms = now_ms, .in_isr = has(with.isr, id)});
  advance_high_watermark();
}

void partition_leader::resign(std::vector<released_ack>& released) {
  leads_ = false;
  for (const auto& ack : parked_)
    released.push_back({ack.token, errc::not_leader_or_follower});
  parked_.clear();
  first_parked_ = 0;
  in_flight_.reset();
}

errc partition_leader::check_epoch(std::int32_t current_leader_epoch) const noexcept {
  if (!leads_)
    return errc::not_leader_or_follower;
  if (current_leader_epoch == -1 || current_leader_epoch == view_.leader_epoch)
    return errc::none;
  return current_leader_epoch < view_.leader_epoch ? errc::fenced_leader_epoch : errc::unknown_leader_epoch;
}

errc partition_leader::check_produce(std::int32_t current_leader_epoch, bool acks_all) const noexcept {
  const auto epoch = check_epoch(current_leader_epoch);
  if (epoch != errc::none || !acks_all)
    return epoch;
  if (static_cast<std::int32_t>(view_.isr.size()) < needed_in_sync())
    return errc::not_enough_replicas;
  return parked() >= config_.max_parked ? errc::too_many_requests : errc::none;
}

errc partition_leader::check_high_watermark() const noexcept {
  if (!leads_)
    return errc::not_leader_or_follower;
  return high_watermark_ >= epoch_start_offset_ ? errc::none : errc::offset_not_available;
}

std::int32_t partition_leader::needed_in_sync() const noexcept {
  return std::clamp<std::int32_t>(config_.min_isr, 1, std::max<std::int32_t>(1, static_cast<std::int32_t>(view_.replicas.size())));
}

std::int64_t partition_leader::own_position() const noexcept {
  return config_.durability == storage::durability_mode::fsync ? flushed_end_offset_ : log_end_offset_;
}

// In this leader epoch: whoever has not fetched in it has said nothing of what it holds.
std::int64_t partition_leader::counted(const follower& of) const noexcept {
  if (!of.fetched_in_epoch)
    return -1;
  return config_.durability == storage::durability_mode::fsync ? of.flushed_end_offset : of.log_end_offset;
}

// R7. Never back, and only as far as all of maximal_isr has come: a proposal that may be committed already counts too (R3).
bool partition_leader::advance_high_watermark() {
  if (!leads_ || static_cast<std::int32_t>(view_.isr.size()) < needed_in_sync())
    return false;
  auto reached = own_position();
  for (const auto& one : followers_)
    if (in_maximal(one))
      reached = std::min(reached, counted(one));
  if (reached <= high_watermark_)
    return false;
  high_watermark_ = reached;
  return true;
}

bool partition_leader::on_appended(std::int64_t log_end_offset, std::int64_t /*now_ms*/) {
  log_end_offset_ = std::max(log_end_offset_, log_end_offset);
  return advance_high_watermark();
}

bool partition_leader::on_flushed(std::int64_t flushed_end_offset, std::int64_t /*now_ms*/) {
  flushed_end_offset_ = std::clamp(flushed_end_offset, flushed_end_offset_, log_end_offset_);
  return advance_high_watermark();
}

result<bool> partition_leader::on_follower_fetch(const follower_fetch& fetch, std::int64_t now_ms) {
  if (!leads_)
    return fail(errc::not_leader_or_follower);
  const auto found = std::find_if(followers_.begin(), followers_.end(), [&](const follower& one) { return one.id == fetch.follower; });
  if (found == followers_.end())
    return fail(errc::replica_not_available, "broker " + std::to_string(fetch.follower) + " is no replica of this partition");
  auto& one = *found;
  if (fetch.broker_epoch < one.broker_epoch)
    return fail(errc::stale_broker_epoch, "broker " + std::to_string(fetch.follower) + " fetched before with broker epoch " +
                                              std::to_string(one.broker_epoch) + ", now with " + std::to_string(fetch.broker_epoch));
  one.broker_epoch = fetch.broker_epoch;
  one.fetched_in_epoch = true;
  one.log_end_offset = std::min(fetch.fetch_offset, log_end_offset_);
  one.flushed_end_offset = std::min(fetch.flushed_end_offset, one.log_end_offset);
  // Lag is measured in time: since when has it not had all that there was (KIP-16)?
  const auto position = counted(one);
  if (position >= one.mark_offset) {
    one.last_caught_up_ms = std::max(one.last_caught_up_ms, position >= log_end_offset_ ? now_ms : one.mark_ms);
    one.mark_offset = log_end_offset_;
    one.mark_ms = now_ms;
  }
  return advance_high_watermark();
}

bool partition_leader::park(std::uint64_t token, std::int64_t end_offset, std::int64_t deadline_ms) {
  if (end_offset <= high_watermark_)
    return false;
  parked_.push_back({token, end_offset, deadline_ms});
  earliest_ack_deadline_ms_ = std::min(earliest_ack_deadline_ms_, deadline_ms);
  // A duplicate batch waits for the original's end: almost always they come in order.
  for (auto i = parked_.size() - 1; i > first_parked_ && parked_[i - 1].end_offset > parked_[i].end_offset; --i)
    std::swap(parked_[i - 1], parked_[i]);
  return true;
}

void partition_leader::take_released(std::vector<released_ack>& released) {
  while (first_parked_ < parked_.size() && parked_[first_parked_].end_offset <= high_watermark_)
    released.push_back({parked_[first_parked_++].token, errc::none});
  if (leads_ && first_parked_ < parked_.size() && static_cast<std::int32_t>(view_.isr.size()) < needed_in_sync())
    while (first_parked_ < parked_.size())
      released.push_back({parked_[first_parked_++].token, errc::not_enough_replicas_after_append});
  drop_answered();
}

// Moves the rest to the front once at least half is answered: constant cost per ack, and no allocation.
void partition_leader::drop_answered() {
  if (first_parked_ * 2 < parked_.size())
    return;
  parked_.erase(parked_.begin(), parked_.begin() + static_cast<std::ptrdiff_t>(first_parked_));
  first_parked_ = 0;
}

void partition_leader::expire(std::int64_t now_ms, std::vector<released_ack>& released) {
  earliest_ack_deadline_ms_ = INT64_MAX;
  auto keep = parked_.begin();
  for (auto ack = parked_.begin() + static_cast<std::ptrdiff_t>(first_parked_); ack != parked_.end(); ++ack)
    if (ack->deadline_ms <= now_ms) {
      released.push_back({ack->token, errc::request_timed_out});
    } else {
      earliest_ack_deadline_ms_ = std::min(earliest_ack_deadline_ms_, ack->deadline_ms);
      *keep++ = *ack;
    }
  parked_.erase(keep, parked_.end());
  first_parked_ = 0;
}

std::int64_t partition_leader::next_deadline_ms() const noexcept {
  auto next = parked() > 0 ? earliest_ack_deadline_ms_ : INT64_MAX;
  if (leads_ && !in_flight_)
    for (const auto& one : followers_)
      if (one.in_isr && counted(one) < log_end_offset_)
        next = std::min(next, one.last_caught_up_ms + config_.replica_lag_time_max_ms);
  return next;
}

void partition_leader::adopt(const leadership& committed, std::int64_t now_ms) {
  view_ = committed;
  std::vector<follower> kept;
  for (const auto id : committed.replicas) {
    if (id == self_)
      continue;
    const auto found = std::find_if(followers_.begin(), followers_.end(), [&](const follower& one) { return one.id == id; });
    auto& one = kept.emplace_back(found != followers_.end() ? *found : follower{.id = id, .last_caught_up_ms = now_ms, .mark_ms = now_ms});
    one.in_isr = has(committed.isr, id);
  }
  followers_ = std::move(kept);
}

bool partition_leader::on_partition_changed(const leadership& committed, std::int64_t now_ms) {
  if (!leads_ || committed.leader_epoch != view_.leader_epoch || committed.partition_epoch <= view_.partition_epoch)
    return false;
  adopt(committed, now_ms);
  // Whatever was proposed was proposed against an older partition epoch: it is this change, or can be committed no more.
  in_flight_.reset();
  repeat_proposal_ = false;
  return advance_high_watermark();
}

std::optional<isr_proposal> partition_leader::propose_isr(const std::vector<eligible_broker>& brokers, std::int64_t now_ms) {
  if (!leads_ || (in_flight_ && !repeat_proposal_))
    return std::nullopt;
  if (std::exchange(repeat_proposal_, false))
    return in_flight_;
  auto epoch_of = [&](node_id id) {
    const auto found = std::find_if(brokers.begin(), brokers.end(), [&](const eligible_broker& one) { return one.id == id; });
    return found == brokers.end() ? std::int64_t{-1} : found->broker_epoch;
  };
  bool changes = false;
  for (auto& one : followers_) {
    if (one.in_isr) {
      const bool lags = counted(one) < log_end_offset_ && now_ms - one.last_caught_up_ms > config_.replica_lag_time_max_ms;
      one.proposed = !lags;
    } else {
      // In this epoch, at the high watermark and at the epoch's start, and the incarnation that fetched is the one in service (KIP-903).
      const auto broker_epoch = epoch_of(one.id);
      one.proposed = broker_epoch >= 0 && one.fetched_in_epoch && one.broker_epoch == broker_epoch &&
                     counted(one) >= std::max(high_watermark_, epoch_start_offset_);
    }
    changes = changes || one.proposed != one.in_isr;
  }
  if (!changes)
    return std::nullopt;
  auto& proposal = in_flight_.emplace(isr_proposal{view_.leader_epoch, view_.partition_epoch, {}});
  for (const auto id : view_.replicas) {
    const auto found = std::find_if(followers_.begin(), followers_.end(), [&](const follower& one) { return one.id == id; });
    if (id == self_)
      proposal.isr.push_back({id, epoch_of(id)});
    else if (found->proposed)
      proposal.isr.push_back({id, found->broker_epoch});
  }
  return in_flight_;
}

bool partition_leader::on_isr_accepted(const leadership& committed, std::int64_t now_ms) { return on_partition_changed(committed, now_ms); }

bool partition_leader::on_isr_refused(std::int64_t /*now_ms*/) {
  in_flight_.reset();
  repeat_proposal_ = false;
  return advance_high_watermark();
}

bool partition_leader::set_config(const leader_config& config, std::int64_t /*now_ms*/) {
  config_ = config;
  return advance_high_watermark();
}

std::vector<node_id> partition_leader::maximal_isr() const {
  auto members = view_.isr;
  for (const auto& one : followers_)
    if (in_maximal(one) && !one.in_isr)
      members.push_back(one.id);
  return members;
}

std::optional<std::string> partition_leader::check_invariants() const {
  if (!leads_)
    return parked_.empty() ? std::nullopt : std::optional<std::string>{"acks are parked where nobody leads"};
  if (high_watermark_ > log_end_offset_ || flushed_end_offset_ > log_end_offset_)
    return "the high watermark or the flushed end is past the log end";
  if (!has(view_.isr, self_) && !view_.isr.empty())
    return "leads and is not in the ISR";
  if (std::any_of(view_.isr.begin(), view_.isr.end(), [&](node_id id) { return !has(view_.replicas, id); })) // R11
    return "the ISR is not among the replicas";
  for (auto i = first_parked_; i < parked_.size(); ++i)
    if (i > first_parked_ && parked_[i].end_offset < parked_[i - 1].end_offset)
      return "parked acks are not in the order of their offsets";
  if (parked() > config_.max_parked)
    return std::to_string(parked()) + " acks are parked, more than " + std::to_string(config_.max_parked);
  return std::nullopt;
}

} // namespace cafka::replication
