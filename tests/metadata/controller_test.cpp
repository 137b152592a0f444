#define CAF_SUITE controller
#include <caf/test/dsl.hpp>
#include <rapidcheck.h>

#include "metadata/controller.hpp"
#include "metadata/replica_places.hpp"

#include <algorithm>

using namespace cafka;
using namespace cafka::metadata;

namespace {

// Two keys exist: a number and a list.
class few_rules final : public config_rules {
public:
  result<void> check(const config_key&, std::string_view key, std::string_view value) const override {
    if (key == "cleanup.policy" || key == "durability" || key == "unclean.leader.election.enable")
      return {};
    if ((key != "min.insync.replicas" && key != "retention.ms") || value.empty() ||
        !std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return fail(errc::invalid_config, std::string{key} + "=" + std::string{value});
    return {};
  }
  result<void> check_all(const config_key&, const config_map&) const override { return {}; }
  bool is_list(config_resource, std::string_view key) const override { return key == "cleanup.policy"; }
  std::string default_value(config_resource, std::string_view) const override { return "delete"; }
};

struct cluster {
  controller core{controller_config{}, std::make_shared<few_rules>(), prng{1}};
  std::int64_t log_end = 1; // 0 is the leader change
  std::int64_t now = 1'000;

  cluster() { core.activate(nullptr, 1, now); }

  template <class Outcome>
  Outcome append(decision<Outcome> decided) {
    for (const auto& record : decided.records) {
      const auto replayed = core.replay(log_end++, record);
      if (!replayed)
        CAF_FAIL(replayed.error().detail);
    }
    CAF_CHECK_EQUAL(core.check_invariants().value_or(""), "");
    return decided.outcome;
  }

  broker_registration_request request(node_id id, std::uint64_t incarnation) const {
    broker_registration_request wanted;
    wanted.id = id;
    prng source{incarnation};
    wanted.incarnation_id = uuid::random(source);
    wanted.directories = {uuid{{static_cast<std::uint8_t>(id)}}};
    wanted.previous_broker_epoch = epoch_of(id);
    return wanted;
  }
  std::int64_t epoch_of(node_id id) const {
    const auto found = core.working().brokers().find(id);
    return found == core.working().brokers().end() ? -1 : found->second.broker_epoch;
  }
  std::int64_t register_again(const broker_registration_request& wanted) {
    const auto outcome = append(core.register_broker(wanted, log_end, now));
    CAF_CHECK_EQUAL(outcome.code, errc::none);
    CAF_CHECK_EQUAL(outcome.broker_epoch, log_end - 1);
    return outcome.broker_epoch;
  }
  broker_heartbeat_outcome beat(node_id id, bool fence = false, bool shut_down = false) {
    return append(core.heartbeat({id, epoch_of(id), log_end - 1, fence, shut_down}, now));
  }
  void start(std::initializer_list<node_id> ids) {
    for (const auto id : ids) {
      register_again(request(id, static_cast<std::uint64_t>(100 + id)));
      beat(id);
    }
  }
  topic_outcome create(const std::string& name, std::int32_t partitions, std::int16_t factor, config_map configs = {}) {
    new_topic topic;
    topic.name = name;
    topic.partition_count = partitions;
    topic.replication_factor = factor;
    topic.configs = std::move(configs);
    return append(core.create_topics({topic}))[0];
  }
  topic_outcome assign(const std::string& name, std::vector<std::vector<node_id>> assignment, config_map configs = {}) {
    new_topic topic;
    topic.name = name;
    topic.assignment = std::move(assignment);
    topic.configs = std::move(configs);
    return append(core.create_topics({topic}))[0];
  }
  const partition_registration& partition(std::string_view topic, std::int32_t number = 0) const {
    return *core.working().find_topic(topic)->find_partition(number);
  }
  errc alter(const std::string& topic, std::vector<config_change> changes) {
    return append(core.alter_configs({{{config_resource::topic, topic}, std::move(changes)}}))[0].code;
  }
};

using nodes = std::vector<node_id>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(decisions, cluster)

CAF_TEST(what a new log begins with) {
  auto records = core.bootstrap_records();
  CAF_REQUIRE_EQUAL(records.size(), 2u);
  CAF_CHECK_EQUAL(std::get<feature_level_record>(records[0]).name, "metadata.version");
  append(decision<int>{0, std::move(records)});
  CAF_CHECK(core.bootstrap_records().empty());
}

CAF_TEST(topic names) {
  start({1});
  const std::string longest(249, 'a');
  CAF_CHECK_EQUAL(create(longest, 1, 1).code, errc::none);
  for (const std::string name : {"", ".", "..", "a b", "a/b", "é", "a\n"})
    CAF_CHECK_EQUAL(create(name, 1, 1).code, errc::invalid_topic_exception);
  CAF_CHECK_EQUAL(create(longest + 'a', 1, 1).code, errc::invalid_topic_exception);
  CAF_CHECK_EQUAL(create("__cluster_metadata", 1, 1).code, errc::invalid_request);
  CAF_CHECK_EQUAL(create("a.b", 1, 1).code, errc::none);
  CAF_CHECK_EQUAL(create("a.b", 1, 1).code, errc::topic_already_exists);
  CAF_CHECK_EQUAL(create("a_b", 1, 1).code, errc::invalid_topic_exception);
  CAF_CHECK_EQUAL(create("a-b", 1, 1).code, errc::none);
  append(core.delete_topics({{"a.b", {}}}));
  CAF_CHECK_EQUAL(create("a_b", 1, 1).code, errc::none);
}

CAF_TEST(one request is judged as a whole) {
  start({1});
  auto named = [](const char* name, std::int32_t count) {
    new_topic topic;
    topic.name = name;
    topic.partition_count = count;
    return topic;
  };
  const auto outcomes = append(core.create_topics(
      {named("x", 1), named("y", 1), named("x", 1), named("p.q", 1), named("p_q", 1), named("large", 9'998), named("more", 1)}));
  const errc expected[] = {errc::invalid_request,         errc::none, errc::invalid_request, errc::none,
                           errc::invalid_topic_exception, errc::none, errc::policy_violation};
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    CAF_CHECK_EQUAL(outcomes[i].code, expected[i]);
  CAF_CHECK_EQUAL(core.working().partition_count(), 10'000u);
}

CAF_TEST(counts factors and assignments) {
  start({1});
  CAF_CHECK_EQUAL(create("t", 0, 1).code, errc::invalid_partitions);
  CAF_CHECK_EQUAL(create("t", -2, 1).code, errc::invalid_partitions);
  CAF_CHECK_EQUAL(create("t", 1, 0).code, errc::invalid_replication_factor);
  CAF_CHECK_EQUAL(create("t", 10'001, 1).code, errc::policy_violation);
  const auto refused = create("t", 1, 3);
  CAF_CHECK_EQUAL(refused.code, errc::invalid_replication_factor);
  CAF_CHECK_EQUAL(refused.message, "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached "
                                   "because only 1 broker(s) are registered.");
  CAF_CHECK_EQUAL(assign("t", {{1}, {}}).code, errc::invalid_replica_assignment);
  CAF_CHECK_EQUAL(assign("t", {{1, 1}}).code, errc::invalid_replica_assignment);
  CAF_CHECK_EQUAL(assign("t", {{7}}).code, errc::invalid_replica_assignment);
  const auto made = create("t", -1, -1);
  CAF_CHECK_EQUAL(made.code, errc::none);
  CAF_CHECK_EQUAL(made.partition_count, 1);
  CAF_CHECK(partition("t").directories == std::vector<uuid>{uuid{{1}}});
  CAF_CHECK_EQUAL(create("u", 1, 1, {{"retention.ms", "x"}}).code, errc::invalid_config);
  CAF_CHECK_EQUAL(create("u", 1, 3, {{"retention.ms", "x"}}).code, errc::invalid_config); // configs are looked at first
  new_topic flawed;
  flawed.name = "u";
  flawed.flaw = {errc::invalid_replica_assignment, "partitions 0 and 2"};
  CAF_CHECK_EQUAL(append(core.create_topics({flawed}))[0].message, "partitions 0 and 2");
  flawed.name = "t";
  CAF_CHECK_EQUAL(append(core.create_topics({flawed}))[0].code, errc::topic_already_exists);
}

CAF_TEST(nobody in service) {
  CAF_CHECK_EQUAL(create("t", 1, 1).code, errc::invalid_replication_factor);
  register_again(request(1, 1));
  const auto refused = create("t", 1, 1);
  CAF_CHECK_EQUAL(refused.code, errc::invalid_replication_factor);
  CAF_CHECK_EQUAL(refused.message, "Unable to replicate the partition 1 time(s): All brokers are currently fenced.");
}

CAF_TEST(deletion) {
  start({1});
  const auto made = create("t", 1, 1);
  create("__consumer_offsets", 1, 1);
  const auto outcomes =
      append(core.delete_topics({{"", made.topic_id}, {"t", {}}, {"nope", {}}, {"", uuid{{9}}}, {"__consumer_offsets", {}}}));
  const errc expected[] = {errc::none, errc::invalid_request, errc::unknown_topic_or_partition, errc::unknown_topic_id, errc::none};
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    CAF_CHECK_EQUAL(outcomes[i].code, expected[i]);
  CAF_CHECK_EQUAL(outcomes[0].name, "t");
}

CAF_TEST(topics that are published are held once) {
  start({1});
  create("t", 3, 1);
  const auto published_now = [&](std::int64_t offset) {
    image_builder builder;
    for (const auto& record : records_of(core.working()))
      CAF_REQUIRE(builder.replay(offset, 1, record));
    return builder.build().next;
  };
  const auto behind = published_now(log_end - 2);
  core.on_published(behind); // something is appended that it may lack
  CAF_CHECK(core.working().find_topic("t") != behind->find_topic("t"));
  const auto published = published_now(log_end - 1);
  core.on_published(published);
  CAF_CHECK(core.working().find_topic("t") == published->find_topic("t"));
  alter("t", {{"retention.ms", config_operation::set, "9"}});
  create("u", 1, 1);
  CAF_CHECK(published->find_topic("u") == nullptr);
  CAF_CHECK_EQUAL(partition("t", 2).leader, 1);
}

CAF_TEST(more partitions) {
  start({1, 2});
  create("t", 2, 1);
  auto add = [&](std::int32_t total, std::vector<nodes> assignment = {}) {
    return append(core.create_partitions({{"t", total, assignment}}))[0].code;
  };
  CAF_CHECK_EQUAL(add(2), errc::invalid_partitions);
  CAF_CHECK_EQUAL(add(1), errc::invalid_partitions);
  CAF_CHECK_EQUAL(add(10'003), errc::policy_violation);
  CAF_CHECK_EQUAL(add(4, {{1}}), errc::invalid_replica_assignment);
  CAF_CHECK_EQUAL(append(core.create_partitions({{"t", 4, {}, true}}))[0].code, errc::invalid_replica_assignment);
  CAF_CHECK_EQUAL(add(3, {{1, 2}}), errc::invalid_replica_assignment);
  CAF_CHECK_EQUAL(add(4, {{1}, {2}}), errc::none);
  CAF_CHECK_EQUAL(partition("t", 3).leader, 2);
  CAF_CHECK_EQUAL(append(core.create_partitions({{"u", 2, {}}}))[0].code, errc::unknown_topic_or_partition);
}

CAF_TEST(configs) {
  start({1});
  create("t", 1, 1);
  CAF_CHECK_EQUAL(alter("t", {{"retention.ms", config_operation::set, "7"}}), errc::none);
  CAF_CHECK_EQUAL(alter("t", {{"cleanup.policy", config_operation::append, "compact"}}), errc::none);
  const config_map both{{"cleanup.policy", "delete,compact"}, {"retention.ms", "7"}};
  CAF_CHECK(core.working().configs(config_resource::topic, "t") == both);
  CAF_CHECK_EQUAL(alter("t", {{"cleanup.policy", config_operation::subtract, "delete"}, {"retention.ms", config_operation::remove, {}}}),
                  errc::none);
  CAF_CHECK(core.working().configs(config_resource::topic, "t") == (config_map{{"cleanup.policy", "compact"}}));
  // The whole set at once: what is not named goes.
  alter_config whole{{config_resource::topic, "t"}, {{"retention.ms", config_operation::set, "9"}}, true};
  CAF_CHECK_EQUAL(append(core.alter_configs({whole}))[0].code, errc::none);
  CAF_CHECK(core.working().configs(config_resource::topic, "t") == (config_map{{"retention.ms", "9"}}));
  CAF_CHECK(core.alter_configs({whole}).records.empty());
  whole.changes = {{"cleanup.policy", config_operation::set, "compact"}};
  CAF_CHECK_EQUAL(append(core.alter_configs({whole}))[0].code, errc::none);
  whole.changes[0].value.reset();
  CAF_CHECK_EQUAL(append(core.alter_configs({whole}))[0].code, errc::invalid_request);
  for (const auto& outcome : core.alter_configs({whole, whole}).outcome)
    CAF_CHECK_EQUAL(outcome.message, "Each resource must appear at most once.");
  CAF_CHECK_EQUAL(append(core.alter_configs({{{config_resource::topic, ""}, {}, true}}))[0].code, errc::invalid_request);
  CAF_CHECK_EQUAL(
      append(core.alter_configs({{{config_resource::broker, "1"}, {{"min.insync.replicas", config_operation::set, "1"}}}}))[0].code,
      errc::invalid_config);
  CAF_CHECK_EQUAL(alter("t", {{"retention.ms", config_operation::append, "7"}}), errc::invalid_config);
  CAF_CHECK_EQUAL(alter("t", {{"retention.ms", config_operation::set, "x"}}), errc::invalid_config);
  CAF_CHECK_EQUAL(alter("t", {{"retention.ms", config_operation::set, "1"}, {"retention.ms", config_operation::set, "2"}}),
                  errc::invalid_request);
  CAF_CHECK_EQUAL(alter("u", {{"retention.ms", config_operation::set, "1"}}), errc::unknown_topic_or_partition);
  const auto same = core.alter_configs({{{config_resource::topic, "t"}, {{"cleanup.policy", config_operation::set, "compact"}}}});
  CAF_CHECK(same.records.empty());
  CAF_CHECK_EQUAL(append(core.alter_configs({{{config_resource::broker, "x1"}, {}}}))[0].code, errc::invalid_request);
}

CAF_TEST(every start opens a new leader epoch) {
  start({1});
  create("t", 3, 1);
  CAF_CHECK_EQUAL(partition("t").leader_epoch, 0);
  const auto before = partition("t");
  core.activate(std::make_shared<image>(core.working()), 2, now); // the controller starts again with its broker
  register_again(request(1, 55));
  CAF_CHECK_EQUAL(partition("t").leader, no_node);
  CAF_CHECK(core.working().brokers().at(1).fenced);
  beat(1);
  for (std::int32_t i = 0; i < 3; ++i) {
    CAF_CHECK_EQUAL(partition("t", i).leader, 1);
    CAF_CHECK(partition("t", i).isr == nodes{1});
    CAF_CHECK(partition("t", i).leader_epoch > before.leader_epoch);
    CAF_CHECK(partition("t", i).elr.empty());
  }
}

CAF_TEST(a power cut of the only broker) {
  start({1});
  create("safe", 1, 1);
  create("fast", 1, 1, {{"durability", "replicated"}});
  core.activate(std::make_shared<image>(core.working()), 2, now);
  auto wanted = request(1, 56);
  wanted.previous_broker_epoch = -1; // no marker
  register_again(wanted);
  CAF_CHECK(partition("safe").elr == nodes{1});
  CAF_CHECK(partition("fast").last_known_elr == nodes{1});
  beat(1);
  CAF_CHECK_EQUAL(partition("safe").leader, 1);
  CAF_CHECK_EQUAL(partition("fast").leader, 1);
  CAF_CHECK(partition("fast").isr == nodes{1});
  CAF_CHECK(partition("fast").last_known_elr.empty());
}

CAF_TEST(registration) {
  const auto first = request(1, 1);
  const auto epoch = register_again(first);
  CAF_CHECK(core.register_broker(first, log_end, now).records.empty());
  CAF_CHECK_EQUAL(core.register_broker(first, log_end, now).outcome.broker_epoch, epoch);
  CAF_CHECK_EQUAL(core.heartbeat({1, epoch, epoch - 1}, now).outcome.caught_up, false);
  CAF_CHECK(core.heartbeat({1, epoch, epoch - 1}, now).records.empty());
  CAF_CHECK_EQUAL(core.heartbeat({2, 1, 1}, now).outcome.code, errc::broker_id_not_registered);
  CAF_CHECK_EQUAL(core.heartbeat({1, epoch + 1, 1}, now).outcome.code, errc::stale_broker_epoch);
  CAF_CHECK(!beat(1).fenced);
  const auto twin = core.register_broker(request(1, 2), log_end, now + 1);
  CAF_CHECK_EQUAL(twin.outcome.code, errc::duplicate_broker_registration);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 1'500);
  now += 1'500;
  CAF_CHECK(append(core.expire_sessions(now)) == nodes{1});
  CAF_CHECK(core.working().brokers().at(1).fenced);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), INT64_MAX);
  register_again(request(1, 2));
}

CAF_TEST(a broker dies) {
  start({1, 2, 3});
  assign("t", {{1, 2, 3}, {2, 3, 1}}, {{"min.insync.replicas", "2"}});
  append(core.fence_broker(1, epoch_of(1)));
  CAF_CHECK_EQUAL(partition("t", 0).leader, 2);
  CAF_CHECK_EQUAL(partition("t", 0).leader_epoch, 1);
  CAF_CHECK(partition("t", 0).isr == (nodes{2, 3}));
  CAF_CHECK(partition("t", 0).elr.empty());
  CAF_CHECK_EQUAL(partition("t", 1).leader_epoch, 0);
  append(core.fence_broker(2, epoch_of(2)));
  CAF_CHECK(partition("t", 0).isr == nodes{3});
  CAF_CHECK(partition("t", 0).elr == nodes{2}); // holds all that was committed
  append(core.fence_broker(3, epoch_of(3)));
  CAF_CHECK_EQUAL(partition("t", 0).leader, no_node);
  CAF_CHECK(partition("t", 0).elr == (nodes{2, 3}));
  beat(1); // may lack committed records
  CAF_CHECK_EQUAL(partition("t", 0).leader, no_node);
  beat(2);
  CAF_CHECK_EQUAL(partition("t", 0).leader, 2);
  CAF_CHECK(partition("t", 0).isr == nodes{2});
  CAF_CHECK(partition("t", 0).elr == nodes{3});
  CAF_CHECK_EQUAL(partition("t", 0).leader_recovery, recovery_state::recovered);
  // A lower min.insync.replicas makes the ISR whole, and whoever is not in it is eligible no more.
  CAF_CHECK_EQUAL(alter("t", {{"min.insync.replicas", config_operation::set, "1"}}), errc::none);
  CAF_CHECK(partition("t", 0).elr.empty());
}

// From that record on the leader commits alone: whoever left before lacks what it commits, and must not be elected before it.
CAF_TEST(a lower min isr for all brokers forgets who was eligible) {
  const config_key all_brokers{config_resource::broker, ""};
  const auto set = [&](const std::string& value) {
    return alter_config{all_brokers, {{"min.insync.replicas", config_operation::set, value}}, false};
  };
  start({1, 2, 3});
  append(core.alter_configs({set("2")}));
  assign("t", {{1, 2, 3}});
  assign("own", {{1, 2, 3}}, {{"min.insync.replicas", "2"}});
  append(core.fence_broker(3, epoch_of(3)));
  append(core.fence_broker(2, epoch_of(2)));
  CAF_CHECK(partition("t").elr == nodes{2});
  CAF_CHECK(partition("own").elr == nodes{2});
  append(core.alter_configs({set("1")}));
  CAF_CHECK(partition("t").elr.empty());
  CAF_CHECK(partition("own").elr == nodes{2}); // which says otherwise
  // Both levels in one request are judged by what they come to.
  append(core.alter_configs(
      {{{config_resource::topic, "own"}, {{"min.insync.replicas", config_operation::remove, std::nullopt}}, false}, set("1")}));
  CAF_CHECK(partition("own").elr.empty());
  append(core.fence_broker(1, epoch_of(1)));
  beat(2);
  CAF_CHECK_EQUAL(partition("t").leader, no_node);
}

CAF_TEST(unclean election only where it is allowed) {
  start({1, 2});
  assign("t", {{1, 2}});
  append(core.fence_broker(2, epoch_of(2)));
  append(core.fence_broker(1, epoch_of(1)));
  beat(2);
  CAF_CHECK_EQUAL(partition("t").leader, no_node);
  const auto forced = append(core.elect_leaders(election_kind::unclean, {{"t", 0}, {"t", 7}}));
  CAF_CHECK_EQUAL(forced[0].code, errc::none);
  CAF_CHECK_EQUAL(forced[1].code, errc::unknown_topic_or_partition);
  CAF_CHECK_EQUAL(partition("t").leader, 2);
  CAF_CHECK_EQUAL(partition("t").leader_recovery, recovery_state::recovering);
  CAF_CHECK_EQUAL(append(core.elect_leaders(election_kind::unclean, {{"t", 0}}))[0].code, errc::election_not_needed);
}

CAF_TEST(an orderly shutdown moves leaders first) {
  start({1, 2});
  assign("moved", {{1, 2}});
  assign("alone", {{1}});
  const auto first = beat(1, false, true);
  CAF_CHECK(!first.should_shut_down);
  CAF_CHECK_EQUAL(partition("moved").leader, 2);
  CAF_CHECK_EQUAL(partition("alone").leader, 1);
  const auto second = beat(1, false, true);
  CAF_CHECK(second.should_shut_down);
  CAF_CHECK(second.fenced);
  CAF_CHECK_EQUAL(partition("alone").leader, no_node);
  CAF_CHECK(partition("alone").elr == nodes{1});
  register_again(request(1, 9));
  beat(1);
  CAF_CHECK_EQUAL(partition("alone").leader, 1);
  CAF_CHECK_EQUAL(append(core.elect_leaders(election_kind::preferred, {{"moved", 0}}))[0].code, errc::preferred_leader_not_available);
}

CAF_TEST(isr changes) {
  start({1, 2, 3});
  assign("t", {{1, 2, 3}});
  const auto topic = core.working().find_topic("t")->id;
  auto ask = [&](std::vector<isr_member> isr, auto&&... changes) {
    alter_partition_request wanted{1, epoch_of(1), {topic, 0}, partition("t").leader_epoch, partition("t").partition_epoch, std::move(isr)};
    (changes(wanted), ...);
    return append(core.alter_partition(wanted));
  };
  const auto shrunk = ask({{1}, {2}});
  CAF_CHECK_EQUAL(shrunk.code, errc::none);
  CAF_CHECK(partition("t") == shrunk.partition);
  CAF_CHECK(partition("t").isr == (nodes{1, 2}));
  CAF_CHECK_EQUAL(partition("t").leader_epoch, 0);
  using request_ref = alter_partition_request&;
  CAF_CHECK_EQUAL(ask({{1}}, [](request_ref r) { --r.partition_epoch; }).code, errc::invalid_update_version);
  CAF_CHECK_EQUAL(ask({{1}}, [](request_ref r) { ++r.partition_epoch; }).code, errc::not_controller);
  CAF_CHECK_EQUAL(ask({{1}}, [](request_ref r) { --r.leader_epoch; }).code, errc::fenced_leader_epoch);
  CAF_CHECK_EQUAL(ask({{1}}, [](request_ref r) { ++r.leader_epoch; }).code, errc::not_controller);
  CAF_CHECK_EQUAL(ask({{1}}, [](request_ref r) { ++r.broker_epoch; }).code, errc::stale_broker_epoch);
  CAF_CHECK_EQUAL(ask({{1}}, [](request_ref r) { r.partition.topic_id = uuid{{8}}; }).code, errc::unknown_topic_id);
  CAF_CHECK_EQUAL(ask({{2}}).code, errc::invalid_request);
  CAF_CHECK_EQUAL(ask({{1}, {9}}).code, errc::invalid_request);
  CAF_CHECK_EQUAL(ask({{1}, {3, epoch_of(3) - 1}}).code, errc::ineligible_replica); // KIP-903
  CAF_CHECK_EQUAL(ask({{1}, {2}, {3, epoch_of(3)}}).code, errc::none);
  append(core.fence_broker(3, epoch_of(3)));
  CAF_CHECK_EQUAL(ask({{1}, {2}, {3}}).code, errc::ineligible_replica);
}

CAF_TEST(replicas of a failed directory) {
  const uuid broken{{11}}, sound{{12}};
  auto two = request(1, 101);
  two.directories = {broken, sound};
  register_again(two);
  beat(1);
  start({2, 3});
  assign("led", {{1, 2, 3}});
  assign("followed", {{2, 1, 3}});
  assign("alone", {{1}});
  assign("elsewhere", {{2, 3}});
  assign("lagging", {{1, 2}});
  const auto id_of = [&](std::string_view topic) { return topic_id_partition{core.working().find_topic(topic)->id, 0}; };
  alter_partition_request shrink{1, epoch_of(1), id_of("lagging"), 0, 0, {{1}}};
  CAF_CHECK_EQUAL(append(core.alter_partition(shrink)).code, errc::none);
  failed_replicas_report report;
  report.id = 1;
  report.broker_epoch = epoch_of(1);
  report.directories = {broken};
  for (const auto* topic : {"led", "followed", "alone", "elsewhere", "lagging", "led"})
    report.replicas.push_back({id_of(topic), broken, std::string_view{topic} == "alone" ? uuid{} : sound});
  report.replicas.push_back({{uuid{{99}}, 0}, broken, sound});
  CAF_CHECK_EQUAL(append(core.replicas_failed(report)).code, errc::none);
  CAF_CHECK(core.working().brokers().at(1).directories == std::vector<uuid>{sound});
  for (const auto* topic : {"led", "followed"}) { // gone from everywhere it could be counted, in a new leader epoch
    const auto& known = partition(topic);
    CAF_CHECK_EQUAL(known.leader, 2);
    CAF_CHECK_EQUAL(known.leader_epoch, 1);
    CAF_CHECK(known.isr == (nodes{2, 3}));
    CAF_CHECK(known.elr.empty());
    CAF_CHECK(directory_of(known, 1) == sound);
    CAF_CHECK(is_online(core.working(), known, 1));
  }
  for (const auto* topic : {"alone", "lagging"}) { // nobody to fetch from: as it is, and known to be offline
    const auto& known = partition(topic);
    CAF_CHECK_EQUAL(known.leader, 1);
    CAF_CHECK_EQUAL(known.leader_epoch, 0);
    CAF_CHECK(known.isr == nodes{1});
    CAF_CHECK(directory_of(known, 1) == broken);
    CAF_CHECK(!is_online(core.working(), known, 1));
  }
  CAF_CHECK_EQUAL(partition("elsewhere").partition_epoch, 0);
  for (const auto* topic : {"led", "followed"}) {
    CAF_CHECK(may_start_over(partition(topic), 1, 0, sound));
    CAF_CHECK(!may_start_over(partition(topic), 1, 1, sound)); // in the epoch in which it fetched
    CAF_CHECK(!may_start_over(partition(topic), 1, 0, broken));
    CAF_CHECK(!may_start_over(partition(topic), 2, 0, uuid{})); // which leads
  }
  CAF_CHECK(!may_start_over(partition("lagging"), 1, -1, broken));
  // The lagging follower has caught up: now there is somebody.
  alter_partition_request grow{1, epoch_of(1), id_of("lagging"), 0, partition("lagging").partition_epoch, {{1}, {2}}};
  CAF_CHECK_EQUAL(append(core.alter_partition(grow)).code, errc::none);
  append(core.replicas_failed(report));
  CAF_CHECK_EQUAL(partition("lagging").leader, 2);
  CAF_CHECK(directory_of(partition("lagging"), 1) == sound);
  // Below min ISR it is remembered, and not eligible.
  assign("small", {{2, 1, 3}}, {{"min.insync.replicas", "3"}});
  report.replicas = {{id_of("small"), sound, sound}}; // a damaged log
  append(core.replicas_failed(report));
  CAF_CHECK(partition("small").isr == (nodes{2, 3}));
  CAF_CHECK(partition("small").elr.empty());
  CAF_CHECK(partition("small").last_known_elr == nodes{1});
  report.broker_epoch += 1;
  CAF_CHECK_EQUAL(core.replicas_failed(report).outcome.code, errc::stale_broker_epoch);
}

CAF_TEST(a broker that comes back without a directory has lost what lay there) {
  const uuid first{{11}}, second{{12}};
  auto both = request(1, 101);
  both.directories = {first, second};
  register_again(both);
  beat(1);
  start({2});
  assign("t", {{1, 2}}, {{"min.insync.replicas", "2"}});
  append(core.fence_broker(1, epoch_of(1)));
  CAF_CHECK(partition("t").elr == nodes{1});
  auto again = request(1, 102); // a clean stop, and one directory fewer: the replica may have been there
  again.directories = {first};
  register_again(again);
  CAF_CHECK(partition("t").elr.empty());
  CAF_CHECK(partition("t").last_known_elr == nodes{1});
}

CAF_TEST(a disk is lost once) {
  start({1, 2});
  assign("t", {{1, 2}}, {{"min.insync.replicas", "2"}});
  auto replaced = request(1, 102);
  replaced.directories = {uuid{{77}}};
  append(core.fence_broker(1, epoch_of(1)));
  register_again(replaced);
  beat(1);
  CAF_CHECK(partition("t").isr == nodes{2});
  CAF_CHECK(directory_of(partition("t"), 1).is_zero()); // what the metadata named is gone
  const auto& shrunk = partition("t");
  alter_partition_request grow{2,         epoch_of(2), {core.working().find_topic("t")->id, 0}, shrunk.leader_epoch, shrunk.partition_epoch,
                               {{1}, {2}}};
  CAF_CHECK_EQUAL(append(core.alter_partition(grow)).code, errc::none);
  auto again = request(1, 103); // after a clean stop, with what it has fetched since
  again.directories = replaced.directories;
  append(core.fence_broker(1, epoch_of(1)));
  register_again(again);
  CAF_CHECK(partition("t").elr == nodes{1});
}

CAF_TEST(producer ids are given once) {
  start({1, 2});
  const auto first = append(core.allocate_producer_ids(1, epoch_of(1)));
  const auto second = append(core.allocate_producer_ids(2, epoch_of(2)));
  CAF_CHECK_EQUAL(first.first, 0);
  CAF_CHECK_EQUAL(second.first, first.first + first.count);
  CAF_CHECK_EQUAL(append(core.allocate_producer_ids(1, epoch_of(2))).code, errc::stale_broker_epoch);
}

CAF_TEST(a controller that does not lead) {
  core.deactivate();
  CAF_CHECK_EQUAL(core.create_topics({{}}).outcome[0].code, errc::not_controller);
  CAF_CHECK_EQUAL(core.delete_topics({{}}).outcome[0].code, errc::not_controller);
  CAF_CHECK_EQUAL(core.register_broker(broker_registration_request{}, 0, 0).outcome.code, errc::not_controller);
  CAF_CHECK_EQUAL(core.heartbeat({}, 0).outcome.code, errc::not_controller);
  CAF_CHECK_EQUAL(core.alter_partition({}).outcome.code, errc::not_controller);
  CAF_CHECK_EQUAL(core.replicas_failed({}).outcome.code, errc::not_controller);
  CAF_CHECK_EQUAL(core.answer_after(), -1);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(random histories keep the invariants) {
  const bool holds = rc::check([](std::uint64_t seed) {
    cluster all;
    prng source{seed};
    all.start({1, 2, 3});
    all.create("a", 4, 3, {{"min.insync.replicas", "2"}});
    all.create("b", 3, 2, {{"durability", "replicated"}});
    std::map<std::string, std::vector<std::int32_t>> epochs;
    std::uint64_t incarnation = 1'000;
    for (int step = 0; step < 60; ++step) {
      const auto id = static_cast<node_id>(1 + source.below(3));
      all.now += static_cast<std::int64_t>(source.below(800));
      switch (source.below(8)) {
      case 0: {
        auto wanted = all.request(id, ++incarnation);
        if (source.chance(1, 2))
          wanted.previous_broker_epoch = -1;
        if (source.chance(1, 8))
          wanted.directories = {uuid::random(source)};
        if (all.core.register_broker(wanted, all.log_end, all.now).outcome.code == errc::none)
          all.register_again(wanted);
        break;
      }
      case 1: all.append(all.core.fence_broker(id, all.epoch_of(id))); break;
      case 2: all.beat(id, false, source.chance(1, 4)); break;
      case 3: all.append(all.core.expire_sessions(all.now)); break;
      case 4: all.alter("a", {{"min.insync.replicas", config_operation::set, std::to_string(1 + source.below(3))}}); break;
      case 5:
        all.append(all.core.elect_leaders(source.chance(1, 5) ? election_kind::unclean : election_kind::preferred, {{"a", 0}, {"b", 1}}));
        break;
      case 6: {
        const uuid home{{static_cast<std::uint8_t>(id)}};
        failed_replicas_report report{id, all.epoch_of(id), {}, {}};
        for (const auto& [name, topic] : all.core.working().topics())
          for (const auto& [number, found] : topic->partitions)
            if (source.chance(1, 3))
              report.replicas.push_back({{topic->id, number}, home, home});
        all.append(all.core.replicas_failed(report));
        for (const auto& each : report.replicas) { // R8: the empty one takes nobody's place
          const auto& found = *all.core.working().find_topic(each.partition.topic_id)->find_partition(each.partition.partition);
          const auto counts = [id](const nodes& list) { return std::find(list.begin(), list.end(), id) != list.end(); };
          const auto has_it = counts(found.replicas) && all.core.working().brokers().at(id).directories == std::vector<uuid>{home};
          const auto leads_on = found.leader != no_node && found.leader != id &&
                                !all.core.working().brokers().at(found.leader).in_controlled_shutdown; // else there is nobody to fetch from
          if (has_it && leads_on)
            RC_ASSERT((!counts(found.isr) && !counts(found.elr)));
        }
        break;
      }
      default: all.beat(id); break;
      }
      for (const auto& [name, topic] : all.core.working().topics())
        for (const auto& [number, found] : topic->partitions) {
          auto& last = epochs[name + std::to_string(number)];
          const std::vector<std::int32_t> now{found.leader_epoch, found.partition_epoch};
          RC_ASSERT((last.empty() || (last[0] <= now[0] && last[1] <= now[1]))); // R5
          last = now;
          RC_ASSERT((found.leader == no_node || !all.core.working().brokers().at(found.leader).fenced));
        }
    }
    for (const node_id id : {1, 2, 3}) { // in the end all come back, and whoever can lead does
      all.register_again([&] {
        all.append(all.core.fence_broker(id, all.epoch_of(id)));
        return all.request(id, ++incarnation);
      }());
      all.beat(id);
    }
    for (const auto& [name, topic] : all.core.working().topics())
      for (const auto& [number, found] : topic->partitions)
        RC_ASSERT((found.leader != no_node || found.last_known_elr.size() > 1));
  });
  CAF_CHECK(holds);
}
