// Requests of Kafka's protocol through a session: bytes → frames → messages → handlers → service, and the response's bytes.
#include "session_world.hpp"

using namespace cafka;
using namespace cafka::fuzz;
namespace kafka = net::kafka;

namespace {

template <codec::message Request>
std::string frame_of(const Request& request, std::int16_t version, std::int32_t correlation_id) {
  const auto* of = kafka::find_api(Request::info.api_key);
  byte_vector bytes(4);
  codec::encode(kafka::request_header{Request::info.api_key, version, correlation_id, "fuzz"}, of->request_header_version(version), bytes);
  codec::encode(request, version, bytes);
  store_be(bytes.data(), static_cast<std::uint32_t>(bytes.size() - 4));
  return std::string{as_text(bytes)};
}

std::int16_t version_of(source& input, codec::version_range range) {
  return static_cast<std::int16_t>(range.lowest + input.take<std::uint8_t>() % (range.highest - range.lowest + 1));
}

std::string_view topic_of(source& input) {
  constexpr std::string_view names[] = {"one", "two", "three", "a b"};
  return names[input.take<std::uint8_t>() % std::size(names)];
}

uuid id_of(source& input) {
  uuid id;
  id.bytes[0] = 7;
  id.bytes[15] = input.take<std::uint8_t>() % 4;
  return id;
}

std::int32_t partition_of(source& input) { return static_cast<std::int8_t>(input.take<std::uint8_t>()) % 3; }

// A request with plausible names and ids, so that the paths behind the checks are reached too.
std::string plausible_request(source& input, std::int32_t correlation_id) {
  const auto count = input.take<std::uint8_t>() % 5;
  switch (input.take<std::uint8_t>() % 6) {
  case 0: {
    kafka::produce_request request;
    request.acks = static_cast<std::int16_t>(input.take<std::uint8_t>() % 4 - 1);
    for (int i = 0; i < count; ++i) {
      auto& topic = request.topic_data.emplace_back();
      topic.name = topic_of(input);
      topic.topic_id = id_of(input);
      topic.partition_data.push_back({partition_of(input), codec::records{as_byte_span(input.take_text(input.take<std::uint8_t>()))}});
    }
    return frame_of(request, version_of(input, request.info.valid), correlation_id);
  }
  case 1:
  case 2: {
    kafka::fetch_request request;
    request.max_wait_ms = input.take<std::uint8_t>();
    request.min_bytes = static_cast<std::int16_t>(input.take<std::uint16_t>());
    request.max_bytes = static_cast<std::int32_t>(input.take<std::uint32_t>());
    request.isolation_level = static_cast<std::int8_t>(input.take<std::uint8_t>() % 3);
    request.session_epoch = static_cast<std::int8_t>(input.take<std::uint8_t>() % 4 - 1);
    for (int i = 0; i < count; ++i) {
      auto& topic = request.topics.emplace_back();
      topic.topic = topic_of(input);
      topic.topic_id = id_of(input);
      auto& row = topic.partitions.emplace_back();
      row.partition = partition_of(input);
      row.fetch_offset = static_cast<std::int8_t>(input.take<std::uint8_t>());
      row.partition_max_bytes = static_cast<std::int16_t>(input.take<std::uint16_t>());
      row.last_fetched_epoch = static_cast<std::int8_t>(input.take<std::uint8_t>() % 3 - 1);
    }
    return frame_of(request, version_of(input, request.info.valid), correlation_id);
  }
  case 3: {
    kafka::metadata_request request;
    request.allow_auto_topic_creation = false; // the fake's topics are not to grow
    for (int i = 0; i < count; ++i)
      request.topics->push_back({input.take<std::uint8_t>() % 2 == 0 ? uuid{} : id_of(input), topic_of(input)});
    return frame_of(request, version_of(input, request.info.valid), correlation_id);
  }
  case 4: {
    kafka::list_offsets_request request;
    request.replica_id = -1;
    auto& topic = request.topics.emplace_back();
    topic.name = topic_of(input);
    for (int i = 0; i < count; ++i)
      topic.partitions.push_back({partition_of(input), -1, static_cast<std::int8_t>(input.take<std::uint8_t>())});
    return frame_of(request, version_of(input, request.info.valid), correlation_id);
  }
  default: {
    kafka::find_coordinator_request request;
    request.key = topic_of(input);
    request.key_type = static_cast<std::int8_t>(input.take<std::uint8_t>() % 4);
    request.coordinator_keys.assign(static_cast<std::size_t>(count), request.key);
    return frame_of(request, version_of(input, request.info.valid), correlation_id);
  }
  }
}

std::string raw_frame(std::string_view content) {
  std::string frame(4, '\0');
  store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(content.size()));
  return frame.append(content);
}

std::string make_stream(source& input) {
  const auto kind = input.take<std::uint8_t>() % 3;
  if (kind == 0)
    return std::string(input.take_text(SIZE_MAX));
  std::string stream;
  for (std::int32_t correlation_id = 0; !input.empty(); ++correlation_id)
    stream += kind == 1 ? raw_frame(input.take_text(input.take<std::uint16_t>())) : plausible_request(input, correlation_id);
  return stream;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static world with;
  static kafka::fetch_session_cache sessions{10};
  with.refresh();
  source input(data, size);
  const auto cuts = input.take<std::uint32_t>();
  const kafka::node_context context{*with.service, with.parked, sessions, false};
  with.run(
      make_stream(input), cuts,
      [&](byte_span first_bytes, net::session_host& host) { return kafka::detect(first_bytes, host, context, 1 << 20); },
      [](const net::outgoing&) {});
  require(with.pool->used_bytes() == 0);
  require(with.parked.count == 0);
  return 0;
}
