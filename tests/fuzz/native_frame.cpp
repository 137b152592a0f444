// Requests of the native protocol through a session: bytes → frames → Protobuf → dispatch → service, and the response's bytes.
#include "proto/native.pb.h"
#include "session_world.hpp"

using namespace cafka;
using namespace cafka::fuzz;
namespace wire = cafka::native;

namespace {

std::string frame_of(std::string_view header, std::string_view payload) {
  std::string frame(8, '\0');
  store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(4 + header.size() + payload.size()));
  store_be(reinterpret_cast<std::byte*>(frame.data()) + 4, static_cast<std::uint32_t>(header.size()));
  return frame.append(header).append(payload);
}

// A request with plausible ids, so that the paths behind the checks are reached too.
std::string plausible_request(source& input) {
  wire::RequestHeader header;
  header.set_correlation_id(input.take<std::uint8_t>());
  std::string payload;
  auto set_topic = [&](wire::Uuid& to) {
    to.set_high(std::uint64_t{7} << 56);
    to.set_low(input.take<std::uint8_t>() % 3);
  };
  const auto count = input.take<std::uint8_t>() % 5;
  switch (input.take<std::uint8_t>() % 4) {
  case 0:
    header.mutable_produce()->set_acks(static_cast<std::int8_t>(input.take<std::uint8_t>() % 4) - 1);
    for (int i = 0; i < count; ++i) {
      auto& each = *header.mutable_produce()->add_partitions();
      set_topic(*each.mutable_topic_id());
      each.set_partition(static_cast<std::int8_t>(input.take<std::uint8_t>()) % 3);
      const auto batch = input.take_text(input.take<std::uint8_t>());
      each.set_payload_bytes(static_cast<std::uint32_t>(batch.size() + input.take<std::uint8_t>() / 255));
      payload += batch;
    }
    break;
  case 1: {
    auto& fetch = *header.mutable_fetch();
    fetch.set_max_wait_ms(input.take<std::uint8_t>());
    fetch.set_min_bytes(input.take<std::uint16_t>());
    fetch.set_max_bytes(input.take<std::uint32_t>());
    fetch.set_isolation(input.take<std::uint8_t>() % 3);
    for (int i = 0; i < count; ++i) {
      auto& each = *fetch.add_partitions();
      set_topic(*each.mutable_topic_id());
      each.set_partition(static_cast<std::int8_t>(input.take<std::uint8_t>()) % 3);
      each.set_offset(static_cast<std::int8_t>(input.take<std::uint8_t>()));
      each.set_max_bytes(input.take<std::uint16_t>());
    }
    break;
  }
  case 2:
    for (int i = 0; i < count; ++i) {
      auto& each = *header.mutable_list_offsets()->add_partitions();
      set_topic(*each.mutable_topic_id());
      each.set_partition(static_cast<std::int8_t>(input.take<std::uint8_t>()) % 3);
      each.set_timestamp(static_cast<std::int8_t>(input.take<std::uint8_t>()));
    }
    break;
  default:
    for (int i = 0; i < count; ++i) {
      auto& each = *header.mutable_delete_records()->add_partitions();
      set_topic(*each.mutable_topic_id());
      each.set_before_offset(static_cast<std::int8_t>(input.take<std::uint8_t>()));
    }
  }
  return frame_of(header.SerializeAsString(), payload);
}

std::string make_stream(source& input) {
  const auto kind = input.take<std::uint8_t>() % 4;
  if (kind == 0)
    return std::string(input.take_text(SIZE_MAX));
  std::string stream("\xca"
                     "FKA\0\0\0\1\0\0\0\x0c\0\0\0\x08\x08\x07\x52\x04\x08\1\x10\1",
                     24);
  if (kind == 1) {
    stream += input.take_text(SIZE_MAX);
    return stream;
  }
  while (!input.empty()) {
    if (kind == 2) {
      const auto header = input.take_text(input.take<std::uint8_t>());
      stream += frame_of(header, input.take_text(input.take<std::uint8_t>()));
    } else {
      stream += plausible_request(input);
    }
  }
  return stream;
}

void check_response(const net::outgoing& message) {
  const byte_span bytes(message.bytes);
  const auto header_size = load_be<std::uint32_t>(bytes.data() + 4);
  wire::ResponseHeader header;
  require(header.ParseFromArray(bytes.data() + 8, static_cast<int>(header_size)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static world with;
  with.refresh();
  source input(data, size);
  const auto cuts = input.take<std::uint32_t>();
  const auto detect = [](byte_span first_bytes, net::session_host& host) {
    return net::native::speaks_native(first_bytes) ? net::native::detect(first_bytes, host, {*with.service, with.parked})
                                                   : net::detection{.accepted = {}, .refused = "not native"};
  };
  with.run(make_stream(input), cuts, detect, check_response);
  require(with.pool->used_bytes() == 0);
  require(with.parked.count == 0);
  return 0;
}
