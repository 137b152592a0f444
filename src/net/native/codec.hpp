// The bytes of the native protocol around its Protobuf headers. Specified in docs/native-protocol.md:
//   connection   preface {0xCA 'F' 'K' 'A', u32 version}, then frames
//   frame        u32 length of what follows, u32 header length, header, payload           (integers big-endian)
// The connection has taken the first length off already: what comes here begins with the header length.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "net/output_queue.hpp"

#include <google/protobuf/message_lite.h>

namespace cafka::net::native {

inline constexpr std::uint32_t preface_magic = 0xCA464B41; // negative as Kafka's first field, a length, so no Kafka client begins like this
inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::size_t preface_size = 8;
// A parsed header takes up to some 40 times its bytes: this bounds what one request can make us hold.
inline constexpr std::size_t max_header_bytes = 1 << 20;

struct frame_parts {
  byte_span header;
  mutable_byte_span payload;
};
// invalid_request when the frame is shorter than it says or the header is over max_header_bytes.
result<frame_parts> split_frame(mutable_byte_span frame);

// A whole frame. `payload_bytes` follow `header` later, by slices added to the message.
outgoing encode_frame(const google::protobuf::MessageLite& header, std::uint64_t payload_bytes);

} // namespace cafka::net::native
