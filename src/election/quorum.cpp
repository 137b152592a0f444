#include "election/quorum.hpp"

#include <algorithm>

namespace cafka::election {

bool continues_snapshot(const log_summary& log) noexcept {
  if (!log.snapshot || log.start_offset == log.snapshot->end_offset)
    return true;
  if (log.end_offset < log.snapshot->end_offset)
    return false;
  const auto behind = std::find_if(log.epochs.rbegin(), log.epochs.rend(),
                                   [&](const epoch_entry& each) { return each.start_offset < log.snapshot->end_offset; });
  return behind != log.epochs.rend() && behind->leader_epoch == log.snapshot->leader_epoch;
}

std::string_view to_string(role value) noexcept {
  constexpr std::string_view names[] = {"unattached", "prospective", "candidate", "leader", "follower", "resigned"};
  return names[static_cast<std::size_t>(value)];
}

// Lives for one public call: compares what it left with what it found.
class quorum::changes {
public:
  explicit changes(const quorum& of) : of_(of), leader_(of.leader()), epoch_(of.epoch()) {}
  void note(effects& out) const { out.leader_changed = of_.leader() != leader_ || of_.epoch() != epoch_; }

private:
  const quorum& of_;
  node_id leader_;
  std::int32_t epoch_;
};

quorum::quorum(quorum_config config, quorum_state memory, log_summary log, prng source, std::int64_t now_ms)
    : config_(std::move(config)),
      state_(memory),
      source_(source),
      log_start_offset_(log.start_offset),
      log_end_offset_(log.end_offset),
      flushed_end_offset_(log.end_offset),
      epochs_(std::move(log.epochs)),
      snapshot_(log.snapshot) {
  for (const auto& voter : config_.voters)
    if (voter.id != config_.self.id)
      peers_[voter.id].seen.replica = voter;
  if (snapshot_) // what a snapshot holds was committed
    high_watermark_ = snapshot_->end_offset;
  deadline_ms_ = now_ms;
}

effects quorum::start(std::int64_t now_ms) {
  effects out;
  const changes noted{*this};
  const auto known_epoch = std::max(state_.leader_epoch, last().leader_epoch); // the file may be lost, the log is not
  if (known_epoch > state_.leader_epoch || state_.leader == no_node || state_.leader == config_.self.id)
    become_unattached(known_epoch, now_ms, out); // whoever led an epoch before a restart never leads it again
  else
    become_follower(state_.leader_epoch, state_.leader, now_ms, out);
  if (is_voter() && peers_.empty())
    become_candidate(now_ms, out);
  noted.note(out);
  return out;
}

effects quorum::handle(node_id from, const message& content, std::int64_t now_ms) {
  effects out;
  const changes noted{*this};
  wants_records_ = wants_piece_ = false;
  std::visit([&](const auto& one) { on(from, one, now_ms, out); }, content);
  noted.note(out);
  return out;
}

effects quorum::tick(std::int64_t now_ms) {
  effects out;
  const changes noted{*this};
  if (role_ == role::leader) {
    if (now_ms - majority_fetch_ms() >= config_.fetch_timeout_ms)
      become_resigned(now_ms, out); // check-quorum: whoever cannot reach a majority does not pretend to lead it
    else
      release_parked(now_ms, out);
  } else if (now_ms >= deadline_ms_) {
    if (!is_voter()) {
      become_unattached(epoch(), now_ms, out);
      send_fetch(now_ms, out); // an observer asks any voter, which names the leader
    } else if (log_busy_) {
      deadline_ms_ = now_ms + election_timeout(); // half a log wins no election
    } else if (role_ == role::resigned) {
      become_unattached(epoch(), now_ms, out);
    } else {
      become_prospective(now_ms, out);
    }
  }
  if (role_ == role::follower && now_ms >= next_fetch_ms_)
    send_fetch(now_ms, out);
  send_to_unanswered(now_ms, out);
  noted.note(out);
  return out;
}

std::int64_t quorum::next_deadline_ms() const noexcept {
  auto next = role_ == role::leader ? (peers_.empty() ? INT64_MAX : majority_fetch_ms() + config_.fetch_timeout_ms) : deadline_ms_;
  if (role_ == role::follower)
    next = std::min(next, next_fetch_ms_);
  for (const auto& [id, fetch] : parked_)
    next = std::min(next, fetch.deadline_ms);
  if (role_ == role::leader || role_ == role::candidate || role_ == role::prospective)
    for (const auto& [id, known] : peers_)
      if (!known.answered)
        next = std::min(next, known.next_send_ms);
  return next;
}

effects quorum::appended(std::int64_t base_offset, std::int64_t end_offset, std::int32_t leader_epoch, std::int64_t now_ms) {
  effects out;
  const auto before = last();
  if (base_offset != log_end_offset_ || end_offset <= base_offset || leader_epoch < before.leader_epoch || leader_epoch > epoch())
    broken_ = "a batch at " + std::to_string(base_offset) + " of epoch " + std::to_string(leader_epoch) + " was appended behind " +
              std::to_string(log_end_offset_) + " of epoch " + std::to_string(before.leader_epoch);
  if (epochs_.empty() || epochs_.back().leader_epoch < leader_epoch)
    epochs_.push_back({leader_epoch, base_offset});
  log_end_offset_ = end_offset;
  if (role_ == role::leader)
    release_parked(now_ms, out);
  return out;
}

effects quorum::flushed(std::int64_t end_offset, std::int64_t now_ms) {
  effects out;
  flushed_end_offset_ = std::clamp(end_offset, flushed_end_offset_, log_end_offset_);
  if (role_ == role::leader)
    advance_high_watermark(now_ms, out);
  else if (role_ == role::follower)
    send_fetch(now_ms, out);
  return out;
}

effects quorum::truncated(std::int64_t end_offset, std::int64_t now_ms) {
  effects out;
  log_end_offset_ = end_offset;
  flushed_end_offset_ = end_offset;
  while (!epochs_.empty() && epochs_.back().start_offset >= end_offset)
    epochs_.pop_back();
  log_busy_ = false;
  if (role_ == role::follower)
    send_fetch(now_ms, out);
  return out;
}

effects quorum::snapshot_loaded(const log_position& snapshot, std::int64_t now_ms) {
  effects out;
  snapshot_ = snapshot;
  receiving_.reset();
  epochs_.clear();
  log_start_offset_ = log_end_offset_ = flushed_end_offset_ = snapshot.end_offset;
  log_busy_ = false;
  set_high_watermark(std::max(high_watermark_, snapshot.end_offset), out);
  if (role_ == role::follower)
    send_fetch(now_ms, out);
  return out;
}

effects quorum::snapshot_received(std::int64_t position, std::int64_t now_ms) {
  effects out;
  if (!receiving_ || !receiving_->writing)
    return out; // of a transfer that was given up
  if (position <= receiving_->position && position < receiving_->size_bytes) { // a leader that sends nothing
    receiving_.reset();
    next_fetch_ms_ = now_ms + config_.fetch_timeout_ms;
    return out;
  }
  receiving_->writing = false;
  receiving_->position = position;
  if (position < receiving_->size_bytes) {
    send_fetch(now_ms, out);
    return out;
  }
  out.load_snapshot = receiving_->snapshot;
  receiving_.reset();
  log_busy_ = true;
  return out;
}

effects quorum::snapshot_failed(std::int64_t now_ms) {
  receiving_.reset();
  log_busy_ = false;
  if (role_ == role::follower)
    next_fetch_ms_ = now_ms + config_.fetch_timeout_ms / 2;
  return {};
}

void quorum::snapshot_taken(const log_position& snapshot, std::int64_t log_start_offset) {
  if (snapshot.end_offset > high_watermark_ || log_start_offset > snapshot.end_offset)
    broken_ = "a snapshot up to " + std::to_string(snapshot.end_offset) + " is not committed, or the log begins behind it";
  snapshot_ = snapshot;
  log_start_offset_ = std::max(log_start_offset_, log_start_offset);
  while (epochs_.size() > 1 && epochs_[1].start_offset <= log_start_offset_)
    epochs_.erase(epochs_.begin());
  if (!epochs_.empty())
    epochs_[0].start_offset = std::max(epochs_[0].start_offset, log_start_offset_);
  if (log_start_offset_ == log_end_offset_)
    epochs_.clear();
}

effects quorum::resign(std::int64_t now_ms) {
  effects out;
  const changes noted{*this};
  if (role_ == role::leader)
    become_resigned(now_ms, out);
  noted.note(out);
  return out;
}

effects quorum::peer_unreachable(node_id other, std::int64_t now_ms) {
  effects out;
  if (role_ == role::follower && other == state_.leader) {
    leader_link_lost_ = true;
    // Not all at the same moment: whoever asks first finds the others waiting.
    deadline_ms_ =
        std::min(deadline_ms_, now_ms + static_cast<std::int64_t>(source_.below(static_cast<std::uint64_t>(config_.retry_ms) + 1)));
  }
  return out;
}

void quorum::remember(const quorum_state& state, effects& out) {
  if (state == state_)
    return;
  if (state.leader_epoch < state_.leader_epoch)
    broken_ = "the epoch goes back from " + std::to_string(state_.leader_epoch) + " to " + std::to_string(state.leader_epoch);
  state_ = state;
  out.persist = state_;
}

void quorum::leave_role(effects& out) {
  receiving_.reset();
  if (role_ != role::leader)
    return;
  out.lost_leadership = true;
  out.became_leader = out.ready_to_serve = false;
  out.append_leader_change.reset();
  serving_ = false;
  epoch_start_offset_ = -1;
}

void quorum::become_unattached(std::int32_t leader_epoch, std::int64_t now_ms, effects& out) {
  leave_role(out);
  role_ = role::unattached;
  for (const auto& [id, fetch] : std::exchange(parked_, {}))
    refuse(id, fetch.request, out);
  if (leader_epoch > state_.leader_epoch)
    remember({leader_epoch, no_node, {}}, out);
  deadline_ms_ = now_ms + (is_voter() ? election_timeout() : config_.retry_ms);
}

void quorum::become_follower(std::int32_t leader_epoch, node_id leader, std::int64_t now_ms, effects& out) {
  leave_role(out);
  role_ = role::follower;
  for (const auto& [id, fetch] : std::exchange(parked_, {}))
    refuse(id, fetch.request, out);
  remember({leader_epoch, leader, leader_epoch == state_.leader_epoch ? state_.voted : replica_key{}}, out);
  leader_link_lost_ = false;
  last_leader_contact_ms_ = INT64_MIN / 2; // hearsay is no contact
  deadline_ms_ = now_ms + config_.fetch_timeout_ms;
  send_fetch(now_ms, out);
}

void quorum::become_prospective(std::int64_t now_ms, effects& out) {
  leave_role(out);
  if (peers_.empty())
    return become_candidate(now_ms, out);
  role_ = role::prospective;
  begin_round(now_ms);
  send_to_unanswered(now_ms, out);
}

void quorum::become_candidate(std::int64_t now_ms, effects& out) {
  leave_role(out);
  role_ = role::candidate;
  remember({state_.leader_epoch + 1, no_node, config_.self}, out);
  begin_round(now_ms);
  if (peers_.empty())
    return become_leader(now_ms, out);
  send_to_unanswered(now_ms, out);
}

void quorum::become_leader(std::int64_t now_ms, effects& out) {
  leader_change_message change;
  change.version = 0; // 1 adds directory ids and belongs to kraft.version 1; Kafka's readers take any as 0 before that
  change.leader_id = config_.self.id;
  for (const auto& voter : config_.voters) {
    change.voters.push_back({voter.id, voter.id == config_.self.id ? config_.self.directory_id : voter.directory_id, {}});
    const auto known = peers_.find(voter.id);
    if (known == peers_.end() || known->second.granted)
      change.granting_voters.push_back(change.voters.back());
  }
  role_ = role::leader;
  remember({state_.leader_epoch, config_.self.id, state_.voted}, out);
  leader_since_ms_ = now_ms;
  epoch_start_offset_ = log_end_offset_;
  serving_ = false;
  for (auto& [id, known] : peers_)
    known = peer{.seen = {.replica = known.seen.replica}};
  observers_.clear();
  out.became_leader = true;
  out.append_leader_change = std::move(change);
  send_to_unanswered(now_ms, out);
}

void quorum::become_resigned(std::int64_t now_ms, effects& out) {
  // The most caught-up first: it wins at once.
  std::vector<const peer*> order;
  order.reserve(peers_.size());
  for (const auto& [id, known] : peers_)
    order.push_back(&known);
  std::stable_sort(order.begin(), order.end(),
                   [](const peer* a, const peer* b) { return a->seen.log_end_offset > b->seen.log_end_offset; });
  end_epoch_request request{epoch(), config_.self.id, {}};
  for (const auto* known : order)
    request.preferred_successors.push_back(known->seen.replica);
  leave_role(out);
  role_ = role::resigned;
  for (const auto& [id, fetch] : std::exchange(parked_, {}))
    refuse(id, fetch.request, out);
  for (const auto& [id, known] : peers_)
    out.messages.push_back({id, request});
  deadline_ms_ = now_ms + election_timeout();
}

void quorum::take_over(std::int32_t leader_epoch, node_id leader, std::int64_t now_ms, effects& out) {
  const bool other = leader != no_node && leader != config_.self.id;
  if (leader_epoch > epoch()) {
    other ? become_follower(leader_epoch, leader, now_ms, out) : become_unattached(leader_epoch, now_ms, out);
  } else if (leader_epoch == epoch() && other) {
    if (state_.leader != no_node && state_.leader != leader)
      broken_ =
          "two leaders of epoch " + std::to_string(leader_epoch) + ": " + std::to_string(state_.leader) + " and " + std::to_string(leader);
    else if (role_ == role::unattached || role_ == role::prospective || role_ == role::candidate)
      become_follower(leader_epoch, leader, now_ms, out);
  }
}

log_position quorum::end_of_epoch(std::int32_t leader_epoch) const noexcept {
  for (std::size_t i = epochs_.size(); i-- > 0;)
    if (epochs_[i].leader_epoch <= leader_epoch)
      return {epochs_[i].leader_epoch, i + 1 < epochs_.size() ? epochs_[i + 1].start_offset : log_end_offset_};
  if (snapshot_ && snapshot_->leader_epoch <= leader_epoch)
    return {snapshot_->leader_epoch, log_start_offset_};
  return {-1, log_start_offset_};
}

std::int64_t quorum::election_timeout() {
  return config_.election_timeout_ms +
         static_cast<std::int64_t>(source_.below(static_cast<std::uint64_t>(config_.election_timeout_ms) + 1));
}

std::int64_t quorum::by_majority(std::int64_t own, std::int64_t peer::*value) const {
  std::vector<std::int64_t> values;
  if (is_voter())
    values.push_back(own);
  for (const auto& [id, known] : peers_)
    values.push_back(known.*value);
  std::sort(values.begin(), values.end(), std::greater<>{});
  return values[config_.voters.majority() - 1];
}

std::int64_t quorum::majority_fetch_ms() const {
  std::vector<std::int64_t> times{INT64_MAX / 2};
  for (const auto& [id, known] : peers_)
    times.push_back(std::max(known.seen.last_fetch_ms, leader_since_ms_));
  std::sort(times.begin(), times.end(), std::greater<>{});
  return times[config_.voters.majority() - 1];
}

bool quorum::majority_contact_since(std::int64_t since_ms) const noexcept {
  return role_ == role::leader && serving_ && by_majority(INT64_MAX, &peer::confirmed_ms) >= since_ms;
}

std::vector<quorum::replica_progress> quorum::progress() const {
  std::vector<replica_progress> all;
  if (role_ == role::leader)
    for (const auto& [id, known] : peers_)
      all.push_back(known.seen);
  return all;
}

std::vector<quorum::replica_progress> quorum::observers(std::int64_t now_ms) const {
  std::vector<replica_progress> all;
  if (role_ == role::leader)
    for (const auto& [id, seen] : observers_)
      if (now_ms - seen.last_fetch_ms <= observer_session_ms)
        all.push_back(seen);
  return all;
}

std::optional<std::string> quorum::check_invariants() const {
  if (!broken_.empty())
    return broken_;
  if (role_ == role::leader && (state_.leader != config_.self.id || !state_.voted.matches(config_.self)))
    return "leads an epoch whose vote was not its own";
  if (role_ == role::candidate && (!state_.voted.matches(config_.self) || state_.leader != no_node))
    return "a candidate did not vote for itself, or knows a leader";
  if (role_ == role::follower && (state_.leader == no_node || state_.leader == config_.self.id))
    return "follows nobody";
  if (high_watermark_ > log_end_offset_ && !log_busy_)
    return "high watermark " + std::to_string(high_watermark_) + " is past the log end " + std::to_string(log_end_offset_);
  if (flushed_end_offset_ > log_end_offset_ || log_start_offset_ > log_end_offset_)
    return "the flushed end or the start of the log is past its end";
  if (serving_ && high_watermark_ <= epoch_start_offset_)
    return "serves before a record of its own epoch is committed";
  for (std::size_t i = 1; i < epochs_.size(); ++i)
    if (epochs_[i].leader_epoch <= epochs_[i - 1].leader_epoch || epochs_[i].start_offset <= epochs_[i - 1].start_offset)
      return "epochs do not ascend with offsets";
  if (receiving_ && (role_ != role::follower || log_busy_))
    return "receives a snapshot from nobody, or while the log is busy";
  if (parked_.size() > config_.max_parked || (role_ != role::leader && !parked_.empty()))
    return std::to_string(parked_.size()) + " parked fetches";
  return std::nullopt;
}

} // namespace cafka::election
