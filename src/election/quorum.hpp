// One node's part in the quorum that keeps the metadata log: Raft with fetch-driven replication (KIP-595), directory ids (KIP-853), pre-vote
// (KIP-996) and check-quorum. Pure; owned by the quorum actor. Survives a crash: quorum_state and the log, both by the shell, in this order:
//
//   effects e = quorum.handle(…);
//   1. e.persist         write quorum-state, sync it
//   2. e.truncate_to     cut the log, then truncated(); e.receive_snapshot: begin a file for its pieces; e.load_snapshot: all pieces are there: check
//                        it, keep it, start the log over at its end, then snapshot_loaded(), or snapshot_failed() if it is not whole
//   3. e.append_leader_change  append that control batch in e's epoch, then appended() and, once synced, flushed()
//   4. e.messages        send; a fetch_response with has_records carries batches read from the log at this moment, from its fetch_offset, a
//                        snapshot_response that accepts carries bytes of the snapshot, and how many those are in all
//   5. e.high_watermark, e.leadership: tell the controller and the image
//
// appended(), truncated(), flushed() and what begins with snapshot_ answer effects too: carry them out the same way. A quorum of one needs no message.
#pragma once
#include "base/prng.hpp"
#include "election/control_records.hpp"
#include "election/messages.hpp"
#include "election/quorum_state.hpp"

#include <map>
#include <string>

namespace cafka::election {

// unattached  knows an epoch, no leader                → prospective (time-out), follower, unattached (higher epoch)
// prospective asks for pre-votes, its epoch unchanged  → candidate (majority), unattached (refused or higher epoch), follower
// candidate   voted for itself, asks for votes         → leader (majority), prospective (time-out), unattached, follower
// leader      serves once its own epoch has committed  → resigned (no majority contact, asked to go), unattached (higher epoch)
// follower    fetches from the leader                  → prospective (time-out), unattached (leader gone, higher epoch), follower
// resigned    led this epoch and never will again      → unattached (higher epoch, time-out), follower
// A node that is no voter is an observer: unattached or follower, never more.
enum class role : std::uint8_t { unattached, prospective, candidate, leader, follower, resigned };
std::string_view to_string(role value) noexcept;

struct quorum_config {
  replica_key self;
  voter_set voters;
  std::int64_t election_timeout_ms = 1'000; // a voter waits this long, and up to twice, before it asks for votes
  std::int64_t fetch_timeout_ms = 2'000; // a follower without answer, a leader without a majority's fetches: gives up
  std::int64_t retry_ms = 100; // requests that got no answer are sent again
  std::int64_t max_park_ms = 250; // of a caught-up voter's fetch: at most a quarter of the election time-out
  std::size_t max_parked = 1'000; // fetches, observers' included; beyond that they are answered at once
};

struct epoch_entry {
  std::int32_t leader_epoch = 0;
  std::int64_t start_offset = 0;
  bool operator==(const epoch_entry&) const = default;
};

// What the log holds at start, after its recovery: all of it is synced.
struct log_summary {
  std::int64_t start_offset = 0;
  std::int64_t end_offset = 0;
  std::vector<epoch_entry> epochs; // of the batches in it, ascending
  std::optional<log_position> snapshot; // the newest; the log begins at or below its end
};
// Whether the log goes on from its newest snapshot. If not, the process ended after it had kept a snapshot of its leader's and before it had started the
// log over: what the log holds is older, or was never committed, and it is to begin at the snapshot's end.
bool continues_snapshot(const log_summary& log) noexcept;

struct outgoing {
  node_id to = no_node;
  message content;
};

struct effects {
  std::optional<quorum_state> persist;
  std::optional<std::int64_t> truncate_to;
  std::optional<log_position> receive_snapshot; // what was received of another is void
  std::optional<log_position> load_snapshot;
  std::optional<leader_change_message> append_leader_change;
  std::vector<outgoing> messages;
  std::optional<std::int64_t> high_watermark; // has moved: everything below is committed
  bool became_leader = false; // of epoch(); nothing else may be appended before the leader change record
  bool ready_to_serve = false; // the leader's own epoch has committed: activate the controller once the image shows it
  bool lost_leadership = false; // deactivate the controller, fail what is parked
  bool leader_changed = false; // leader() or epoch() is another than before
};

class quorum {
public:
  // `memory` as the last quorum-state file said; nothing: a fresh node.
  quorum(quorum_config config, quorum_state memory, log_summary log, prng source, std::int64_t now_ms);

  // Once, before anything else. A lone voter is candidate and leader in it.
  effects start(std::int64_t now_ms);
  // A message from `from`. After a fetch_response: if wants_records(), append the batches that came with it, sync, and say so by appended() for
  // each and flushed(); else drop them. After a snapshot_response: if wants_piece(), write the bytes that came with it behind those before, and
  // say so by snapshot_received(); else drop them.
  effects handle(node_id from, const message& content, std::int64_t now_ms);
  // When next_deadline_ms() has come.
  effects tick(std::int64_t now_ms);
  [[nodiscard]] std::int64_t next_deadline_ms() const noexcept;

  // The shell's log moved. One call per batch: [base_offset, end_offset) of one leader epoch.
  effects appended(std::int64_t base_offset, std::int64_t end_offset, std::int32_t leader_epoch, std::int64_t now_ms);
  effects flushed(std::int64_t end_offset, std::int64_t now_ms);
  effects truncated(std::int64_t end_offset, std::int64_t now_ms);
  // Of the snapshot that is being received everything before `position` (in bytes) is written.
  effects snapshot_received(std::int64_t position, std::int64_t now_ms);
  effects snapshot_loaded(const log_position& snapshot, std::int64_t now_ms);
  // What was received cannot be used, or not be written: the log is as it was. Tried again after a while.
  effects snapshot_failed(std::int64_t now_ms);
  // A snapshot was written: batches below may go. Only up to the high watermark.
  void snapshot_taken(const log_position& snapshot, std::int64_t log_start_offset);

  // The link to that node was refused or closed: a hint. If it led, an election may begin at once, should the others see it the same way.
  effects peer_unreachable(node_id other, std::int64_t now_ms);
  // Steps down, naming the most caught-up voters as successors: shutdown, or a failed log directory.
  effects resign(std::int64_t now_ms);

  [[nodiscard]] role current_role() const noexcept { return role_; }
  [[nodiscard]] std::int32_t epoch() const noexcept { return state_.leader_epoch; }
  [[nodiscard]] node_id leader() const noexcept {
    return role_ == role::leader || role_ == role::follower ? state_.leader : no_node;
  } // −1: not known
  [[nodiscard]] std::int64_t high_watermark() const noexcept { return high_watermark_; } // −1: not known
  [[nodiscard]] std::int64_t log_end_offset() const noexcept { return log_end_offset_; }
  [[nodiscard]] const quorum_config& config() const noexcept { return config_; }
  // May a record be appended now, in epoch()? Only by a leader that serves.
  [[nodiscard]] bool can_append() const noexcept { return role_ == role::leader && serving_; }
  // The fetch_response just handled has batches that continue this log.
  [[nodiscard]] bool wants_records() const noexcept { return wants_records_; }
  // The snapshot_response just handled has the next bytes of the snapshot that is being received.
  [[nodiscard]] bool wants_piece() const noexcept { return wants_piece_; }
  // A majority has confirmed this leader in exchanges that began at `since_ms` or later: a read that began then is linearizable.
  // Relies on links that keep the order of messages.
  [[nodiscard]] bool majority_contact_since(std::int64_t since_ms) const noexcept;

  struct replica_progress {
    replica_key replica;
    std::int64_t log_end_offset = -1; // −1: has not fetched in this epoch
    std::int64_t last_fetch_ms = -1;
    std::int64_t last_caught_up_ms = -1;
  };
  // Leader only: of each other voter (DescribeQuorum).
  [[nodiscard]] std::vector<replica_progress> progress() const;
  // Leader only: of those who fetch without a vote and did so within observer_session_ms.
  [[nodiscard]] std::vector<replica_progress> observers(std::int64_t now_ms) const;
  static constexpr std::int64_t observer_session_ms = 300'000; // as Kafka's

  [[nodiscard]] std::optional<std::string> check_invariants() const;

private:
  struct parked_fetch {
    fetch_request request;
    std::int64_t deadline_ms = 0;
  };
  struct peer {
    replica_progress seen;
    bool answered = false; // this round of votes, or the begin of this epoch
    bool granted = false;
    std::int64_t next_send_ms = 0;
    std::int64_t last_answer_ms = -1; // when this leader last answered a fetch of it …
    std::int64_t confirmed_ms = -1; // … and what that was when its latest fetch came
  };
  class changes; // notes what a public call changed

  // quorum_votes.cpp
  void on(node_id from, const vote_request& request, std::int64_t now_ms, effects& out);
  void on(node_id from, const vote_response& response, std::int64_t now_ms, effects& out);
  void on(node_id from, const begin_epoch_request& request, std::int64_t now_ms, effects& out);
  void on(node_id from, const begin_epoch_response& response, std::int64_t now_ms, effects& out);
  void on(node_id from, const end_epoch_request& request, std::int64_t now_ms, effects& out);
  [[nodiscard]] bool grants(const vote_request& request, std::int64_t now_ms) const;
  void begin_round(std::int64_t now_ms);
  void send_to_unanswered(std::int64_t now_ms, effects& out);
  void count_votes(std::int64_t now_ms, effects& out);
  // quorum_fetch.cpp
  void on(node_id from, const fetch_request& request, std::int64_t now_ms, effects& out);
  void on(node_id from, const fetch_response& response, std::int64_t now_ms, effects& out);
  void on(node_id from, const snapshot_request& request, std::int64_t now_ms, effects& out);
  void on(node_id from, const snapshot_response& response, std::int64_t now_ms, effects& out);
  peer* heard_from(node_id from, const replica_key& replica, std::int64_t now_ms);
  bool heard_leader(node_id from, std::int32_t leader_epoch, node_id leader, bool accepted, std::int64_t now_ms, effects& out);
  void cut_to(const log_position& diverging, effects& out);
  void send_fetch(std::int64_t now_ms, effects& out);
  replica_progress* note_observer(node_id from, const replica_key& replica, std::int64_t now_ms);
  void answer(node_id to, const fetch_request& request, std::int64_t now_ms, effects& out);
  void refuse(node_id to, const fetch_request& request, effects& out) const;
  void release_parked(std::int64_t now_ms, effects& out);
  void advance_high_watermark(std::int64_t now_ms, effects& out);
  void set_high_watermark(std::int64_t offset, effects& out);
  [[nodiscard]] bool place_in_log(const fetch_request& request, fetch_response& response) const;
  // quorum.cpp
  void become_unattached(std::int32_t leader_epoch, std::int64_t now_ms, effects& out);
  void become_follower(std::int32_t leader_epoch, node_id leader, std::int64_t now_ms, effects& out);
  void become_prospective(std::int64_t now_ms, effects& out);
  void become_candidate(std::int64_t now_ms, effects& out);
  void become_leader(std::int64_t now_ms, effects& out);
  void become_resigned(std::int64_t now_ms, effects& out);
  void leave_role(effects& out);
  void take_over(std::int32_t leader_epoch, node_id leader, std::int64_t now_ms, effects& out);
  void remember(const quorum_state& state, effects& out);
  [[nodiscard]] log_position last() const noexcept { return end_of_epoch(INT32_MAX); }
  [[nodiscard]] log_position end_of_epoch(std::int32_t leader_epoch) const noexcept;
  [[nodiscard]] bool is_voter() const noexcept { return config_.voters.contains(config_.self); }
  [[nodiscard]] std::int64_t election_timeout();
  // Greatest t such that a majority, this node included, has `value` ≥ t.
  [[nodiscard]] std::int64_t by_majority(std::int64_t own, std::int64_t peer::*value) const;
  [[nodiscard]] std::int64_t majority_fetch_ms() const;

  quorum_config config_;
  quorum_state state_;
  prng source_;
  role role_ = role::unattached;

  std::int64_t log_start_offset_ = 0;
  std::int64_t log_end_offset_ = 0;
  std::int64_t flushed_end_offset_ = 0;
  std::vector<epoch_entry> epochs_;
  std::optional<log_position> snapshot_;
  std::int64_t high_watermark_ = -1;

  std::int64_t deadline_ms_ = 0; // of every role but leader: when to do something about it
  std::map<node_id, peer> peers_; // every other voter
  // leader
  std::int64_t leader_since_ms_ = 0;
  std::int64_t epoch_start_offset_ = -1;
  bool serving_ = false;
  std::map<node_id, parked_fetch> parked_; // one per replica, at most max_parked
  std::map<node_id, replica_progress> observers_; // of this leader; at most max_parked
  // follower
  std::int64_t last_leader_contact_ms_ = INT64_MIN / 2;
  bool leader_link_lost_ = false;
  std::int64_t next_fetch_ms_ = 0; // when the fetch in flight is given up and sent again
  bool log_busy_ = false; // truncating or loading a snapshot: no fetch before that is done
  struct transfer {
    log_position snapshot;
    std::int64_t position = 0;
    std::int64_t size_bytes = -1;
    bool writing = false; // the piece at `position`: none is asked for before that is done
  };
  std::optional<transfer> receiving_; // from this leader; the log is still as it was
  bool wants_records_ = false;
  bool wants_piece_ = false;
  std::string broken_; // what never should have happened, for check_invariants()
};

} // namespace cafka::election
