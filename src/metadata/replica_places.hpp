// Where replicas are, and whether what is there can be used (KIP-858).
#pragma once
#include "metadata/image.hpp"

namespace cafka::metadata {

// The directory of `replica`; zero: the metadata does not say, or it is no replica.
[[nodiscard]] uuid directory_of(const partition_registration& partition, node_id replica);

// Its broker is registered and not fenced, and its directory is not one that failed since.
[[nodiscard]] bool is_online(const image& in, const partition_registration& partition, node_id replica);

// Somebody takes for granted what that replica has.
[[nodiscard]] bool is_counted_on(const partition_registration& partition, node_id replica);

// May a replica that cannot go on where it is begin with nothing in `directory` (R8)? `last_epoch`: the highest leader epoch in which it can have
// fetched. In a later one nothing that it said counts for its successor.
[[nodiscard]] bool may_start_over(const partition_registration& partition, node_id replica, std::int32_t last_epoch, const uuid& directory);

} // namespace cafka::metadata
