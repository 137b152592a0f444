#include "base/codec/reader.hpp"

namespace cafka::codec {

std::uint8_t reader::take_1() noexcept { return in_.read_be<std::uint8_t>(); }
std::uint16_t reader::take_2() noexcept { return in_.read_be<std::uint16_t>(); }
std::uint32_t reader::take_4() noexcept { return in_.read_be<std::uint32_t>(); }
std::uint64_t reader::take_8() noexcept { return in_.read_be<std::uint64_t>(); }

void reader::take(uuid& value) noexcept {
  const auto bytes = in_.read_bytes(value.bytes.size());
  std::transform(bytes.begin(), bytes.end(), value.bytes.begin(), std::to_integer<std::uint8_t>);
}

std::int64_t reader::read_length(bool text, bool compact) noexcept {
  if (compact)
    return static_cast<std::int64_t>(in_.read_unsigned_varint()) - 1;
  return text ? in_.read_be<std::int16_t>() : in_.read_be<std::int32_t>();
}

bool reader::may_hold(std::size_t elements, std::size_t least_encoded_bytes, std::size_t memory_bytes) noexcept {
  if (elements > in_.remaining() / least_encoded_bytes || elements > memory_left_ / memory_bytes) {
    in_.mark_bad();
    return false;
  }
  memory_left_ -= elements * memory_bytes;
  return true;
}

void reader::read_text(std::string_view& value, std::size_t size) noexcept {
  if (size > max_text_bytes)
    return in_.mark_bad();
  value = as_text(in_.read_bytes(size));
}

void reader::read_text(std::string& value, std::size_t size) {
  std::string_view text;
  read_text(text, size);
  value.assign(text);
}

bool reader::next_tag(raw_tag& tag) noexcept {
  const auto number = in_.read_unsigned_varint();
  const auto size = in_.read_unsigned_varint();
  const auto data = in_.read_bytes(size);
  if (!in_.ok() || number <= tag.number) {
    in_.mark_bad();
    return false;
  }
  tag = {number, data};
  return true;
}

namespace {
std::string name_of(const message_info& info, std::int16_t version) {
  return std::string{info.name} + " version " + std::to_string(version);
}
} // namespace

error unknown_version(const message_info& info, std::int16_t version) {
  return {errc::unsupported_version, std::string{info.name} + " has no version " + std::to_string(version) +
                                         " here: " + std::to_string(info.valid.lowest) + " to " + std::to_string(info.valid.highest)};
}

error malformed_body(const message_info& info, std::int16_t version, std::size_t start, std::size_t size_bytes) {
  return {errc::bad_format, name_of(info, version) + " is malformed or cut short in the " + std::to_string(size_bytes) +
                                " bytes from position " + std::to_string(start)};
}

error unread_bytes(const message_info& info, std::int16_t version, std::size_t left_bytes) {
  return {errc::bad_format, name_of(info, version) + " leaves " + std::to_string(left_bytes) + " bytes unread"};
}

} // namespace cafka::codec
