// One partition's log: segments of record batches in `<log dir>/<topic>-<partition>/`, in Kafka's own files.
// Owned by exactly one partition actor: no call is thread-safe, except that what flush_ticket and log_slice carry may be used from any thread.
// Calls do file I/O into the page cache; none of them syncs, except open (recovery), close and truncation, which say so.
//
// What survives a crash: everything up to the last flush_ticket whose sync() succeeded; of the rest, a prefix that ends at a batch boundary.
// Bytes that a slice ever exposed are never overwritten nor cut: a truncation below them writes a new file and renames it.
#pragma once
#include "base/ids.hpp"
#include "storage/file_pool.hpp"
#include "storage/leader_epoch_cache.hpp"
#include "storage/log_config.hpp"
#include "storage/producer_snapshot.hpp"
#include "storage/record_batch.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cafka::storage {

// Bytes of one segment file, whole batches. Valid for as long as it is held, across roll, retention, truncation and deletion of the partition.
struct log_slice {
  file_handle source;
  std::uint64_t position = 0;
  std::uint32_t size_bytes = 0;
};

struct read_limits {
  std::int64_t max_offset = INT64_MAX; // exclusive: no batch at or past it (the high watermark, for consumers)
  std::uint32_t max_bytes = 1 << 20; // whole batches only …
  bool at_least_one = true; // … but the first batch even if it alone is larger
};

struct read_outcome {
  std::vector<log_slice> slices; // empty at the end of the log; at most a few, in offset order
  std::int64_t next_offset = 0; // first offset after the slices; the asked offset when empty
  std::uint64_t size_bytes = 0;
};

// What must reach stable storage for everything below `end_offset` to be durable. sync() blocks, from any thread, and is called at most once:
// its failure is final for the whole log directory.
struct flush_ticket {
  std::int64_t end_offset = 0;
  std::vector<file_handle> dirty_files;
  std::string dirty_directory; // empty, or the directory whose entries changed
  std::string dirty_parent; // empty, or the directory in which dirty_directory is new
  file_system* files = nullptr;
  [[nodiscard]] result<void> sync() const;
};

struct timestamp_and_offset {
  std::int64_t timestamp = no_timestamp;
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;
};

struct log_open_options {
  topic_partition name;
  uuid topic_id; // written to partition.metadata, or checked against it: inconsistent_topic_id
  log_config config;
  std::int64_t recovery_point = 0; // everything below was synced (recovery-point-offset-checkpoint)
  std::int64_t log_start_offset = 0; // from log-start-offset-checkpoint; 0 if unknown
  bool clean = false; // the directory's clean-shutdown marker was there
  // Kafka wrote it last and did not stop cleanly. Its cleaner may have left gaps between segments that no recovery point of its covers yet.
  bool written_by_kafka = false;
  bool create = true; // make an empty log if the directory is missing, else not_found
  std::int64_t now_ms = 0;
  std::function<void(std::string_view message)> report; // recovery's progress and findings, one line each
};

class partition_log {
public:
  // Opens or creates. After an unclean stop checks every batch from the recovery point (CRC, offsets, epochs), cuts a torn tail, rebuilds indexes and
  // epoch cache, and syncs what it cut. Damage below the recovery point: errc::quarantined, nothing changed on disk.
  // `directory` is the partition's own. The pool outlives the log.
  static result<std::unique_ptr<partition_log>> open(file_pool& pool, std::string directory, const log_open_options& options);
  ~partition_log(); // does not flush

  partition_log(const partition_log&) = delete;
  partition_log& operator=(const partition_log&) = delete;

  [[nodiscard]] const std::string& directory() const noexcept;
  [[nodiscard]] std::int64_t log_start_offset() const noexcept;
  [[nodiscard]] std::int64_t log_end_offset() const noexcept;
  // Everything below is on stable storage: what completed tickets (mark_flushed) and recovery have proved.
  [[nodiscard]] std::int64_t flushed_end_offset() const noexcept;
  [[nodiscard]] std::uint64_t size_bytes() const noexcept;
  [[nodiscard]] std::size_t segment_count() const noexcept;
  [[nodiscard]] std::int32_t latest_leader_epoch() const noexcept; // −1: none
  [[nodiscard]] const std::vector<epoch_start>& epoch_starts() const noexcept;

  // Appends one whole batch whose base_offset is log_end_offset() and whose leader_epoch is ≥ the latest; rolls first if a bound says so.
  // Nothing is appended on an error (no_space, io_error, too_many_files): the log is as it was.
  result<void> append(const batch_header& header, byte_span batch, std::int64_t now_ms);

  // Batches from the one that contains `offset`. offset_out_of_range unless log_start_offset ≤ offset ≤ log_end_offset.
  // Verifies that what the index points at is the batch it should be; never returns other bytes (corrupt_message instead, and the index is rebuilt).
  result<read_outcome> read(std::int64_t offset, const read_limits& limits);

  // The earliest record with timestamp ≥ `timestamp`; nullopt if none. May decompress one batch.
  result<std::optional<timestamp_and_offset>> find_by_timestamp(std::int64_t timestamp);
  // The record with the greatest timestamp (KIP-734); nullopt if the log is empty.
  result<std::optional<timestamp_and_offset>> find_max_timestamp();
  // KIP-101: the largest epoch ≤ `leader_epoch` and where it ended.
  [[nodiscard]] epoch_end end_offset_for_epoch(std::int32_t leader_epoch) const noexcept;
  // Remembers that `leader_epoch` starts at log_end_offset(), if it is new; durable with the first of its records. fenced_leader_epoch if it is below
  // the latest.
  result<void> begin_leader_epoch(std::int32_t leader_epoch);

  // Moves log_start_offset up, to at most log_end_offset (offset_out_of_range past it). Segments wholly below are retired.
  result<void> advance_log_start_offset(std::int64_t offset, std::int64_t now_ms);
  // Removes every batch that ends at or past `offset`: the log then ends where the last batch left does, at most at `offset`.
  // Syncs before it returns, so nothing cut comes back. No-op past the end.
  // Before this and start_over_at the caller lowers the recovery point on disk to at most the new end (and to at most the present log start):
  // a log that ends below its recovery point is taken for damaged.
  result<void> truncate_to(std::int64_t offset);
  // Empties the log and begins it at `offset` (a follower too far behind); syncs.
  result<void> start_over_at(std::int64_t offset);

  // -- what is known of producers: kept by the owner, its snapshots lie beside the segments --

  // Offsets of the snapshots on disk, ascending, none past the end. A segment that goes takes the one at its base along, truncation those past
  // the new end, and opening every one that is neither at a segment's base nor the newest past the last of them.
  [[nodiscard]] const std::vector<std::int64_t>& producer_snapshots() const noexcept;
  // bad_format: void (torn, damaged, lying); not_found. The caller removes it and looks for an older one.
  result<std::vector<producer_snapshot_entry>> read_producer_snapshot(std::int64_t offset) const;
  // What lies beside that snapshot, whose entries are `of`. not_found; bad_format: void, or another snapshot's.
  result<std::vector<earlier_batch>> read_earlier_batches(std::int64_t offset, std::span<const producer_snapshot_entry> of) const;
  // Takes the name at once and is durable with the next ticket: torn before that it is void, by its CRC, and the log says the same.
  // Whoever finds it, short of a power loss, finds the earlier batches too.
  result<void> write_producer_snapshot(std::int64_t offset, std::span<const producer_snapshot_entry> entries,
                                       std::span<const earlier_batch> earlier = {});
  result<void> remove_producer_snapshot(std::int64_t offset);
  // Called before each new segment, with its base offset, when all before is appended and nothing is retired yet: time for a snapshot.
  // Its error is the roll's, and so the append's. It may call nothing here but write_producer_snapshot.
  void on_roll(std::function<result<void>(std::int64_t base_offset)> hook);
  // Headers of all batches from the one that holds `offset`, or the first after it, and what control batches say of a transaction's end.
  // Below log_start_offset too, as far as segments reach. corrupt_message: what lies there is damaged.
  using header_visitor = std::function<void(const batch_header& header, const std::optional<transaction_marker>& marker)>;
  result<void> walk_headers(std::int64_t offset, const header_visitor& visit);

  // Retires segments beyond retention.ms and retention.bytes whose records are all below `high_watermark`. Returns how many.
  // The renames of several at once become durable in order: each but the first costs a sync of the directory.
  result<std::size_t> apply_retention(std::int64_t high_watermark, std::int64_t now_ms);
  // Rolls by time where due.
  result<void> roll_if_due(std::int64_t now_ms);
  // Starts a new segment if the active one has records.
  result<void> roll(std::int64_t now_ms);
  // Retired files (renamed to *.deleted) whose delay has passed, to be removed by anyone, from any thread; they are forgotten here.
  // Syncs the directory if nothing else did since: a file may only go when its new name is durable.
  std::vector<std::string> take_deletable_files(std::int64_t now_ms);
  // When the next roll by time or deletion could be due; INT64_MAX: never.
  [[nodiscard]] std::int64_t next_maintenance_ms() const noexcept;
  // The same of retention.
  [[nodiscard]] std::int64_t next_retention_ms() const noexcept;

  // Empty when everything is flushed.
  [[nodiscard]] std::optional<flush_ticket> prepare_flush();
  // After ticket.sync() succeeded. Tickets finish in the order in which they were prepared; one that is dropped without a sync proves nothing.
  void mark_flushed(std::int64_t end_offset);

  void set_config(const log_config& config);
  [[nodiscard]] const log_config& config() const noexcept;

  // Writes and syncs everything, indexes at their exact size. The log is not used afterwards.
  result<void> close();

  // Invariants that must hold after every call; an explanation of the first that does not. Tests and simulation.
  [[nodiscard]] std::optional<std::string> check_invariants() const;

private:
  struct state;
  explicit partition_log(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

} // namespace cafka::storage
