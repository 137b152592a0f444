#include "actors/log_batches.hpp"

#include <span>

namespace cafka::actors {

result<std::string> read_batches(storage::partition_log& log, std::int64_t offset, std::uint32_t max_bytes) {
  storage::read_limits limits;
  limits.max_bytes = max_bytes;
  CAFKA_TRY_ASSIGN(records, log.read(offset, limits));
  std::string batches(records.size_bytes, '\0');
  std::size_t filled = 0;
  for (const auto& slice : records.slices) {
    const std::span<char> place{batches.data() + filled, slice.size_bytes};
    CAFKA_TRY_ASSIGN(got, slice.source->read_at(slice.position, std::as_writable_bytes(place)));
    if (got != slice.size_bytes)
      return fail(errc::io_error, log.directory() + " ends early after offset " + std::to_string(offset));
    filled += got;
  }
  return batches;
}

} // namespace cafka::actors
