// example_consumer [BOOTSTRAP [TOPIC]]: prints a topic from its beginning to where it ends now, as a C++20 coroutine on an
// io_context of its own.
#include "client/consumer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <string>

namespace client = cafka::client;
namespace asio = boost::asio;

namespace {

asio::awaitable<cafka::result<void>> print(client::consumer& consumer, std::string topic) {
  auto assigned = co_await consumer.async_assign_topic(topic, client::start_position::earliest(), asio::use_awaitable);
  if (!assigned)
    co_return assigned;
  const auto partitions = consumer.assignment();
  const auto ends = co_await consumer.async_end_offsets(partitions, asio::use_awaitable);
  if (!ends)
    co_return tl::unexpected(ends.error());

  const auto at_end = [&] {
    for (std::size_t i = 0; i < partitions.size(); ++i)
      if (consumer.position(partitions[i]) < (*ends)[i])
        return false;
    return true;
  };
  while (!at_end()) {
    const auto records = co_await consumer.async_poll(std::chrono::seconds{1}, asio::use_awaitable);
    if (!records)
      co_return tl::unexpected(records.error());
    for (const auto& record : *records) { // views into *records
      const auto key = record.key.value_or("-"), value = record.value.value_or("(null)");
      std::printf("%d:%lld %.*s %.*s\n", record.partition, static_cast<long long>(record.offset), static_cast<int>(key.size()), key.data(),
                  static_cast<int>(value.size()), value.data());
    }
  }
  co_return cafka::result<void>{};
}

} // namespace

int main(int argc, char** argv) {
  asio::io_context io{1};
  client::cluster cluster{io.get_executor(), {.bootstrap_servers = argc > 1 ? argv[1] : "127.0.0.1:9092"}};
  client::consumer consumer{cluster};

  cafka::result<void> outcome;
  const auto done = [&](std::exception_ptr, cafka::result<void> result) {
    outcome = std::move(result);
    cluster.close(); // lets run() return
  };
  asio::co_spawn(io, print(consumer, argc > 2 ? argv[2] : "example"), done);
  io.run();
  if (!outcome)
    std::fprintf(stderr, "%s\n", outcome.error().to_string().c_str());
  return outcome ? 0 : 1;
}
