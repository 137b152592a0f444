// CRC-32C (Castagnoli), as record batches carry it, through isa-l.
#pragma once
#include "base/bytes.hpp"

namespace cafka::storage {

std::uint32_t crc32c(byte_span bytes) noexcept;

} // namespace cafka::storage
