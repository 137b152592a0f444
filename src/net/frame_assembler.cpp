#include "net/frame_assembler.hpp"

#include <algorithm>
#include <cstring>

namespace cafka::net {

namespace {
constexpr std::size_t first_capacity = 8192;
constexpr std::size_t trusted_at_most = 4 << 20;
} // namespace

mutable_byte_span frame_assembler::wanted() noexcept {
  if (!buffer_)
    return {};
  return buffer_->memory().first(std::min<std::size_t>(length_, buffer_->capacity())).subspan(filled_);
}

std::size_t frame_assembler::wanted_capacity() const noexcept {
  if (buffer_)
    return std::min<std::size_t>(length_, buffer_->capacity() * 2);
  return std::min<std::size_t>(length_, std::max(first_capacity, trusted_bytes_));
}

frame_assembler::state frame_assembler::next(byte_span& input, std::shared_ptr<frame_buffer>& frame) {
  while (prefix_size_ < prefix_.size()) {
    if (input.empty())
      return state::need_bytes;
    const auto count = std::min(input.size(), prefix_.size() - prefix_size_);
    std::memcpy(prefix_.data() + prefix_size_, input.data(), count);
    prefix_size_ += count;
    input = input.subspan(count);
    if (prefix_size_ < prefix_.size())
      return state::need_bytes;
    length_ = load_be<std::uint32_t>(prefix_.data());
  }
  if (length_ > max_frame_bytes_) {
    refusal_ = "frame of " + std::to_string(length_) + " bytes; at most " + std::to_string(max_frame_bytes_) + " are accepted";
    return state::refused;
  }
  if (!buffer_ && !(buffer_ = pool_->try_allocate(wanted_capacity())))
    return state::need_budget;
  while (filled_ < length_) {
    if (filled_ == buffer_->capacity() && !pool_->try_grow(*buffer_, wanted_capacity(), filled_))
      return state::need_budget;
    if (input.empty())
      return state::need_bytes;
    auto space = wanted();
    const auto count = std::min(input.size(), space.size());
    std::memcpy(space.data(), input.data(), count);
    filled_ += count;
    input = input.subspan(count);
  }
  buffer_->set_size(length_);
  frame = std::move(buffer_);
  trusted_bytes_ = std::min<std::size_t>(length_, trusted_at_most);
  reset();
  return state::frame;
}

void frame_assembler::reset() noexcept {
  buffer_.reset();
  prefix_size_ = 0;
  filled_ = 0;
  length_ = 0;
}

} // namespace cafka::net
