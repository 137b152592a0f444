// What a partition's directory holds becomes a log again: after a clean stop by a look at each segment's end, after any other by reading
// every batch from the recovery point's segment on. First everything is inspected, then it is decided, and only then is the disk changed.
// The rules are those of docs/storage.md: a torn tail past the recovery point is cut, damage below it is never touched (quarantined).
#pragma once
#include "storage/leader_epoch_cache.hpp"
#include "storage/partition_log.hpp"
#include "storage/segment.hpp"

namespace cafka::storage {

struct recovered_log {
  std::vector<segment> segments; // at least one; the last is the one to write to
  leader_epoch_cache epochs;
  bool epochs_dirty = false; // the file on disk says otherwise
  std::int64_t log_start_offset = 0;
  std::vector<std::string> retired; // paths of *.deleted files
  bool synced_directory = false;    // its entries are durable
};

// Blocks for as long as it takes to read what is not proven yet; syncs what it changes and what it found past the recovery point.
// errc::quarantined with nothing changed; io_error.
result<recovered_log> recover_log(file_pool& pool, const std::string& directory, const partition_listing& listing,
                                  const log_open_options& options);

// Renames a segment's files to *.deleted, those that exist; their paths are added to `retired`. The directory is to be synced.
result<void> retire_segment_files(file_pool& pool, const std::string& directory, std::int64_t base_offset,
                                  std::vector<std::string>& retired);

} // namespace cafka::storage
