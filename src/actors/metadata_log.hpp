// The files of the metadata log: `__cluster_metadata-0` as a partition log, its newest snapshot and the quorum-state file beside it, in
// Kafka's own forms (KIP-595, KIP-630). Owned by the metadata actor. Blocks for file I/O; syncs where it says so.
// A damaged quorum-state or snapshot is an error that stops the node: nobody votes or serves from damaged memory.
#pragma once
#include "election/quorum.hpp"
#include "metadata/records.hpp"
#include "storage/partition_log.hpp"

#include <functional>
#include <memory>
#include <string>

namespace cafka::actors {

// The topic id that Kafka gives to __cluster_metadata.
uuid metadata_topic_id();

struct metadata_log_options {
  std::string log_dir; // which holds __cluster_metadata-0
  storage::log_config config;
  std::int64_t recovery_point = 0;
  std::int64_t log_start_offset = 0;
  bool clean = false;
  std::int64_t now_ms = 0;
  std::function<void(std::string_view)> report;
};

class metadata_log {
public:
  static result<std::unique_ptr<metadata_log>> open(storage::file_pool& pool, const metadata_log_options& options);

  [[nodiscard]] storage::partition_log& log() noexcept { return *log_; }
  [[nodiscard]] const election::quorum_state& state() const noexcept { return state_; }
  // Synced when it returns.
  result<void> save_state(const election::quorum_state& state);
  // What the quorum core starts from.
  [[nodiscard]] election::log_summary summary() const;
  [[nodiscard]] const std::optional<election::log_position>& snapshot() const noexcept { return snapshot_; }

  // At the log's end, in `leader_epoch`. The log is as it was on an error.
  result<void> append(std::span<const metadata::metadata_record> records, std::int32_t leader_epoch, std::int64_t wall_ms);
  result<void> append(const election::leader_change_message& change, std::int32_t leader_epoch, std::int64_t wall_ms);

  // One step of the log's history: a record, or a control batch that only moves the offset (null record).
  using visitor = std::function<result<void>(std::int64_t offset, std::int32_t leader_epoch, const metadata::metadata_record* record)>;
  // Every record of the newest snapshot, in order; its offsets are its own. No snapshot: nothing.
  result<void> read_snapshot(const visitor& visit) const;
  // [from, to) of the log, whole batches.
  result<void> read(std::int64_t from, std::int64_t to, const visitor& visit);

private:
  metadata_log(storage::file_pool& pool, std::string directory) : pool_(pool), directory_(std::move(directory)) {}
  result<void> load_state();
  result<void> find_snapshot();
  result<void> append_batch(byte_vector batch, std::int64_t wall_ms);

  storage::file_pool& pool_;
  std::string directory_;
  std::unique_ptr<storage::partition_log> log_;
  election::quorum_state state_;
  std::optional<election::log_position> snapshot_;
};

} // namespace cafka::actors
