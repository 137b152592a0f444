#include "net/kafka/session.hpp"

#include "net/kafka/handlers.hpp"

#include <utility>

namespace cafka::net::kafka {

detection detect(byte_span first_bytes, session_host& host, const node_context& with, std::uint32_t max_frame_bytes) {
  if (first_bytes.size() < sizeof(std::uint32_t))
    return {.accepted = {}, .consumed = 0, .needs = sizeof(std::uint32_t), .refused = {}};
  const auto length = load_be<std::uint32_t>(first_bytes.data());
  if (length == 0 || length > max_frame_bytes)
    return {.accepted = {}, .consumed = 0, .needs = 0, .refused = "its first bytes are neither cafka's nor Kafka's"};
  return {.accepted = std::make_shared<kafka_session>(host, with), .consumed = 0, .needs = 0, .refused = {}};
}

result<void> kafka_session::handle_frame(std::shared_ptr<frame_buffer> request) {
  const byte_span bytes = request->bytes();
  // The first three fields are at the same place in every version of the header, also in those of APIs that are not known here.
  byte_reader start{bytes};
  const auto key = start.read_be<std::int16_t>();
  const auto version = start.read_be<std::int16_t>();
  const auto correlation_id = start.read_be<std::int32_t>();
  if (!start.ok())
    return fail(errc::invalid_request, "a request of " + std::to_string(bytes.size()) + " bytes has no header");
  const auto* of = find_api(key);
  const auto handle = of != nullptr ? find_handler(of->key) : nullptr;
  if (handle == nullptr)
    return fail(errc::unsupported_version, "no API has the key " + std::to_string(key) + " here");
  incoming incoming{*of, version, correlation_id, {}, {}, std::move(request)};
  if (!of->served.contains(version)) {
    if (of->key == api_key::api_versions) {
      answer_unknown_api_versions(*this, incoming);
      return {};
    }
    return fail(errc::unsupported_version, "version " + std::to_string(version) + " of " + std::string{of->name} + " is not served");
  }
  byte_reader in{bytes};
  const auto header = codec::decode_from<request_header>(in, of->request_header_version(version));
  if (!header)
    return tl::unexpected(header.error());
  incoming.client_id = header->client_id.value_or(std::string_view{});
  incoming.body = bytes.subspan(in.position());
  return handle(*this, std::move(incoming));
}

call kafka_session::begin(const incoming& request, std::size_t more_bytes) {
  return {host().begin_request(request.frame->capacity() + more_bytes), request.correlation_id, request.version,
          request.of.response_header_version(request.version)};
}

void kafka_session::finish_parked() {
  finishing_ = true;
  auto parked = fetches_; // finishing takes each out of the map
  for (auto& [sequence, operation] : parked)
    operation->finish();
}

bool kafka_session::tells_once_more(node_id fenced) {
  const auto occasion = with_.node.lately_fenced(fenced);
  return occasion != 0 && std::exchange(told_of_fenced_[fenced], occasion) != occasion;
}

void kafka_session::drop_parked() {
  for (auto& [sequence, operation] : std::exchange(fetches_, {}))
    operation->cancel();
}

} // namespace cafka::net::kafka
