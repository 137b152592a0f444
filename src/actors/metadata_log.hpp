// The files of the metadata log: `__cluster_metadata-0` as a partition log, its snapshots and the quorum-state file beside it, in
// Kafka's own forms (KIP-595, KIP-630). Owned by the metadata actor. Blocks for file I/O; syncs where it says so.
// A damaged quorum-state or snapshot is an error that stops the node: nobody votes or serves from damaged memory.
#pragma once
#include "actors/snapshot_files.hpp"
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

// What is kept of the log before its newest snapshot, and of older ones. Negative: no limit.
struct metadata_retention {
  std::int64_t bytes = -1;
  std::int64_t age_ms = -1;
};

// One that lies beside the log.
struct known_snapshot {
  election::log_position position;
  std::uint64_t size_bytes = 0;
  std::int64_t last_timestamp_ms = 0; // of the log that it stands for; 0: its header cannot be read
};

class metadata_log {
public:
  static result<std::unique_ptr<metadata_log>> open(storage::file_pool& pool, const metadata_log_options& options);

  // For the operator, when it is damaged.
  static std::string how_to_restore();

  [[nodiscard]] storage::partition_log& log() noexcept { return *log_; }
  [[nodiscard]] const election::quorum_state& state() const noexcept { return state_; }
  // Synced when it returns.
  result<void> save_state(const election::quorum_state& state);
  // What the quorum core starts from.
  [[nodiscard]] election::log_summary summary() const;
  // Ascending. The log begins at or below the end of the newest.
  [[nodiscard]] const std::vector<known_snapshot>& snapshots() const noexcept { return snapshots_; }
  [[nodiscard]] std::optional<election::log_position> newest_snapshot() const {
    return snapshots_.empty() ? std::nullopt : std::optional{snapshots_.back().position};
  }
  // The newest, all of it; null image: there is none. Where the log does not go on from it, the log is started over at its end. bad_format, with
  // what to do, if it is not whole.
  result<snapshot_content> load_snapshot();
  // It has its name by now.
  void add_snapshot(const known_snapshot& kept);
  // Deletes nothing, syncs. Before it the recovery point on disk is at most the log's start.
  result<void> start_over_at(std::int64_t offset) { return log_->start_over_at(offset); }
  // What no limit keeps, the oldest first: moves the log's start up and forgets snapshots. The paths of files to be removed.
  result<std::vector<std::string>> drop_old(const metadata_retention& limits, std::int64_t now_ms);
  // Bytes of a snapshot for another node. No size: it is there no longer.
  struct piece {
    std::string bytes;
    std::int64_t size_bytes = -1; // of the whole
  };
  result<piece> read_piece(const election::log_position& snapshot, std::int64_t position, std::size_t max_bytes);
  // Nobody has asked for pieces for a while: the file that was read from is closed.
  void close_pieces() { lent_.reset(); }

  // At the log's end, in `leader_epoch`. The log is as it was on an error.
  result<void> append(std::span<const metadata::metadata_record> records, std::int32_t leader_epoch, std::int64_t wall_ms);
  result<void> append(const election::leader_change_message& change, std::int32_t leader_epoch, std::int64_t wall_ms);

  // One step of the log's history: a record, or a control batch that only moves the offset (null record).
  using visitor = std::function<result<void>(std::int64_t offset, std::int32_t leader_epoch, const metadata::metadata_record* record)>;
  struct extent {
    std::uint64_t size_bytes = 0;
    std::int64_t last_timestamp_ms = 0;
  };
  // [from, to) of the log, whole batches.
  result<extent> read(std::int64_t from, std::int64_t to, const visitor& visit);

private:
  metadata_log(storage::file_pool& pool, std::string directory) : pool_(pool), directory_(std::move(directory)) {}
  result<void> load_state();
  result<void> find_snapshots();
  [[nodiscard]] result<void> check_start() const;
  [[nodiscard]] std::string path_of(const election::log_position& snapshot) const { return directory_ + '/' + snapshot_name(snapshot); }
  result<void> append_batch(byte_vector batch, std::int64_t wall_ms);

  storage::file_pool& pool_;
  std::string directory_;
  std::unique_ptr<storage::partition_log> log_;
  election::quorum_state state_;
  std::vector<known_snapshot> snapshots_;
  // The one that was last asked for by other nodes, open: it can be read to its end when a newer one has taken its place.
  struct lent_snapshot {
    election::log_position position;
    std::unique_ptr<storage::file> file;
  };
  std::optional<lent_snapshot> lent_;
};

} // namespace cafka::actors
