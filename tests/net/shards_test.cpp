#define CAF_SUITE shards
#include "harness.hpp"

#include <caf/test/unit_test.hpp>
#include <sys/socket.h>
#include <thread>

using namespace cafka;
using namespace cafka::test;

namespace {

// Hands answers to a thread of its own, so that they reach the sessions from outside their shard.
class threaded_service final : public net::service {
public:
  explicit threaded_service(fake_service& inner) : inner_(inner), guard_(io_.get_executor()), thread_([this] { io_.run(); }) {}
  ~threaded_service() override {
    guard_.reset();
    thread_.join();
  }
  void run(std::function<void()> work) { boost::asio::post(io_, std::move(work)); }

  net::node_description describe_node() const override { return inner_.describe_node(); }
  metadata::image_ptr image() const override { return inner_.image(); }
  node_id controller_id() const override { return 1; }
  bool is_settled() const override { return true; }
  void when_settled(net::completion<void> done) override { done({}); }
  std::int64_t lately_fenced(node_id) const override { return 0; }
  void produce(net::produce_task task, std::uint32_t index, std::shared_ptr<net::produce_sink> sink) override {
    run([this, task = std::move(task), index, sink = std::move(sink)] { inner_.produce(task, index, sink); });
  }
  void fetch(net::fetch_task task, std::uint32_t index, std::shared_ptr<net::fetch_sink> sink) override {
    run([this, task = std::move(task), index, sink = std::move(sink)] { inner_.fetch(task, index, sink); });
  }
  void list_offset(topic_id_partition partition, std::int32_t epoch, std::int64_t timestamp, net::isolation level,
                   net::completion<storage::timestamp_and_offset> done) override {
    run([this, partition, epoch, timestamp, level, done] { inner_.list_offset(partition, epoch, timestamp, level, done); });
  }
  void delete_records(topic_id_partition, std::int64_t, std::int64_t, net::completion<std::int64_t> done) override { done(0); }
  void end_offset_for_epoch(topic_id_partition, std::int32_t, std::int32_t, net::completion<storage::epoch_end> done) override { done({}); }
  void create_topics(std::vector<metadata::new_topic>, bool, net::completion<std::vector<metadata::topic_outcome>> done) override {
    done({});
  }
  void delete_topics(std::vector<metadata::topic_ref>, net::completion<std::vector<metadata::topic_outcome>> done) override { done({}); }
  void create_partitions(std::vector<metadata::new_partitions>, bool, net::completion<std::vector<metadata::topic_outcome>> done) override {
    done({});
  }
  void alter_configs(std::vector<metadata::alter_config>, bool, net::completion<std::vector<metadata::config_outcome>> done) override {
    done({});
  }
  void elect_leaders(metadata::election_kind, std::vector<topic_partition>,
                     net::completion<std::vector<metadata::election_outcome>> done) override {
    done({});
  }
  void describe_quorum(net::completion<election::quorum_description> done) override { done({}); }
  void describe_configs(metadata::config_key, net::completion<std::vector<metadata::config_entry>> done) override { done({}); }
  void init_producer_id(net::completion<net::producer_id_and_epoch> done) override { done(net::producer_id_and_epoch{}); }
  std::vector<metadata::config_entry> topic_configs(const metadata::config_map&) const override { return {}; }
  void describe_log_dirs(net::completion<std::vector<net::log_dir_description>> done) override { done({}); }

private:
  fake_service& inner_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

// Waits for an answer by poll(2): the server runs on threads of its own here.
received_frame await(raw_client& client) {
  std::optional<received_frame> frame;
  for (int patience = 20'000; patience > 0 && !frame && client.receive_some(); --patience) {
    frame = client.take_frame();
    if (!frame)
      client.wait_readable(1);
  }
  if (!frame)
    frame = client.take_frame();
  if (!frame)
    CAF_FAIL("no answer");
  return std::move(*frame);
}

void send_all(raw_client& client, std::string_view text) {
  auto rest = as_byte_span(text);
  while (!rest.empty() && !client.is_closed())
    rest = rest.subspan(client.send_some(rest));
}

} // namespace

CAF_TEST(sessions on two shards with answers from a third thread) {
  fake_service inner;
  const auto topic = inner.add_topic("events", 4);
  threaded_service service(inner);
  boost::asio::io_context first(1), second(1);
  auto guards = std::pair(boost::asio::make_work_guard(first), boost::asio::make_work_guard(second));
  net::server_options options;
  options.listeners = {{"PLAINTEXT", "127.0.0.1", 0}};
  std::optional<net::server> server(std::in_place, options, service, std::vector{&first, &second});
  const auto bound = server->start();
  CAF_REQUIRE(bound.has_value());
  std::thread one([&] { first.run(); }), two([&] { second.run(); });

  std::vector<raw_client> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back(bound->front().port);
    send_all(clients.back(), preface() + hello_frame());
    CAF_CHECK_EQUAL(await(clients.back()).header.hello().version(), 1u);
  }
  constexpr std::uint64_t rounds = 200;
  const std::vector<std::string> batches{"one", "two", "three", "four"};
  // The last client reads along with long polls while the others write.
  auto& reader = clients.back();
  std::vector<std::int64_t> offsets(4, 0);
  std::size_t read_bytes = 0, polls = 0;
  const std::size_t written_bytes = rounds * 5 * 15;
  send_all(reader, frame_of(fetch_request(1, topic, offsets, 1000)));
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i + 1 < clients.size(); ++i)
      send_all(clients[i], frame_of(produce_request(round + 2, topic, -1, batches), "onetwothreefour"));
    for (std::size_t i = 0; i + 1 < clients.size(); ++i)
      CAF_REQUIRE_EQUAL(await(clients[i]).header.correlation_id(), round + 2);
  }
  while (read_bytes < written_bytes) {
    const auto answer = await(reader);
    for (int i = 0; i < 4; ++i)
      offsets[static_cast<std::size_t>(i)] +=
          answer.header.fetch().partitions(i).payload_bytes() / batches[static_cast<std::size_t>(i)].size();
    read_bytes += answer.payload.size();
    CAF_REQUIRE_LESS(++polls, 10'000u);
    send_all(reader, frame_of(fetch_request(1, topic, offsets, 1000)));
  }
  CAF_CHECK_EQUAL(read_bytes, written_bytes);

  // Under load, with fetches parked and batches on their way, stop() still comes back.
  for (std::size_t i = 0; i + 1 < clients.size(); ++i)
    for (std::uint64_t id = 0; id < 50; ++id)
      send_all(clients[i],
               frame_of(produce_request(id, topic, -1, batches), "onetwothreefour") + frame_of(fetch_request(id, topic, offsets, 30'000)));
  server->stop();
  CAF_CHECK_EQUAL(server->counters().connections_open(), 0u);
  guards.first.reset();
  guards.second.reset();
  one.join();
  two.join();
  server.reset();
}
