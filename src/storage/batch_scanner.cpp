#include "storage/batch_scanner.hpp"

#include <algorithm>

namespace cafka::storage {

namespace {
auto damaged(std::uint64_t position, const std::string& what) {
  return fail(errc::corrupt_message, "position " + std::to_string(position) + ": " + what);
}
} // namespace

result<void> check_plausible(const batch_header& header) {
  if (header.magic != 2)
    return fail(errc::corrupt_message, "magic " + std::to_string(header.magic));
  if (header.base_offset < 0 || header.last_offset_delta < 0 || header.base_offset > INT64_MAX - 1 - header.last_offset_delta)
    return fail(errc::corrupt_message,
                "base offset " + std::to_string(header.base_offset) + ", last offset delta " + std::to_string(header.last_offset_delta));
  if (header.batch_length < static_cast<std::int32_t>(batch_header_size - batch_prefix_size))
    return fail(errc::corrupt_message, "batch length " + std::to_string(header.batch_length));
  return {};
}

result<byte_span> batch_scanner::header_bytes() {
  const auto at = range_.position;
  if (at < buffered_from_ || at + batch_header_size > buffered_from_ + buffered_) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(read_size_, range_.end_position - at));
    CAFKA_TRY_ASSIGN(count, source_.read_at(at, mutable_byte_span{buffer_.data(), wanted}));
    buffered_from_ = at;
    buffered_ = count;
    if (count < batch_header_size)
      return damaged(at, "the file ends after " + std::to_string(count) + " bytes of a batch header");
  }
  return byte_span{buffer_.data() + (at - buffered_from_), batch_header_size};
}

result<std::optional<batch_place>> batch_scanner::next() {
  if (range_.position >= range_.end_position)
    return std::optional<batch_place>{};
  const auto at = range_.position;
  if (range_.end_position - at < batch_header_size)
    return damaged(at, std::to_string(range_.end_position - at) + " bytes are left, less than a batch header");
  CAFKA_TRY_ASSIGN(bytes, header_bytes());
  auto header = parse_batch_header(bytes);
  if (!header)
    return damaged(at, header.error().detail);
  if (auto possible = check_plausible(*header); !possible)
    return damaged(at, possible.error().detail);
  if (header->size_bytes() > range_.end_position - at)
    return damaged(at, "a batch of " + std::to_string(header->size_bytes()) + " bytes where " + std::to_string(range_.end_position - at) +
                           " are left");
  if (header->base_offset < range_.min_offset || header->last_offset() >= range_.max_offset)
    return damaged(at, "offsets " + std::to_string(header->base_offset) + " to " + std::to_string(header->last_offset()) +
                           " where at least " + std::to_string(range_.min_offset) + " and less than " + std::to_string(range_.max_offset) +
                           " is due");
  range_.position += header->size_bytes();
  range_.min_offset = header->last_offset() + 1;
  read_size_ = header->size_bytes() < long_read / 2 ? long_read : short_read;
  return std::optional{batch_place{*header, at}};
}

} // namespace cafka::storage
