// `cafka log dump`: files of a log as text or JSON.
#pragma once
#include "cli/output.hpp"
#include "storage/file_system.hpp"

#include <string>

namespace cafka::cli {

struct dump_options {
  bool batches_only = false;
  bool json = false;
  bool metadata = false; // decode values as metadata records; set by itself for __cluster_metadata-0
  std::size_t max_bytes = 200; // of a key or value, in text; 0: all
};

// Prints one file, or every segment of a partition's directory. False if there was damage or the file could not be read (said on standard error).
bool dump_path(storage::file_system& files, const std::string& path, dump_options how, output& out);

} // namespace cafka::cli
