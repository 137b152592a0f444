// Kafka's text format of a log directory's offset checkpoints: a line with the version (0), one with the count, and then
// "topic partition offset" lines. Pure: the caller reads and replaces the file.
#pragma once
#include "base/error.hpp"
#include "base/ids.hpp"

#include <map>
#include <string>
#include <string_view>

namespace cafka::storage {

using offset_map = std::map<topic_partition, std::int64_t>;

std::string offset_checkpoint_text(const offset_map& offsets);

// bad_format naming `file` and the line. Offsets and partitions are not negative.
result<offset_map> parse_offset_checkpoint(std::string_view text, const std::string& file);

} // namespace cafka::storage
