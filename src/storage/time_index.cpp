#include "storage/time_index.hpp"

namespace cafka::storage {

void time_entry::store(std::byte* to) const noexcept {
  store_be(to, timestamp);
  store_be(to + 8, relative_offset);
}

time_entry time_entry::load(const std::byte* from) noexcept { return {load_be<std::int64_t>(from), load_be<std::uint32_t>(from + 8)}; }

result<std::optional<time_entry>> time_index::below(file_pool& pool, const std::string& path, std::int64_t timestamp) const {
  return last_where(pool, path, [=](const time_entry& e) { return e.timestamp < timestamp; });
}

result<std::uint32_t> time_index::count_below_offset(file_pool& pool, const std::string& path, std::int64_t relative_offset) const {
  return count_where(pool, path, [=](const time_entry& e) { return std::int64_t{e.relative_offset} < relative_offset; });
}

} // namespace cafka::storage
