// Big-endian integers and Kafka's variable-length integers over spans of bytes.
// Readers never throw and never read past their span: after a short or malformed read ok() stays false and values are zero.
#pragma once
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

using byte_span = std::span<const std::byte>;
using mutable_byte_span = std::span<std::byte>;
using byte_vector = std::vector<std::byte>;

inline byte_span as_byte_span(std::string_view text) noexcept { return std::as_bytes(std::span{text.data(), text.size()}); }
inline std::string_view as_text(byte_span bytes) noexcept { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

template <std::integral T>
constexpr T byte_swap(T value) noexcept {
  if constexpr (sizeof(T) == 1)
    return value;
  else if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  else if constexpr (sizeof(T) == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  else
    return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
}

// `from` holds at least sizeof(T) bytes.
template <std::integral T>
T load_be(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return std::endian::native == std::endian::little ? byte_swap(value) : value;
}
template <std::integral T>
void store_be(std::byte* to, T value) noexcept {
  if (std::endian::native == std::endian::little)
    value = byte_swap(value);
  std::memcpy(to, &value, sizeof value);
}

constexpr std::uint64_t zigzag_encode(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t zigzag_decode(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

class byte_reader {
public:
  explicit byte_reader(byte_span bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  void mark_bad() noexcept {
    ok_ = false;
    position_ = bytes_.size();
  }

  template <std::integral T>
  T read_be() noexcept {
    if (remaining() < sizeof(T)) {
      mark_bad();
      return T{};
    }
    T value = load_be<T>(bytes_.data() + position_);
    position_ += sizeof(T);
    return value;
  }
  // LEB128, at most 5 bytes for 32 bits and 10 for 64; longer or overflowing encodings are malformed.
  std::uint32_t read_unsigned_varint() noexcept;
  std::uint64_t read_unsigned_varlong() noexcept;
  std::int32_t read_varint() noexcept;  // zigzag
  std::int64_t read_varlong() noexcept; // zigzag
  // Empty and !ok() when fewer than `count` remain. The span points into the reader's bytes.
  byte_span read_bytes(std::size_t count) noexcept {
    if (remaining() < count) {
      mark_bad();
      return {};
    }
    auto bytes = bytes_.subspan(position_, count);
    position_ += count;
    return bytes;
  }

private:
  byte_span bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

class byte_writer {
public:
  explicit byte_writer(byte_vector& out) noexcept : out_(out) {}

  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
  template <std::integral T>
  void write_be(T value) {
    std::byte raw[sizeof(T)];
    store_be(raw, value);
    out_.insert(out_.end(), raw, raw + sizeof(T));
  }
  void write_unsigned_varint(std::uint32_t value) { write_unsigned_varlong(value); }
  void write_unsigned_varlong(std::uint64_t value);
  void write_varint(std::int32_t value) { write_unsigned_varlong(static_cast<std::uint32_t>(zigzag_encode(value))); }
  void write_varlong(std::int64_t value) { write_unsigned_varlong(zigzag_encode(value)); }
  void write_bytes(byte_span bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void write_text(std::string_view text) { write_bytes(as_byte_span(text)); }

private:
  byte_vector& out_;
};

// Bytes that write_unsigned_varlong would take.
constexpr std::size_t unsigned_varlong_size(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

} // namespace cafka
