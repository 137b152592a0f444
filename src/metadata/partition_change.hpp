// One partition's next state: who is in sync, who leads, who stays eligible; as the PartitionChangeRecord that says so (KIP-631, KIP-966).
// The only place that chooses a leader. A named leader, even the same one again, opens a new leader epoch; every record a new partition epoch.
#pragma once
#include "metadata/image.hpp"
#include "metadata/records.hpp"

#include <functional>
#include <optional>

namespace cafka::metadata {

enum class leader_choice : std::uint8_t {
  keep_if_possible, // the leader stays while it is alive and in the ISR
  reelect, // as keep_if_possible, but always in a new leader epoch
  preferred, // the first replica, if it is alive and in the ISR; else as it is
  unclean, // as keep_if_possible, and anyone alive rather than nobody
};

struct partition_rules {
  std::int32_t min_isr = 1; // clamped to the replication factor by the function below
  bool unclean_election = false;
  // Unfenced and not shutting down.
  std::function<bool(node_id)> can_lead;
};

struct wanted_change {
  std::optional<std::vector<node_id>> isr; // nullopt: as it is
  // Restarted without all it had acked: may not be elected before others. `forget` says that its disk is gone, so it may not be elected at all.
  node_id lossy = no_node;
  bool forget = false;
  leader_choice choice = leader_choice::keep_if_possible;
  std::optional<recovery_state> leader_recovery;
  std::optional<std::vector<uuid>> directories; // nullopt: as they are
};

// Empty if nothing changes. An unclean choice sets leader_recovery to recovering.
std::optional<partition_change_record> change_partition(const uuid& topic, std::int32_t number, const partition_registration& now,
                                                        const wanted_change& wanted, const partition_rules& rules);

} // namespace cafka::metadata
