#include "storage/offset_index.hpp"

namespace cafka::storage {

void offset_entry::store(std::byte* to) const noexcept {
  store_be(to, relative_offset);
  store_be(to + 4, position);
}

offset_entry offset_entry::load(const std::byte* from) noexcept { return {load_be<std::uint32_t>(from), load_be<std::uint32_t>(from + 4)}; }

result<std::optional<offset_entry>> offset_index::at_or_below(file_pool& pool, const std::string& path,
                                                              std::int64_t relative_offset) const {
  return last_where(pool, path, [=](const offset_entry& e) { return std::int64_t{e.relative_offset} <= relative_offset; });
}

result<std::optional<offset_entry>> offset_index::within(file_pool& pool, const std::string& path, std::uint64_t position,
                                                         std::int64_t relative_offset) const {
  return last_where(pool, path,
                    [=](const offset_entry& e) { return e.position <= position && std::int64_t{e.relative_offset} < relative_offset; });
}

} // namespace cafka::storage
