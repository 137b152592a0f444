#include "net/native/codec.hpp"

namespace cafka::net::native {

result<frame_parts> split_frame(mutable_byte_span frame) {
  if (frame.size() < sizeof(std::uint32_t))
    return fail(errc::invalid_request, "frame of " + std::to_string(frame.size()) + " bytes has no header length");
  const std::size_t header_size = load_be<std::uint32_t>(frame.data());
  const auto rest = frame.subspan(sizeof(std::uint32_t));
  if (header_size > rest.size())
    return fail(errc::invalid_request,
                "header of " + std::to_string(header_size) + " bytes in a frame with " + std::to_string(rest.size()));
  if (header_size > max_header_bytes)
    return fail(errc::invalid_request,
                "header of " + std::to_string(header_size) + " bytes; at most " + std::to_string(max_header_bytes) + " are accepted");
  return frame_parts{rest.first(header_size), rest.subspan(header_size)};
}

outgoing encode_frame(const google::protobuf::MessageLite& header, std::uint64_t payload_bytes) {
  const auto header_size = header.ByteSizeLong();
  outgoing message;
  message.bytes.resize(2 * sizeof(std::uint32_t) + header_size);
  store_be(message.bytes.data(), static_cast<std::uint32_t>(sizeof(std::uint32_t) + header_size + payload_bytes));
  store_be(message.bytes.data() + sizeof(std::uint32_t), static_cast<std::uint32_t>(header_size));
  header.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(message.bytes.data()) + 2 * sizeof(std::uint32_t));
  return message;
}

} // namespace cafka::net::native
