// One per log directory, detached: the only place of a running node that waits for a disk. Group commit: it takes every ticket that has
// gathered in its mailbox, syncs, answers each, and looks again; while it syncs the next group gathers.
// The first failure is final. What the disk holds after a failed sync is unknown and a later success would prove nothing, so nothing is
// tried again: the directory is offline, every ticket is answered with the failure, and the broker is told once.
// It also owns the log_directory: checkpoints, retired files, the clean-shutdown marker.
#pragma once
#include "actors/messages.hpp"
#include "base/clock.hpp"
#include "storage/log_directory.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>

namespace cafka::actors {

class flusher final : public flusher_actor::base {
public:
  struct dependencies {
    storage::file_system* files = nullptr;
    const cafka::clock* time = nullptr;
    // Called once, from the flusher's thread, when the directory goes offline.
    std::function<void(directory_failed)> report;
  };

  flusher(caf::actor_config& config, std::unique_ptr<storage::log_directory> directory, dependencies with);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "cafka.flusher"; }

private:
  struct removal {
    std::int64_t due_ms = 0;
    std::string path;
  };

  void sync_gathered();
  void remove_due();
  void remove_later(std::string path, std::int64_t delay_ms);
  void go_offline(const error& cause);
  [[nodiscard]] bool is_offline() const noexcept { return offline_.code != errc::none; }

  void obey(remove_files& order);
  void obey(retire_partition& order);
  void obey(track_partition& order);
  void obey(write_checkpoints& order);
  void obey(write_clean_marker& order);
  void obey(take_offline& order);
  void obey(measure_volume& order);
  void obey(set_aside& order);
  void obey(forget_boot&);
  void obey(std::monostate&) {}

  using mark = std::atomic<std::int64_t> partition_marks::*;
  using writer = result<void> (storage::log_directory::*)(const storage::offset_map&);
  // What a checkpoint file said last: the offsets of tracked_, in its order, when that had this version.
  struct written {
    std::uint64_t tracked_version = 0;
    std::vector<std::int64_t> offsets;
    bool operator==(const written&) const = default;
  };
  // Writes one checkpoint file unless it would say what it said last time.
  result<void> write_checkpoint(mark what, writer write, written& last);
  result<void> write_all(bool recovery_points, bool log_start_offsets, bool high_watermarks);

  std::unique_ptr<storage::log_directory> directory_;
  dependencies with_;
  error offline_{errc::none, {}};
  std::vector<flush_request> gathered_;
  bool turn_is_coming_ = false;
  std::vector<removal> removals_; // in order of due_ms
  std::map<topic_partition, marks_ptr> tracked_;
  std::uint64_t tracked_version_ = 1;
  written written_recovery_points_, written_log_start_offsets_, written_high_watermarks_;
};

} // namespace cafka::actors
