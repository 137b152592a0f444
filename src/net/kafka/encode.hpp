// A response as bytes on the wire, and as slices of log files between them.
#pragma once
#include "net/kafka/apis.hpp"
#include "net/output_queue.hpp"

namespace cafka::net::kafka {

struct nothing_placed {
  void operator()(outgoing&, std::size_t, const codec::record_slot&) const noexcept {}
};

template <class Place>
struct placed_in final : codec::slot_places {
  placed_in(outgoing& in, std::size_t body, Place& with) : message{in}, body_at{body}, place_slot{with} {}
  void place(std::size_t at, const codec::record_slot& slot) override { place_slot(message, body_at + at, slot); }
  outgoing& message;
  std::size_t body_at;
  Place& place_slot;
};

// A whole frame: length, header, body. `place(message, at, slot)` adds the slices that belong after the first `at` bytes of `message`.
template <codec::message Response, class Place = nothing_placed>
outgoing encode_response(const Response& response, std::int32_t correlation_id, std::int16_t header_version, std::int16_t version,
                         Place place = {}) {
  const response_header header{correlation_id};
  const auto header_size = codec::encoded_size(header, header_version);
  const auto counted = codec::count_encoded(response, version);
  outgoing message;
  auto& bytes = message.bytes;
  bytes.reserve(sizeof(std::uint32_t) + header_size + counted.size());
  bytes.resize(sizeof(std::uint32_t));
  store_be(bytes.data(), static_cast<std::uint32_t>(header_size + counted.size() + counted.slot_bytes()));
  codec::encode(header, header_version, bytes, header_size);
  placed_in<Place> places{message, bytes.size(), place};
  codec::encode(response, version, bytes, counted.size(), &places);
  return message;
}

} // namespace cafka::net::kafka
