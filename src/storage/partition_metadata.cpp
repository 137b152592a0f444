#include "storage/partition_metadata.hpp"

namespace cafka::storage {

std::string partition_metadata_text(const uuid& topic_id) { return "version: 0\ntopic_id: " + topic_id.to_string() + '\n'; }

result<uuid> parse_partition_metadata(std::string_view text) {
  constexpr std::string_view version = "version: 0\n";
  constexpr std::string_view label = "topic_id: ";
  if (!text.starts_with(version))
    return fail(errc::bad_format, "partition.metadata: the first line is not \"version: 0\"");
  text.remove_prefix(version.size());
  if (!text.starts_with(label))
    return fail(errc::bad_format, "partition.metadata: the second line is not a topic_id");
  text.remove_prefix(label.size());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.remove_suffix(1);
  auto id = uuid::parse(text);
  if (!id)
    return fail(errc::bad_format, "partition.metadata: the topic id is not 22 characters of base64");
  return *id;
}

} // namespace cafka::storage
