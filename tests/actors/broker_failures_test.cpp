#define CAF_SUITE broker_failures
#include "actors/broker.hpp"
#include "actors/fixture.hpp"
#include "actors/opener.hpp"
#include "metadata/image_builder.hpp"

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::actors::test;

namespace {

const uuid data_id{{1}}, more_id{{2}};

// A broker of two directories, and a leader elsewhere that is never heard. "damaged" lacks what its recovery point says that it has, "moved" lies in
// both directories.
struct fixture : actors_fixture {
  fixture() {
    config->id = 1;
    config->log_dirs = {"/data", "/more"};
    opener = sys.spawn(open_logs, &pool);
    const auto report = [this](directory_failed failure) { caf::anon_send(aut, broker_order{std::move(failure)}); };
    environment->report = report;
    more->log_directory = "/more";
    more->flusher = spawn_flusher("/more");
    more->report = report;
    auto with = std::make_shared<broker_start>();
    with->config = config;
    with->time = &time;
    with->incarnation_id = topic_id_of(100);
    with->routes = &routes;
    with->board = &board;
    with->random = prng{7};
    with->metadata_directory = "/metadata";
    with->report_failed = [this](metadata::failed_replicas_report told) { reports.push_back(std::move(told)); };
    with->failed = [this] { ++stops; };
    disk.write("/data/damaged-0/partition.metadata", as_byte_span("version: 0\ntopic_id: " + topic_id_of(5).to_string()));
    disk.write("/data/moved-0/partition.metadata", as_byte_span("version: 0\ntopic_id: " + topic_id_of(6).to_string()));
    disk.write("/more/moved-0/partition.metadata", as_byte_span("version: 0\ntopic_id: " + topic_id_of(6).to_string()));
    broker_directory first;
    first.path = "/data";
    first.id = data_id;
    first.environment = environment;
    first.found = {{{"damaged", 0}, "/data/damaged-0"}, {{"moved", 0}, "/data/moved-0"}};
    first.recovery_points = {{{"damaged", 0}, 42}};
    first.openers = {opener};
    broker_directory second;
    second.path = "/more";
    second.id = more_id;
    second.environment = more;
    second.found = {{{"moved", 0}, "/more/moved-0"}};
    second.openers = {opener};
    with->directories = {first, second};
    aut = spawn_on<broker>(sys, nullptr, std::move(with));
    metadata::register_broker_record registered;
    registered.broker_id = 1;
    registered.incarnation_id = topic_id_of(100);
    registered.broker_epoch = 0;
    replay(registered);
  }
  ~fixture() {
    caf::anon_send(aut, broker_order{stop_broker{net::completion<bool>{[](const result<bool>&) {}}}});
    sched.run();
    caf::anon_send_exit(aut, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(opener, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(more->flusher, caf::exit_reason::user_shutdown);
    sched.run();
    more->flusher = nullptr;
    snapshot<routing_table>::forget_on_this_thread();
  }

  void replay(const metadata::metadata_record& record) {
    const auto replayed = builder.replay(++offset, 0, record);
    CAF_REQUIRE(replayed.has_value());
  }
  metadata::partition_record led_here() {
    metadata::partition_record made;
    made.partition_id = 0;
    made.replicas = made.isr = {1, 2};
    made.directories.resize(2);
    made.leader = 1;
    made.leader_epoch = made.partition_epoch = 0;
    return made;
  }
  uuid add_topic(const std::string& name, std::uint64_t seed, metadata::partition_record partition) {
    metadata::topic_record topic;
    topic.name = name;
    topic.topic_id = partition.topic_id = topic_id_of(seed);
    replay(topic);
    replay(partition);
    return topic.topic_id;
  }
  // What the controller answers: somebody else leads, and the replica here is to start over.
  metadata::partition_change_record granted(const uuid& id, const uuid& directory) {
    metadata::partition_change_record change;
    change.topic_id = id;
    change.partition_id = 0;
    change.leader = 2;
    change.isr = std::vector<node_id>{2};
    change.directories = std::vector<uuid>{directory, uuid{}};
    return change;
  }
  void update() {
    caf::anon_send(aut, broker_order{image_update{builder.build().next, {}}});
    sched.run();
  }
  void fail_directory(const std::string& path) {
    caf::anon_send(aut, broker_order{directory_failed{path, "pulled out"}});
    sched.run();
  }
  partition_actor actor_of(const uuid& id) {
    const auto* found = routes.load()->find(id);
    return found && !found->by_partition.empty() ? found->by_partition[0] : partition_actor{};
  }
  errc write_to(const uuid& id) {
    produce(actor_of(id), acks, "value", net::required_acks::leader);
    sched.run();
    return acks->last().code;
  }
  bool is_there(const std::string& path) { return disk.stat(path).has_value(); }
  int strays_of(const std::string& directory, const std::string& name) {
    const auto entries = disk.list(directory);
    return static_cast<int>(std::ranges::count_if(*entries, [&](const auto& each) {
      return each.name.starts_with(name + ".") && each.name.ends_with("-stray") &&
             is_there(directory + '/' + each.name + "/partition.metadata");
    }));
  }

  std::shared_ptr<node_config> config = std::make_shared<node_config>();
  std::shared_ptr<partition_environment> more = std::make_shared<partition_environment>(*environment);
  snapshot<routing_table> routes{std::make_shared<routing_table>()};
  opener_actor opener;
  broker_actor aut;
  metadata::image_builder builder;
  std::int64_t offset = -1;
  std::vector<metadata::failed_replicas_report> reports;
  int stops = 0;
  std::shared_ptr<produce_results> acks = std::make_shared<produce_results>();
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(broker_failures_tests, fixture)

CAF_TEST(a replica of a failed directory starts over in another once nobody counts on it) {
  const auto id = add_topic("t", 9, led_here());
  update();
  CAF_CHECK(write_to(id) == errc::none);
  CAF_REQUIRE(is_there("/data/t-0"));
  fail_directory("/data");
  CAF_REQUIRE_EQUAL(reports.size(), 1u);
  CAF_CHECK(reports[0].directories == std::vector<uuid>{data_id});
  CAF_REQUIRE_EQUAL(reports[0].replicas.size(), 1u);
  CAF_CHECK(reports[0].replicas[0].directory == data_id);
  CAF_CHECK(reports[0].replicas[0].anew_in == more_id);
  CAF_CHECK(write_to(id) == errc::kafka_storage_error);
  const auto before = actor_of(id);

  auto change = granted(id, more_id); // each of these leaves it something to lose
  change.isr = std::vector<node_id>{1, 2};
  replay(change);
  update();
  CAF_CHECK(actor_of(id) == before);
  change = granted(id, more_id);
  change.eligible_leader_replicas = std::vector<node_id>{1};
  replay(change);
  update();
  CAF_CHECK(actor_of(id) == before);
  change = granted(id, data_id);
  change.eligible_leader_replicas = std::vector<node_id>{};
  replay(change);
  update();
  CAF_CHECK(actor_of(id) == before);
  CAF_CHECK(!is_there("/more/t-0"));

  replay(granted(id, more_id));
  update();
  CAF_REQUIRE(actor_of(id));
  CAF_CHECK(actor_of(id) != before);
  CAF_CHECK(is_there("/more/t-0"));
  CAF_CHECK(is_there("/data/t-0/00000000000000000000.log")); // as it was
  CAF_CHECK_EQUAL(stops, 0);
  const auto boot = disk.content("/more/.cafka_boot"); // not this one: its page cache lacks something
  CAF_REQUIRE(boot);
  CAF_CHECK(as_text(*boot).find("failed") != std::string_view::npos);
  reports.clear();
  advance(20'000);
  CAF_CHECK(reports.empty());
}

CAF_TEST(what was not granted is asked for again and a sole replica is not) {
  auto shared = led_here();
  shared.directories = {data_id, uuid{}};
  auto alone = led_here();
  alone.replicas = alone.isr = {1};
  alone.directories = {data_id};
  const auto id = add_topic("t", 9, shared), sole = add_topic("sole", 10, alone);
  update();
  fail_directory("/data");
  CAF_REQUIRE_EQUAL(reports.size(), 1u);
  CAF_REQUIRE_EQUAL(reports[0].replicas.size(), 2u);
  for (const auto& each : reports[0].replicas)
    CAF_CHECK(each.anew_in == (each.partition.topic_id == sole ? uuid{} : more_id)); // there is nobody to fetch from
  for (int i = 0; i < 4; ++i)
    advance(1'000);
  CAF_CHECK_EQUAL(reports.size(), 1u);
  advance(1'000);
  CAF_REQUIRE_EQUAL(reports.size(), 2u);
  CAF_REQUIRE_EQUAL(reports[1].replicas.size(), 1u);
  CAF_CHECK(reports[1].replicas[0].partition.topic_id == id);
  const auto reads = std::make_shared<fetch_results>();
  fetch(actor_of(sole), reads, 0);
  sched.run();
  CAF_CHECK(reads->last().code == errc::none);
}

CAF_TEST(a damaged log is set aside and fetched anew) {
  const auto id = add_topic("damaged", 5, led_here());
  update();
  CAF_CHECK(!actor_of(id));
  CAF_REQUIRE_EQUAL(reports.size(), 1u);
  CAF_CHECK(reports[0].directories.empty());
  CAF_REQUIRE_EQUAL(reports[0].replicas.size(), 1u);
  CAF_CHECK(reports[0].replicas[0].directory == data_id);
  CAF_CHECK(reports[0].replicas[0].anew_in == data_id);
  advance(6'000);
  CAF_CHECK_EQUAL(reports.size(), 2u); // nobody has answered
  CAF_CHECK_EQUAL(strays_of("/data", "damaged-0"), 0);
  replay(granted(id, data_id));
  update();
  CAF_REQUIRE(actor_of(id));
  CAF_CHECK_EQUAL(strays_of("/data", "damaged-0"), 1);
  CAF_CHECK(is_there("/data/damaged-0"));
  const auto points = disk.content("/data/recovery-point-offset-checkpoint"); // or the next start would take it for damaged again
  CAF_REQUIRE(points);
  CAF_CHECK(as_text(*points).find("damaged 0 0\n") != std::string_view::npos);
}

CAF_TEST(of two copies the one counts that the metadata names) {
  auto partition = led_here();
  partition.directories = {more_id, uuid{}};
  const auto id = add_topic("moved", 6, partition);
  update();
  CAF_REQUIRE(actor_of(id));
  CAF_CHECK(write_to(id) == errc::none);
  CAF_CHECK(disk.content("/more/moved-0/00000000000000000000.log").has_value());
  CAF_CHECK(!is_there("/data/moved-0"));
  CAF_CHECK_EQUAL(strays_of("/data", "moved-0"), 1);
}

CAF_TEST(the metadata directory and the last directory take the node with them) {
  update();
  fail_directory("/data");
  CAF_CHECK_EQUAL(stops, 0);
  fail_directory("/more");
  CAF_CHECK_EQUAL(stops, 1);
  fail_directory("/metadata");
  CAF_CHECK_EQUAL(stops, 2);
}

CAF_TEST_FIXTURE_SCOPE_END()
