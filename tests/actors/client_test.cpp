// The client library against whole nodes over loopback: what goes in comes out, also over restarts.
#define CAF_SUITE client
#include "actors/node.hpp"
#include "client/admin.hpp"
#include "client/consumer.hpp"
#include "client/producer.hpp"
#include "support/memory_file_system.hpp"

#include <boost/asio/use_future.hpp>
#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::client;
using namespace std::chrono_literals;

namespace {

struct fixture {
  fixture() {
    config.log_dirs = {"/data"};
    config.metadata_log_dir = "/data";
    config.listeners = {{"PLAINTEXT", "127.0.0.1", 0}};
    config.shards = 2;
    config.open_files_max = 64;
    config.id = 1;
    start();
    cluster_config quick;
    quick.bootstrap_servers = "127.0.0.1:" + std::to_string(config.listeners.front().port);
    quick.retry_backoff = 5ms;
    quick.retry_backoff_max = 50ms;
    where.emplace(quick);
  }
  void start() {
    actors::node_environment environment;
    environment.files = &files;
    auto started = actors::node::start(config, environment);
    if (!started)
      CAF_FAIL("cannot start: " << started.error().to_string());
    node = std::move(*started);
    config.listeners.front().port = node->endpoints().front().port; // the same again after a restart
  }
  void create(const std::string& name, std::int32_t partitions) {
    auto created = admin{*where}.create_topics({{.name = name, .partition_count = partitions}});
    if (!created || !created->front().outcome)
      CAF_FAIL("cannot create " << name);
  }

  struct seen_record {
    std::string key, value;
    std::int64_t offset;
  };
  // Everything from the beginning to the present ends, by partition.
  std::map<std::int32_t, std::vector<seen_record>> read_all(const std::string& topic) {
    consumer in{*where, {.max_partition_fetch_bytes = 300'000}};
    CAF_REQUIRE(in.assign_topic(topic));
    const auto partitions = in.assignment();
    const auto ends = in.end_offsets(partitions);
    CAF_REQUIRE(ends);
    std::map<std::int32_t, std::vector<seen_record>> all;
    auto missing = [&] {
      for (std::size_t i = 0; i < partitions.size(); ++i)
        if (*in.position(partitions[i]) < (*ends)[i])
          return true;
      return false;
    };
    while (missing()) {
      auto some = in.poll(10s);
      CAF_REQUIRE(some);
      CAF_REQUIRE(!some->empty());
      for (const auto& record : *some)
        all[record.partition].push_back({std::string(record.key.value_or("")), std::string(record.value.value_or("")), record.offset});
    }
    return all;
  }

  test::memory_file_system files;
  node_config config;
  std::unique_ptr<actors::node> node;
  std::optional<cluster> where;
};

// Mixed sizes, Korean among the keys and values; the value begins with the record's number.
std::string key_of(int i) { return (i % 2 == 0 ? "열쇠-" : "key-") + std::to_string(i % 97); }
std::string value_of(int i) {
  std::string value = std::to_string(i) + ":";
  for (int n = i * 7919 % 400; n > 0; n -= 9)
    value += n % 2 == 0 ? "대한민국" : "abcdefghi";
  return value;
}
int number_of(const std::string& value) { return std::stoi(value); }

} // namespace

CAF_TEST(what goes in comes out) {
  constexpr int count = 30'000;
  for (auto codec : {compression::none, compression::lz4}) {
    fixture f;
    f.create("t", 3);
    producer out{*f.where, {.compression = codec}};
    std::atomic<int> delivered = 0;
    for (int i = 0; i < count; ++i) {
      auto key = key_of(i), value = value_of(i);
      CAF_REQUIRE(out.send({.topic = "t", .key = key, .value = value}, [&](delivery_result result) { delivered += result ? 1 : 0; }));
    }
    CAF_REQUIRE(out.flush());
    CAF_CHECK_EQUAL(delivered, count);
    std::size_t seen = 0;
    for (const auto& [partition, records] : f.read_all("t")) {
      std::map<std::string, int> last;
      std::int64_t offset = 0;
      for (const auto& record : records) {
        CAF_REQUIRE_EQUAL(record.offset, offset++);
        auto number = number_of(record.value);
        CAF_REQUIRE_EQUAL(record.value, value_of(number));
        CAF_REQUIRE_EQUAL(record.key, key_of(number));
        CAF_REQUIRE_EQUAL(partition_for_key(record.key, 3), partition);
        auto [place, first] = last.try_emplace(record.key, number);
        CAF_REQUIRE(first || place->second < number);
        place->second = number;
      }
      seen += records.size();
    }
    CAF_CHECK_EQUAL(seen, static_cast<std::size_t>(count));
  }
}

CAF_TEST(restarts lose nothing and keep the order) {
  constexpr int count = 6'000;
  fixture f;
  f.create("t", 2);
  producer out{*f.where, {.batch_size_bytes = 4'000, .linger = 0ms}};
  std::atomic<int> delivered = 0;
  for (int i = 0; i < count; ++i) {
    if (i == count / 3 || i == count * 2 / 3) { // with batches on their way
      f.node->stop();
      f.node.reset();
      f.start();
    }
    auto value = value_of(i);
    CAF_REQUIRE(out.send({.topic = "t", .partition = i % 2, .value = value}, [&](delivery_result result) {
      if (!result)
        CAF_FAIL(result.error().to_string());
      ++delivered;
    }));
  }
  CAF_REQUIRE(out.flush());
  CAF_CHECK_EQUAL(delivered, count);
  for (const auto& [partition, records] : f.read_all("t")) {
    // A batch whose outcome was unknown may stand there twice; the first time each record comes in its order.
    int next = partition;
    for (const auto& record : records)
      if (number_of(record.value) == next)
        next += 2;
      else
        CAF_REQUIRE(number_of(record.value) < next);
    CAF_CHECK_EQUAL(next, count + partition);
  }
}

CAF_TEST(a consumer goes on over a restart) {
  fixture f;
  f.create("t", 1);
  consumer in{*f.where, {.max_fetch_wait = 50ms}};
  CAF_REQUIRE(in.assign_topic("t"));
  producer out{*f.where, {.linger = 0ms}};
  for (int round = 0; round < 3; ++round) {
    CAF_REQUIRE(out.send({.topic = "t", .value = std::to_string(round)}));
    CAF_REQUIRE(out.flush());
    auto some = in.poll(10s);
    if (!some)
      CAF_FAIL(some.error().to_string());
    CAF_REQUIRE_EQUAL(some->size(), 1u);
    CAF_CHECK_EQUAL(*(*some)[0].value, std::to_string(round));
    f.node->stop();
    f.node.reset();
    f.start();
  }
}

CAF_TEST(an admin sees and changes) {
  fixture f;
  admin to{*f.where};
  auto created = to.create_topics(
      {{.name = "a", .partition_count = 2, .configs = {{"retention.ms", "1000000"}}}, {.name = "b/d", .partition_count = 1}});
  CAF_REQUIRE(created);
  CAF_CHECK(created->at(0).outcome);
  CAF_CHECK_EQUAL(created->at(1).outcome.error().code, errc::invalid_topic_exception);
  CAF_CHECK(to.create_topics({{.name = "dry", .partition_count = 1}}, true)->at(0).outcome);
  CAF_REQUIRE_EQUAL(to.list_topics()->size(), 1u);

  CAF_CHECK(to.create_partitions({{.topic = "a", .total_count = 4}})->at(0).outcome);
  CAF_CHECK_EQUAL(to.create_partitions({{.topic = "a", .total_count = 2}})->at(0).outcome.error().code, errc::invalid_partitions);

  using kind = config_resource::kind;
  using operation = config_change::operation;
  auto alter = [&](std::vector<config_change> changes) {
    auto altered = to.alter_configs({{{kind::topic, "a"}, std::move(changes)}});
    return altered ? altered->at(0).outcome : tl::unexpected(altered.error());
  };
  CAF_CHECK(alter({{.key = "retention.ms", .what = operation::remove}, {.key = "cleanup.policy", .value = "compact"}}));
  CAF_CHECK_EQUAL(alter({{.key = "retention.ms", .value = "soon"}}).error().code, errc::invalid_config);
  auto described = to.describe_topics({"a", "missing"});
  CAF_REQUIRE(described);
  CAF_CHECK_EQUAL(described->at(0).topic->partitions.size(), 4u);
  CAF_CHECK(described->at(0).topic->configs == (std::map<std::string, std::string>{{"cleanup.policy", "compact"}}));
  CAF_CHECK_EQUAL(described->at(1).topic.error().code, errc::unknown_topic_or_partition);
  auto configs = to.describe_configs({{kind::topic, "a"}});
  CAF_REQUIRE(configs);
  bool found = false;
  for (const auto& entry : *configs->at(0).entries)
    if (entry.key == "cleanup.policy") {
      found = true;
      CAF_CHECK_EQUAL(entry.value.value_or(""), "compact");
      CAF_CHECK(entry.source == config_entry::origin::topic);
    }
  CAF_CHECK(found);
}

CAF_TEST(offsets are listed and records deleted) {
  fixture f;
  f.create("t", 1);
  producer out{*f.where};
  for (int i = 0; i < 10; ++i)
    CAF_REQUIRE(out.send({.topic = "t", .value = "v", .timestamp = 1'000'000 + i * 10}));
  CAF_REQUIRE(out.flush());
  admin to{*f.where};
  const topic_partition zero{"t", 0};
  auto offset_at = [&](std::int64_t timestamp) { return to.list_offsets({{zero, timestamp}})->at(0).offset->offset; };
  CAF_CHECK_EQUAL(offset_at(offset_query::earliest), 0);
  CAF_CHECK_EQUAL(offset_at(offset_query::latest), 10);
  CAF_CHECK_EQUAL(offset_at(offset_query::max_timestamp), 9);
  CAF_CHECK_EQUAL(offset_at(1'000'041), 5);
  CAF_CHECK_EQUAL(offset_at(2'000'000), -1);
  CAF_CHECK_EQUAL(to.delete_records({{zero, 4}})->at(0).log_start_offset.value(), 4);
  CAF_CHECK_EQUAL(offset_at(offset_query::earliest), 4);
  CAF_CHECK_EQUAL(to.delete_records({{zero, 11}})->at(0).log_start_offset.error().code, errc::offset_out_of_range);
  CAF_CHECK_EQUAL(f.read_all("t")[0].size(), 6u);
  CAF_CHECK(to.delete_topics({"t"})->at(0).outcome);
  CAF_CHECK(to.list_topics()->empty());
  auto gone = out.async_send({.topic = "t", .value = "v"}, boost::asio::use_future).get();
  CAF_CHECK_EQUAL(gone.error().code, errc::unknown_topic_or_partition);
}
