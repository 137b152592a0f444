// What a follower asks its leader, what it is told, and the leader's side of it: is the follower's log a prefix of mine, and if not, where do
// they part? The question rides on every fetch, so there is no separate epoch round that could be answered by one leader and acted upon
// under the next. Pure; nothing here survives a crash. Source: KIP-101, 279, 320, 595, 903.
#pragma once
#include "base/error.hpp"
#include "base/ids.hpp"
#include "storage/leader_epoch_cache.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace cafka::replication {

class partition_leader;

// A replica's log as the rules see it; valid until the log changes.
struct replica_log {
  std::int64_t log_start_offset = 0;
  std::int64_t log_end_offset = 0;
  std::int64_t flushed_end_offset = 0;
  std::span<const storage::epoch_start> epochs; // partition_log::epoch_starts()

  // −1: there is no record. An epoch that began here and got no record counts until the cache is mended: "diverging" does that.
  [[nodiscard]] std::int32_t last_epoch() const noexcept { return epochs.empty() ? -1 : epochs.back().leader_epoch; }
};

struct replica_fetch_request {
  std::int32_t current_leader_epoch = -1; // as the follower knows it
  std::int64_t fetch_offset = 0; // its log end
  std::int32_t last_fetched_epoch = -1; // replica_log::last_epoch()
  std::int64_t flushed_end_offset = 0; // ≤ fetch_offset
  std::int64_t broker_epoch = -1; // of the follower's incarnation
  std::int64_t high_watermark = 0; // what it knows: more is answered at once
  std::int64_t log_start_offset = 0; // where its log begins
};

struct replica_fetch_response {
  // Of the request that this answers. An answer to any other is not acted upon: a late "diverging" could cut what was acked since.
  std::int32_t current_leader_epoch = -1;
  std::int64_t fetch_offset = 0;
  std::int32_t last_fetched_epoch = -1;

  // none; not_leader_or_follower, fenced_leader_epoch, unknown_leader_epoch, replica_not_available, stale_broker_epoch: nothing below is set.
  // offset_out_of_range: the logs cannot be compared any more, start over at log_start_offset.
  errc code = errc::none;
  // Truncate to the smaller of end_offset and the own end of leader_epoch; no records come with it, and nothing else is acted upon.
  std::optional<storage::epoch_end> diverging;
  std::int64_t high_watermark = 0;
  std::int64_t log_start_offset = 0;
  bool has_records = false; // the sender attaches whole batches from fetch_offset, as many as fit and at least one
};

struct replica_fetch_answer {
  replica_fetch_response response;
  bool high_watermark_moved = false; // take() what the leader core released
  bool may_park = false; // nothing new for the follower: keep the request until is_due(), then answer_parked()
};

// The leader's answer, and the one place where a follower's position is counted: only when its log is a prefix of this one. A `progress` is
// told the same way, neither answered nor parked. `log` is the leader's own.
replica_fetch_answer answer_replica_fetch(partition_leader& leader, const replica_log& log, node_id follower,
                                          const replica_fetch_request& request, std::int64_t now_ms);
// Is there something to say to a parked fetch? Its longest wait is the caller's.
[[nodiscard]] bool is_due(const partition_leader& leader, const replica_log& log, const replica_fetch_request& request) noexcept;
// The answer to a fetch that was parked: what it said was counted when it came, and may be outdated by a `progress` since.
replica_fetch_response answer_parked(const partition_leader& leader, const replica_log& log, const replica_fetch_request& request) noexcept;

} // namespace cafka::replication
