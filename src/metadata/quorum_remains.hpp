// What one node still has of a quorum whose majority is lost, for the operator who is to decide whether to go on with it.
#pragma once
#include "election/formation.hpp"
#include "election/messages.hpp"

#include <cstdint>
#include <string>

namespace cafka::metadata {

struct quorum_remains {
  std::string directory; // of the metadata log
  election::replica_key self;
  election::cluster_identity identity; // who votes, as this node knows it
  std::int32_t known_epoch = 0; // the highest this node has heard of
  node_id known_leader = no_node; // of it
  election::log_position last; // where its log ends
  std::int64_t log_start_offset = 0;
  std::int64_t high_watermark = 0; // what it knew to be committed when that was last written; at least this much was
  std::int64_t snapshot_end_offset = -1; // −1: none
  std::size_t topics = 0, partitions = 0; // in all that it has, committed or not
  std::size_t partitions_elsewhere = 0; // of which it has no replica
  std::size_t partitions_behind = 0; // of which it has one that was not in sync
};

} // namespace cafka::metadata
