// Every message of the Kafka protocol behind one interface, so that tests, the fuzz target and the tool beside Kafka's own code go through all of
// them. Built as the target kafka_messages.
#pragma once
#include "base/codec/codec.hpp"
#include "base/prng.hpp"

#include <span>

namespace cafka::test {

struct reread_message {
  byte_vector bytes; // the message written again
  std::string json; // as Kafka's converters print it
};

struct kafka_message {
  codec::message_info info;
  codec::message_schema (*schema)();
  byte_vector (*random)(prng& source, std::int16_t version);
  result<reread_message> (*reread)(byte_span bytes, std::int16_t version, std::size_t memory_limit_bytes);
  // What reading, writing and damaging a random message showed to be wrong; empty if nothing.
  std::string (*find_fault)(prng& source, std::int16_t version);

  [[nodiscard]] bool is_request() const noexcept { return info.name.ends_with("Request") || info.name == "RequestHeader"; }
};

std::vector<kafka_message> kafka_messages();
// nullptr if there is none.
const kafka_message* find_kafka_message(std::string_view name);

} // namespace cafka::test
