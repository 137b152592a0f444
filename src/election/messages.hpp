// What quorum nodes tell each other, free of any wire format. Fields as in Kafka's Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch and
// FetchSnapshot (KIP-595, 630, 853, 996).
#pragma once
#include "election/voter_set.hpp"

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace cafka::election {

// A place in the log: `end_offset` is exclusive, `leader_epoch` that of the record before it.
struct log_position {
  std::int32_t leader_epoch = -1;
  std::int64_t end_offset = 0;
  auto operator<=>(const log_position&) const = default; // Raft §5.4.1: epoch first, then length
};

struct vote_request {
  std::int32_t leader_epoch = 0; // of the candidate; under pre_vote the epoch it is in, which no one is asked to take over
  replica_key candidate;
  replica_key voter; // whom it is for: one with another directory id refuses
  log_position last;
  bool pre_vote = false;
};
struct vote_response {
  std::int32_t leader_epoch = 0;
  node_id leader = no_node;
  bool granted = false;
  bool pre_vote = false;
};
struct begin_epoch_request {
  std::int32_t leader_epoch = 0;
  node_id leader = no_node;
  replica_key voter;
};
struct begin_epoch_response {
  std::int32_t leader_epoch = 0;
  node_id leader = no_node;
};
// A leader that goes: the successors may start an election at once, the first before the others.
struct end_epoch_request {
  std::int32_t leader_epoch = 0;
  node_id leader = no_node;
  std::vector<replica_key> preferred_successors;
};
struct fetch_request {
  std::int32_t leader_epoch = 0;
  replica_key replica;
  std::int64_t fetch_offset = 0; // the replica's log end; everything below is on its disk
  std::int32_t last_fetched_epoch = -1;
  std::int64_t high_watermark = -1; // what the replica knows: a difference is answered at once
};
struct fetch_response {
  std::int32_t leader_epoch = 0;
  node_id leader = no_node;
  bool accepted = false; // false: another epoch or leader; look at those two
  std::int64_t high_watermark = -1; // −1: not known yet
  std::optional<log_position> diverging; // truncate to the smaller of this and the own end of that epoch
  std::optional<log_position> snapshot; // the log begins above fetch_offset: get this snapshot first
  // Of the request that this answers: an answer to any other is not acted upon (a late "diverging" could cut what was acked since).
  std::int64_t fetch_offset = 0;
  std::int32_t last_fetched_epoch = -1;
  // The sender attaches whole batches from fetch_offset, as many as fit and at least one.
  bool has_records = false;
};
// The snapshot that a fetch_response named, piece by piece.
struct snapshot_request {
  std::int32_t leader_epoch = 0;
  replica_key replica;
  log_position snapshot;
  std::int64_t position = 0; // in bytes: everything before it was received
};
struct snapshot_response {
  std::int32_t leader_epoch = 0;
  node_id leader = no_node;
  bool accepted = false; // as of a fetch_response
  log_position snapshot; // of the request that this answers
  std::int64_t position = 0;
  // Said by the sender's shell, which attaches the bytes from `position`, as many as fit.
  std::int64_t size_bytes = -1; // of the whole snapshot; −1: it is there no longer
};

using message = std::variant<vote_request, vote_response, begin_epoch_request, begin_epoch_response, end_epoch_request, fetch_request,
                             fetch_response, snapshot_request, snapshot_response>;

} // namespace cafka::election
