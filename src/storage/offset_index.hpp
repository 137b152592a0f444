// .index: where batches begin, sparse. 8 bytes per entry, big-endian, both strictly increasing:
//   0 relative_offset i32: the batch's last offset − the segment's base    4 position i32: of that batch's first byte
#pragma once
#include "storage/index_entries.hpp"

namespace cafka::storage {

struct offset_entry {
  std::uint32_t relative_offset = 0;
  std::uint32_t position = 0;

  static constexpr std::size_t size_bytes = 8;
  void store(std::byte* to) const noexcept;
  static offset_entry load(const std::byte* from) noexcept;
  bool operator==(const offset_entry&) const = default;
};

class offset_index : public index_entries<offset_entry> {
public:
  // The last entry whose batch ends at or before `relative_offset`.
  [[nodiscard]] result<std::optional<offset_entry>> at_or_below(file_pool& pool, const std::string& path,
                                                                std::int64_t relative_offset) const;
  // The last entry whose batch begins at or before `position` and ends before `relative_offset`.
  [[nodiscard]] result<std::optional<offset_entry>> within(file_pool& pool, const std::string& path, std::uint64_t position,
                                                           std::int64_t relative_offset) const;
};

} // namespace cafka::storage
