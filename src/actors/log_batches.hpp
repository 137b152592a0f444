// Batches of a log as bytes, for another node: sessions send slices of files, the middleman only what is in memory.
#pragma once
#include "storage/partition_log.hpp"

#include <string>

namespace cafka::actors {

// Whole batches from the one at `offset`, as they lie there: as many as fit, at least one; empty at the log's end. Blocks for the read.
result<std::string> read_batches(storage::partition_log& log, std::int64_t offset, std::uint32_t max_bytes);

} // namespace cafka::actors
