#include "cli/batch_file.hpp"

#include <algorithm>

namespace cafka::cli {

namespace {
constexpr std::size_t read_ahead = 1 << 20;
}

result<byte_span> batch_file::window(std::size_t count) {
  const auto skipped = static_cast<std::size_t>(position_ - buffer_from_);
  if (position_ < buffer_from_ || skipped > buffered_ || buffered_ - skipped < count) {
    if (buffer_.size() < count)
      buffer_.resize(std::max(count, read_ahead));
    CAFKA_TRY_ASSIGN(got, source_.read_at(position_, buffer_));
    buffer_from_ = position_;
    buffered_ = got;
  }
  const auto begin = static_cast<std::size_t>(position_ - buffer_from_);
  return byte_span{buffer_.data() + begin, std::min(count, buffered_ - begin)};
}

result<std::optional<batch_in_file>> batch_file::next() {
  CAFKA_TRY_ASSIGN(front, window(storage::batch_header_size));
  if (front.empty())
    return std::nullopt;
  const auto at = "position " + std::to_string(position_) + ": ";
  auto header = storage::parse_batch_header(front);
  if (!header)
    return fail(header.error().code, at + header.error().detail);
  CAFKA_TRY_ASSIGN(end, source_.size());
  if (header->size_bytes() > end - position_)
    return fail(errc::corrupt_message, at + "a batch of " + std::to_string(header->size_bytes()) + " bytes, but only " +
                                           std::to_string(end - position_) + " are left in the file");
  CAFKA_TRY_ASSIGN(bytes, window(header->size_bytes()));
  if (bytes.size() < header->size_bytes())
    return fail(errc::corrupt_message, at + "the file became shorter while it was read");
  const batch_in_file found{position_, *header, bytes};
  position_ += header->size_bytes();
  return found;
}

} // namespace cafka::cli
