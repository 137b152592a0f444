// Writes snapshots of the metadata, its own node's and those that come from the quorum's leader: detached, for it takes its time with files and waits for
// the disk, and neither the metadata actor's shard nor the flusher's group may wait for that. What fails here loses nothing: the log still has it all.
#pragma once
#include "actors/messages.hpp"
#include "actors/snapshot_files.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace cafka::actors {

class snapshot_writer final : public snapshot_writer_actor::base {
public:
  // `directory`: the metadata log's. `stopping`: set by whoever will send the exit, so that it need not wait for a large image.
  snapshot_writer(caf::actor_config& config, storage::file_system* files, std::string directory,
                  std::shared_ptr<const std::atomic<bool>> stopping);

  behavior_type make_behavior() override;
  const char* name() const override { return "cafka.snapshot_writer"; }

private:
  void obey(write_snapshot& order);
  void obey(begin_snapshot& order);
  void obey(write_piece& order);
  void obey(keep_snapshot& order);
  void obey(std::monostate&) {}
  result<kept_snapshot> write(const write_snapshot& order);
  result<kept_snapshot> keep_received();
  result<void> append_piece(byte_span piece);

  storage::file_system* files_;
  std::string directory_;
  std::shared_ptr<const std::atomic<bool>> stopping_;
  std::unique_ptr<snapshot_file> receiving_;
  result<void> received_; // the first thing that went wrong since it began
};

} // namespace cafka::actors
