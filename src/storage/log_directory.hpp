// One entry of log.dirs: its lock, meta.properties, checkpoints, clean-shutdown marker and the partition directories in it.
// Loaded and used by one owner (the node's start, then the log directory's flusher). Blocks.
#pragma once
#include "base/ids.hpp"
#include "storage/file_pool.hpp"
#include "storage/offset_checkpoint.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cafka::storage {

// meta.properties, version 1 (KIP-631, KIP-858).
struct directory_identity {
  std::string cluster_id; // empty: it has an id, and waits for its node to be part of a cluster
  node_id node = no_node;
  uuid directory_id;
};

// .kafka_cleanshutdown: JSON {version, brokerEpoch} as Kafka writes it, and our incarnation id beside them.
struct clean_shutdown_marker {
  std::int64_t broker_epoch = -1;
  std::optional<uuid> incarnation_id;
};

struct found_partition {
  topic_partition name;
  std::string directory;         // full path
  std::optional<uuid> topic_id;  // from partition.metadata, which may be missing after a crash
};

struct found_deletion {
  std::string directory; // "<topic>-<n>.<32 hex>-delete"
};

class log_directory {
public:
  // Takes `.lock` (already_locked names the holder's pid if it can), reads identity, marker and checkpoints, lists partitions. The marker is only read here.
  // A missing directory is created when `create`; otherwise not_found.
  // A stray file or directory is reported by `strays()` and left alone.
  static result<std::unique_ptr<log_directory>> open(file_pool& pool, std::string path, bool create);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::optional<directory_identity>& identity() const noexcept { return identity_; }
  // Durable when it returns. Only into a directory that belongs to no cluster yet.
  result<void> write_identity(const directory_identity& identity);

  // The marker as found at open; nullopt: unclean stop, or a new directory.
  [[nodiscard]] const std::optional<clean_shutdown_marker>& clean_marker() const noexcept { return marker_; }
  // Deletes the marker and syncs the directory: before anything is served.
  result<void> remove_clean_marker();
  // The last thing a clean stop writes, after every log was closed.
  result<void> write_clean_marker(const clean_shutdown_marker& marker);

  [[nodiscard]] const std::vector<found_partition>& partitions() const noexcept { return partitions_; }
  [[nodiscard]] const std::vector<found_deletion>& deletions() const noexcept { return deletions_; }
  [[nodiscard]] const std::vector<std::string>& strays() const noexcept { return strays_; }

  [[nodiscard]] const offset_map& recovery_points() const noexcept { return recovery_points_; }
  [[nodiscard]] const offset_map& log_start_offsets() const noexcept { return log_start_offsets_; }
  [[nodiscard]] const offset_map& high_watermarks() const noexcept { return high_watermarks_; }
  // Gives back the memory of all that was found at open, once its owner has taken what it needs.
  void forget_findings();
  // Each replaces its file atomically and durably: recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint.
  result<void> write_recovery_points(const offset_map& offsets);
  result<void> write_log_start_offsets(const offset_map& offsets);
  result<void> write_high_watermarks(const offset_map& offsets);

  [[nodiscard]] std::string partition_path(const topic_partition& name) const;
  // Renames the partition's directory to "<topic>-<n>.<hex>-delete", durably; returns the new path, to be removed with remove_all after file.delete.delay.ms.
  result<std::string> retire_partition(const topic_partition& name, const uuid& tag);
  // Renames it to "<topic>-<n>.<hex>-stray", durably, if it is there; returns the new path, empty if it was not. Nobody removes that but people.
  result<std::string> set_aside(const topic_partition& name, const uuid& tag);

private:
  result<std::string> rename_partition(const topic_partition& name, const uuid& tag, std::string_view ending);
  log_directory(file_pool& pool, std::string path) : pool_(pool), path_(std::move(path)) {}
  result<void> load();
  result<void> list();
  [[nodiscard]] std::string path_in(std::string_view name) const;

  file_pool& pool_;
  std::string path_;
  std::unique_ptr<directory_lock> lock_;
  std::optional<directory_identity> identity_;
  std::optional<clean_shutdown_marker> marker_;
  std::vector<found_partition> partitions_;
  std::vector<found_deletion> deletions_;
  std::vector<std::string> strays_;
  offset_map recovery_points_, log_start_offsets_, high_watermarks_;
};

} // namespace cafka::storage
