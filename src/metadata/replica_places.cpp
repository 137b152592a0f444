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

} // namespace cafka::metadata
