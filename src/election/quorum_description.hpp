// What a quorum's leader tells of it to people (KIP-595, DescribeQuorum).
#pragma once
#include "election/voter_set.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cafka::election {

struct quorum_description {
  struct replica {
    replica_key key;
    std::int64_t log_end_offset = -1; // −1: has not fetched in this epoch
    std::int64_t last_fetch_ms = -1; // wall clock of the leader; −1: never
    std::int64_t last_caught_up_ms = -1;
    bool operator==(const replica&) const = default;
  };
  struct address {
    node_id id = no_node;
    std::string listener, host;
    std::uint16_t port = 0;
    bool operator==(const address&) const = default;
  };
  node_id leader = no_node;
  std::int32_t leader_epoch = -1;
  std::int64_t high_watermark = -1; // −1: not known yet
  std::vector<replica> voters; // the leader too
  std::vector<replica> observers;
  std::vector<address> addresses; // where the configuration says that voters are found
  bool operator==(const quorum_description&) const = default;
};

} // namespace cafka::election
