// The node's data directories at its start: locked, recognised as its own, and only then touched. Used by the node alone, before any actor runs.
#pragma once
#include "base/config/node_config.hpp"
#include "base/prng.hpp"
#include "election/formation.hpp"
#include "storage/log_directory.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::actors {

// In each data directory from a start of cafka to its next clean stop: the boot of the machine that wrote there.
inline constexpr std::string_view boot_file = ".cafka_boot";

// Beside the metadata log of a cluster that several nodes formed: who votes in it.
inline constexpr std::string_view voters_file = ".cafka_voters";

struct data_directory {
  std::unique_ptr<storage::log_directory> files;
  bool holds_partitions = false; // one of log.dirs
  bool was_new = false; // belonged to no cluster
  bool written_by_kafka = false; // last; it had no clean stop
};

struct data_directories {
  std::vector<data_directory> all;
  std::size_t metadata = 0; // the one that holds the metadata log
  std::string cluster_id; // of a node that is to form a cluster with others: empty before claim(), unless cluster.id says it
  std::optional<election::voter_set> voters; // as they were kept; none: never, or this node alone
  std::int32_t recoveries = 0; // of the quorum, by an operator
  bool formed_before = false; // some directory already belonged to a cluster

  // Locks all and reads who they belong to; changes nothing but a missing directory. bad_argument, in one line, if one belongs to another
  // cluster or node, or holds partitions and says nothing of either; already_locked.
  static result<data_directories> open(storage::file_pool& pool, const node_config& config, prng& random);

  // Of a node that is to form a cluster with others: gives each new directory its id, which must not change while others are told of it.
  result<void> name_new_ones(const node_config& config, prng& random);
  // Durable when it returns.
  result<void> keep_voters(storage::file_system& files, const election::cluster_identity& identity) const;
  [[nodiscard]] const uuid& metadata_directory_id() const { return all[metadata].files->identity()->directory_id; }

  // Writes meta.properties where it names no cluster, and takes the clean-stop markers away: from here on a stop counts as unclean until the
  // node says otherwise.
  result<void> claim(const node_config& config, prng& random);

  // −1 unless every directory has a marker of the same broker epoch.
  [[nodiscard]] std::int64_t clean_broker_epoch() const;
  // This boot of the machine wrote to every directory before: after a mere kill the page cache still has all that was written.
  [[nodiscard]] bool same_boot(storage::file_system& files) const;
  result<void> remember_boot(storage::file_system& files) const;
};

} // namespace cafka::actors
