// .timeindex: the greatest timestamp so far, sparse. 12 bytes per entry, big-endian, timestamps strictly increasing:
//   0 timestamp i64: the greatest up to here    8 relative_offset i32: last offset of the batch that has it − the segment's base
#pragma once
#include "storage/index_entries.hpp"

namespace cafka::storage {

struct time_entry {
  std::int64_t timestamp = 0;
  std::uint32_t relative_offset = 0;

  static constexpr std::size_t size_bytes = 12;
  void store(std::byte* to) const noexcept;
  static time_entry load(const std::byte* from) noexcept;
  bool operator==(const time_entry&) const = default;
};

class time_index : public index_entries<time_entry> {
public:
  // The last entry below `timestamp`: every batch up to its offset is older than `timestamp`.
  [[nodiscard]] result<std::optional<time_entry>> below(file_pool& pool, const std::string& path, std::int64_t timestamp) const;
  // How many entries name offsets below `relative_offset`.
  [[nodiscard]] result<std::uint32_t> count_below_offset(file_pool& pool, const std::string& path, std::int64_t relative_offset) const;
};

} // namespace cafka::storage
