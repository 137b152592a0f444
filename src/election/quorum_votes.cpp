// Elections: who asks whom, who grants, who wins (Raft §5.2, §5.4.1, §9.6; KIP-595, KIP-996).
#include "election/quorum.hpp"

#include <algorithm>

namespace cafka::election {

// All others are to be asked, or told.
void quorum::begin_round(std::int64_t now_ms) {
  for (auto& [id, known] : peers_) {
    known.answered = known.granted = false;
    known.next_send_ms = now_ms;
  }
  deadline_ms_ = now_ms + election_timeout();
}

// Votes of candidates, pre-votes of prospective ones, and a leader's news of its epoch, again and again until answered.
void quorum::send_to_unanswered(std::int64_t now_ms, effects& out) {
  if (role_ != role::prospective && role_ != role::candidate && role_ != role::leader)
    return;
  for (auto& [id, known] : peers_) {
    if (known.answered || known.next_send_ms > now_ms)
      continue;
    known.next_send_ms = now_ms + config_.retry_ms;
    if (role_ == role::leader)
      out.messages.push_back({id, begin_epoch_request{epoch(), config_.self.id, known.seen.replica}});
    else
      out.messages.push_back({id, vote_request{epoch(), config_.self, known.seen.replica, last(), role_ == role::prospective}});
  }
}

bool quorum::grants(const vote_request& request, std::int64_t now_ms) const {
  // §5.4.1: a leader must have every committed record, so nobody votes for a log older than its own.
  if (request.leader_epoch != epoch() || request.last < last() || !request.voter.matches(config_.self))
    return false;
  if (request.pre_vote) {
    if (role_ == role::leader)
      return false;
    // Whoever hears from the leader does not help to depose it.
    return role_ != role::follower || leader_link_lost_ || now_ms - last_leader_contact_ms_ >= config_.election_timeout_ms;
  }
  const bool free_to_vote = state_.voted.id == no_node || state_.voted == request.candidate;
  return free_to_vote && state_.leader == no_node;
}

void quorum::on(node_id from, const vote_request& request, std::int64_t now_ms, effects& out) {
  if (request.leader_epoch > epoch())
    become_unattached(request.leader_epoch, now_ms, out);
  const bool granted = grants(request, now_ms);
  if (granted && !request.pre_vote) {
    if (role_ == role::prospective)
      become_unattached(epoch(), now_ms, out);
    remember({state_.leader_epoch, no_node, request.candidate}, out);
    deadline_ms_ = now_ms + election_timeout(); // give it time to win
  }
  out.messages.push_back({from, vote_response{epoch(), leader(), granted, request.pre_vote}});
}

void quorum::on(node_id from, const vote_response& response, std::int64_t now_ms, effects& out) {
  if (response.leader_epoch > epoch() || (response.leader_epoch == epoch() && !response.granted && response.leader != no_node))
    take_over(response.leader_epoch, response.leader, now_ms, out);
  const auto expected = response.pre_vote ? role::prospective : role::candidate;
  const auto known = peers_.find(from);
  if (response.leader_epoch != epoch() || role_ != expected || known == peers_.end())
    return;
  known->second.answered = true;
  known->second.granted = response.granted;
  count_votes(now_ms, out);
}

void quorum::count_votes(std::int64_t now_ms, effects& out) {
  std::size_t granted = 1; // its own
  std::size_t refused = 0;
  for (const auto& [id, known] : peers_) {
    granted += known.granted ? 1 : 0;
    refused += known.answered && !known.granted ? 1 : 0;
  }
  if (granted >= config_.voters.majority()) {
    role_ == role::prospective ? become_candidate(now_ms, out) : become_leader(now_ms, out);
  } else if (role_ == role::prospective && config_.voters.size() - refused < config_.voters.majority()) {
    if (state_.leader != no_node && state_.leader != config_.self.id) {
      become_follower(epoch(), state_.leader, now_ms, out);
      deadline_ms_ = now_ms + election_timeout(); // it was silent before: less patience than with a new leader
    } else {
      become_unattached(epoch(), now_ms, out);
    }
  }
}

void quorum::on(node_id from, const begin_epoch_request& request, std::int64_t now_ms, effects& out) {
  take_over(request.leader_epoch, request.leader, now_ms, out);
  out.messages.push_back({from, begin_epoch_response{epoch(), leader()}});
}

void quorum::on(node_id from, const begin_epoch_response& response, std::int64_t now_ms, effects& out) {
  take_over(response.leader_epoch, response.leader, now_ms, out);
  const auto known = peers_.find(from);
  if (role_ == role::leader && response.leader_epoch == epoch() && known != peers_.end())
    known->second.answered = true;
}

void quorum::on(node_id from, const end_epoch_request& request, std::int64_t now_ms, effects& out) {
  take_over(request.leader_epoch, request.leader, now_ms, out);
  if (role_ != role::follower || request.leader_epoch != epoch() || state_.leader != from)
    return;
  const auto& order = request.preferred_successors;
  const auto place = std::find_if(order.begin(), order.end(), [&](const replica_key& key) { return key.matches(config_.self); });
  become_unattached(epoch(), now_ms, out);
  if (place == order.begin() && place != order.end() && is_voter() && !log_busy_)
    become_prospective(now_ms, out);
  else if (place != order.end())
    deadline_ms_ = now_ms + config_.retry_ms * (place - order.begin()); // the one before gets its chance first
}

} // namespace cafka::election
