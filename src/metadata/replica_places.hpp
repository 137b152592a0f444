// Where replicas are, and whether what is there can be used (KIP-858).
#pragma once
#include "metadata/image.hpp"

namespace cafka::metadata {

// The directory of `replica`; zero: the metadata does not say, or it is no replica.
[[nodiscard]] uuid directory_of(const partition_registration& partition, node_id replica);

// Its broker is registered and not fenced, and its directory is not one that failed since.
[[nodiscard]] bool is_online(const image& in, const partition_registration& partition, node_id replica);

} // namespace cafka::metadata
