// partition.metadata: the topic id of the partition whose directory it stands in. "version: 0\ntopic_id: <22 characters>\n".
// It may be missing or torn after a crash, since it is synced with the partition's first flush.
#pragma once
#include "base/error.hpp"
#include "base/uuid.hpp"

#include <string>
#include <string_view>

namespace cafka::storage {

std::string partition_metadata_text(const uuid& topic_id);
// bad_format, saying what is wrong.
result<uuid> parse_partition_metadata(std::string_view text);

} // namespace cafka::storage
