// A response as bytes on the wire, and as slices of log files between them.
#pragma once
#include "net/kafka/apis.hpp"
#include "net/output_queue.hpp"

namespace cafka::net::kafka {

struct nothing_placed {
  void operator()(outgoing&, std::size_t, const codec::record_slot&) const noexcept {}
};

// A whole frame: length, header, body. `place(message, at, slot)` adds the slices that belong after the first `at` bytes of `message`.
template <codec::message Response, class Place = nothing_placed>
outgoing encode_response(const Response& response, std::int32_t correlation_id, std::int16_t header_version, std::int16_t version,
                         Place place = {}) {
  const response_header header{correlation_id};
  const auto header_size = codec::count_encoded(header, header_version).size();
  const auto counted = codec::count_encoded(response, version);
  outgoing message;
  auto& bytes = message.bytes;
  bytes.reserve(sizeof(std::uint32_t) + header_size + counted.size());
  bytes.resize(sizeof(std::uint32_t));
  store_be(bytes.data(), static_cast<std::uint32_t>(header_size + counted.size() + counted.slot_bytes()));
  codec::encode(header, header_version, bytes);
  const auto body = bytes.size();
  bytes.resize(body + counted.size());
  auto into_message = [&](std::size_t at, const codec::record_slot& slot) { place(message, at, slot); };
  codec::counted_sink<decltype(into_message)> sink{bytes, body, into_message};
  codec::writer<decltype(sink)>{sink, version, Response::info.flexible.contains(version)}.write(response);
  return message;
}

} // namespace cafka::net::kafka
