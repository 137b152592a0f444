// example_producer [BOOTSTRAP [TOPIC]]: sends each line of standard input, KEY:VALUE or VALUE, and says where it went.
//   seq 5 | example_producer 127.0.0.1:9092 numbers
#include "client/producer.hpp"

#include <atomic>
#include <cstdio>
#include <iostream>
#include <string>

namespace client = cafka::client;

int main(int argc, char** argv) {
  client::cluster cluster{{.bootstrap_servers = argc > 1 ? argv[1] : "127.0.0.1:9092", .client_id = "example"}};
  client::producer producer{cluster, {.compression = client::compression::lz4}};
  const std::string topic = argc > 2 ? argv[2] : "example";

  std::atomic<int> failures = 0;
  for (std::string line; std::getline(std::cin, line);) {
    const auto colon = line.find(':');
    client::outgoing_record record{.topic = topic, .value = std::string_view(line).substr(colon == line.npos ? 0 : colon + 1)};
    if (colon != line.npos)
      record.key = std::string_view(line).substr(0, colon);

    // Blocks only while the buffer is full; the callback runs on the cluster's thread once the record's fate is known.
    auto accepted = producer.send(record, [&](client::delivery_result result) {
      if (result) {
        std::printf("partition %d, offset %lld\n", result->partition, static_cast<long long>(result->offset));
        return;
      }
      ++failures;
      std::fprintf(stderr, "%s (%s)\n", result.error().to_string().c_str(),
                   result.error().may_be_written ? "may be written" : "not written");
    });
    if (!accepted) {
      std::fprintf(stderr, "%s\n", accepted.error().to_string().c_str());
      return 1;
    }
  }
  const auto closed = producer.close(); // sends what is left and waits for it
  return closed && failures == 0 ? 0 : 1;
}
