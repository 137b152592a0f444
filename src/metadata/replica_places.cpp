#include "metadata/replica_places.hpp"

#include <algorithm>

namespace cafka::metadata {

uuid directory_of(const partition_registration& partition, node_id replica) {
  const auto place = static_cast<std::size_t>(std::ranges::find(partition.replicas, replica) - partition.replicas.begin());
  return place < partition.replicas.size() && place < partition.directories.size() ? partition.directories[place] : uuid{};
}

bool is_online(const image& in, const partition_registration& partition, node_id replica) {
  const auto found = in.brokers().find(replica);
  if (found == in.brokers().end() || found->second.fenced)
    return false;
  const auto directory = directory_of(partition, replica);
  const auto& online = found->second.directories;
  return directory.is_zero() || online.empty() || std::ranges::find(online, directory) != online.end();
}

bool is_counted_on(const partition_registration& partition, node_id replica) {
  const auto named = [replica](const std::vector<node_id>& list) { return std::ranges::find(list, replica) != list.end(); };
  return partition.leader == replica || partition.replicas.size() == 1 || named(partition.isr) || named(partition.elr);
}

bool may_start_over(const partition_registration& partition, node_id replica, std::int32_t last_epoch, const uuid& directory) {
  return partition.leader != no_node && partition.leader_epoch > last_epoch && !is_counted_on(partition, replica) &&
         directory_of(partition, replica) == directory;
}

} // namespace cafka::metadata
