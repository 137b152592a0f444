// What a partition_log is made of, shared by the files that implement it: partition_log.cpp (open, append, flush, close),
// partition_log_read.cpp and partition_log_trim.cpp (whatever removes records).
#pragma once
#include "storage/leader_epoch_cache.hpp"
#include "storage/partition_log.hpp"
#include "storage/segment.hpp"
#include "storage/segment_files.hpp"

#include <array>

namespace cafka::storage {

struct partition_log::state {
  state(file_pool& pool_in, std::string directory_in, const log_config& config_in)
      : pool(pool_in), directory(std::move(directory_in)), config(config_in) {}

  file_pool& pool;
  const std::string directory;
  log_config config;
  std::vector<segment> segments; // by base offset, without gaps unless compacted; the last is written to
  leader_epoch_cache epochs;
  std::vector<std::int64_t> producer_snapshots; // ascending
  std::function<result<void>(std::int64_t)> roll_hook;
  std::int64_t log_start_offset = 0;
  std::int64_t flushed_end_offset = 0;
  std::int64_t latest_now_ms = 0;

  // Where reads left off: the next of each stream starts there without an index lookup.
  struct cursor {
    std::int64_t base_offset = -1; // of the segment
    std::int64_t offset = -1;
    std::uint64_t position = 0;
  };
  std::array<cursor, 4> cursors;
  std::uint32_t next_cursor = 0;

  struct retired_file {
    std::string path;
    std::int64_t due_ms = 0;
  };
  std::vector<retired_file> retired;

  // Flushing. Every change takes the generation of the ticket that will be prepared next; a finished ticket proves its own and all before.
  struct open_ticket {
    std::int64_t asked_end = 0; // as the ticket says
    std::int64_t proven_end = 0; // lowered by truncations that came between
    std::uint64_t generation = 0;
  };
  struct dirty_file {
    file_handle handle;
    std::uint64_t generation = 0;
  };
  std::vector<open_ticket> tickets;
  std::vector<dirty_file> dirty_files; // beside the segments: indexes, checkpoints
  std::uint64_t generation = 1;
  std::uint64_t directory_changed = 0; // generation of the last change; 0: none
  std::uint64_t directory_proven = 0;
  bool epochs_dirty = false;
  bool metadata_unproven = false; // found after an unclean stop of a log that was never flushed
  std::uint64_t parent_changed = 0; // as directory_changed, for the directory's own entry in the one above; 0: durable
  std::uint64_t last_retirement = 0; // generation
  std::int64_t retention_checked_ms = INT64_MIN;
  bool failed = false; // a removal stopped half-way: nothing is read or written until the log is opened again

  [[nodiscard]] bool retirement_proven() const noexcept { return last_retirement <= directory_proven; }
  [[nodiscard]] segment& active() noexcept { return segments.back(); }
  [[nodiscard]] result<void> check_usable() const;
  [[nodiscard]] std::uint64_t size_bytes() const noexcept;
  [[nodiscard]] std::int64_t log_end_offset() const noexcept { return segments.back().next_offset(); }
  [[nodiscard]] segment_place place() const noexcept { return {pool, directory, config.index_interval_bytes}; }
  [[nodiscard]] bool directory_dirty() const noexcept { return directory_changed > directory_proven; }
  void touch_directory() noexcept { directory_changed = generation; }
  result<void> sync_directory();
  void forget_cursors() noexcept { cursors = {}; }

  // The segment that holds `offset`, or the last one that begins at or before it.
  [[nodiscard]] std::size_t index_of(std::int64_t offset) const noexcept;
  result<bool> read_segment(segment& from, const read_limits& limits, read_outcome& outcome);
  // How old `of` may grow: segment.ms less its share of segment.jitter.ms, the same whenever it is asked.
  [[nodiscard]] std::int64_t roll_age_ms(const segment& of) const noexcept;
  result<bool> must_roll(const batch_header& header, std::int64_t now_ms);
  result<void> roll_at(std::int64_t base_offset, std::int64_t now_ms);
  // Takes the oldest segment away. At least one other is left.
  result<void> retire_oldest(std::int64_t now_ms);
  // Unlinks a segment's files and forgets it.
  result<void> remove_segment(std::size_t index);
  // Replaces a small file atomically for readers; durable with the next ticket.
  result<void> replace_file(std::string_view name, std::string_view text);
  result<void> keep_metadata(const log_open_options& options, bool write, bool exists);
  result<void> prove_metadata();
  result<void> write_epochs();
  result<void> write_epochs_durably();
  // Lowers what is flushed, and what tickets under way may prove.
  void forget_flushes_past(std::int64_t offset) noexcept;
  // Which snapshots that were found may stay.
  result<void> tidy_snapshots(const partition_listing& found);
  result<void> remove_snapshot(std::int64_t offset);
  result<void> remove_snapshots_past(std::int64_t offset);
  void forget_snapshot(std::int64_t offset) { std::erase(producer_snapshots, offset); }
  result<void> start_over(std::int64_t offset);
};

} // namespace cafka::storage
