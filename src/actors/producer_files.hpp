// Between what a partition knows of its producers (replication, pure) and the snapshots beside its log (storage): loading after an open,
// writing before each new segment and at a clean stop. Blocks for file I/O; nothing here syncs.
//
// Snapshots are written where they spare a start from reading: before every new segment, as Kafka does, and at a clean stop if there is any
// producer, any snapshot or more than one segment; beside each, where there are any, the batches before the last of each producer. So a partition
// of one segment that no idempotent producer wrote to has no such file, and a clean start without any knows that there is nothing to know.
#pragma once
#include "replication/producer_state.hpp"
#include "storage/partition_log.hpp"

namespace cafka::actors {

// After an open, and after a truncation (then `options` are not clean): from the newest snapshot that holds true, and the batches after it;
// others are removed. Nothing is read of a log that was closed cleanly and has no snapshot. quarantined: a batch is damaged. `options` are those that the log was opened with.
result<replication::producer_state> load_producers(storage::partition_log& log, const replication::producer_limits& limits,
                                                   const storage::log_open_options& options);

// Before a new segment at `base_offset`: `producers` knows everything below it.
result<void> snapshot_at_roll(storage::partition_log& log, const replication::producer_state& producers, std::int64_t base_offset);

// Before close(): what the next start needs in order to read no batch.
result<void> snapshot_at_close(storage::partition_log& log, const replication::producer_state& producers);

} // namespace cafka::actors
