// Our codec of the Kafka protocol as a filter, for the compatibility suite to run beside Kafka's own.
//
//   kafka_codec schemas               the schemas of all messages, a JSON array
//   kafka_codec generate COUNT SEED   COUNT random messages of each kind and version: lines of "name version hex json"
//   kafka_codec reread                reads lines of "name version hex …"; prints each with what it is written again
#include "support/kafka/messages.hpp"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>

using namespace cafka;

namespace {

std::string to_hex(byte_span bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text = bytes.empty() ? "-" : "";
  for (const auto each : bytes) {
    text += digits[std::to_integer<unsigned>(each) >> 4];
    text += digits[std::to_integer<unsigned>(each) & 15];
  }
  return text;
}

byte_vector from_hex(std::string_view hex) {
  byte_vector bytes;
  auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  return bytes;
}

void print_reread(const test::kafka_message& message, byte_span bytes, std::int16_t version) {
  const auto again = message.reread(bytes, version, SIZE_MAX);
  if (!again)
    std::cout << message.info.name << ' ' << version << " - " << again.error().to_string() << '\n';
  else
    std::cout << message.info.name << ' ' << version << ' ' << to_hex(again->bytes) << ' ' << again->json << '\n';
}

void generate(int count, std::uint64_t seed) {
  prng source{seed};
  for (const auto& message : test::kafka_messages())
    for (auto version = message.info.valid.lowest; version <= message.info.valid.highest; ++version)
      for (int i = 0; i < count; ++i)
        print_reread(message, message.random(source, version), version);
}

int reread() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words{line};
    std::string name, hex;
    std::int16_t version = 0;
    words >> name >> version >> hex;
    const auto* message = test::find_kafka_message(name);
    if (!message)
      return 1;
    print_reread(*message, hex == "-" ? byte_vector{} : from_hex(hex), version);
  }
  return 0;
}

int print_schemas() {
  std::string text;
  for (const auto& message : test::kafka_messages())
    text += (text.empty() ? "[" : ",\n") + codec::to_json(message.schema());
  std::cout << text << "]\n";
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "schemas")
    return print_schemas();
  if (mode == "reread")
    return reread();
  if (mode == "generate" && argc == 4) {
    generate(static_cast<int>(std::strtol(argv[2], nullptr, 10)), std::strtoull(argv[3], nullptr, 10));
    return 0;
  }
  std::fputs("usage: kafka_codec schemas | generate COUNT SEED | reread\n", stderr);
  return 2;
}
