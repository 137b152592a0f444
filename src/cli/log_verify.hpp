// `cafka log verify`: are the files of a partition whole? Reads only. A running node's newest segment may look torn while it is written.
#pragma once
#include "storage/file_system.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace cafka::cli {

struct verify_options {
  bool gapless = false;     // a gap between offsets (compaction, deleted records) counts as damage
  bool skip_records = false; // CRC and headers only: compressed batches are not unpacked
};

struct verify_totals {
  std::uint64_t partitions = 0, segments = 0, batches = 0, records = 0, bytes = 0;
  std::uint64_t damages = 0; // places that are wrong
  std::uint64_t notes = 0;   // what is unusual and harmless: an index that is missing, a gap
};

enum class finding : std::uint8_t { damage, note };
using finding_sink = std::function<void(finding kind, const std::string& place, std::string_view what)>;

// One partition's directory: CRC, counts, order of offsets and epochs, .index and .timeindex against the batches, checkpoint files.
// An error: the directory cannot be read.
result<void> verify_partition(storage::file_system& files, const std::string& directory, const verify_options& how, verify_totals& totals,
                              const finding_sink& tell);

} // namespace cafka::cli
