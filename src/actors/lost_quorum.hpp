// A stopped node's part of a quorum whose majority is lost for good: what it has, and how to go on with it alone. No actor, no network; blocks.
#pragma once
#include "base/config/node_config.hpp"
#include "metadata/quorum_remains.hpp"
#include "storage/file_system.hpp"

namespace cafka::actors {

// Reads all that the node would read at its start, metadata log and newest snapshot included, and changes nothing else than a start does (a torn tail is cut).
// With `recover` it is then made the only voter of its cluster, durably, in one replacement of one file: the next start leads alone, with all that its
// log has. Other nodes of the former quorum are from then on of a past that was given up (net/links/hello.hpp).
// already_locked: the node runs. bad_argument: it is no voter of a cluster of several nodes. bad_format: what it has is damaged.
result<metadata::quorum_remains> examine_lost_quorum(const node_config& config, bool recover,
                                                     storage::file_system& files = storage::posix_file_system());

} // namespace cafka::actors
