// The node's data directories at its start: locked, recognised as its own, and only then touched. Used by the node alone, before any actor runs.
#pragma once
#include "base/config/node_config.hpp"
#include "base/prng.hpp"
#include "storage/log_directory.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::actors {

// In each data directory from a start of cafka to its next clean stop: the boot of the machine that wrote there.
inline constexpr std::string_view boot_file = ".cafka_boot";

struct data_directory {
  std::unique_ptr<storage::log_directory> files;
  bool holds_partitions = false; // one of log.dirs
  bool was_new = false; // had no meta.properties
  bool written_by_kafka = false; // last; it had no clean stop
};

struct data_directories {
  std::vector<data_directory> all;
  std::size_t metadata = 0; // the one that holds the metadata log
  std::string cluster_id;
  bool formed_before = false; // some directory already belonged to a cluster

  // Locks all and reads who they belong to; changes nothing but a missing directory. bad_argument, in one line, if one belongs to another
  // cluster or node, or holds partitions and says nothing of either; already_locked.
  static result<data_directories> open(storage::file_pool& pool, const node_config& config, prng& random);

  // Writes meta.properties where there is none, and takes the clean-stop markers away: from here on a stop counts as unclean until the
  // node says otherwise.
  result<void> claim(const node_config& config, prng& random);

  // −1 unless every directory has a marker of the same broker epoch.
  [[nodiscard]] std::int64_t clean_broker_epoch() const;
  // This boot of the machine wrote to every directory before: after a mere kill the page cache still has all that was written.
  [[nodiscard]] bool same_boot(storage::file_system& files) const;
  result<void> remember_boot(storage::file_system& files) const;
};

} // namespace cafka::actors
