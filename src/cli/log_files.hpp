// Which files of a log directory a path on the command line means.
#pragma once
#include "storage/file_system.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::cli {

// ".../greetings-0/00000000000000000042.log": where it lies and what it is.
struct log_file_name {
  std::string directory; // "" for the current one
  std::string name;
  std::string suffix;                      // ".log", ".index", ".timeindex", ".checkpoint", …; "" for files without
  std::optional<std::int64_t> base_offset; // of names that begin with 20 digits
  [[nodiscard]] std::string path() const { return directory.empty() ? name : directory + '/' + name; }
};
log_file_name parse_log_file_name(std::string_view path);

// Is this the directory of a partition ("<topic>-<n>"), by its name and what it holds?
bool is_partition_directory(storage::file_system& files, const std::string& path);
// `path` itself if it is a partition's directory, else the partitions' directories in it. not_found, bad_format.
result<std::vector<std::string>> find_partition_directories(storage::file_system& files, const std::string& path);

// "__cluster_metadata-0": its records are the cluster's metadata.
bool is_metadata_directory(std::string_view directory);

} // namespace cafka::cli
