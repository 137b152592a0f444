// One .log file with its two indexes: a run of batches that begins at base_offset. Owned by its partition log, like which it is not thread-safe.
// The last segment of a log is written to, the others are sealed. Nothing here syncs, and no descriptor is held except while there are
// bytes that no flush has covered (pin), so that an error of their write-back cannot get lost with a closed descriptor.
#pragma once
#include "storage/batch_scanner.hpp"
#include "storage/offset_index.hpp"
#include "storage/segment_files.hpp"
#include "storage/time_index.hpp"

#include <algorithm>

namespace cafka::storage {

// What a segment needs of its log. Lives as long as the call.
struct segment_place {
  file_pool& pool;
  const std::string& directory;
  std::int64_t index_interval_bytes = 4096;
};

// Where a read may end: a batch boundary, and the first offset at or past it.
struct batch_boundary {
  std::uint64_t position = 0;
  std::int64_t next_offset = 0;
};

class segment {
public:
  // `created_ms`: stands in for the newest record's time while there is no timestamp.
  segment(std::int64_t base_offset, std::int64_t created_ms)
      : base_offset_(base_offset), next_offset_(base_offset), created_ms_(created_ms) {}
  // As a listing showed it. Its end is not known yet: see check_tail() and note().
  segment(const found_segment& found, std::int64_t created_ms);

  [[nodiscard]] std::int64_t base_offset() const noexcept { return base_offset_; }
  [[nodiscard]] std::int64_t next_offset() const noexcept { return next_offset_; } // end, exclusive
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] std::uint64_t exposed_bytes() const noexcept { return exposed_bytes_; }
  [[nodiscard]] std::int64_t created_ms() const noexcept { return created_ms_; }
  [[nodiscard]] std::string path(const segment_place& place, std::string_view suffix) const {
    return segment_path(place.directory, base_offset_, suffix);
  }
  void set_next_offset(std::int64_t offset) noexcept { next_offset_ = offset; }
  // Bytes below `position` may be on their way to a peer, now or for as long as the file lives.
  void expose(std::uint64_t position) noexcept { exposed_bytes_ = std::max(exposed_bytes_, position); }

  [[nodiscard]] result<file_handle> source(const segment_place& place) const;
  [[nodiscard]] const file_handle& pinned() const noexcept { return pinned_; }
  result<void> pin(const segment_place& place);
  void unpin() noexcept { pinned_.reset(); }

  // Appends one batch at the end; pinned afterwards. On an error the file is cut back to size_bytes(); if that fails too, is_broken().
  result<void> append(const segment_place& place, const batch_header& header, byte_span batch);
  [[nodiscard]] bool is_broken() const noexcept { return broken_; }
  [[nodiscard]] bool indexes_dirty() const noexcept { return indexes_dirty_; }
  // Bookkeeping for a batch that lies at the end of what is known: sizes, offsets, indexes, greatest timestamp.
  void note(const segment_place& place, const batch_place& batch);
  // Index entries beyond a bound go to their files. Errors are kept for the next time: an index can be rebuilt.
  void spill_if_large(const segment_place& place);
  [[nodiscard]] std::uint32_t offset_entries() const noexcept { return offsets_.size(); }
  [[nodiscard]] std::uint32_t time_entries() const noexcept { return times_.size(); }
  // Writes both indexes whole, with Kafka's last time entry. Handles of what was written are added to `written`.
  result<void> write_indexes(const segment_place& place, std::vector<file_handle>& written);

  // The first batch that ends at or after `offset`; nullopt if there is none here. Rebuilds a lying index.
  result<std::optional<batch_place>> locate(const segment_place& place, std::int64_t offset);
  // The batch that begins at `position`, which must be a batch's start, if it is one that `offset` may be read from; else nullopt.
  result<std::optional<batch_place>> at_position(const segment_place& place, std::uint64_t position, std::int64_t offset) const;
  // The furthest boundary at or after `first`'s end that is at or before `max_position` (if not first's own end) with all before it below `max_offset`.
  result<batch_boundary> boundary(const segment_place& place, const batch_place& first, std::uint64_t max_position,
                                  std::int64_t max_offset);

  // The first record at or past `from_offset` whose timestamp is ≥ `timestamp`.
  struct found_record {
    std::int64_t timestamp = no_timestamp;
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
  };
  result<std::optional<found_record>> find_timestamp(const segment_place& place, std::int64_t timestamp, std::int64_t from_offset);
  // The greatest timestamp of the segment's batches and the last offset of the first batch that has it; no_timestamp, −1 if none.
  struct greatest_timestamp {
    std::int64_t timestamp = no_timestamp;
    std::int64_t offset = -1;
  };
  result<greatest_timestamp> max_timestamp(const segment_place& place);
  // The first record with the greatest timestamp at or past `from_offset`: reads every header from there.
  result<std::optional<found_record>> find_greatest(const segment_place& place, std::int64_t from_offset);
  // As far as it is known without I/O: nullopt if it would have to be read.
  [[nodiscard]] std::optional<greatest_timestamp> known_max_timestamp() const noexcept;
  // The first batch's greatest timestamp, from which the time to roll counts; nullopt if the segment is empty or has none.
  result<std::optional<std::int64_t>> roll_timestamp(const segment_place& place);

  // Walks from the last index entry to the end: sets next_offset and returns the last batch (nullopt if empty). The index is rebuilt if it does not fit.
  // corrupt_message if batches do not fill the file; nothing is written.
  result<std::optional<batch_place>> check_tail(const segment_place& place);
  // Reads every header and builds both indexes anew, in memory. `visit` may be empty.
  result<void> rebuild(const segment_place& place, const std::function<void(const batch_place&)>& visit = {});
  // Every batch from the one that holds `offset`, or the first after it, in order, as its header says; stops at the visitor's first error.
  using batch_visitor = std::function<result<void>(const file& log, const batch_place& batch)>;
  result<void> walk(const segment_place& place, std::int64_t offset, const batch_visitor& visit);
  // Forgets everything but the base, for a recovery that will note() every batch.
  void reset() noexcept;

  // Cuts the file, of whatever size, to size_bytes(): a recovery's torn tail. As cut().
  result<void> shorten_file(const segment_place& place, bool& renamed);
  // Cuts the file at `position`, a batch boundary. Synced when it returns. Exposed bytes stay as they are, in the file that had them: then the
  // rest is copied to a new file that takes the name; `renamed` says so (the directory is to be synced).
  result<void> cut(const segment_place& place, std::uint64_t position, bool& renamed);

  // An explanation of what is inconsistent, if anything is.
  [[nodiscard]] std::optional<std::string> check_invariants(const segment_place& place) const;

private:
  static constexpr std::int64_t unread_timestamp = INT64_MIN;

  result<std::optional<batch_place>> try_locate(const segment_place& place, std::int64_t offset) const;
  result<batch_boundary> try_boundary(const segment_place& place, const batch_place& first, std::uint64_t max_position,
                                      std::int64_t max_offset) const;
  result<std::optional<std::uint64_t>> try_time_start(const segment_place& place, std::int64_t timestamp, std::int64_t from_offset) const;
  result<std::optional<batch_place>> try_check_tail(const segment_place& place);
  result<batch_place> batch_at_entry(const file& log, const offset_entry& entry) const;
  result<void> check_time_entry(const segment_place& place, const time_entry& entry) const;
  result<std::optional<found_record>> find_in_batch(const file& log, const batch_place& batch, std::int64_t timestamp,
                                                    std::int64_t from_offset) const;
  void push_time_entry();
  // Runs `attempt`; when it finds the index or the log wrong, rebuilds the index once and tries again.
  template <class Attempt>
  auto with_true_index(const segment_place& place, Attempt attempt) -> decltype(attempt());
  result<void> copy_prefix(const segment_place& place, std::uint64_t size_bytes);
  result<void> cut_indexes(const segment_place& place, std::uint64_t position);
  // Bounded by what an index entry can name too: its relative offset is an i32 in Kafka's files.
  [[nodiscard]] scan_range range_from(std::uint64_t position) const noexcept {
    const auto out_of_reach = base_offset_ > INT64_MAX - INT32_MAX - 1 ? INT64_MAX : base_offset_ + INT32_MAX + 1;
    return {position, size_bytes_, base_offset_, std::min(next_offset_, out_of_reach)};
  }

  std::int64_t base_offset_;
  std::int64_t next_offset_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t exposed_bytes_ = 0;
  std::int64_t created_ms_;
  std::int64_t roll_timestamp_ = no_timestamp; // unread_timestamp: not looked up yet
  greatest_timestamp max_;
  bool max_known_ = true;
  bool rebuild_failed_ = false;
  bool broken_ = false;
  bool indexes_dirty_ = false;
  std::int64_t last_indexed_timestamp_ = no_timestamp; // as far as max_known_ is
  std::int64_t bytes_since_entry_ = 0;
  offset_index offsets_;
  time_index times_;
  file_handle pinned_;
};

} // namespace cafka::storage
