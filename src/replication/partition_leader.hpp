// A partition leader's rules: who is in sync, how far records are committed, which acks wait for that (R1–R7 of docs/replication.md).
// Pure; owned by the partition actor while it leads, forgotten when it does not. Nothing in it survives a crash: the log, the flushed end and
// the committed metadata do. Positions count by `durability`: the log end under `replicated`, the flushed end under `fsync`.
// Source: KIP-101, 320, 497, 841, 903, 966.
#pragma once
#include "base/error.hpp"
#include "base/ids.hpp"
#include "storage/log_config.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace cafka::replication {

// One waiting acks=all request; `token` is the caller's.
struct parked_ack {
  std::uint64_t token = 0;
  std::int64_t end_offset = 0; // last_offset + 1: answered once the high watermark is at or past it
  std::int64_t deadline_ms = 0; // monotonic
};

struct released_ack {
  std::uint64_t token = 0;
  errc code = errc::none; // an error means unknown: the records are in this log
};

struct leader_config {
  std::int32_t min_isr = 1; // min.insync.replicas; clamped to the replication factor
  storage::durability_mode durability = storage::durability_mode::fsync;
  std::int64_t replica_lag_time_max_ms = 30'000;
  std::size_t max_parked = 4096;
};

// What the metadata says of the partition, as of `partition_epoch`.
struct leadership {
  std::int32_t leader_epoch = 0;
  std::int32_t partition_epoch = 0;
  std::vector<node_id> replicas;
  std::vector<node_id> isr;
};

struct follower_fetch {
  node_id follower = no_node;
  std::int64_t broker_epoch = -1;
  std::int64_t fetch_offset = 0; // the follower's log end, which the leader's epoch check has accepted
  std::int64_t flushed_end_offset = 0; // ≤ fetch_offset
};

// One ISR proposal to the controller: at most one in flight.
struct isr_proposal {
  std::int32_t leader_epoch = 0;
  std::int32_t partition_epoch = 0;
  struct member {
    node_id id = no_node;
    std::int64_t broker_epoch = -1;
  };
  std::vector<member> isr;
};

class partition_leader {
public:
  // Not a leader until become_leader(). Allocates only while more acks are parked than ever before.
  partition_leader(node_id self, const leader_config& config);

  // A new leader epoch. `log_end_offset` and `flushed_end_offset` as the log has them at this moment: the epoch starts at the former.
  // `high_watermark` as last known here (checkpoint, or as follower): the one served never falls below it.
  void become_leader(const leadership& with, std::int64_t log_end_offset, std::int64_t flushed_end_offset, std::int64_t high_watermark,
                     std::int64_t now_ms);
  // Leads no more: everything parked fails as not_leader_or_follower (unknown outcome), appended to `released`.
  void resign(std::vector<released_ack>& released);
  [[nodiscard]] bool leads() const noexcept { return leads_; }

  // May a produce be appended? `current_leader_epoch` −1: not checked. not_leader_or_follower, fenced_leader_epoch, unknown_leader_epoch;
  // for acks=all also not_enough_replicas and, when as many are parked as may be, too_many_requests. Certainly not written on an error.
  [[nodiscard]] errc check_produce(std::int32_t current_leader_epoch, bool acks_all) const noexcept;
  // The same for reads and offset queries: epoch checks only.
  [[nodiscard]] errc check_epoch(std::int32_t current_leader_epoch) const noexcept;
  // R6: may what depends on the high watermark be answered? offset_not_available until it has reached the epoch's start.
  [[nodiscard]] errc check_high_watermark() const noexcept;

  // The log grew, or more of it is on stable storage. True if the high watermark moved: take() what it released.
  bool on_appended(std::int64_t log_end_offset, std::int64_t now_ms);
  bool on_flushed(std::int64_t flushed_end_offset, std::int64_t now_ms);
  // A follower asked from fetch_offset, or said `progress`. replica_not_available if it is not one of the replicas.
  result<bool> on_follower_fetch(const follower_fetch& fetch, std::int64_t now_ms);

  // Waits for `end_offset`. False: it is committed already, answer at once. Room was checked by check_produce.
  [[nodiscard]] bool park(std::uint64_t token, std::int64_t end_offset, std::int64_t deadline_ms);
  // Acks that the high watermark has passed, or that lost their min ISR (not_enough_replicas_after_append), appended to `released`.
  void take_released(std::vector<released_ack>& released);
  // Past their deadline: request_timed_out, unknown outcome.
  void expire(std::int64_t now_ms, std::vector<released_ack>& released);
  [[nodiscard]] std::int64_t next_deadline_ms() const noexcept; // of acks and of lagging followers, or earlier; INT64_MAX: none
  [[nodiscard]] std::size_t parked() const noexcept { return parked_.size() - first_parked_; }

  // Committed metadata of this leader epoch; ignored unless its partition_epoch is higher. True if the high watermark moved.
  bool on_partition_changed(const leadership& committed, std::int64_t now_ms);
  // The set of brokers that may join an ISR: unfenced, not shutting down, with their epochs. Kept by the caller's image.
  struct eligible_broker {
    node_id id = no_node;
    std::int64_t broker_epoch = -1;
  };
  // An ISR change that is due, if none is in flight: expansion for followers that caught up, shrinking for those that lag. From then on
  // maximal_isr holds both. Send it to the controller and report back with exactly one of the three below.
  std::optional<isr_proposal> propose_isr(const std::vector<eligible_broker>& brokers, std::int64_t now_ms);
  bool on_isr_accepted(const leadership& committed, std::int64_t now_ms);
  // Refused by a controller that is at this very partition epoch, so that no earlier attempt was done either: maximal_isr goes back. True if the
  // high watermark moved. Refused because the partition epoch is behind is on_isr_unknown(): what was missed may be this proposal, done.
  // The shell keeps the order of attempts, over a lost link too: one that was given up and reaches the controller after the refusal of its
  // repeat could still be done, when this leader counts its members no more.
  bool on_isr_refused(std::int64_t now_ms);
  // No answer: maximal_isr stays, and the same proposal is made again.
  void on_isr_unknown() noexcept { repeat_proposal_ = in_flight_.has_value(); }

  // Flush the log before a topic is switched to fsync. True if the high watermark moved.
  bool set_config(const leader_config& config, std::int64_t now_ms);

  [[nodiscard]] std::int64_t high_watermark() const noexcept { return high_watermark_; }
  [[nodiscard]] std::int32_t leader_epoch() const noexcept { return view_.leader_epoch; }
  [[nodiscard]] std::int32_t partition_epoch() const noexcept { return view_.partition_epoch; }
  [[nodiscard]] std::int64_t epoch_start_offset() const noexcept { return epoch_start_offset_; }
  [[nodiscard]] const std::vector<node_id>& isr() const noexcept { return view_.isr; }
  [[nodiscard]] std::size_t replica_count() const noexcept { return view_.replicas.size(); }
  [[nodiscard]] std::vector<node_id> maximal_isr() const;
  [[nodiscard]] const leader_config& config() const noexcept { return config_; }

  [[nodiscard]] std::optional<std::string> check_invariants() const;

private:
  struct follower {
    node_id id = no_node;
    std::int64_t broker_epoch = -1;
    bool fetched_in_epoch = false;
    std::int64_t log_end_offset = -1;
    std::int64_t flushed_end_offset = -1;
    std::int64_t last_caught_up_ms = 0; // when its counted position last reached what was the log end
    // The leader's log end at that time: what it has to reach next. Moved only when reached, so that under load a follower whose flushes are
    // always one fetch behind is seen to keep up.
    std::int64_t mark_offset = 0;
    std::int64_t mark_ms = 0;
    bool in_isr = false;
    bool proposed = false; // in the proposal that is in flight
  };

  [[nodiscard]] std::int64_t counted(const follower& of) const noexcept;
  [[nodiscard]] std::int64_t own_position() const noexcept;
  [[nodiscard]] bool in_maximal(const follower& of) const noexcept { return of.in_isr || (in_flight_ && of.proposed); }
  [[nodiscard]] std::int32_t needed_in_sync() const noexcept;
  bool advance_high_watermark();
  void adopt(const leadership& committed, std::int64_t now_ms);
  void drop_answered();

  node_id self_;
  leader_config config_;
  bool leads_ = false;
  leadership view_;
  std::vector<follower> followers_; // every replica but this one
  std::optional<isr_proposal> in_flight_;
  bool repeat_proposal_ = false;
  std::int64_t log_end_offset_ = 0;
  std::int64_t flushed_end_offset_ = 0;
  std::int64_t high_watermark_ = 0;
  std::int64_t epoch_start_offset_ = 0;
  std::vector<parked_ack> parked_; // ascending end_offset; [0, first_parked_) are answered and wait to be moved over
  std::size_t first_parked_ = 0;
  std::int64_t earliest_ack_deadline_ms_ = INT64_MAX; // no later than that of any parked ack
};

} // namespace cafka::replication
