// Whole nodes with real threads over a simulated disk: start, stop, start again.
#define CAF_SUITE node
#include "actors/fixture.hpp"
#include "actors/node.hpp"
#include "support/producer_batches.hpp"

#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::actors::test;

namespace {

template <class T>
class awaited {
public:
  net::completion<T> completion() {
    return [to = promise_](result<T> value) { to->set_value(std::move(value)); };
  }
  result<T> get() { return promise_->get_future().get(); }

private:
  std::shared_ptr<std::promise<result<T>>> promise_ = std::make_shared<std::promise<result<T>>>();
};

class waiting_sink final : public net::produce_sink, public net::fetch_sink {
public:
  void produce_done(std::uint32_t, net::produce_outcome outcome) override { put(produced, std::move(outcome)); }
  void fetch_done(std::uint32_t, net::fetch_outcome outcome) override { put(fetched, std::move(outcome)); }
  void data_available(std::uint32_t) override {}

  std::vector<net::produce_outcome> wait_produced(std::size_t count) { return wait(produced, count); }
  std::vector<net::fetch_outcome> wait_fetched(std::size_t count) { return wait(fetched, count); }

private:
  template <class T>
  void put(std::vector<T>& into, T value) {
    const std::lock_guard lock{mutex_};
    into.push_back(std::move(value));
    changed_.notify_all();
  }
  template <class T>
  std::vector<T> wait(std::vector<T>& from, std::size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return from.size() >= count; });
    return from;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<net::produce_outcome> produced;
  std::vector<net::fetch_outcome> fetched;
};

struct fixture {
  fixture() {
    config.log_dirs = {"/data"};
    config.metadata_log_dir = "/data";
    config.listeners = {{"PLAINTEXT", "127.0.0.1", 0}};
    config.shards = 2;
    config.open_files_max = 64;
    config.id = 1;
  }
  std::unique_ptr<node> start() {
    node_environment environment;
    environment.files = &files;
    auto started = node::start(config, environment);
    if (!started)
      CAF_FAIL("cannot start: " << started.error().to_string());
    return std::move(*started);
  }
  std::string start_error() {
    node_environment environment;
    environment.files = &files;
    auto started = node::start(config, environment);
    return started ? "none" : started.error().to_string();
  }
  static metadata::topic_outcome create(node& on, const std::string& name, std::int32_t partitions = 1) {
    awaited<std::vector<metadata::topic_outcome>> created;
    metadata::new_topic topic;
    topic.name = name;
    topic.partition_count = partitions;
    on.door().create_topics({topic}, false, created.completion());
    auto outcome = created.get();
    if (!outcome)
      CAF_FAIL("create failed: " << outcome.error().to_string());
    return outcome->front();
  }
  static void produce(node& to, const std::shared_ptr<waiting_sink>& sink, const uuid& topic, std::int32_t partition,
                      net::required_acks acks = net::required_acks::all) {
    produce_bytes(to, sink, topic, partition, make_batch("value", system_clock().wall_ms()), acks);
  }
  static void produce_bytes(node& to, const std::shared_ptr<waiting_sink>& sink, const uuid& topic, std::int32_t partition,
                            byte_vector bytes, net::required_acks acks = net::required_acks::all) {
    auto frame = std::make_shared<batch_frame>(std::move(bytes));
    net::produce_task task;
    task.partition = {topic, partition};
    task.acks = acks;
    task.deadline_monotonic_ms = system_clock().monotonic_ms() + 30'000;
    task.batch = frame->bytes();
    task.owner = frame;
    to.door().produce(std::move(task), 0, sink);
  }

  memory_file_system disk;
  faulting_file_system files{disk};
  node_config config;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(node_tests, fixture)

CAF_TEST(a fresh node forms a cluster of one and serves a topic) {
  auto one = start();
  CAF_CHECK(one->endpoints().front().port != 0);
  CAF_CHECK_EQUAL(one->door().image()->brokers().size(), 1u);
  CAF_CHECK(!one->door().image()->brokers().begin()->second.fenced);
  const auto topic = create(*one, "greetings", 3);
  CAF_REQUIRE(topic.code == errc::none);
  CAF_REQUIRE(one->door().image()->find_topic("greetings") != nullptr);
  const auto sink = std::make_shared<waiting_sink>();
  for (int i = 0; i < 30; ++i)
    produce(*one, sink, topic.topic_id, i % 3);
  for (const auto& each : sink->wait_produced(30))
    CAF_CHECK(each.code == errc::none);
  net::fetch_task task;
  task.partition = {topic.topic_id, 1};
  one->door().fetch(task, 0, sink);
  const auto fetched = sink->wait_fetched(1).front();
  CAF_CHECK_EQUAL(fetched.high_watermark, 10);
  CAF_CHECK_EQUAL(fetched.records.next_offset, 10);
  produce(*one, sink, topic.topic_id, 3);
  CAF_CHECK(sink->wait_produced(31).back().code == errc::unknown_topic_or_partition);
  produce(*one, sink, topic_id_of(99), 0);
  CAF_CHECK(sink->wait_produced(32).back().code == errc::unknown_topic_id);
  CAF_CHECK(one->stop());
}

CAF_TEST(a clean stop and a kill both keep what was acknowledged) {
  auto sink = std::make_shared<waiting_sink>();
  auto one = start();
  const auto topic = create(*one, "kept", 4).topic_id;
  for (int i = 0; i < 8; ++i)
    produce(*one, sink, topic, i % 4);
  sink->wait_produced(8);
  const auto cluster_id = one->door().describe_node().cluster_id;
  CAF_CHECK(one->stop());
  one.reset();
  CAF_CHECK(disk.content("/data/.kafka_cleanshutdown").has_value());

  const auto check = [&](std::int64_t expected, std::int32_t least_epoch) {
    auto again = start();
    CAF_CHECK_EQUAL(again->door().describe_node().cluster_id, cluster_id);
    CAF_CHECK(!disk.content("/data/.kafka_cleanshutdown").has_value());
    auto reads = std::make_shared<waiting_sink>();
    for (std::int32_t i = 0; i < 4; ++i) {
      net::fetch_task task;
      task.partition = {topic, i};
      again->door().fetch(task, 0, reads);
    }
    for (const auto& each : reads->wait_fetched(4)) {
      CAF_CHECK(each.code == errc::none);
      CAF_CHECK_EQUAL(each.high_watermark, expected);
      CAF_CHECK_GREATER_OR_EQUAL(each.leader_epoch, least_epoch);
    }
    return again;
  };
  auto two = check(2, 0);
  const auto epoch = two->door().image()->find_topic("kept")->partitions.at(0).leader_epoch;
  sink = std::make_shared<waiting_sink>();
  for (int i = 0; i < 4; ++i)
    produce(*two, sink, topic, i);
  sink->wait_produced(4);
  auto survived = disk.copy(); // as a killed process leaves it
  two.reset();
  faulting_file_system killed{*survived};
  node_environment environment;
  environment.files = &killed;
  auto three = node::start(config, environment);
  CAF_REQUIRE(three.has_value());
  auto reads = std::make_shared<waiting_sink>();
  for (std::int32_t i = 0; i < 4; ++i) {
    net::fetch_task task;
    task.partition = {topic, i};
    (*three)->door().fetch(task, 0, reads);
  }
  for (const auto& each : reads->wait_fetched(4)) {
    CAF_CHECK(each.code == errc::none);
    CAF_CHECK_EQUAL(each.high_watermark, 3);
    CAF_CHECK_GREATER(each.leader_epoch, epoch); // every start opens a new one
  }
  three->reset();
}

CAF_TEST(a producer s batches are stored once and its id is its own through stops and kills) {
  std::set<std::int64_t> ids;
  const auto new_id = [&](node& on) {
    awaited<net::producer_id_and_epoch> given;
    on.door().init_producer_id(given.completion());
    auto id = given.get();
    if (!id)
      CAF_FAIL(id.error().to_string());
    CAF_CHECK_EQUAL(id->producer_epoch, 0);
    CAF_CHECK(ids.insert(id->producer_id).second);
    return id->producer_id;
  };
  uuid topic;
  const auto offset_of = [&](node& on, std::int64_t id, std::int32_t sequence) {
    auto sink = std::make_shared<waiting_sink>();
    produce_bytes(on, sink, topic, 0, build({.id = id, .sequence = sequence, .timestamp = system_clock().wall_ms()}).bytes);
    const auto answer = sink->wait_produced(1).front();
    return answer.code == errc::none ? answer.base_offset : -static_cast<std::int64_t>(answer.code);
  };
  auto one = start();
  topic = create(*one, "once").topic_id;
  const auto id = new_id(*one);
  for (std::int32_t i = 0; i < 3; ++i)
    CAF_CHECK_EQUAL(offset_of(*one, id, i), i);
  CAF_CHECK_EQUAL(offset_of(*one, id, 0), 0);
  CAF_CHECK(one->stop());
  one.reset();

  auto two = start();
  CAF_CHECK_EQUAL(offset_of(*two, id, 2), 2); // sent again after the restart
  CAF_CHECK_EQUAL(offset_of(*two, id, 4), -45);
  CAF_CHECK_EQUAL(offset_of(*two, id, 3), 3);
  CAF_CHECK_EQUAL(offset_of(*two, new_id(*two), 0), 4);
  auto survived = disk.copy(); // as a killed process leaves it
  two.reset();
  faulting_file_system killed{*survived};
  node_environment environment;
  environment.files = &killed;
  auto three = node::start(config, environment);
  CAF_REQUIRE(three.has_value());
  CAF_CHECK_EQUAL(offset_of(**three, id, 3), 3);
  CAF_CHECK_EQUAL(offset_of(**three, id, 2), 2);
  CAF_CHECK_EQUAL(offset_of(**three, id, 4), 5);
  new_id(**three);
  new_id(**three);
  three->reset();
}

CAF_TEST(a directory of another node or cluster is refused and not touched) {
  start()->stop();
  const auto before = disk.content("/data/meta.properties");
  config.id = 2;
  CAF_CHECK(start_error().find("belongs to node 1") != std::string::npos);
  config.id = 1;
  config.cluster_id = "4L6g3nShT-eMCtK--X86sw";
  CAF_CHECK(start_error().find("belongs to cluster") != std::string::npos);
  CAF_CHECK(disk.content("/data/meta.properties") == before);
  CAF_CHECK(disk.content("/data/.kafka_cleanshutdown").has_value());
  config.cluster_id.clear();
  auto one = start();
  CAF_CHECK(start_error().find("already") != std::string::npos || !start_error().empty());
}

CAF_TEST(topics go and come again under the same name) {
  auto one = start();
  for (int round = 0; round < 3; ++round) {
    const auto topic = create(*one, "phoenix", 2);
    CAF_REQUIRE(topic.code == errc::none);
    const auto sink = std::make_shared<waiting_sink>();
    produce(*one, sink, topic.topic_id, 0);
    CAF_CHECK_EQUAL(sink->wait_produced(1).front().base_offset, 0);
    awaited<std::vector<metadata::topic_outcome>> deleted;
    one->door().delete_topics({{"phoenix", {}}}, deleted.completion());
    CAF_CHECK(deleted.get().value().front().code == errc::none);
    produce(*one, sink, topic.topic_id, 0);
    CAF_CHECK(sink->wait_produced(2).back().code == errc::unknown_topic_id);
  }
  CAF_CHECK(one->stop());
}

CAF_TEST(a node with a full load stops in order and answers everything) {
  auto one = start();
  const auto topic = create(*one, "busy", 8).topic_id;
  auto sink = std::make_shared<waiting_sink>();
  constexpr std::size_t count = 4000;
  for (std::size_t i = 0; i < count; ++i)
    produce(*one, sink, topic, static_cast<std::int32_t>(i % 8), i % 3 == 0 ? net::required_acks::leader : net::required_acks::all);
  CAF_CHECK(one->stop());
  CAF_CHECK_EQUAL(sink->wait_produced(count).size(), count);
  one.reset();
}

CAF_TEST(a failed disk ends writes and reads go on until the node stops) {
  auto one = start();
  const auto topic = create(*one, "t").topic_id;
  auto sink = std::make_shared<waiting_sink>();
  produce(*one, sink, topic, 0);
  CAF_CHECK(sink->wait_produced(1).back().code == errc::none);
  files.set_plan([](const operation& what) {
    return what.kind == operation_kind::sync && what.path.find("/t-0/") != std::string::npos ? fault::io_error : fault::none;
  });
  produce(*one, sink, topic, 0);
  const auto unknown = sink->wait_produced(2).back();
  CAF_CHECK(unknown.code == errc::kafka_storage_error);
  CAF_CHECK(unknown.may_be_written);
  produce(*one, sink, topic, 0);
  CAF_CHECK(!sink->wait_produced(3).back().may_be_written);
  net::fetch_task task;
  task.partition = {topic, 0};
  one->door().fetch(task, 0, sink);
  CAF_CHECK_EQUAL(sink->wait_fetched(1).back().high_watermark, 1);
  CAF_CHECK(!one->stop());
  CAF_CHECK(!disk.content("/data/.kafka_cleanshutdown").has_value());
}

CAF_TEST(configs are described with where they come from) {
  config.set_values = {{"log.retention.ms", "1000"}};
  config.topic_defaults.retention_ms = 1000;
  auto one = start();
  (void)create(*one, "t");
  awaited<std::vector<metadata::config_outcome>> altered;
  metadata::alter_config change;
  change.resource = {metadata::config_resource::topic, "t"};
  change.changes.push_back({"max.message.bytes", metadata::config_operation::set, "2000"});
  one->door().alter_configs({change}, false, altered.completion());
  CAF_CHECK(altered.get().value().front().code == errc::none);
  awaited<std::vector<metadata::config_entry>> described;
  one->door().describe_configs(change.resource, described.completion());
  auto seen = 0;
  const auto entries = described.get();
  for (const auto& each : entries.value()) {
    if (each.key == "max.message.bytes") {
      ++seen;
      CAF_CHECK_EQUAL(each.value.value_or(""), "2000");
      CAF_CHECK(each.source == metadata::config_source::topic);
    } else if (each.key == "retention.ms") {
      ++seen;
      CAF_CHECK_EQUAL(each.value.value_or(""), "1000");
      CAF_CHECK(each.source == metadata::config_source::static_broker);
    }
  }
  CAF_CHECK_EQUAL(seen, 2);
}

CAF_TEST_FIXTURE_SCOPE_END()
