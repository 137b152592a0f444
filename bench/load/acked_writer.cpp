// For crash tests: writes numbered records with acks=all until the node is gone or `records` were accepted, and prints one line
// "partition offset number" for each record that was acknowledged. Whoever kills the node can then hold it to every line.
#include "../limits/limit_tools.hpp"
#include "client/producer.hpp"

#include <atomic>

using namespace cafka;
using limits::arguments;

int main(int argc, char** argv) {
  const arguments given(argc, argv,
                        {{"address", "127.0.0.1:9092"},
                         {"topic", "acked"},
                         {"first", "0"},
                         {"records", "1000000000"},
                         {"value_bytes", "200"},
                         {"linger_ms", "0"},
                         {"batch_bytes", "16384"}});
  client::cluster_config where;
  where.bootstrap_servers = given.text("address");
  const client::cluster cluster(where);
  client::producer_config config;
  config.linger = client::milliseconds(given.number("linger_ms"));
  config.batch_size_bytes = static_cast<std::size_t>(given.number("batch_bytes"));
  config.buffer_memory_bytes = 1 << 20; // keeps few records in doubt
  config.retry_unknown_outcomes = false;
  config.max_block = client::milliseconds(2000);
  config.delivery_timeout = client::milliseconds(2000);
  client::producer producer(cluster, config);

  std::atomic<bool> gone{false};
  const std::string padding(static_cast<std::size_t>(given.number("value_bytes")), '.');
  const auto end = given.number("first") + given.number("records");
  for (auto number = given.number("first"); number < end && !gone; ++number) {
    const auto key = std::to_string(number % 1000);
    const auto value = std::to_string(number) + ' ' + padding;
    client::outgoing_record record;
    record.topic = given.text("topic");
    record.key = key;
    record.value = value;
    auto accepted = producer.send(record, [number, &gone](client::delivery_result outcome) {
      if (outcome)
        std::printf("%d %lld %ld\n", outcome->partition, static_cast<long long>(outcome->offset), number);
      else
        gone = true;
    });
    if (!accepted)
      gone = true;
  }
  if (!gone)
    (void)producer.close();
  std::fflush(stdout);
  return 0;
}
