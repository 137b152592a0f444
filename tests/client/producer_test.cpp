#define CAF_SUITE producer
#include "client/producer.hpp"

#include "client/fake_server.hpp"

#include <boost/asio.hpp>
#include <caf/test/dsl.hpp>
#include <future>

using namespace cafka;
using namespace cafka::client;
using namespace std::chrono_literals;
using cafka::test::fate;
using cafka::test::verdict;

namespace {

cluster_config quick(const test::fake_cluster& to, node_id node = 1) {
  cluster_config config;
  config.bootstrap_servers = to.bootstrap(node);
  config.retry_backoff = 1ms;
  config.retry_backoff_max = 5ms;
  config.unknown_topic_wait = 20ms;
  config.request_timeout = 5s;
  return config;
}

// A producer of one test, and what its records came to, in the order told.
struct fixture {
  explicit fixture(producer_config config = {}, int nodes = 1, std::int32_t partitions = 1) : server(nodes) {
    server.add_topic("t", partitions);
    where.emplace(quick(server));
    out.emplace(*where, config);
  }
  result<void> send(std::string_view value, std::optional<std::int32_t> partition = 0) {
    outgoing_record record{.topic = "t", .partition = partition, .value = value};
    return out->send(record, [this](delivery_result result) {
      std::lock_guard lock{mutex};
      told.push_back(std::move(result));
    });
  }
  std::size_t told_count() {
    std::lock_guard lock{mutex};
    return told.size();
  }
  std::vector<std::string> values(std::int32_t partition = 0) {
    std::vector<std::string> all;
    for (auto& record : server.contents({"t", partition}))
      all.push_back(*record.value);
    return all;
  }

  std::mutex mutex;
  std::vector<delivery_result> told;
  test::fake_cluster server;
  std::optional<cluster> where;
  std::optional<producer> out;
};

std::vector<std::string> numbers(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i)
    all.push_back(std::to_string(i));
  return all;
}

// Refuses each produce request for the first `times` times.
test::script refusing(int times, verdict with) {
  return [left = std::make_shared<std::atomic<int>>(times), with](node_id, const native::RequestHeader& request) -> verdict {
    if (!request.has_produce() || left->fetch_sub(1) <= 0)
      return {};
    return with;
  };
}

} // namespace

CAF_TEST(records go where their keys say and are told their offsets) {
  fixture f{{}, 1, 5};
  std::map<std::string, delivery> told;
  std::mutex mutex;
  for (int i = 0; i < 500; ++i) {
    auto key = "열쇠 " + std::to_string(i);
    header with{"h", "v"};
    CAF_REQUIRE(f.out->send({.topic = "t", .key = key, .value = "값", .headers = {&with, 1}, .timestamp = 1000 + i},
                            [&, key](delivery_result result) {
                              std::lock_guard lock{mutex};
                              told[key] = result.value();
                            }));
  }
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(told.size(), 500u);
  std::size_t seen = 0;
  for (std::int32_t partition = 0; partition < 5; ++partition)
    for (const auto& record : f.server.contents({"t", partition})) {
      ++seen;
      const auto& at = told.at(*record.key);
      CAF_CHECK_EQUAL(at.partition, partition);
      CAF_CHECK_EQUAL(partition_for_key(*record.key, 5), partition);
      CAF_CHECK_EQUAL(at.offset, record.offset);
      CAF_CHECK_EQUAL(at.timestamp, record.timestamp);
    }
  CAF_CHECK_EQUAL(seen, 500u);
  CAF_CHECK_EQUAL(f.out->statistics().records_delivered, 500u);
  CAF_CHECK_EQUAL(f.out->statistics().buffered_bytes, 0u);
}

CAF_TEST(records without key stay together and then move on) {
  fixture f{{.batch_size_bytes = 1000}, 1, 3};
  std::string value(100, 'x');
  for (int i = 0; i < 300; ++i)
    CAF_REQUIRE(f.send(value, std::nullopt));
  CAF_REQUIRE(f.out->flush());
  std::size_t batches = 0, records = 0;
  for (std::int32_t partition = 0; partition < 3; ++partition) {
    CAF_CHECK(f.server.batch_count({"t", partition}) > 0);
    batches += f.server.batch_count({"t", partition});
    records += f.server.contents({"t", partition}).size();
  }
  CAF_CHECK_EQUAL(records, 300u);
  CAF_CHECK(batches <= 45); // some ten records each
}

CAF_TEST(every codec arrives) {
  for (auto codec : {compression::none, compression::gzip, compression::snappy, compression::lz4, compression::zstd}) {
    fixture f{{.compression = codec}};
    for (const auto& value : numbers(1000))
      CAF_REQUIRE(f.send(value));
    CAF_REQUIRE(f.out->flush());
    CAF_CHECK(f.values() == numbers(1000));
  }
}

CAF_TEST(what fails for a while is tried again in order) {
  for (auto what : {verdict{fate::refuse, errc::not_enough_replicas}, verdict{fate::hang_up}}) {
    fixture f{{.batch_size_bytes = 200, .linger = 0ms}};
    f.server.on_request([&, count = 0](node_id, const native::RequestHeader& request) mutable -> verdict {
      return request.has_produce() && ++count % 3 != 0 ? what : verdict{};
    });
    for (const auto& value : numbers(300))
      CAF_REQUIRE(f.send(value));
    CAF_REQUIRE(f.out->flush());
    CAF_CHECK(f.values() == numbers(300));
    CAF_CHECK_EQUAL(f.told.size(), 300u);
    for (std::size_t i = 0; i < f.told.size(); ++i)
      CAF_REQUIRE_EQUAL(f.told[i].value().offset, static_cast<std::int64_t>(i));
    CAF_CHECK(f.out->statistics().batches_retried > 0);
  }
}

CAF_TEST(a partition has one batch in flight) {
  fixture f{{.linger = 0ms}};
  std::atomic<int> requests = 0;
  f.server.on_request([&](node_id, const native::RequestHeader& request) -> verdict {
    if (!request.has_produce())
      return {};
    ++requests;
    return {fate::hold};
  });
  CAF_REQUIRE(f.send("first"));
  while (requests == 0)
    CAF_REQUIRE(f.where->describe());
  CAF_REQUIRE(f.send("second"));
  CAF_REQUIRE(f.where->describe()); // has passed the strand, the connection and the server behind a second batch
  CAF_CHECK_EQUAL(requests, 1);
  f.server.on_request({});
  f.server.release();
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK(f.values() == std::vector<std::string>({"first", "second"}));
}

CAF_TEST(batches of a partition may be pipelined) {
  fixture f{{.batch_size_bytes = 500, .linger = 0ms, .max_in_flight_per_partition = 4}};
  std::atomic<int> held = 0;
  f.server.on_request([&](node_id, const native::RequestHeader& request) -> verdict {
    if (!request.has_produce())
      return {};
    held += request.produce().partitions_size();
    return {fate::hold};
  });
  for (const auto& value : numbers(200))
    CAF_REQUIRE(f.send(value));
  while (held < 4)
    CAF_REQUIRE(f.where->describe());
  CAF_REQUIRE(f.where->describe());
  CAF_CHECK_EQUAL(held, 4);
  f.server.on_request({});
  f.server.release();
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK(f.values() == numbers(200)); // nothing failed, so they stand in order
}

CAF_TEST(many threads send) {
  constexpr int threads = 4, each = 2'000;
  fixture f{{.batch_size_bytes = 2'000, .buffer_memory_bytes = 50'000}};
  f.server.on_request([count = 0](node_id, const native::RequestHeader& request) mutable -> verdict {
    return request.has_produce() && ++count % 7 == 0 ? verdict{fate::refuse, errc::not_leader_or_follower} : verdict{};
  });
  std::vector<std::thread> all;
  std::atomic<int> refused = 0;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      for (int i = 0; i < each; ++i)
        refused += f.send(std::to_string(t) + ":" + std::to_string(i)) ? 0 : 1;
    });
  for (auto& one : all)
    one.join();
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(refused, 0);
  std::array<int, threads> next{};
  for (const auto& value : f.values()) {
    auto t = static_cast<std::size_t>(value[0] - '0');
    CAF_REQUIRE_EQUAL(value.substr(2), std::to_string(next[t]++));
  }
  for (auto count : next)
    CAF_CHECK_EQUAL(count, each);
}

CAF_TEST(an answer that got lost is an unknown outcome) {
  fixture f{{.linger = 0ms, .retry_unknown_outcomes = false}};
  f.server.on_request(refusing(1, {fate::forget}));
  CAF_REQUIRE(f.send("once"));
  CAF_REQUIRE(f.out->flush());
  CAF_REQUIRE(!f.told.at(0));
  CAF_CHECK(f.told[0].error().may_be_written);
  CAF_CHECK_EQUAL(f.values().size(), 1u);
}

CAF_TEST(an answer that got lost is asked for again unless forbidden) {
  fixture f{{.linger = 0ms}};
  f.server.on_request(refusing(1, {fate::forget}));
  CAF_REQUIRE(f.send("twice"));
  CAF_REQUIRE(f.out->flush());
  CAF_REQUIRE(f.told.at(0));
  CAF_CHECK_EQUAL(f.told[0]->offset, 1);
  CAF_CHECK_EQUAL(f.values().size(), 2u);
}

CAF_TEST(a final refusal is told as certain) {
  fixture f;
  f.server.on_request(refusing(1, {fate::refuse, errc::invalid_record}));
  CAF_REQUIRE(f.send("bad"));
  CAF_REQUIRE(f.out->flush());
  CAF_REQUIRE(!f.told.at(0));
  CAF_CHECK_EQUAL(f.told[0].error().code, errc::invalid_record);
  CAF_CHECK(!f.told[0].error().may_be_written);
  CAF_CHECK(f.values().empty());
  CAF_REQUIRE(f.send("good"));
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(f.values().size(), 1u);
}

CAF_TEST(once unknown stays unknown) {
  fixture f{{.linger = 0ms}};
  f.server.on_request([count = 0](node_id, const native::RequestHeader& request) mutable -> verdict {
    if (!request.has_produce())
      return {};
    return ++count == 1 ? verdict{fate::refuse, errc::not_enough_replicas_after_append, true} : verdict{fate::refuse, errc::invalid_record};
  });
  CAF_REQUIRE(f.send("x"));
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(f.told.at(0).error().code, errc::invalid_record);
  CAF_CHECK(f.told.at(0).error().may_be_written);
}

CAF_TEST(a silent server costs the delivery timeout) {
  fixture f{{.linger = 0ms, .delivery_timeout = 120ms, .request_timeout = 50ms}};
  f.server.on_request(
      [](node_id, const native::RequestHeader& request) -> verdict { return request.has_produce() ? verdict{fate::ignore} : verdict{}; });
  CAF_REQUIRE(f.send("x"));
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(f.told.at(0).error().code, errc::request_timed_out);
  CAF_CHECK(f.told.at(0).error().may_be_written);
}

CAF_TEST(a batch too large for the topic is split) {
  fixture f;
  f.server.on_request([](node_id, const native::RequestHeader& request) -> verdict {
    if (request.has_produce() && request.produce().partitions(0).payload_bytes() > 400)
      return {fate::refuse, errc::message_too_large};
    return {};
  });
  for (const auto& value : numbers(200))
    CAF_REQUIRE(f.send(value));
  CAF_REQUIRE(f.send(std::string(1000, 'x')));
  CAF_REQUIRE(f.send("last"));
  CAF_REQUIRE(f.out->flush());
  auto expected = numbers(200);
  expected.push_back("last");
  CAF_CHECK(f.values() == expected);
  CAF_CHECK_EQUAL(f.told.at(200).error().code, errc::message_too_large);
  CAF_CHECK(!f.told.at(200).error().may_be_written);
}

CAF_TEST(a new leader is found) {
  fixture f{{.linger = 0ms}, 2};
  CAF_REQUIRE(f.send("first"));
  CAF_REQUIRE(f.out->flush());
  f.server.set_leader({"t", 0}, 2);
  CAF_REQUIRE(f.send("second"));
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(f.told.at(1).value().offset, 1);
}

CAF_TEST(a server that comes back is used again) {
  fixture f{{.linger = 0ms}};
  CAF_REQUIRE(f.send("before"));
  CAF_REQUIRE(f.out->flush());
  f.server.stop(1);
  CAF_REQUIRE(f.send("between"));
  while (f.out->statistics().batches_retried == 0 && f.told_count() < 2)
    std::this_thread::yield();
  f.server.start(1);
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK(f.values() == std::vector<std::string>({"before", "between"}));
}

CAF_TEST(memory is bounded and room is told of) {
  fixture f{{.batch_size_bytes = 1000, .linger = 0ms, .buffer_memory_bytes = 10'000, .max_waiting_sends = 2}};
  f.server.on_request(
      [](node_id, const native::RequestHeader& request) -> verdict { return request.has_produce() ? verdict{fate::hold} : verdict{}; });
  std::string value(100, 'x');
  outgoing_record record{.topic = "t", .partition = 0, .value = value};
  std::size_t accepted = 0;
  result<void> last;
  while ((last = f.out->try_send(record)))
    ++accepted;
  CAF_CHECK_EQUAL(last.error().code, errc::too_many_requests);
  CAF_CHECK(accepted >= 50 && accepted <= 100);
  CAF_CHECK(f.out->statistics().buffered_bytes <= 10'000u);

  auto first = f.out->async_send(record, asio::use_future);
  auto second = f.out->async_send(record, asio::use_future);
  auto third = f.out->async_send(record, asio::use_future).get();
  CAF_CHECK_EQUAL(third.error().code, errc::too_many_requests);
  CAF_CHECK(!third.error().may_be_written);
  auto room = f.out->async_wait_for_room(asio::use_future);
  CAF_CHECK(room.wait_for(0ms) == std::future_status::timeout);
  auto blocked = std::async(std::launch::async, [&] { return f.out->send(record); });

  f.server.on_request({});
  f.server.release();
  CAF_CHECK(room.get());
  CAF_CHECK(blocked.get());
  CAF_CHECK(first.get());
  CAF_CHECK(second.get());
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(f.values().size(), accepted + 3);
  CAF_CHECK_EQUAL(f.out->statistics().buffered_bytes, 0u);
}

CAF_TEST(who blocks for room is told when there is none) {
  fixture f{{.buffer_memory_bytes = 1000, .max_block = 30ms}};
  f.server.on_request(
      [](node_id, const native::RequestHeader& request) -> verdict { return request.has_produce() ? verdict{fate::ignore} : verdict{}; });
  std::string value(800, 'x');
  CAF_REQUIRE(f.send(value));
  CAF_CHECK_EQUAL(f.send(value).error().code, errc::request_timed_out);
  CAF_CHECK_EQUAL(f.send(std::string(2000, 'x')).error().code, errc::message_too_large);
}

CAF_TEST(a flush does not linger) {
  fixture f{{.linger = 1h}};
  CAF_REQUIRE(f.send("x"));
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(f.told.size(), 1u);
  CAF_REQUIRE(f.out->flush()); // nothing to do
}

CAF_TEST(topics and partitions that do not exist are told of) {
  fixture f;
  auto unknown = f.out->async_send({.topic = "nowhere", .value = "x"}, asio::use_future).get();
  CAF_CHECK_EQUAL(unknown.error().code, errc::unknown_topic_or_partition);
  CAF_CHECK(!unknown.error().may_be_written);
  auto beyond = f.out->async_send({.topic = "t", .partition = 1, .value = "x"}, asio::use_future).get();
  CAF_CHECK_EQUAL(beyond.error().code, errc::unknown_topic_or_partition);
  CAF_CHECK_EQUAL(f.out->try_send({.topic = "", .value = "x"}).error().code, errc::invalid_topic_exception);
  f.server.add_topic("nowhere", 1);
  CAF_CHECK(f.out->async_send({.topic = "nowhere", .value = "x"}, asio::use_future).get());
}

CAF_TEST(a topic that is deleted fails what waits for it) {
  fixture f;
  CAF_REQUIRE(f.send("x"));
  CAF_REQUIRE(f.out->flush());
  f.server.remove_topic("t");
  CAF_REQUIRE(f.send("y"));
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(f.told.at(1).error().code, errc::unknown_topic_or_partition);
}

CAF_TEST(close gives up after its time) {
  fixture f{{.linger = 0ms}};
  f.server.on_request(
      [](node_id, const native::RequestHeader& request) -> verdict { return request.has_produce() ? verdict{fate::ignore} : verdict{}; });
  CAF_REQUIRE(f.send("x"));
  CAF_CHECK_EQUAL(f.out->close(30ms).error().code, errc::request_timed_out);
  CAF_CHECK_EQUAL(f.told.at(0).error().code, errc::request_timed_out);
  CAF_CHECK_EQUAL(f.send("y").error().code, errc::request_timed_out);
  CAF_CHECK(f.out->close());
}

CAF_TEST(closing the cluster cancels) {
  fixture f{{.linger = 1h}};
  CAF_REQUIRE(f.send("x"));
  auto flushed = f.out->async_flush(asio::use_future);
  f.where.reset();
  (void)flushed.get();
  CAF_CHECK_EQUAL(f.told.size(), 1u);
  CAF_CHECK_EQUAL(f.send("y").error().code, errc::cancelled);
  CAF_CHECK(!f.out->async_send({.topic = "t", .value = "x"}, asio::use_future).get());
}

CAF_TEST(acks none is delivered without an offset) {
  fixture f{{.acks = acks::none}};
  CAF_REQUIRE(f.send("x"));
  CAF_REQUIRE(f.out->flush());
  CAF_CHECK_EQUAL(f.told.at(0).value().offset, -1);
}

CAF_TEST(a coroutine on the callers own io_context produces) {
  test::fake_cluster server;
  server.add_topic("t", 1);
  asio::io_context io{1};
  cluster where{io.get_executor(), quick(server)};
  producer out{where, {.linger = 0ms}};
  std::vector<std::int64_t> offsets;
  auto produce = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 10; ++i) {
      auto delivered = co_await out.async_send({.topic = "t", .partition = {}, .key = "k", .value = "v"}, asio::use_awaitable);
      if (delivered)
        offsets.push_back(delivered->offset);
      auto roomy = co_await out.async_wait_for_room(asio::use_awaitable);
      if (!roomy)
        co_return;
    }
    (void)co_await out.async_flush(asio::use_awaitable);
    (void)co_await out.async_close(1s, asio::use_awaitable);
    where.close();
  };
  asio::co_spawn(io, produce(), asio::detached);
  io.run();
  CAF_CHECK(offsets == std::vector<std::int64_t>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}
