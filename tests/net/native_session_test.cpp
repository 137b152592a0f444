#define CAF_SUITE native_session
#include "harness.hpp"
#include "net/kafka/versions.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::test;

CAF_TEST(hello says who the node is and what it takes) {
  harness h;
  auto client = h.connect_plain();
  h.send(client, preface() + hello_frame(77));
  const auto answer = h.receive(client);
  CAF_CHECK_EQUAL(answer.header.correlation_id(), 77u);
  const auto& hello = answer.header.hello();
  CAF_CHECK_EQUAL(hello.version(), 1u);
  CAF_CHECK_EQUAL(hello.node_id(), 1);
  CAF_CHECK_EQUAL(hello.cluster_id(), "fake-cluster");
  CAF_CHECK_EQUAL(hello.max_frame_bytes(), 100 << 20);
  CAF_CHECK_EQUAL(hello.max_fetch_bytes(), 50 << 20);
}

CAF_TEST(hello with versions that are not ours is refused) {
  harness h;
  auto client = h.connect_plain();
  h.send(client, preface());
  wire::RequestHeader header;
  header.mutable_hello()->set_min_version(2);
  header.mutable_hello()->set_max_version(9);
  CAF_CHECK_EQUAL(h.ask(client, header).header.error().code(), 35);
  header.mutable_hello()->set_min_version(0);
  CAF_CHECK_EQUAL(h.ask(client, header).header.hello().version(), 1u);
}

CAF_TEST(nothing is served before hello) {
  harness h;
  auto client = h.connect_plain();
  h.send(client, preface());
  wire::RequestHeader header;
  header.set_correlation_id(5);
  header.mutable_metadata()->set_all_topics(true);
  const auto answer = h.ask(client, header);
  CAF_CHECK_EQUAL(answer.header.correlation_id(), 5u);
  CAF_CHECK_EQUAL(answer.header.error().code(), 42);
  CAF_CHECK(answer.header.response_case() == wire::ResponseHeader::RESPONSE_NOT_SET);
}

CAF_TEST(a request the server does not know gets an error and the connection lives) {
  harness h;
  auto client = h.connect();
  wire::RequestHeader header;
  header.set_correlation_id(9);
  auto text = header.SerializeAsString() + std::string("\xa2\x06\x02hi", 5); // field 100, two bytes
  std::string frame(8, '\0');
  store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(4 + text.size()));
  store_be(reinterpret_cast<std::byte*>(frame.data()) + 4, static_cast<std::uint32_t>(text.size()));
  h.send(client, frame + text);
  const auto answer = h.receive(client);
  CAF_CHECK_EQUAL(answer.header.correlation_id(), 9u);
  CAF_CHECK_EQUAL(answer.header.error().code(), 35);
  h.send(client, hello_frame(10));
  CAF_CHECK_EQUAL(h.receive(client).header.correlation_id(), 10u);
}

CAF_TEST(what was produced is fetched byte for byte) {
  for (bool has_descriptor : {true, false}) {
    harness h;
    const auto topic = h.service.add_topic("events", 2, has_descriptor);
    auto client = h.connect();
    const std::string first(300'000, 'a'), second = "second", third = "third";
    auto produced = h.ask(client, produce_request(2, topic, -1, {first, second}), first + second);
    CAF_REQUIRE_EQUAL(produced.header.produce().partitions_size(), 2);
    CAF_CHECK_EQUAL(produced.header.produce().partitions(0).base_offset(), 0);
    CAF_CHECK_EQUAL(produced.header.produce().partitions(0).leader_epoch(), 5);
    CAF_CHECK_EQUAL(produced.header.produce().partitions(0).error().code(), 0);
    CAF_CHECK_EQUAL(h.service.deadlines.front(), h.time.monotonic_ms() + 1000);
    produced = h.ask(client, produce_request(3, topic, 1, {third}), third);
    CAF_CHECK_EQUAL(produced.header.produce().partitions(0).base_offset(), 1);

    auto fetched = h.ask(client, fetch_request(4, topic, {0, 0}));
    CAF_CHECK_EQUAL(fetched.header.fetch().partitions(0).payload_bytes(), first.size() + third.size());
    CAF_CHECK_EQUAL(fetched.header.fetch().partitions(0).high_watermark(), 2);
    CAF_CHECK_EQUAL(fetched.header.fetch().partitions(1).payload_bytes(), second.size());
    CAF_CHECK(fetched.payload == first + third + second);
    fetched = h.ask(client, fetch_request(5, topic, {1, 1}));
    CAF_CHECK_EQUAL(fetched.payload, third);
  }
}

CAF_TEST(acks 0 is answered with silence and a failure with the end of the connection) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  h.send(client, frame_of(produce_request(2, topic, 0, {"x"}), "x"));
  h.send(client, hello_frame(3));
  CAF_CHECK_EQUAL(h.receive(client).header.correlation_id(), 3u);
  CAF_CHECK_EQUAL(h.service.produce_calls, 1u);
  h.service.fail_produce_with(errc::not_leader_or_follower);
  h.send(client, frame_of(produce_request(4, topic, 0, {"x"}), "x"));
  h.expect_closed(client);
}

CAF_TEST(a produce request that contradicts itself is refused whole) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  CAF_CHECK_EQUAL(h.ask(client, produce_request(2, topic, 1, {"four"}), "more than four").header.error().code(), 42);
  CAF_CHECK_EQUAL(h.ask(client, produce_request(3, topic, 1, {"four"}), "two").header.error().code(), 42);
  auto huge = produce_request(4, topic, 1, {"x"});
  huge.mutable_produce()->mutable_partitions(0)->set_payload_bytes(UINT32_MAX);
  CAF_CHECK_EQUAL(h.ask(client, huge, "x").header.error().code(), 42);
  const auto acks = h.ask(client, produce_request(5, topic, 2, {"x"}), "x");
  CAF_CHECK_EQUAL(acks.header.produce().partitions(0).error().code(), 21);
  CAF_CHECK_EQUAL(h.service.produce_calls, 0u);
}

CAF_TEST(unknown topics and partitions are told apart in every request) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  uuid stranger;
  stranger.bytes[3] = 1;
  auto client = h.connect();
  auto produce = produce_request(2, topic, 1, {"a", "b"}); // partition 1 does not exist
  set_topic_id(*produce.mutable_produce()->mutable_partitions(0)->mutable_topic_id(), stranger);
  auto answer = h.ask(client, produce, "ab").header;
  CAF_CHECK_EQUAL(answer.produce().partitions(0).error().code(), 100);
  CAF_CHECK_EQUAL(answer.produce().partitions(1).error().code(), 3);
  CAF_CHECK(!answer.produce().partitions(1).may_be_written());

  auto fetch = fetch_request(3, topic, {0, 0}, 60'000);
  set_topic_id(*fetch.mutable_fetch()->mutable_partitions(0)->mutable_topic_id(), stranger);
  answer = h.ask(client, fetch).header; // at once, though nothing is there: errors do not wait
  CAF_CHECK_EQUAL(answer.fetch().partitions(0).error().code(), 100);
  CAF_CHECK_EQUAL(answer.fetch().partitions(1).error().code(), 3);

  wire::RequestHeader list;
  for (std::int32_t number : {0, -1, 1}) {
    auto& each = *list.mutable_list_offsets()->add_partitions();
    set_topic_id(*each.mutable_topic_id(), topic);
    each.set_partition(number);
    each.set_timestamp(number == 0 ? -7 : -1);
  }
  answer = h.ask(client, list).header;
  CAF_CHECK_EQUAL(answer.list_offsets().partitions(0).error().code(), 42);
  CAF_CHECK_EQUAL(answer.list_offsets().partitions(1).error().code(), 3);
  CAF_CHECK_EQUAL(answer.list_offsets().partitions(2).error().code(), 3);
}

CAF_TEST(offsets are listed and records deleted) {
  harness h;
  const auto topic = h.service.add_topic("events", 2);
  for (auto text : {"a", "b", "c"})
    h.service.append({topic, 0}, as_byte_span(text));
  auto client = h.connect();
  wire::RequestHeader remove;
  for (std::int32_t number : {0, 0, 0}) {
    auto& each = *remove.mutable_delete_records()->add_partitions();
    set_topic_id(*each.mutable_topic_id(), topic);
    each.set_partition(number);
  }
  remove.mutable_delete_records()->mutable_partitions(0)->set_before_offset(2);
  remove.mutable_delete_records()->mutable_partitions(1)->set_before_offset(99);
  remove.mutable_delete_records()->mutable_partitions(2)->set_before_offset(-2);
  auto answer = h.ask(client, remove).header;
  CAF_CHECK_EQUAL(answer.delete_records().partitions(0).log_start_offset(), 2);
  CAF_CHECK_EQUAL(answer.delete_records().partitions(1).error().code(), 1);
  CAF_CHECK_EQUAL(answer.delete_records().partitions(2).error().code(), 1);

  wire::RequestHeader list;
  for (std::int64_t timestamp : {-2, -1}) {
    auto& each = *list.mutable_list_offsets()->add_partitions();
    set_topic_id(*each.mutable_topic_id(), topic);
    each.set_timestamp(timestamp);
  }
  answer = h.ask(client, list).header;
  CAF_CHECK_EQUAL(answer.list_offsets().partitions(0).offset(), 2);
  CAF_CHECK_EQUAL(answer.list_offsets().partitions(1).offset(), 3);
  CAF_CHECK_EQUAL(h.ask(client, fetch_request(9, topic, {1})).header.fetch().partitions(0).error().code(), 1);
}

CAF_TEST(topics are created described and deleted) {
  harness h;
  auto client = h.connect();
  wire::RequestHeader create;
  auto& topic = *create.mutable_create_topics()->add_topics();
  topic.set_name("한글-이름");
  topic.set_partition_count(3);
  auto answer = h.ask(client, create).header;
  CAF_CHECK_EQUAL(answer.create_topics().topics(0).error().code(), 0);
  CAF_CHECK_EQUAL(answer.create_topics().topics(0).partition_count(), 3);
  answer = h.ask(client, create).header;
  CAF_CHECK_EQUAL(answer.create_topics().topics(0).error().code(), 36);

  wire::RequestHeader ask;
  ask.mutable_metadata()->add_topics("한글-이름");
  ask.mutable_metadata()->add_topics("absent");
  answer = h.ask(client, ask).header;
  CAF_CHECK_EQUAL(answer.metadata().controller_id(), 1);
  CAF_CHECK_EQUAL(answer.metadata().brokers_size(), 1);
  CAF_CHECK_EQUAL(answer.metadata().brokers(0).port(), 9092);
  CAF_REQUIRE_EQUAL(answer.metadata().topics_size(), 2);
  CAF_CHECK_EQUAL(answer.metadata().topics(0).partitions_size(), 3);
  CAF_CHECK_EQUAL(answer.metadata().topics(0).partitions(2).leader(), 1);
  CAF_CHECK_EQUAL(answer.metadata().topics(1).error().code(), 3);

  wire::RequestHeader describe;
  describe.mutable_describe_topics();
  CAF_CHECK_EQUAL(h.ask(client, describe).header.describe_topics().topics_size(), 1);

  wire::RequestHeader remove;
  remove.mutable_delete_topics()->add_topics("한글-이름");
  set_topic_id(*remove.mutable_delete_topics()->add_topic_ids(), uuid{});
  CAF_CHECK_EQUAL(h.ask(client, remove).header.delete_topics().topics_size(), 2);

  wire::RequestHeader grow;
  grow.mutable_create_partitions()->add_topics()->set_topic("x");
  answer = h.ask(client, grow).header;
  CAF_CHECK_EQUAL(answer.error().code(), 41);
  CAF_CHECK_EQUAL(answer.error().message(), "ask node 2");
}

CAF_TEST(configs are altered and described) {
  harness h;
  auto client = h.connect();
  wire::RequestHeader alter;
  auto& resource = *alter.mutable_alter_configs()->add_resources();
  resource.mutable_resource()->set_type(2);
  resource.mutable_resource()->set_name("events");
  resource.add_changes()->set_key("no.such.key");
  auto answer = h.ask(client, alter).header;
  CAF_CHECK_EQUAL(answer.alter_configs().outcomes(0).error().code(), 40);
  resource.mutable_changes(0)->set_operation(4);
  CAF_CHECK_EQUAL(h.ask(client, alter).header.error().code(), 42);
  resource.mutable_changes(0)->set_operation(1);
  resource.mutable_resource()->set_type(3);
  CAF_CHECK_EQUAL(h.ask(client, alter).header.error().code(), 42);

  wire::RequestHeader describe;
  for (auto name : {"events", "absent"}) {
    auto& each = *describe.mutable_describe_configs()->add_resources();
    each.set_type(2);
    each.set_name(name);
  }
  describe.mutable_describe_configs()->add_resources()->set_type(0);
  answer = h.ask(client, describe).header;
  const auto& described = answer.describe_configs();
  CAF_REQUIRE_EQUAL(described.resources_size(), 3);
  CAF_CHECK_EQUAL(described.resources(0).entries_size(), 2);
  CAF_CHECK_EQUAL(described.resources(0).entries(0).value(), "604800000");
  CAF_CHECK(!described.resources(0).entries(1).has_value());
  CAF_CHECK(described.resources(0).entries(1).sensitive());
  CAF_CHECK_EQUAL(described.resources(1).error().code(), 3);
  CAF_CHECK_EQUAL(described.resources(2).error().code(), 42);
}

CAF_TEST(the log directories of a node are described) {
  harness h;
  h.service.log_dirs = {{"/data/a", errc::none, {{{"events", 3}, 77}}, 1000, 400}, {"/data/b", errc::kafka_storage_error, {}, -1, -1}};
  auto client = h.connect();
  wire::RequestHeader header;
  header.mutable_describe_log_dirs();
  const auto answer = h.ask(client, header).header;
  const auto& directories = answer.describe_log_dirs().directories();
  CAF_REQUIRE_EQUAL(directories.size(), 2);
  CAF_CHECK_EQUAL(directories[0].path(), "/data/a");
  CAF_CHECK_EQUAL(directories[0].usable_bytes(), 400);
  CAF_CHECK_EQUAL(directories[0].partitions(0).partition(), 3);
  CAF_CHECK_EQUAL(directories[0].partitions(0).size_bytes(), 77);
  CAF_CHECK_EQUAL(directories[1].error().code(), 56);
}

CAF_TEST(elections go to the node and come back in order) {
  harness h;
  auto client = h.connect();
  wire::RequestHeader header;
  header.mutable_elect_leaders()->set_type(1);
  for (const auto number : {4, 5}) {
    auto* partition = header.mutable_elect_leaders()->add_partitions();
    partition->set_topic("t");
    partition->set_partition(number);
  }
  const auto answer = h.ask(client, header).header;
  CAF_CHECK(h.service.asked_election == metadata::election_kind::unclean);
  const auto& outcomes = answer.elect_leaders().outcomes();
  CAF_REQUIRE_EQUAL(outcomes.size(), 2);
  CAF_CHECK_EQUAL(outcomes[0].partition(), 4);
  CAF_CHECK(!outcomes[0].has_error());
  CAF_CHECK_EQUAL(outcomes[1].partition(), 5);
  CAF_CHECK_EQUAL(outcomes[1].error().code(), 84);
  header.mutable_elect_leaders()->set_type(2);
  CAF_CHECK_EQUAL(h.ask(client, header).header.error().code(), 42);
}

CAF_TEST(the quorum is described as its leader told) {
  harness h;
  auto client = h.connect();
  wire::RequestHeader header;
  header.mutable_describe_quorum();
  const uuid disk{{7}};
  h.service.quorum_answer = election::quorum_description{
      1, 4, 60, {{{1, disk}, 61, 1000, 1000}, {{2, disk}, -1, -1, -1}}, {{{5, disk}, 60, 900, 800}}, {{2, "C", "host", 9093}}};
  const auto told = h.ask(client, header).header.describe_quorum();
  CAF_CHECK_EQUAL(told.leader_id(), 1);
  CAF_CHECK_EQUAL(told.leader_epoch(), 4);
  CAF_CHECK_EQUAL(told.high_watermark(), 60);
  CAF_REQUIRE_EQUAL(told.voters_size(), 2);
  CAF_CHECK_EQUAL(told.voters(0).log_end_offset(), 61);
  CAF_CHECK_EQUAL(told.voters(0).host(), "");
  CAF_CHECK_EQUAL(told.voters(1).last_fetch_ms(), -1);
  CAF_CHECK_EQUAL(told.voters(1).host(), "host");
  CAF_CHECK_EQUAL(told.voters(1).port(), 9093);
  CAF_REQUIRE_EQUAL(told.observers_size(), 1);
  CAF_CHECK_EQUAL(told.observers(0).last_caught_up_ms(), 800);
  h.service.quorum_answer = fail(errc::request_timed_out, "no controller");
  CAF_CHECK_EQUAL(h.ask(client, header).header.error().code(), 7);
}

CAF_TEST(brokers are described with those that are down) {
  harness h;
  auto client = h.connect();
  wire::RequestHeader header;
  header.mutable_describe_brokers();
  const auto told = h.ask(client, header).header.describe_brokers();
  const auto image = h.service.image();
  CAF_REQUIRE_EQUAL(static_cast<std::size_t>(told.brokers_size()), image->brokers().size());
  const auto& expected = image->brokers().begin()->second;
  CAF_CHECK_EQUAL(told.brokers(0).broker().node_id(), expected.id);
  CAF_CHECK_EQUAL(told.brokers(0).fenced(), expected.fenced);
  CAF_CHECK_EQUAL(told.brokers(0).broker_epoch(), expected.broker_epoch);
}

CAF_TEST(the APIs are those that ApiVersions is answered) {
  harness h;
  auto client = h.connect();
  wire::RequestHeader header;
  header.mutable_describe_apis();
  const auto answer = h.ask(client, header).header;
  const auto& apis = answer.describe_apis();
  const auto image = h.service.image();
  const auto served = net::kafka::served_versions(*image);
  CAF_REQUIRE_EQUAL(static_cast<std::size_t>(apis.apis_size()), served.api_keys.size());
  for (int i = 0; i < apis.apis_size(); ++i) {
    const auto& expected = served.api_keys[static_cast<std::size_t>(i)];
    CAF_CHECK_EQUAL(apis.apis(i).key(), expected.api_key);
    CAF_CHECK_EQUAL(apis.apis(i).min_version(), expected.min_version);
    CAF_CHECK_EQUAL(apis.apis(i).max_version(), expected.max_version);
    CAF_CHECK(!apis.apis(i).name().empty());
  }
  CAF_CHECK_EQUAL(apis.apis(0).name(), "Produce");
  CAF_CHECK_EQUAL(apis.finalized_features_epoch(), image->offset());
  CAF_REQUIRE_EQUAL(static_cast<std::size_t>(apis.finalized_features_size()), served.finalized_features.size());
  for (int i = 0; i < apis.finalized_features_size(); ++i) {
    CAF_CHECK_EQUAL(apis.finalized_features(i).name(), served.finalized_features[static_cast<std::size_t>(i)].name);
    CAF_CHECK_EQUAL(apis.finalized_features(i).level(), served.finalized_features[static_cast<std::size_t>(i)].max_version_level);
  }
  CAF_CHECK(net::kafka::name_of_api(1000).empty());
}

CAF_TEST(answers come as they are ready and find their requests) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  h.service.hold_answers();
  for (std::uint64_t id = 10; id < 15; ++id)
    h.send(client, frame_of(produce_request(id, topic, 1, {"x"}), "x"));
  h.run_until([&] { return h.service.held() == 5; }, "all are asked");
  h.service.release(true);
  for (std::uint64_t id = 14; id >= 10; --id)
    CAF_CHECK_EQUAL(h.receive(client).header.correlation_id(), id);
}

CAF_TEST(what throws closes its own session and no other) {
  harness h;
  h.service.add_topic("events", 1);
  auto healthy = h.connect(), doomed = h.connect();
  h.service.throw_on_metadata();
  wire::RequestHeader header;
  header.mutable_metadata()->set_all_topics(true);
  h.send(doomed, frame_of(header));
  h.expect_closed(doomed);
  CAF_CHECK_EQUAL(h.server->counters().session_exceptions, 1u);
  h.send(healthy, hello_frame(3));
  CAF_CHECK_EQUAL(h.receive(healthy).header.correlation_id(), 3u);
}
