// Any message of the Kafka protocol from anywhere: every request in every version, and the responses, as a client of ours would read them.
// What is read can be written, and reads the same again.
#include "support/kafka/messages.hpp"

#include <cstdlib>

using namespace cafka;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

} // namespace

// The first byte chooses the message, the second its version.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto messages = test::kafka_messages();
  if (size < 2)
    return 0;
  const auto& message = messages[data[0] % messages.size()];
  const auto& valid = message.info.valid;
  const auto version = static_cast<std::int16_t>(valid.lowest + data[1] % (valid.highest - valid.lowest + 1));
  const auto once = message.reread(std::as_bytes(std::span{data + 2, size - 2}), version, 1 << 20);
  if (!once)
    return 0;
  const auto twice = message.reread(once->bytes, version, SIZE_MAX);
  require(twice.has_value());
  require(twice->bytes == once->bytes);
  require(twice->json == once->json);
  return 0;
}
