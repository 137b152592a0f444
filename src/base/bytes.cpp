#include "base/bytes.hpp"

namespace cafka {

std::uint64_t byte_reader::read_unsigned_varlong() noexcept {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (position_ == bytes_.size())
      break;
    const auto byte = std::to_integer<std::uint64_t>(bytes_[position_++]);
    if (shift == 63 && byte > 1)
      break; // more than 64 bits
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0)
      return value;
  }
  mark_bad();
  return 0;
}

std::uint32_t byte_reader::read_unsigned_varint() noexcept {
  const auto start = position_;
  const auto value = read_unsigned_varlong();
  if (ok_ && (value > 0xffffffffULL || position_ - start > 5)) {
    mark_bad();
    return 0;
  }
  return static_cast<std::uint32_t>(value);
}

std::int32_t byte_reader::read_varint() noexcept { return static_cast<std::int32_t>(zigzag_decode(read_unsigned_varint())); }

std::int64_t byte_reader::read_varlong() noexcept { return zigzag_decode(read_unsigned_varlong()); }

void byte_writer::write_unsigned_varlong(std::uint64_t value) {
  while (value >= 0x80) {
    out_.push_back(static_cast<std::byte>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out_.push_back(static_cast<std::byte>(value));
}

} // namespace cafka
