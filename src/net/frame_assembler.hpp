// Cuts a stream of bytes into frames: a 32-bit big-endian length, then that many bytes. Pure but for the pool it takes buffers from.
// A length over the cap is refused before anything is allocated. The buffer of a large frame starts small and doubles as its bytes arrive, unless the
// connection has shown before that it sends frames of that size.
#pragma once
#include "net/frame_pool.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace cafka::net {

class frame_assembler {
public:
  enum class state {
    frame, // `frame` is whole
    need_bytes, // the input is used up
    need_budget, // the pool is at its limit; the input is kept by the caller
    refused, // see refusal(); the stream is lost
  };

  frame_assembler(std::shared_ptr<frame_pool> pool, std::uint32_t max_frame_bytes)
      : pool_(std::move(pool)), max_frame_bytes_(max_frame_bytes) {}

  // Where the rest of the frame being received may be read to directly; empty between frames, or when its buffer is full and has to grow.
  [[nodiscard]] mutable_byte_span wanted() noexcept;
  // So many bytes were put into wanted().
  void received(std::size_t count) noexcept { filled_ += count; }
  // Consumes from the front of `input`. To be called again, with no input too, until it says need_bytes.
  state next(byte_span& input, std::shared_ptr<frame_buffer>& frame);

  // Part of a frame is here, be it only of its length.
  [[nodiscard]] bool in_frame() const noexcept { return prefix_size_ != 0 || buffer_; }
  // What a refused request for memory was about: for frame_pool::wait_for_budget.
  [[nodiscard]] std::size_t wanted_capacity() const noexcept;
  [[nodiscard]] bool is_growing() const noexcept { return static_cast<bool>(buffer_); }
  [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return buffer_ ? buffer_->capacity() : 0; }
  // Gives back what is held.
  void reset() noexcept;

private:
  std::shared_ptr<frame_pool> pool_;
  const std::uint32_t max_frame_bytes_;
  std::array<std::byte, 4> prefix_{};
  std::size_t prefix_size_ = 0;
  std::uint32_t length_ = 0;
  std::size_t filled_ = 0;
  std::size_t trusted_bytes_ = 0; // size of the last whole frame: so much is allocated at once
  std::shared_ptr<frame_buffer> buffer_;
  std::string refusal_;
};

} // namespace cafka::net
