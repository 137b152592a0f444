#define CAF_SUITE kafka_client
#include "kafka_client.hpp"

namespace cafka::test {

std::string raw_frame(std::string_view content) {
  std::string frame(4, '\0');
  store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(content.size()));
  return frame.append(content);
}

byte_span kafka_client::receive_frame() {
  std::optional<std::string> frame;
  harness_.run_until(
      [&] {
        socket_.receive_some();
        frame = socket_.take_bytes();
        return frame.has_value() || socket_.is_closed();
      },
      "the server answers");
  if (!frame)
    CAF_FAIL("the server closed instead of answering");
  frame_ = std::move(*frame);
  return as_byte_span(frame_);
}

bool kafka_client::is_silent() {
  harness_.run_ready();
  socket_.receive_some();
  return !socket_.take_bytes().has_value();
}

void check_served(harness& h) {
  kafka_client client{h};
  const auto versions = client.ask<kafka::api_versions_response>(kafka::api_versions_request{}, 0);
  CAF_CHECK_EQUAL(versions.error_code, 0);
}

} // namespace cafka::test
