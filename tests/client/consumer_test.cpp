#define CAF_SUITE consumer
#include "client/consumer.hpp"

#include "client/fake_server.hpp"
#include "storage/record_batch.hpp"

#include <boost/asio.hpp>
#include <caf/test/dsl.hpp>
#include <future>

using namespace cafka;
using namespace cafka::client;
using namespace std::chrono_literals;
using cafka::test::fate;
using cafka::test::verdict;

namespace {

byte_vector batch_of(const std::vector<std::string>& values, storage::compression codec = storage::compression::none,
                     storage::batch_builder::fields with = {}) {
  storage::batch_builder builder{codec};
  std::int64_t timestamp = 1000;
  for (const auto& value : values) {
    storage::record_header header{"이름", as_byte_span("값")};
    builder.add(timestamp++, as_byte_span("key"), as_byte_span(value), {&header, 1});
  }
  byte_vector bytes;
  CAF_REQUIRE(builder.build(with, bytes));
  return bytes;
}

struct fixture {
  explicit fixture(consumer_config config = {}, int nodes = 1, std::int32_t partitions = 1) : server(nodes) {
    server.add_topic("t", partitions);
    cluster_config quick;
    quick.bootstrap_servers = server.bootstrap();
    quick.retry_backoff = 1ms;
    quick.retry_backoff_max = 5ms;
    quick.unknown_topic_wait = 20ms;
    quick.request_timeout = 5s;
    where.emplace(quick);
    config.max_fetch_wait = std::min(config.max_fetch_wait, milliseconds{20});
    in.emplace(*where, config);
  }
  // Polls until `count` records came, or an error.
  std::vector<std::string> read(std::size_t count) {
    std::vector<std::string> values;
    while (values.size() < count) {
      auto some = in->poll(5s);
      if (!some) {
        failure = some.error();
        break;
      }
      if (some->empty())
        break;
      for (const auto& record : *some)
        values.emplace_back(record.value.value_or("(null)"));
    }
    return values;
  }

  test::fake_cluster server;
  std::optional<cluster> where;
  std::optional<consumer> in;
  error failure{errc::none, {}};
};

const topic_partition zero{"t", 0};
using values = std::vector<std::string>;

} // namespace

CAF_TEST(every codec is read and control batches are not ) {
  fixture f;
  for (auto codec : {storage::compression::none, storage::compression::gzip, storage::compression::snappy, storage::compression::lz4,
                     storage::compression::zstd}) {
    f.server.append(zero, batch_of({"하나", "둘"}, codec));
    f.server.append(zero, batch_of({"control"}, storage::compression::none, {.is_control = true}));
  }
  CAF_REQUIRE(f.in->assign_topic("t"));
  std::vector<records> kept;
  std::size_t count = 0;
  while (count < 10) {
    auto some = f.in->poll(5s);
    CAF_REQUIRE(some);
    CAF_REQUIRE(!some->empty());
    count += some->size();
    kept.push_back(std::move(*some)); // views survive the move
  }
  std::vector<std::int64_t> offsets;
  for (const auto& some : kept)
    for (const auto& record : some) {
      offsets.push_back(record.offset);
      CAF_CHECK_EQUAL(*record.key, "key");
      CAF_CHECK_EQUAL(*record.value, record.offset % 3 == 0 ? "하나" : "둘");
      CAF_CHECK_EQUAL(record.timestamp, 1000 + record.offset % 3);
      CAF_CHECK_EQUAL(record.topic, "t");
      CAF_REQUIRE_EQUAL(record.headers.size(), 1u);
      CAF_CHECK_EQUAL(record.headers[0].key, "이름");
      CAF_CHECK_EQUAL(*record.headers[0].value, "값");
    }
  CAF_CHECK(offsets == std::vector<std::int64_t>({0, 1, 3, 4, 6, 7, 9, 10, 12, 13}));
  CAF_CHECK(f.in->poll(0ms).value().empty());
  CAF_CHECK_EQUAL(f.in->cached_ends(zero)->high_watermark, 15);
}

CAF_TEST(reading begins where it is told to) {
  fixture f;
  f.server.append(zero, batch_of({"0", "1", "2", "3"}));
  f.server.append(zero, batch_of({"4", "5"}));
  CAF_REQUIRE(f.in->assign({{zero, start_position::offset(2)}}));
  CAF_CHECK(f.read(4) == values({"2", "3", "4", "5"}));
  CAF_CHECK_EQUAL(f.in->position(zero), 6);
  CAF_REQUIRE(f.in->seek(zero, start_position::timestamp(1003)));
  CAF_CHECK(f.read(3) == values({"3", "4", "5"}));
  CAF_REQUIRE(f.in->seek(zero, start_position::timestamp(5000))); // none so late: the end
  CAF_CHECK_EQUAL(f.in->position(zero), 6);
  CAF_REQUIRE(f.in->seek(zero, start_position::earliest()));
  CAF_CHECK(f.read(1).front() == "0");
  CAF_REQUIRE(f.in->assign({{zero, start_position::latest()}}));
  auto polled = f.in->async_poll(5s, asio::use_future);
  f.server.append(zero, batch_of({"6"}));
  CAF_CHECK_EQUAL(*polled.get().value()[0].value, "6");
  CAF_CHECK(f.in->end_offsets({zero}).value() == std::vector<std::int64_t>{7});
}

CAF_TEST(what cannot be assigned leaves the assignment) {
  fixture f;
  CAF_REQUIRE(f.in->assign_topic("t"));
  CAF_CHECK_EQUAL(f.in->assign_topic("nowhere").error().code, errc::unknown_topic_or_partition);
  CAF_CHECK_EQUAL(f.in->assign({{{"t", 1}, start_position::earliest()}}).error().code, errc::unknown_topic_or_partition);
  CAF_CHECK_EQUAL(f.in->assign({{zero, {}}, {zero, {}}}).error().code, errc::bad_argument);
  CAF_CHECK_EQUAL(f.in->assign({{zero, start_position::offset(-5)}}).error().code, errc::bad_argument);
  CAF_CHECK_EQUAL(f.in->seek({"t", 7}, {}).error().code, errc::unknown_topic_or_partition);
  CAF_CHECK(f.in->assignment() == std::vector<topic_partition>{zero});
  CAF_REQUIRE(f.in->assign({}));
  CAF_CHECK(f.in->assignment().empty());
}

CAF_TEST(an offset out of range follows the policy) {
  for (auto policy : {offset_reset::earliest, offset_reset::latest, offset_reset::fail}) {
    fixture f{{.on_out_of_range = policy}};
    f.server.append(zero, batch_of({"0"}));
    f.server.append(zero, batch_of({"1"}));
    f.server.set_log_start(zero, 1);
    CAF_REQUIRE(f.in->assign({{zero, start_position::offset(0)}}));
    if (policy == offset_reset::earliest)
      CAF_CHECK(f.read(1) == values{"1"});
    if (policy == offset_reset::latest) {
      while (f.in->position(zero) != 2)
        CAF_REQUIRE(f.in->poll(1ms).value().empty());
    }
    if (policy == offset_reset::fail) {
      CAF_CHECK_EQUAL(f.in->poll(5s).error().code, errc::offset_out_of_range);
      CAF_REQUIRE(f.in->seek(zero, start_position::offset(1)));
      CAF_CHECK(f.read(1) == values{"1"});
    }
  }
}

CAF_TEST(a damaged batch is told and nothing of it is delivered) {
  fixture f;
  f.server.append(zero, batch_of({"good"}));
  auto damaged = batch_of({"damaged"});
  damaged.back() ^= std::byte{1};
  f.server.append(zero, damaged);
  CAF_REQUIRE(f.in->assign_topic("t"));
  CAF_CHECK(f.read(2) == values{"good"});
  CAF_CHECK_EQUAL(f.failure.code, errc::corrupt_message);
  CAF_CHECK(f.failure.detail.find("t-0 at offset 1") != std::string::npos);
  CAF_CHECK_EQUAL(f.in->position(zero), 1);
  CAF_CHECK_EQUAL(f.in->poll(5s).error().code, errc::corrupt_message); // it is read again
  f.server.append(zero, batch_of({"behind"}));
  CAF_REQUIRE(f.in->seek(zero, start_position::offset(2)));
  f.failure = {};
  while (f.failure.code == errc::unknown_server_error && f.in->position(zero) == 2)
    f.read(1);
  CAF_CHECK_EQUAL(f.in->position(zero), 3);
}

CAF_TEST(prefetching is bounded) {
  fixture f{{.max_partition_fetch_bytes = 1, .prefetch_partition_bytes = 1, .max_poll_records = 1}};
  for (int i = 0; i < 20; ++i)
    f.server.append(zero, batch_of({std::to_string(i)}));
  std::atomic<std::int64_t> polled = 0;
  std::atomic<bool> ahead = false;
  f.server.on_request([&](node_id, const native::RequestHeader& request) -> verdict {
    if (request.has_fetch() && request.fetch().partitions(0).offset() > polled + 1)
      ahead = true;
    return {};
  });
  CAF_REQUIRE(f.in->assign_topic("t"));
  for (int i = 0; i < 20; ++i) {
    CAF_REQUIRE(f.where->describe());
    polled = i; // the poll that follows makes room for one more
    auto some = f.in->poll(5s);
    CAF_REQUIRE(some);
    CAF_REQUIRE_EQUAL(some->size(), 1u);
    CAF_CHECK_EQUAL((*some)[0].offset, i);
  }
  CAF_CHECK(!ahead);
}

CAF_TEST(paused partitions wait) {
  fixture f{{}, 1, 2};
  CAF_REQUIRE(f.in->assign_topic("t"));
  f.in->pause({zero});
  f.server.append(zero, batch_of({"paused"}));
  f.server.append({"t", 1}, batch_of({"running"}));
  CAF_CHECK(f.read(1) == values{"running"});
  CAF_CHECK(f.in->poll(1ms).value().empty());
  f.in->resume({zero});
  CAF_CHECK(f.read(1) == values{"paused"});
}

CAF_TEST(reading goes on over leaders and restarts) {
  fixture f{{}, 2};
  f.server.append(zero, batch_of({"0"}));
  CAF_REQUIRE(f.in->assign_topic("t"));
  CAF_CHECK(f.read(1) == values{"0"});
  f.server.set_leader(zero, 2);
  f.server.append(zero, batch_of({"1"}));
  CAF_CHECK(f.read(1) == values{"1"});
  CAF_CHECK(!f.in->trouble());
  f.server.stop(2);
  f.server.append(zero, batch_of({"2"}));
  while (!f.in->trouble())
    CAF_REQUIRE(f.in->poll(1ms).value().empty());
  CAF_CHECK(f.in->trouble()->detail.find("t-0: ") == 0);
  f.server.start(2);
  CAF_CHECK(f.read(1) == values{"2"});
  CAF_CHECK(!f.in->trouble());
}

CAF_TEST(errors that pass are not told) {
  fixture f;
  f.server.append(zero, batch_of({"0"}));
  f.server.on_request([count = 0](node_id, const native::RequestHeader& request) mutable -> verdict {
    if (!request.has_fetch() && !request.has_list_offsets())
      return {};
    switch (++count) {
    case 1: return {fate::refuse, errc::not_leader_or_follower};
    case 2: return {fate::hang_up};
    case 3: return {fate::refuse, errc::offset_not_available};
    case 4: return {fate::refuse, errc::kafka_storage_error};
    default: return {};
    }
  });
  CAF_REQUIRE(f.in->assign_topic("t", start_position::earliest()));
  CAF_CHECK(f.read(1) == values{"0"});
}

CAF_TEST(a deleted topic is told once) {
  fixture f;
  CAF_REQUIRE(f.in->assign_topic("t"));
  CAF_CHECK(f.in->poll(0ms).value().empty());
  f.server.remove_topic("t");
  CAF_CHECK_EQUAL(f.in->poll(5s).error().code, errc::unknown_topic_id);
  CAF_CHECK(f.in->poll(1ms).value().empty());
}

CAF_TEST(one poll at a time) {
  fixture f;
  CAF_REQUIRE(f.in->assign_topic("t"));
  auto first = f.in->async_poll(1h, asio::use_future);
  CAF_CHECK_EQUAL(f.in->async_poll(1h, asio::use_future).get().error().code, errc::invalid_request);
  f.in->close();
  CAF_CHECK_EQUAL(first.get().error().code, errc::cancelled);
  CAF_CHECK_EQUAL(f.in->poll(0ms).error().code, errc::cancelled);
}

CAF_TEST(closing the cluster ends a blocked poll) {
  fixture f;
  CAF_REQUIRE(f.in->assign_topic("t"));
  auto polled = std::async(std::launch::async, [&] { return f.in->poll(1h); });
  f.where->close();
  CAF_CHECK_EQUAL(polled.get().error().code, errc::cancelled);
  f.where.reset();
  CAF_CHECK_EQUAL(f.in->async_poll(1h, asio::use_future).get().error().code, errc::cancelled);
}

CAF_TEST(a coroutine on the callers own io_context consumes) {
  test::fake_cluster server;
  server.add_topic("t", 2);
  server.append({"t", 0}, batch_of({"a", "b"}));
  server.append({"t", 1}, batch_of({"c"}));
  asio::io_context io{1};
  cluster where{io.get_executor(), {.bootstrap_servers = server.bootstrap()}};
  consumer in{where};
  std::multiset<std::string> seen;
  auto consume = [&]() -> asio::awaitable<void> {
    auto assigned = co_await in.async_assign_topic("t", start_position::earliest(), asio::use_awaitable);
    while (assigned && seen.size() < 3) {
      auto some = co_await in.async_poll(5s, asio::use_awaitable);
      if (!some)
        break;
      for (const auto& record : *some)
        seen.emplace(*record.value);
    }
    where.close();
  };
  asio::co_spawn(io, consume(), asio::detached);
  io.run();
  CAF_CHECK(seen == std::multiset<std::string>({"a", "b", "c"}));
}
