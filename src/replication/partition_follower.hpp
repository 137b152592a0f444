// A partition follower's rules: what to ask the leader next, what of the own log must go, how far records are known to be committed
// (R2, R4, R5 of docs/replication.md). Pure; owned by the partition actor while it follows, told of each new leader by follow(). Nothing in it
// survives a crash: the log with its epoch cache and the checkpointed high watermark do, and follow() cuts nothing by the latter.
//
//   follower_effects e = follower.on_response(…);
//   1. e.lost            log and count: records that were committed are about to go
//   2. e.high_watermark  publish it; one that falls, so that no reader is past what is cut next
//   3. e.truncate_to     lower the recovery point on disk, then cut log, epoch cache (even if no byte goes) and producer state, and sync; or
//      e.start_over_at   the same, with partition_log::start_over_at(). Then repaired()
//   4. e.append          append the batches that came with the response, each checked (CRC, base offset, epoch from the last one's to
//                        leader_epoch()), then appended(); append_failed() if none could be, and if only the first could, appended()
//   5. e.log_start_offset  advance it
//   6. e.flush           flush all there is, after the flush in flight if there is one, then flushed(); a failure takes the directory offline: stop()
//   7. e.fetch, e.progress  send to leader()
//
// repaired(), appended(), append_failed() and flushed() answer effects too: carry them out the same way.
// Source: KIP-101, 279, 320, 595, 903.
#pragma once
#include "replication/replica_fetch.hpp"
#include "storage/log_config.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace cafka::replication {

struct follower_config {
  storage::durability_mode durability = storage::durability_mode::fsync; // `replicated`: asks for no flush
  std::int64_t fetch_wait_max_ms = 500; // replica.socket.timeout.ms: without an answer for so long it asks again
  std::int64_t fetch_backoff_ms = 1'000; // replica.fetch.backoff.ms: the longest pause after a failure, and the grace for an answer
};

// Committed metadata: who leads, and as which incarnation this node follows.
struct following {
  node_id leader = no_node;
  std::int32_t leader_epoch = -1;
  std::int64_t broker_epoch = -1;
};

// [from, to) was committed and this leader does not have it: an unclean election, or more disks lost data than min.insync.replicas allows.
struct committed_loss {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

struct follower_effects {
  std::optional<committed_loss> lost;
  std::optional<std::int64_t> high_watermark;
  std::optional<std::int64_t> truncate_to;
  std::optional<std::int64_t> start_over_at;
  bool append = false;
  std::optional<std::int64_t> log_start_offset;
  bool flush = false;
  std::optional<replica_fetch_request> fetch;
  std::optional<replica_fetch_request> progress;
};

// idle       follows nobody                          → fetching (follow)
// fetching   one fetch is in flight                  → appending, repairing, fetching (nothing new), waiting (failure, no answer)
// waiting    pauses after a failure                  → fetching (time)
// appending  the shell appends                       → fetching (appended), waiting (append_failed)
// repairing  the shell truncates or starts over      → fetching (repaired)
// From every state: fetching (follow, a newer leader epoch), idle (stop).
class partition_follower {
public:
  explicit partition_follower(const follower_config& config);

  // `log` everywhere: the own log as it is at this moment.
  // Follows from now on. Ignored unless the leader epoch is above every earlier one of this object; the same epoch only takes over the broker
  // epoch, which the next fetch carries. `high_watermark` as last known here: as leader, as follower of another, from the checkpoint.
  follower_effects follow(const following& whom, const replica_log& log, std::int64_t high_watermark, std::int64_t now_ms);
  // Leads now, or follows nobody. What is in flight will be dropped.
  void stop() noexcept;

  // An answer, perhaps late: acted upon only if it is to the fetch in flight, that is to the same leader epoch, offset and last epoch.
  // An error changes nothing but the time of the next fetch.
  follower_effects on_response(const replica_fetch_response& response, const replica_log& log, std::int64_t now_ms);
  follower_effects appended(const replica_log& log, std::int64_t now_ms);
  follower_effects append_failed(std::int64_t now_ms) noexcept;
  follower_effects repaired(const replica_log& log, std::int64_t now_ms);
  // A flush ended, whoever asked for it and even while it follows nobody: the leader learns of it by the next fetch, or at once if that is in
  // flight and so perhaps parked.
  follower_effects flushed(const replica_log& log, std::int64_t now_ms);
  // The link to the leader closed: the fetch in flight will have no answer.
  void link_lost(std::int64_t now_ms) noexcept;
  // When next_deadline_ms() has come.
  follower_effects tick(const replica_log& log, std::int64_t now_ms);
  [[nodiscard]] std::int64_t next_deadline_ms() const noexcept; // monotonic; INT64_MAX: none

  void set_config(const follower_config& config) noexcept { config_ = config; }

  [[nodiscard]] bool follows() const noexcept { return state_ != state::idle; }
  [[nodiscard]] node_id leader() const noexcept { return follows() ? whom_.leader : no_node; }
  [[nodiscard]] std::int32_t leader_epoch() const noexcept { return whom_.leader_epoch; }
  // min(the leader's, own log end) as of the last append. Falls only with `lost`.
  [[nodiscard]] std::int64_t high_watermark() const noexcept { return high_watermark_; }

  [[nodiscard]] std::optional<std::string> check_invariants(const replica_log& log) const;

private:
  enum class state : std::uint8_t { idle, fetching, waiting, appending, repairing };

  void fetch(const replica_log& log, std::int64_t now_ms, follower_effects& out) noexcept;
  void back_off(std::int64_t now_ms) noexcept;
  void repair(const replica_fetch_response& response, const replica_log& log, std::int64_t now_ms, follower_effects& out) noexcept;
  void learn(const replica_log& log, follower_effects& out) noexcept;
  void request_flush(const replica_log& log, follower_effects& out) noexcept;
  [[nodiscard]] replica_fetch_request request(const replica_log& log) const noexcept;

  follower_config config_;
  following whom_;
  state state_ = state::idle;
  replica_fetch_request in_flight_;
  std::int64_t deadline_ms_ = 0; // fetching: no answer came; waiting: fetch again
  std::int32_t failures_ = 0; // in a row
  bool flushing_ = false;
  std::int64_t high_watermark_ = 0;
  // The leader's, of the response whose records are being appended.
  std::int64_t leader_high_watermark_ = 0;
  std::int64_t leader_log_start_offset_ = 0;
};

} // namespace cafka::replication
