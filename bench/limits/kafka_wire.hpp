// Kafka's frames over blocking sockets, for programs that measure: the messages themselves are src/net/kafka's descriptions.
#pragma once
#include "base/codec/codec.hpp"
#include "limit_tools.hpp"
#include "net/kafka/messages/header.hpp"

#include <optional>

namespace limits {

namespace codec = cafka::codec;
namespace kafka = cafka::net::kafka;

// The length of the frame that begins at `at` and ends where `frame` does, and whatever follows it elsewhere.
inline void set_length(cafka::byte_vector& frame, std::size_t at, std::size_t elsewhere = 0) {
  cafka::store_be(frame.data() + at, static_cast<std::uint32_t>(frame.size() - at - 4 + elsewhere));
}

template <codec::message Request>
void append_request(cafka::byte_vector& out, const Request& request, std::int16_t version, std::int32_t correlation_id) {
  const auto at = out.size();
  out.resize(at + 4);
  const kafka::request_header header{Request::info.api_key, version, correlation_id, "bench"};
  codec::encode(header, Request::info.flexible.contains(version) ? std::int16_t{2} : std::int16_t{1}, out);
  codec::encode(request, version, out);
  set_length(out, at);
}

// Frames off a blocking socket, through one buffer that grows to the largest.
class frame_reader {
public:
  explicit frame_reader(int socket) : socket_(socket), buffer_(512u << 10) {}

  // The next frame without its length, valid until the next call; null once the peer is gone.
  std::optional<cafka::mutable_byte_span> next() {
    while (buffered() < 4 || buffered() < 4 + length()) {
      make_room(buffered() < 4 ? 4 : 4 + length());
      // What completes a large frame, and no more: what follows it would have to be moved.
      const auto most = buffered() < 4 ? read_ahead : std::max<std::size_t>(read_ahead, 4 + length() - buffered());
      const auto got = recv(socket_, buffer_.data() + end_, std::min(most, buffer_.size() - end_), 0);
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return std::nullopt;
      end_ += static_cast<std::size_t>(got);
    }
    const cafka::mutable_byte_span frame{buffer_.data() + begin_ + 4, length()};
    begin_ += 4 + frame.size();
    return frame;
  }
  // A whole frame is here already: next() will not wait.
  [[nodiscard]] bool has_frame() const { return buffered() >= 4 && buffered() >= 4 + length(); }

private:
  static constexpr std::size_t read_ahead = 256u << 10;
  static constexpr std::size_t largest = 128u << 20;

  [[nodiscard]] std::size_t buffered() const { return end_ - begin_; }
  [[nodiscard]] std::size_t length() const { return cafka::load_be<std::uint32_t>(buffer_.data() + begin_); }
  void make_room(std::size_t frame) {
    if (frame > largest)
      give_up("frame too large");
    std::memmove(buffer_.data(), buffer_.data() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
    if (buffer_.size() < frame)
      buffer_.resize(frame);
  }

  int socket_;
  cafka::byte_vector buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

} // namespace limits
