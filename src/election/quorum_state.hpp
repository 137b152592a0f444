// What a voter must not forget: its epoch and its vote. The file `quorum-state` beside the metadata log, in Kafka's JSON (KIP-595, KIP-853).
// The shell replaces the file atomically and syncs it before any message of the same effects leaves.
#pragma once
#include "base/error.hpp"
#include "election/voter_set.hpp"

#include <string>
#include <string_view>

namespace cafka::election {

inline constexpr std::string_view quorum_state_file = "quorum-state";

struct quorum_state {
  std::int32_t leader_epoch = 0;
  node_id leader = no_node; // of leader_epoch, if known
  replica_key voted; // in leader_epoch; id −1: nobody
  bool operator==(const quorum_state&) const = default;
};

// {"leaderId":1,"leaderEpoch":3,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}
std::string to_json(const quorum_state& state);
// Reads data_version 0 and 1. bad_format for anything else or damaged: a voter never votes from damaged memory.
result<quorum_state> parse_quorum_state(std::string_view text);

} // namespace cafka::election
