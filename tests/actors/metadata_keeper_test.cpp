#define CAF_SUITE metadata_keeper
#include "actors/fixture.hpp"
#include "actors/metadata.hpp"

#include <set>

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::actors::test;

namespace {

// Stands for the broker: keeps the updates and counts them as applied when told.
struct updates {
  std::vector<image_update> held;
};
class broker_stand_in final : public shard_actor<broker_actor::base> {
public:
  broker_stand_in(caf::actor_config& config, shard* home, std::shared_ptr<updates> into)
      : shard_actor(config, home), into_(std::move(into)) {}
  behavior_type make_behavior() override {
    return {[this](broker_order& order) {
              if (auto* update = std::get_if<image_update>(&order.what))
                into_->held.push_back(std::move(*update));
            },
            [](caf::tick_atom) {}};
  }

private:
  std::shared_ptr<updates> into_;
};

struct fixture : actors_fixture {
  fixture() {
    broker = spawn_on<broker_stand_in>(sys, nullptr, held);
    start();
  }
  ~fixture() {
    held->held.clear();
    stop();
    caf::anon_send_exit(broker, caf::exit_reason::user_shutdown);
    sched.run();
    snapshot<metadata::image>::forget_on_this_thread();
  }
  void start() {
    metadata_log_options options;
    options.log_dir = "/data";
    options.now_ms = time.wall_ms();
    auto log = metadata_log::open(pool, options);
    if (!log)
      CAF_FAIL(log.error().to_string());
    auto with = std::make_shared<metadata_start>();
    with->config = config;
    with->time = &time;
    with->incarnation_id = topic_id_of(++incarnations + 100);
    with->random = prng{7};
    with->published = &image;
    with->controller = &controller;
    with->marks = marks;
    auto ground = std::make_shared<metadata_ground>();
    ground->log = std::move(*log);
    ground->self = {1, topic_id_of(50)};
    ground->voters = election::voter_set{{ground->self}};
    ground->flusher = environment->flusher;
    ground->broker = broker;
    ground->registration.id = 1;
    ground->registration.incarnation_id = with->incarnation_id;
    ground->registration.directories = {topic_id_of(50)};
    ground->registration.page_cache_survived = true;
    with->failed = [this](std::string why) { failed.push_back(std::move(why)); };
    aut = spawn_on<metadata_keeper>(sys, nullptr, std::move(with));
    started = false;
    caf::anon_send(aut, metadata_request{start_metadata{std::move(ground), net::completion<void>{[this](const result<void>& r) {
                                                          started = r.has_value();
                                                          start_error = r ? "" : r.error().to_string();
                                                        }}}});
  }
  void settle() {
    sched.run();
    while (!held->held.empty()) {
      for (auto& each : std::exchange(held->held, {}))
        each.applied.deliver({});
      sched.run();
    }
  }
  void stop() {
    if (!aut)
      return;
    caf::anon_send(aut, metadata_request{stop_metadata{net::completion<std::int64_t>{[](const result<std::int64_t>&) {}}}});
    sched.run();
    aut = nullptr;
  }
  void create(const std::string& name, bool validate_only = false) {
    metadata::new_topic topic;
    topic.name = name;
    topic.partition_count = 1;
    caf::anon_send(aut, metadata_request{create_topics_request{
                            {topic},
                            validate_only,
                            net::completion<std::vector<metadata::topic_outcome>>{
                                [this](result<std::vector<metadata::topic_outcome>> r) { created.push_back(std::move(r)); }}}});
  }

  void ask_for_producer_id(int how_many = 1) {
    for (int i = 0; i < how_many; ++i)
      caf::anon_send(aut, metadata_request{init_producer_id_request{
                              net::completion<net::producer_id_and_epoch>{[this](result<net::producer_id_and_epoch> r) {
                                if (r && r->producer_epoch == 0)
                                  ids.push_back(r->producer_id);
                                else
                                  id_errors.push_back(r ? errc::invalid_producer_epoch : r.error().code);
                              }}}});
  }

  std::vector<std::int64_t> ids;
  std::vector<errc> id_errors;
  std::shared_ptr<node_config> config = std::make_shared<node_config>();
  snapshot<metadata::image> image{std::make_shared<metadata::image>()};
  std::atomic<node_id> controller{no_node};
  std::shared_ptr<updates> held = std::make_shared<updates>();
  broker_actor broker;
  metadata_actor aut;
  std::uint64_t incarnations = 0;
  bool started = false;
  std::string start_error;
  std::vector<std::string> failed;
  std::vector<result<std::vector<metadata::topic_outcome>>> created;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(metadata_keeper_tests, fixture)

CAF_TEST(a quorum of one forms and registers its broker) {
  settle();
  CAF_CHECK(started);
  CAF_REQUIRE_EQUAL(image.load()->brokers().size(), 1u);
  CAF_CHECK(!image.load()->brokers().at(1).fenced);
  CAF_CHECK(!image.load()->features().empty());
  CAF_CHECK(disk.content("/data/__cluster_metadata-0/quorum-state").has_value());
}

CAF_TEST(a change is answered after flush and commit and when the broker has acted) {
  settle();
  create("t");
  run_only(aut);
  CAF_CHECK(image.load()->find_topic("t") == nullptr); // appended only
  run_only(environment->flusher);
  CAF_CHECK(image.load()->find_topic("t") == nullptr);
  run_only(aut);
  CAF_CHECK(image.load()->find_topic("t") != nullptr);
  CAF_CHECK(created.empty()); // the broker has not opened it
  settle();
  CAF_REQUIRE_EQUAL(created.size(), 1u);
  CAF_CHECK(created[0].value().front().code == errc::none);
}

CAF_TEST(two requests are judged one after the other) {
  settle();
  create("t");
  create("t");
  create("u", true);
  settle();
  CAF_REQUIRE_EQUAL(created.size(), 3u);
  CAF_CHECK(created[0].value().front().code == errc::none);
  CAF_CHECK(created[1].value().front().code == errc::topic_already_exists);
  CAF_CHECK(created[2].value().front().code == errc::none);
  CAF_CHECK(image.load()->find_topic("u") == nullptr);
}

CAF_TEST(a restart replays what was committed and opens a new epoch) {
  settle();
  create("t");
  settle();
  const auto id = image.load()->find_topic("t")->id;
  const auto first_epoch = image.load()->epoch();
  stop();
  image.publish(std::make_shared<metadata::image>());
  start();
  settle();
  CAF_CHECK(started);
  CAF_REQUIRE(image.load()->find_topic("t") != nullptr);
  CAF_CHECK(image.load()->find_topic("t")->id == id);
  CAF_CHECK_GREATER(image.load()->epoch(), first_epoch);
  CAF_CHECK_EQUAL(image.load()->find_topic("t")->partitions.at(0).leader, 1);
}

CAF_TEST(a failed flush of the metadata log ends the controller) {
  settle();
  break_syncs();
  create("t");
  settle();
  CAF_REQUIRE_EQUAL(created.size(), 1u);
  CAF_CHECK(created[0].error().code == errc::request_timed_out); // it may be in the log
  CAF_CHECK_EQUAL(failed.size(), 1u);
  CAF_CHECK(image.load()->find_topic("t") == nullptr);
  files.set_plan({});
  create("u");
  settle();
  CAF_CHECK(created[1].error().code == errc::not_controller);
}

CAF_TEST(no producer id is given before its block is committed) {
  settle();
  ask_for_producer_id(3);
  run_only(aut);
  CAF_CHECK(ids.empty()); // appended only
  run_only(environment->flusher);
  CAF_CHECK(ids.empty());
  settle();
  CAF_CHECK((ids == std::vector<std::int64_t>{0, 1, 2}));
  CAF_CHECK_EQUAL(image.load()->next_producer_id(), 1000);
  ask_for_producer_id();
  run_only(aut);
  CAF_CHECK_EQUAL(ids.size(), 4u); // from the same block: nothing to wait for
  CAF_CHECK_EQUAL(image.load()->next_producer_id(), 1000);
}

CAF_TEST(producer ids go on in the next block and each is given once) {
  settle();
  ask_for_producer_id(2500); // all wait for the first block
  settle();
  ask_for_producer_id(600);
  settle();
  CAF_REQUIRE_EQUAL(ids.size(), 3100u);
  std::sort(ids.begin(), ids.end());
  for (std::size_t i = 0; i < ids.size(); ++i)
    CAF_REQUIRE_EQUAL(ids[i], static_cast<std::int64_t>(i));
  CAF_CHECK_EQUAL(image.load()->next_producer_id(), 4000);
}

CAF_TEST(no producer id comes again after a restart) {
  std::set<std::int64_t> seen;
  for (int round = 0; round < 4; ++round) {
    settle();
    ids.clear();
    ask_for_producer_id(round == 2 ? 1001 : 5);
    settle();
    for (const auto id : ids)
      CAF_CHECK(seen.insert(id).second);
    if (round % 2 == 0) {
      stop();
    } else { // a crash: its actor ends without a word
      caf::anon_send_exit(aut, caf::exit_reason::kill);
      sched.run();
      aut = nullptr;
    }
    image.publish(std::make_shared<metadata::image>());
    start();
  }
  CAF_CHECK_EQUAL(seen.size(), 1016u);
  CAF_CHECK(id_errors.empty());
}

CAF_TEST(as many may wait for producer ids as there is room for) {
  settle();
  ask_for_producer_id(10'003);
  run_only(aut);
  CAF_CHECK_EQUAL(id_errors.size(), 3u);
  CAF_CHECK_EQUAL(id_errors.back(), errc::too_many_requests);
  settle();
  CAF_CHECK_EQUAL(ids.size(), 10'000u);
}

CAF_TEST(without a metadata log there are no producer ids) {
  settle();
  break_syncs();
  ask_for_producer_id();
  settle();
  ask_for_producer_id();
  settle();
  CAF_CHECK(ids.empty());
  CAF_REQUIRE_EQUAL(id_errors.size(), 2u);
  CAF_CHECK_EQUAL(id_errors[0], errc::coordinator_not_available);
  CAF_CHECK_EQUAL(id_errors[1], errc::coordinator_not_available);
}

CAF_TEST(nobody votes from a damaged quorum state) {
  settle();
  stop();
  disk.write("/data/__cluster_metadata-0/quorum-state", as_byte_span("{\"leaderEpoch\":"));
  metadata_log_options options;
  options.log_dir = "/data";
  const auto log = metadata_log::open(pool, options);
  CAF_REQUIRE(!log);
  CAF_CHECK(log.error().code == errc::bad_format);
}

CAF_TEST_FIXTURE_SCOPE_END()
