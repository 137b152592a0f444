// A client of Kafka's protocol for the network tests: requests are described messages, responses are checked for their correlation id.
#pragma once
#include "../harness.hpp"
#include "net/kafka/apis.hpp"

namespace cafka::test {

namespace kafka = net::kafka;

// A frame with header and body.
template <codec::message Request>
std::string kafka_frame(const Request& request, std::int16_t version, std::int32_t correlation_id) {
  const auto* of = kafka::find_api(Request::info.api_key);
  const auto header_version = of->request_header_version(version);
  byte_vector bytes(4);
  codec::encode(kafka::request_header{Request::info.api_key, version, correlation_id, "test-client"}, header_version, bytes);
  codec::encode(request, version, bytes);
  store_be(bytes.data(), static_cast<std::uint32_t>(bytes.size() - 4));
  return std::string{as_text(bytes)};
}

// Of whatever bytes.
std::string raw_frame(std::string_view content);

class kafka_client {
public:
  explicit kafka_client(harness& with) : harness_(with), socket_(with.connect_plain()) {}

  template <codec::message Request>
  std::int32_t send(const Request& request, std::int16_t version) {
    harness_.send(socket_, kafka_frame(request, version, ++correlation_id_));
    return correlation_id_;
  }
  // The next response, which must be that to `correlation_id`. Views in it last until the next call.
  template <codec::message Response>
  Response receive(std::int16_t version, std::int32_t correlation_id) {
    const auto* of = kafka::find_api(Response::info.api_key);
    byte_reader in{receive_frame()};
    const auto header = codec::decode_from<kafka::response_header>(in, of->response_header_version(version));
    if (!header)
      CAF_FAIL(header.error().to_string());
    CAF_CHECK_EQUAL(header->correlation_id, correlation_id);
    auto body = codec::decode_from<Response>(in, version);
    if (!body)
      CAF_FAIL(body.error().to_string());
    CAF_CHECK_EQUAL(in.remaining(), 0u);
    return std::move(*body);
  }
  template <codec::message Response, codec::message Request>
  Response ask(const Request& request, std::int16_t version) {
    return receive<Response>(version, send(request, version));
  }
  byte_span receive_frame();
  // Nothing has come that was not received.
  bool is_silent();
  void send_raw(std::string_view bytes) { harness_.send(socket_, bytes); }
  void expect_closed() { harness_.expect_closed(socket_); }
  [[nodiscard]] raw_client& socket() noexcept { return socket_; }

private:
  harness& harness_;
  raw_client socket_;
  std::int32_t correlation_id_ = 0;
  std::string frame_;
};

// ApiVersions is answered: the server is well.
void check_served(harness& h);

} // namespace cafka::test
