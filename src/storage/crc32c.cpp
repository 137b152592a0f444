#include "storage/crc32c.hpp"

#include <algorithm>
#include <isa-l/crc.h>

namespace cafka::storage {

std::uint32_t crc32c(byte_span bytes) noexcept {
  // isa-l works on the inverted register and leaves both inversions to its caller; its length is an int.
  constexpr std::size_t step = 1u << 30;
  std::uint32_t state = 0xffffffffu;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(step, bytes.size()));
    auto* start = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(part.data()));
    state = crc32_iscsi(start, static_cast<int>(part.size()), state);
    bytes = bytes.subspan(part.size());
  }
  return ~state;
}

} // namespace cafka::storage
