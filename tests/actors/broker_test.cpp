#define CAF_SUITE broker
#include "actors/broker.hpp"
#include "actors/fixture.hpp"
#include "actors/opener.hpp"
#include "metadata/image_builder.hpp"

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::actors::test;

namespace {

struct fixture : actors_fixture {
  fixture() {
    config->id = 1;
    config->log_dirs = {"/data"};
    opener = sys.spawn(open_logs, &pool);
    auto with = std::make_shared<broker_start>();
    with->config = config;
    with->time = &time;
    with->routes = &routes;
    with->board = &board;
    broker_directory directory;
    directory.path = "/data";
    directory.environment = environment;
    directory.found = {{{"quarantined", 0}, "/data/quarantined-0"}, {{"nobodys", 0}, "/data/nobodys-0"}};
    directory.recovery_points = {{{"quarantined", 0}, 42}, {{"nobodys", 0}, 43}};
    directory.log_start_offsets = {{{"quarantined", 0}, 40}, {{"nobodys", 0}, 41}};
    directory.openers = {opener};
    with->directories.push_back(std::move(directory));
    aut = spawn_on<broker>(sys, nullptr, std::move(with));
    sched.run();
  }
  ~fixture() {
    auto stopped = false;
    caf::anon_send(aut, broker_order{stop_broker{net::completion<bool>{[&](const result<bool>&) { stopped = true; }}}});
    sched.run();
    CAF_CHECK(stopped);
    caf::anon_send_exit(aut, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(opener, caf::exit_reason::user_shutdown);
    sched.run();
    snapshot<routing_table>::forget_on_this_thread();
  }

  void replay(const metadata::metadata_record& record) {
    const auto replayed = builder.replay(++offset, 0, record);
    CAF_REQUIRE(replayed.has_value());
  }
  uuid add_topic(const std::string& name, std::int32_t partitions, std::uint64_t seed) {
    metadata::topic_record topic;
    topic.name = name;
    topic.topic_id = topic_id_of(seed);
    replay(topic);
    for (std::int32_t i = 0; i < partitions; ++i) {
      metadata::partition_record partition;
      partition.partition_id = i;
      partition.topic_id = topic.topic_id;
      partition.replicas = partition.isr = {1};
      partition.leader = 1;
      partition.leader_epoch = partition.partition_epoch = 0;
      replay(partition);
    }
    return topic.topic_id;
  }
  void remove_topic(const uuid& id) {
    metadata::remove_topic_record record;
    record.topic_id = id;
    replay(record);
  }
  void send_image() {
    caf::anon_send(aut,
                   broker_order{image_update{builder.build().next, net::completion<void>{[this](const result<void>&) { ++applied; }}}});
  }
  void update() {
    send_image();
    sched.run();
  }
  const topic_routes* routes_of(const uuid& id) { return routes.load()->find(id); }
  partition_actor actor_of(const uuid& id, std::size_t number = 0) {
    const auto* found = routes_of(id);
    return found && number < found->by_partition.size() ? found->by_partition[number] : partition_actor{};
  }
  std::string offline_reason(const uuid& id) {
    const auto* found = routes_of(id);
    return found && found->offline_reasons.contains(0) ? found->offline_reasons.at(0) : std::string{};
  }

  std::shared_ptr<node_config> config = std::make_shared<node_config>();
  snapshot<routing_table> routes{std::make_shared<routing_table>()};
  opener_actor opener;
  broker_actor aut;
  metadata::image_builder builder;
  std::int64_t offset = -1;
  int applied = 0;
  std::shared_ptr<produce_results> acks = std::make_shared<produce_results>();
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(broker_tests, fixture)

CAF_TEST(an image is applied once its partitions are open and leading) {
  const auto id = add_topic("t", 3, 5);
  send_image();
  run_only(aut);
  CAF_CHECK_EQUAL(applied, 0);
  CAF_CHECK(!actor_of(id));
  sched.run();
  CAF_CHECK_EQUAL(applied, 1);
  CAF_REQUIRE(actor_of(id, 2));
  produce(actor_of(id, 2), acks);
  sched.run();
  CAF_CHECK(acks->last().code == errc::none);
}

CAF_TEST(log directories are described with what they hold) {
  const auto id = add_topic("t", 2, 5);
  update();
  produce(actor_of(id, 1), acks);
  sched.run();
  std::vector<net::log_dir_description> told;
  const auto ask = [&] {
    caf::anon_send(aut, broker_order{describe_log_dirs_request{net::completion<std::vector<net::log_dir_description>>{
                            [&](const result<std::vector<net::log_dir_description>>& all) { told = all.value(); }}}});
    sched.run();
  };
  ask();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0].path, "/data");
  CAF_CHECK(told[0].code == errc::none);
  CAF_CHECK(told[0].total_bytes >= told[0].usable_bytes && told[0].usable_bytes > 0);
  CAF_REQUIRE_EQUAL(told[0].partitions.size(), 2u);
  for (const auto& each : told[0].partitions) {
    const auto content = disk.content("/data/" + each.name.to_string() + "/00000000000000000000.log");
    CAF_CHECK_EQUAL(each.size_bytes, static_cast<std::int64_t>(content ? content->size() : 0)); // an empty log may have no file yet
    CAF_CHECK_EQUAL(each.size_bytes > 0, each.name.partition == 1);
  }
  caf::anon_send(aut, broker_order{directory_failed{"/data", "it is gone"}});
  sched.run();
  ask();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK(told[0].code == errc::kafka_storage_error);
  CAF_CHECK(told[0].partitions.empty());
  CAF_CHECK_EQUAL(told[0].total_bytes, -1);
}

CAF_TEST(a partition that dies is opened again with what it had) {
  const auto id = add_topic("t", 1, 5);
  update();
  auto first = actor_of(id);
  produce(first, acks);
  sched.run();
  produce(first, acks);
  run_only(first); // parked
  caf::anon_send_exit(first, caf::exit_reason::kill);
  sched.run();
  CAF_REQUIRE_EQUAL(acks->count(), 2u);
  CAF_CHECK(acks->last().may_be_written);
  auto second = actor_of(id);
  CAF_REQUIRE(second);
  CAF_CHECK(second != first);
  produce(second, acks);
  sched.run();
  CAF_CHECK(acks->last().code == errc::none);
  CAF_CHECK_EQUAL(acks->last().base_offset, 2); // the parked one had been appended
}

CAF_TEST(one that keeps dying is given up and the others go on) {
  const auto id = add_topic("t", 1, 5), other = add_topic("u", 1, 6);
  update();
  for (int i = 0; i < 5; ++i) {
    CAF_REQUIRE(actor_of(id));
    caf::anon_send_exit(actor_of(id), caf::exit_reason::kill);
    sched.run();
  }
  CAF_CHECK(!actor_of(id));
  CAF_CHECK(offline_reason(id).find("died 5 times") != std::string::npos);
  produce(actor_of(other), acks);
  sched.run();
  CAF_CHECK(acks->last().code == errc::none);
}

CAF_TEST(files of another topic are quarantined and left alone) {
  disk.write("/data/t-0/partition.metadata", as_byte_span("version: 0\ntopic_id: " + topic_id_of(77).to_string()));
  const auto id = add_topic("t", 1, 5), other = add_topic("u", 1, 6);
  update();
  CAF_CHECK_EQUAL(applied, 1);
  CAF_CHECK(!offline_reason(id).empty());
  CAF_CHECK(actor_of(other));
  remove_topic(id);
  update();
  CAF_CHECK(disk.content("/data/t-0/partition.metadata").has_value());
}

CAF_TEST(checkpoints keep what is known of partitions that are not served) {
  disk.write("/data/quarantined-0/partition.metadata", as_byte_span("version: 0\ntopic_id: " + topic_id_of(77).to_string()));
  disk.write("/data/nobodys-0/partition.metadata", as_byte_span("version: 0\ntopic_id: " + topic_id_of(78).to_string()));
  const auto id = add_topic("quarantined", 1, 5);
  (void)add_topic("served", 1, 6);
  update();
  CAF_CHECK(!offline_reason(id).empty());
  caf::anon_send(environment->flusher, directory_order{write_checkpoints{true, true, false, {}}});
  sched.run();
  const auto says = [&](const std::string& file, const std::string& line) {
    const auto text = disk.content("/data/" + file);
    return text && as_text(*text).find(line) != std::string_view::npos;
  };
  CAF_CHECK(says("recovery-point-offset-checkpoint", "quarantined 0 42"));
  CAF_CHECK(says("recovery-point-offset-checkpoint", "nobodys 0 43"));
  CAF_CHECK(says("recovery-point-offset-checkpoint", "served 0 0"));
  CAF_CHECK(says("log-start-offset-checkpoint", "quarantined 0 40"));
  CAF_CHECK(says("log-start-offset-checkpoint", "nobodys 0 41"));
}

CAF_TEST(a deleted topic is renamed before the deletion counts) {
  const auto id = add_topic("t", 2, 5);
  update();
  produce(actor_of(id), acks);
  sched.run();
  const auto last = actor_of(id);
  remove_topic(id);
  update();
  CAF_CHECK_EQUAL(applied, 2);
  CAF_CHECK(!routes_of(id));
  CAF_CHECK(!disk.stat("/data/t-0").has_value());
  produce(last, acks);
  sched.run();
  CAF_CHECK(acks->last().code != errc::none);
}

CAF_TEST(a topic made anew under its name waits for the old directory to go) {
  const auto old_id = add_topic("t", 1, 5);
  update();
  produce(actor_of(old_id), acks);
  sched.run();
  remove_topic(old_id);
  const auto new_id = add_topic("t", 1, 6);
  update(); // both in one image
  CAF_CHECK_EQUAL(applied, 2);
  CAF_CHECK(!routes_of(old_id));
  CAF_REQUIRE(actor_of(new_id));
  produce(actor_of(new_id), acks);
  sched.run();
  CAF_CHECK_EQUAL(acks->last().base_offset, 0);
}

CAF_TEST(a topic deleted while it opens leaves nothing behind) {
  const auto id = add_topic("t", 1, 5);
  send_image();
  run_only(aut); // jobs are under way
  remove_topic(id);
  update();
  CAF_CHECK_EQUAL(applied, 2);
  CAF_CHECK(!routes_of(id));
  CAF_CHECK(!disk.stat("/data/t-0").has_value());
}

CAF_TEST(a failed directory stops writes and not reads) {
  const auto id = add_topic("t", 1, 5);
  update();
  produce(actor_of(id), acks);
  sched.run();
  caf::anon_send(aut, broker_order{directory_failed{"/data", "pulled out"}});
  sched.run();
  produce(actor_of(id), acks);
  sched.run();
  CAF_CHECK(acks->last().code == errc::kafka_storage_error);
  const auto reads = std::make_shared<fetch_results>();
  fetch(actor_of(id), reads, 0);
  sched.run();
  CAF_CHECK_EQUAL(reads->last().records.next_offset, 1);
}

CAF_TEST(maintenance wakes only what is due) {
  config->topic_defaults.durability_fsync = false;
  const auto id = add_topic("t", 2, 5);
  update();
  produce(actor_of(id, 0), acks, "v", net::required_acks::leader);
  sched.run();
  advance(60'000);
  for (int i = 0; i < 3; ++i)
    advance(1'000);
  CAF_CHECK(disk.content("/data/recovery-point-offset-checkpoint").has_value());
  CAF_CHECK_GREATER(board.earliest_ms(), time.wall_ms());
}

CAF_TEST_FIXTURE_SCOPE_END()
