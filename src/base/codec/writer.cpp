#include "base/codec/writer.hpp"

namespace cafka::codec {

namespace {
template <std::unsigned_integral T>
void put_be(std::byte* to, std::size_t& size, T value) noexcept {
  if (to)
    store_be(to + size, value);
  size += sizeof(T);
}
} // namespace

void writer::put(std::uint8_t value) noexcept { put_be(to_, size_, value); }
void writer::put(std::uint16_t value) noexcept { put_be(to_, size_, value); }
void writer::put(std::uint32_t value) noexcept { put_be(to_, size_, value); }
void writer::put(std::uint64_t value) noexcept { put_be(to_, size_, value); }

void writer::put_varint(std::uint32_t value) noexcept {
  for (; value >= 0x80; value >>= 7)
    put(static_cast<std::uint8_t>(value | 0x80));
  put(static_cast<std::uint8_t>(value));
}

void writer::put_raw(byte_span bytes) noexcept {
  if (to_)
    std::copy(bytes.begin(), bytes.end(), to_ + size_);
  size_ += bytes.size();
}

void writer::put_length(std::size_t size, bool compact) noexcept {
  compact ? put_varint(static_cast<std::uint32_t>(size + 1)) : put(static_cast<std::uint32_t>(size));
}

void writer::put_text(std::string_view text, bool compact) noexcept {
  text = text.substr(0, max_text_bytes);
  compact ? put_varint(static_cast<std::uint32_t>(text.size() + 1)) : put(static_cast<std::uint16_t>(text.size()));
  put_raw(as_byte_span(text));
}

void writer::put_bytes(byte_span bytes, bool compact) noexcept {
  put_length(bytes.size(), compact);
  put_raw(bytes);
}

void writer::put_slot(const record_slot& slot, bool compact) {
  put_length(slot.size_bytes, compact);
  slot_bytes_ += slot.size_bytes;
  if (places_ && slot.size_bytes != 0)
    places_->place(size_, slot);
}

void writer::put_null(unsigned width_bytes, bool compact) noexcept {
  if (compact)
    put_varint(0);
  else if (width_bytes == 1)
    put(std::uint8_t{0xff});
  else if (width_bytes == 2)
    put(std::uint16_t{0xffff});
  else
    put(std::uint32_t{0xffffffff});
}

std::size_t writer::put_unknown(const tagged_fields& unknown, std::size_t next, std::int64_t below) noexcept {
  for (; next < unknown.size() && unknown[next].tag < below; ++next) {
    put_varint(unknown[next].tag);
    put_varint(static_cast<std::uint32_t>(unknown[next].data.size()));
    put_raw(unknown[next].data);
  }
  return next;
}

} // namespace cafka::codec
