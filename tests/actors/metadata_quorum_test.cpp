// Three nodes' metadata actors under one deterministic coordinator: what one is told reaches the others, and goes on when one dies. The links are
// stood for by the events that they would tell.
#define CAF_SUITE metadata_quorum
#include "actors/flusher.hpp"
#include "actors/metadata.hpp"
#include "actors/snapshot_writer.hpp"
#include "support/memory_file_system.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::test;

namespace {

uuid id_of(std::uint64_t seed) {
  prng source{seed};
  return uuid::random(source);
}

class obedient_broker final : public shard_actor<broker_actor::base> {
public:
  using shard_actor::shard_actor;
  behavior_type make_behavior() override {
    return {[](broker_order& order) {
              if (auto* update = std::get_if<image_update>(&order.what))
                update->applied.deliver({});
            },
            [](caf::tick_atom) {}};
  }
};

// A partition's leader that counts what it is told of its proposals.
class proposing_partition final : public shard_actor<partition_actor::base> {
public:
  proposing_partition(caf::actor_config& config, shard* home, int* answers) : shard_actor(config, home), answers_(answers) {}
  behavior_type make_behavior() override {
    return {[](produce_request&) {},
            [](fetch_request&) {},
            [](const flush_outcome&) {},
            [](partition_query&) {},
            [this](partition_order& order) { *answers_ += std::holds_alternative<isr_answer>(order.what); },
            [](caf::tick_atom) {},
            [](replica_request&) {},
            [](replica_answer&) {}};
  }

private:
  int* answers_;
};

struct fixture : test_coordinator_fixture<> {
  struct one_node {
    node_id id = no_node;
    memory_file_system disk;
    storage::file_pool pool{disk, 64};
    std::shared_ptr<node_config> config = std::make_shared<node_config>();
    snapshot<metadata::image> image{std::make_shared<metadata::image>()};
    snapshot<metadata::failover_view> failover{std::make_shared<metadata::failover_view>()};
    std::atomic<node_id> controller{no_node};
    uuid incarnation_id;
    flusher_actor flusher;
    snapshot_writer_actor snapshots;
    broker_actor broker;
    metadata_actor keeper; // null: it is down
    bool started = false;
    std::string start_error;
    std::vector<std::string> failed;
    std::int64_t last_broker_epoch = -1;
  };

  explicit fixture(node_id count = 3) {
    for (node_id id = 1; id <= count; ++id) {
      auto& node = nodes[id];
      node.id = node.config->id = id;
      start(id);
    }
  }
  ~fixture() {
    for (auto& [id, node] : nodes)
      stop(id);
    snapshot<metadata::image>::forget_on_this_thread();
    snapshot<metadata::failover_view>::forget_on_this_thread();
  }
  void start(node_id id) {
    auto& node = nodes[id];
    node.incarnation_id = id_of(++incarnations + 100);
    node.started = false;
    flusher::dependencies needs{&node.disk, &time, [](const directory_failed&) {}};
    node.flusher = sys.spawn<flusher>(std::move(*storage::log_directory::open(node.pool, "/data", true)), std::move(needs));
    node.snapshots =
        sys.spawn<snapshot_writer>(&node.disk, std::string{"/data/__cluster_metadata-0"}, std::make_shared<const std::atomic<bool>>(false));
    if (node.config->is_broker)
      node.broker = spawn_on<obedient_broker>(sys, nullptr);
    auto with = std::make_shared<metadata_start>();
    with->config = node.config;
    with->time = &time;
    with->incarnation_id = node.incarnation_id;
    with->random = prng{static_cast<std::uint64_t>(id) * 7 + incarnations};
    with->published = &node.image;
    with->failover = &node.failover;
    with->controller = &node.controller;
    with->marks = std::make_shared<partition_marks>();
    with->failed = [&node](std::string why) { node.failed.push_back(std::move(why)); };
    node.keeper = spawn_on<metadata_keeper>(sys, nullptr, std::move(with));

    metadata_log_options options;
    options.log_dir = "/data";
    options.now_ms = time.wall_ms();
    auto ground = std::make_shared<metadata_ground>();
    ground->log = std::move(*metadata_log::open(node.pool, options));
    ground->self = {id, id_of(static_cast<std::uint64_t>(id))};
    ground->voters = election::voter_set{{{1, id_of(1)}, {2, id_of(2)}, {3, id_of(3)}}};
    ground->flusher = node.flusher;
    ground->snapshots = node.snapshots;
    ground->broker = node.broker;
    ground->registration.id = id;
    ground->registration.incarnation_id = node.incarnation_id;
    ground->registration.directories = {ground->self.directory_id};
    ground->registration.previous_broker_epoch = node.last_broker_epoch;
    ground->registration.page_cache_survived = true;
    caf::anon_send(node.keeper, metadata_request{start_metadata{std::move(ground), net::completion<void>{[&node](const result<void>& r) {
                                                                  node.started = r.has_value();
                                                                  node.start_error = r ? "" : r.error().to_string();
                                                                }}}});
    for (auto& [other_id, other] : nodes)
      if (other_id != id && other.keeper) {
        link(node, other);
        link(other, node);
      }
  }
  static void link(const one_node& at, const one_node& peer) {
    caf::anon_send(at.keeper, metadata_request{link_event{link_up{
                                  peer.id, peer.incarnation_id, {}, 1, true, nullptr, caf::actor_cast<caf::actor>(peer.keeper), nullptr}}});
  }
  // As by kill -9: nothing more is said, and the others' links end.
  void kill(node_id id, bool refused = true) {
    auto& node = nodes[id];
    caf::anon_send_exit(node.keeper, caf::exit_reason::kill);
    end(node);
    for (auto& [other_id, other] : nodes) {
      if (other.keeper)
        caf::anon_send(other.keeper, metadata_request{link_event{link_down{id, node.incarnation_id}}});
      if (other.keeper && refused)
        caf::anon_send(other.keeper, metadata_request{link_event{link_refused{id}}});
    }
    sched.run();
  }
  void stop(node_id id) {
    auto& node = nodes[id];
    if (!node.keeper)
      return;
    caf::anon_send(node.keeper, metadata_request{stop_metadata{net::completion<std::int64_t>{
                                    [&node](const result<std::int64_t>& epoch) { node.last_broker_epoch = epoch ? *epoch : -1; }}}});
    sched.run();
    end(node);
    sched.run();
  }
  void end(one_node& node) {
    node.keeper = nullptr;
    if (node.broker)
      caf::anon_send_exit(std::exchange(node.broker, nullptr), caf::exit_reason::user_shutdown);
    caf::anon_send_exit(std::exchange(node.flusher, nullptr), caf::exit_reason::user_shutdown);
    caf::anon_send_exit(std::exchange(node.snapshots, nullptr), caf::exit_reason::user_shutdown);
    sched.run();
  }
  template <class Condition>
  void until(Condition holds, std::int64_t at_most_ms = 20'000) {
    sched.run();
    for (std::int64_t passed = 0; !holds(); passed += 10) {
      if (passed > at_most_ms)
        CAF_FAIL("it did not come to that within " << at_most_ms << " ms");
      time.advance(10);
      sched.clock().advance_time(std::chrono::milliseconds(10));
      sched.run();
    }
  }
  bool all_started() {
    return std::all_of(nodes.begin(), nodes.end(), [](auto& each) { return !each.second.keeper || each.second.started; });
  }
  // Where every running node sees the controller; no_node unless all see the same.
  node_id controller() {
    std::set<node_id> seen;
    for (auto& [id, node] : nodes)
      if (node.keeper)
        seen.insert(node.controller);
    return seen.size() == 1 ? *seen.begin() : no_node;
  }
  node_id follower() { return controller() % 3 + 1; }
  void create(node_id at, const std::string& name) {
    metadata::new_topic topic;
    topic.name = name;
    topic.partition_count = 1;
    topic.replication_factor = 1;
    caf::anon_send(nodes[at].keeper,
                   metadata_request{create_topics_request{{topic},
                                                          false,
                                                          net::completion<std::vector<metadata::topic_outcome>>{
                                                              [this, name](const result<std::vector<metadata::topic_outcome>>& r) {
                                                                created[name] = r ? r->front().code : r.error().code;
                                                              }}}});
  }
  // From the next start of each node on.
  void snapshot_every(std::int64_t bytes) {
    for (auto& [id, node] : nodes) {
      node.config->metadata_snapshot_bytes = bytes;
      node.config->metadata_retention_bytes = 0; // only the newest, and what follows it
    }
  }
  std::vector<election::log_position> snapshots_of(node_id id) {
    std::vector<election::log_position> found;
    const auto entries = nodes[id].disk.list("/data/__cluster_metadata-0");
    for (const auto& entry : *entries)
      if (const auto position = parse_snapshot_name(entry.name))
        found.push_back(*position);
    return found;
  }
  void create_many(node_id at, const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) {
      const auto name = prefix + std::to_string(i);
      create(at, name);
      until([&] { return created.contains(name); });
      CAF_REQUIRE_EQUAL(created.at(name), errc::none);
    }
  }
  void restart_all() {
    for (node_id id = 1; id <= 3; ++id)
      kill(id);
    for (node_id id = 1; id <= 3; ++id)
      start(id);
    until([&] { return all_started(); });
  }
  bool everyone_has(const std::string& name) {
    return std::all_of(nodes.begin(), nodes.end(),
                       [&](auto& each) { return !each.second.keeper || each.second.image.load()->find_topic(name) != nullptr; });
  }

  manual_clock time;
  std::map<node_id, one_node> nodes;
  std::map<std::string, errc> created;
  std::uint64_t incarnations = 0;
};

// Nodes 1 to 3 vote and are no brokers, 4 and 5 the reverse.
struct apart : fixture {
  apart() : fixture(0) {
    for (node_id id = 1; id <= 5; ++id) {
      auto& node = nodes[id];
      node.id = node.config->id = id;
      node.config->is_controller = id <= 3;
      node.config->is_broker = id > 3;
      start(id);
    }
  }
  std::set<node_id> brokers(node_id seen_by) {
    std::set<node_id> unfenced;
    for (const auto& [id, broker] : nodes[seen_by].image.load()->brokers())
      if (!broker.fenced)
        unfenced.insert(id);
    return unfenced;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(metadata_quorum_tests, fixture)

CAF_TEST(three voters elect one controller and each broker registers with it) {
  until([&] { return all_started(); });
  CAF_CHECK_NOT_EQUAL(controller(), no_node);
  until([&] {
    const auto image = nodes[follower()].image.load();
    return image->brokers().size() == 3 &&
           std::none_of(image->brokers().begin(), image->brokers().end(), [](auto& b) { return b.second.fenced; });
  });
}

CAF_TEST(what any node is asked for happens on all) {
  until([&] { return all_started(); });
  for (node_id id = 1; id <= 3; ++id) {
    const auto name = "t" + std::to_string(id);
    create(id, name);
    until([&] { return created.contains(name) && everyone_has(name); });
    CAF_CHECK_EQUAL(created.at(name), errc::none);
  }
  create(follower(), "t1");
  until([&] { return created.at("t1") != errc::none; });
  CAF_CHECK_EQUAL(created.at("t1"), errc::topic_already_exists);
}

CAF_TEST(when the controller dies another goes on and its broker is fenced) {
  until([&] { return all_started(); });
  create(1, "before");
  until([&] { return everyone_has("before"); });
  const auto old = controller();
  kill(old);
  until([&] { return controller() != no_node && controller() != old; }, 5'000);
  create(controller(), "after");
  until([&] { return everyone_has("after") && nodes[controller()].image.load()->brokers().at(old).fenced; }, 5'000);
  CAF_CHECK(everyone_has("before"));
  start(old); // the same disk, another process
  until([&] { return nodes[old].started && everyone_has("after"); });
  CAF_CHECK(!nodes[old].image.load()->brokers().at(old).fenced);
}

CAF_TEST(who asks for leaders just after a broker died hears of it when the others know) {
  until([&] { return all_started(); });
  const auto gone = follower(), asked = gone % 3 + 1;
  bool heard = false;
  const auto ask = [&] {
    heard = false;
    caf::anon_send(nodes[asked].keeper, metadata_request{settled_request{{}, net::completion<void>{[&](const result<void>&) {
                                                                           CAF_CHECK(nodes[asked].image.load()->brokers().at(gone).fenced);
                                                                           heard = true;
                                                                         }}}});
  };
  CAF_CHECK(nodes[asked].failover.load()->is_settled(time.monotonic_ms()));
  caf::anon_send(nodes[asked].keeper, metadata_request{link_event{link_down{gone, nodes[gone].incarnation_id}}});
  sched.run();
  CAF_CHECK(!nodes[asked].failover.load()->is_settled(time.monotonic_ms()));
  ask();
  sched.run();
  CAF_CHECK(!heard);
  kill(gone);
  until([&] { return heard; }, 240);
  CAF_CHECK(nodes[asked].failover.load()->is_settled(time.monotonic_ms()));
  CAF_CHECK_NOT_EQUAL(nodes[asked].failover.load()->lately_fenced(gone, time.monotonic_ms()), 0);
  ask();
  sched.run();
  CAF_CHECK(heard);
}

CAF_TEST(no answer waits for long for a broker that lives) {
  until([&] { return all_started(); });
  const auto other = follower(), asked = other % 3 + 1;
  bool heard = false;
  caf::anon_send(nodes[asked].keeper,
                 metadata_request{settled_request{{other}, net::completion<void>{[&](const result<void>&) { heard = true; }}}});
  sched.run();
  CAF_CHECK(!heard);
  until([&] { return heard; }, 260);
}

CAF_TEST(a silent one is fenced when its session ends) {
  until([&] { return all_started(); });
  const auto silent = follower();
  kill(silent, false);
  CAF_CHECK(!nodes[controller()].image.load()->brokers().at(silent).fenced);
  until([&] { return nodes[controller()].image.load()->brokers().at(silent).fenced; }, 2'000);
}

CAF_TEST(without a majority nothing is done and it is said why) {
  until([&] { return all_started(); });
  const auto left = controller();
  for (node_id id = 1; id <= 3; ++id)
    if (id != left)
      kill(id);
  until([&] { return nodes[left].controller == no_node; });
  create(left, "never");
  until([&] { return created.contains("never"); }, 40'000);
  CAF_CHECK_EQUAL(created.at("never"), errc::request_timed_out);
  CAF_CHECK(!everyone_has("never"));
  start(left % 3 + 1);
  create(left, "at-last");
  until([&] { return created.contains("at-last"); });
  CAF_CHECK_EQUAL(created.at("at-last"), errc::none);
}

CAF_TEST(proposals that gathered behind one in flight survive the controller) {
  until([&] { return all_started(); });
  const auto old = controller();
  const auto asking = follower();
  auto answers = 0;
  const auto partition = spawn_on<proposing_partition>(sys, nullptr, &answers);
  auto& node = nodes[asking];
  for (int i = 0; i < 2; ++i)
    caf::anon_send(node.keeper, metadata_request{isr_request{{id_of(5), 0}, {}, partition}});
  // The first is on its way and the second waits for it when the link ends.
  caf::anon_send(node.keeper, metadata_request{link_event{link_down{old, nodes[old].incarnation_id}}});
  kill(old);
  until([&] { return controller() != no_node && answers == 2; });
  create(asking, "t");
  until([&] { return created.contains("t"); });
  CAF_CHECK_EQUAL(created.at("t"), errc::none);
  CAF_CHECK(node.failed.empty());
  caf::anon_send_exit(partition, caf::exit_reason::user_shutdown);
}

CAF_TEST(an exception ends the node) {
  until([&] { return all_started(); });
  auto& node = nodes[follower()];
  caf::anon_send(node.keeper,
                 metadata_request{leave_cluster{net::completion<void>{[](const result<void>&) { throw std::runtime_error{"thrown"}; }}}});
  until([&] { return !node.failed.empty(); });
  CAF_CHECK_EQUAL(node.failed.front(), "thrown");
}

CAF_TEST(a message from a process that is not linked is not listened to) {
  until([&] { return all_started(); });
  const auto leader = controller();
  election::end_epoch_request ended;
  ended.leader_epoch = 1'000;
  caf::anon_send(nodes[leader].keeper, quorum_message{{follower(), id_of(9999)}, ended, {}});
  election::vote_request vote;
  vote.leader_epoch = 1'000;
  vote.candidate = {9, id_of(9)};
  caf::anon_send(nodes[leader].keeper, quorum_message{{9, id_of(9)}, vote, {}});
  sched.run();
  CAF_CHECK_EQUAL(controller(), leader);
  create(leader, "t");
  until([&] { return created.contains("t"); });
  CAF_CHECK_EQUAL(created.at("t"), errc::none);
}

CAF_TEST(every node writes snapshots and its log goes) {
  snapshot_every(2'000);
  restart_all();
  create_many(1, "t", 60);
  until([&] { return everyone_has("t59"); });
  for (node_id id = 1; id <= 3; ++id) {
    CAF_REQUIRE_EQUAL(snapshots_of(id).size(), 1u); // the older ones are gone
    CAF_CHECK(snapshots_of(id).front().end_offset > 50);
    CAF_CHECK(!nodes[id].disk.content("/data/__cluster_metadata-0/00000000000000000000.log"));
  }
  restart_all();
  until([&] { return everyone_has("t0") && everyone_has("t59"); });
  create_many(2, "after", 3);
  until([&] { return everyone_has("after2"); });
}

CAF_TEST(who was down for longer than the log is kept gets the snapshot) {
  snapshot_every(2'000);
  restart_all();
  create(1, "before");
  until([&] { return everyone_has("before"); });
  const auto away = follower();
  kill(away);
  create_many(controller(), "t", 40);
  const auto newest = snapshots_of(controller());
  CAF_REQUIRE_EQUAL(newest.size(), 1u);
  start(away);
  until([&] { return nodes[away].started && everyone_has("t39") && everyone_has("before"); });
  CAF_CHECK(!snapshots_of(away).empty() && snapshots_of(away).back().end_offset >= newest.back().end_offset);
  create_many(away, "after", 2);
  until([&] { return everyone_has("after1"); });
  // It votes by what it fetched: with it alone at the leader's side, things go on.
  const auto other = 6 - away - controller();
  kill(other);
  create_many(controller(), "two", 2);
  until([&] { return everyone_has("two1"); });
}

CAF_TEST(one whose log is empty gets the snapshot) {
  snapshot_every(2'000);
  restart_all();
  create_many(1, "t", 40);
  const auto lost = follower();
  kill(lost);
  nodes[lost].pool.forget("/data"); // another process has no file open
  CAF_REQUIRE(nodes[lost].disk.remove_all("/data"));
  start(lost);
  until([&] { return nodes[lost].started && everyone_has("t39"); });
  CAF_CHECK(!snapshots_of(lost).empty());
}

CAF_TEST(a fetch of the snapshot goes on with the next leader) {
  snapshot_every(2'000);
  restart_all();
  const auto away = follower();
  kill(away);
  create_many(controller(), "t", 40);
  const auto first = controller();
  start(away);
  until([&] { return nodes[away].controller == first || nodes[away].image.load()->find_topic("t39") != nullptr; });
  kill(first); // wherever the transfer is
  until([&] { return controller() != no_node && controller() != first && everyone_has("t39"); });
  create_many(controller(), "after", 1);
  start(first);
  until([&] { return all_started() && everyone_has("after0"); });
}

CAF_TEST(a damaged snapshot stops the node and says what to do) {
  snapshot_every(2'000);
  restart_all();
  create_many(1, "t", 40);
  const auto victim = follower();
  kill(victim);
  const auto name = snapshot_name(snapshots_of(victim).front());
  nodes[victim].disk.flip("/data/__cluster_metadata-0/" + name, 200, std::byte{1});
  start(victim);
  sched.run();
  CAF_CHECK(!nodes[victim].started);
  CAF_CHECK(nodes[victim].start_error.find(name + " is damaged") != std::string::npos);
  CAF_CHECK(nodes[victim].start_error.find("copy its __cluster_metadata-0") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST_FIXTURE_SCOPE(separate_roles, apart)

CAF_TEST(controllers vote and brokers register and each only that) {
  until([&] { return all_started() && controller() != no_node; });
  CAF_CHECK(controller() <= 3);
  for (const auto& [id, node] : nodes)
    until([&, id = id] { return brokers(id) == std::set<node_id>{4, 5}; });
  create(5, "there");
  until([&] { return created.contains("there") && everyone_has("there"); });
  CAF_CHECK_EQUAL(created.at("there"), errc::none);
  CAF_CHECK(nodes[1].image.load()->find_topic("there")->find_partition(0)->leader >= 4);
}

CAF_TEST(a controller that dies is replaced and a broker that dies is fenced) {
  until([&] { return all_started() && controller() != no_node; });
  const auto old = controller();
  kill(old);
  until([&] { return controller() != no_node && controller() != old; }, 5'000);
  CAF_CHECK(controller() <= 3);
  kill(4);
  until([&] { return brokers(controller()) == std::set<node_id>{5}; }, 1'000); // before its session ends
  start(4);
  start(old);
  until([&] { return all_started() && brokers(old) == std::set<node_id>{4, 5}; });
  CAF_CHECK(nodes[old].failed.empty());
}

CAF_TEST(brokers without a majority of controllers decide nothing and vote for nobody) {
  until([&] { return all_started() && controller() != no_node; });
  const auto left = controller();
  for (node_id id = 1; id <= 3; ++id)
    if (id != left)
      kill(id);
  const auto epoch_known = nodes[4].image.load()->epoch();
  caf::anon_send(nodes[4].keeper,
                 quorum_message{{left, nodes[left].incarnation_id},
                                election::vote_request{
                                    epoch_known + 7, {left, id_of(static_cast<std::uint64_t>(left))}, {4, id_of(4)}, {1'000, 1'000}, false},
                                {}});
  create(4, "never");
  until([&] { return created.contains("never"); }, 40'000);
  CAF_CHECK_EQUAL(created.at("never"), errc::request_timed_out);
  const auto kept = nodes[4].disk.read_text("/data/__cluster_metadata-0/quorum-state", 4096);
  CAF_CHECK(!kept || kept->find("\"votedId\":-1") != std::string::npos);
  for (node_id id = 1; id <= 3; ++id)
    if (id != left)
      start(id);
  create(5, "again");
  until([&] { return created.contains("again") && everyone_has("again"); });
}

CAF_TEST_FIXTURE_SCOPE_END()
