#define CAF_SUITE kafka_session
#include "kafka_client.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::test;

using namespace std::string_literals;

namespace {

kafka::metadata_request metadata_of(std::string_view topic) {
  kafka::metadata_request request;
  request.topics.emplace().emplace_back().name = topic;
  return request;
}

kafka::api_versions_request from_client(std::string_view name, std::string_view version) { return {name, version}; }

} // namespace

// ---- ApiVersions ----

CAF_TEST(ApiVersions lists what is served in every version of its own) {
  harness h;
  kafka_client client{h};
  for (std::int16_t version = 0; version <= 4; ++version) {
    const auto answer = client.ask<kafka::api_versions_response>(from_client("kcat", "1.7.1-p1"), version);
    CAF_CHECK_EQUAL(answer.error_code, 0);
    CAF_CHECK(std::ranges::is_sorted(answer.api_keys, {}, &kafka::api_versions_response::api_version::api_key));
    const auto versions_of = [&](std::int16_t key) {
      const auto found = std::ranges::find(answer.api_keys, key, &kafka::api_versions_response::api_version::api_key);
      return found == answer.api_keys.end() ? std::pair{-1, -1} : std::pair{int{found->min_version}, int{found->max_version}};
    };
    CAF_CHECK(versions_of(0) == (std::pair{0, 13})); // librdkafka has to see the low ones, which are refused
    CAF_CHECK(versions_of(1) == (std::pair{4, 18}));
    CAF_CHECK(versions_of(18) == (std::pair{0, 4}));
    CAF_CHECK(versions_of(71) == (std::pair{-1, -1}));
  }
}

CAF_TEST(an unknown version of ApiVersions is told the known ones in version 0) {
  harness h;
  kafka_client client{h};
  client.send_raw(raw_frame("\0\x12\0\x63\0\0\0\x2a what a newer client may say"s));
  byte_reader in{client.receive_frame()};
  CAF_CHECK_EQUAL(in.read_be<std::int32_t>(), 42);
  const auto answer = codec::decode_from<kafka::api_versions_response>(in, 0);
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->error_code, 35);
  CAF_REQUIRE_EQUAL(answer->api_keys.size(), 1u);
  CAF_CHECK(answer->api_keys[0] == (kafka::api_versions_response::api_version{18, 0, 4}));
  // The client asks again on the same connection.
  CAF_CHECK_EQUAL(client.ask<kafka::api_versions_response>(from_client("a", "1"), 3).error_code, 0);
}

CAF_TEST(a client has to say its name) {
  harness h;
  kafka_client client{h};
  for (const auto& [name, version] : {std::pair{"", "1"}, {"a", ""}, {"-a", "1"}, {"a b", "1"}, {"a", "1."}, {"a\xff", "1"}})
    CAF_CHECK_EQUAL(client.ask<kafka::api_versions_response>(from_client(name, version), 3).error_code, 42);
  CAF_CHECK_EQUAL(client.ask<kafka::api_versions_response>(from_client("a-b.c", "v1"), 4).error_code, 0);
}

CAF_TEST(features that are not served are not finalized) {
  harness h;
  kafka_client client{h};
  const auto answer = client.ask<kafka::api_versions_response>(from_client("a", "1"), 4);
  for (const auto& feature : answer.finalized_features)
    CAF_CHECK(feature.name != "group.version" && feature.name != "transaction.version");
}

// ---- Metadata, DescribeCluster ----

CAF_TEST(Metadata describes a topic in every version) {
  harness h;
  const auto id = h.service.add_topic("orders", 2);
  kafka_client client{h};
  for (std::int16_t version = 0; version <= 13; ++version) {
    const auto answer = client.ask<kafka::metadata_response>(metadata_of("orders"), version);
    CAF_REQUIRE_EQUAL(answer.brokers.size(), 1u);
    CAF_CHECK_EQUAL(answer.brokers[0].node_id, 1);
    CAF_CHECK_EQUAL(answer.brokers[0].host, "127.0.0.1");
    CAF_CHECK_EQUAL(answer.brokers[0].port, 9092);
    CAF_CHECK(!answer.brokers[0].rack);
    CAF_REQUIRE_EQUAL(answer.topics.size(), 1u);
    const auto& topic = answer.topics[0];
    CAF_CHECK_EQUAL(topic.error_code, 0);
    CAF_CHECK_EQUAL(topic.name.value_or("null"), "orders");
    CAF_CHECK_EQUAL(topic.is_internal, false);
    CAF_CHECK_EQUAL(topic.topic_authorized_operations, std::numeric_limits<std::int32_t>::min());
    CAF_REQUIRE_EQUAL(topic.partitions.size(), 2u);
    CAF_CHECK_EQUAL(topic.partitions[1].partition_index, 1);
    CAF_CHECK_EQUAL(topic.partitions[1].leader_id, 1);
    CAF_CHECK(topic.partitions[1].replica_nodes == std::vector{1});
    CAF_CHECK(topic.partitions[1].isr_nodes == std::vector{1});
    CAF_CHECK(topic.partitions[1].offline_replicas.empty());
    if (version >= 2)
      CAF_CHECK_EQUAL(answer.cluster_id.value_or(""), "fake-cluster");
    if (version >= 7)
      CAF_CHECK_EQUAL(topic.partitions[1].leader_epoch, 5);
    if (version >= 10)
      CAF_CHECK(topic.topic_id == id);
  }
}

CAF_TEST(Metadata waits for who leads in the place of a broker that is gone) {
  harness h;
  h.service.add_topic("orders", 1);
  h.service.settled = false;
  kafka_client client{h};
  const auto asked = client.send(metadata_of("orders"), 9);
  h.run_until([&] { return h.service.waiting_for_leaders.size() == 1; }, "the question");
  CAF_CHECK(client.is_silent());
  h.service.add_topic("elected", 1); // what the answer says is what is known then
  h.service.waiting_for_leaders.front()({});
  CAF_CHECK_EQUAL(client.receive<kafka::metadata_response>(9, asked).topics.at(0).error_code, 0);
  const auto other = client.send(metadata_of("elected"), 9);
  h.run_until([&] { return h.service.waiting_for_leaders.size() == 2; }, "the next question");
  h.service.waiting_for_leaders.back()(fail(errc::cancelled, "the node stops"));
  CAF_CHECK_EQUAL(client.receive<kafka::metadata_response>(9, other).topics.at(0).error_code, 0);
}

CAF_TEST(Metadata tells each client once more of a broker that was fenced) {
  harness h;
  h.service.add_broker(2, true);
  kafka_client client{h}, other{h};
  const auto told = [](kafka_client& asking) { return asking.ask<kafka::metadata_response>(metadata_of("a"), 9).brokers.size(); };
  CAF_CHECK_EQUAL(told(client), 1u);
  h.service.fenced_lately[2] = 70;
  CAF_CHECK_EQUAL(client.ask<kafka::describe_cluster_response>(kafka::describe_cluster_request{}, 1).brokers.size(), 1u);
  CAF_CHECK_EQUAL(told(client), 2u);
  CAF_CHECK_EQUAL(told(client), 1u);
  CAF_CHECK_EQUAL(told(other), 2u);
  h.service.fenced_lately[2] = 90; // it came back, and was fenced again
  CAF_CHECK_EQUAL(told(client), 2u);
  CAF_CHECK_EQUAL(told(client), 1u);
}

CAF_TEST(Metadata of all topics and of none) {
  harness h;
  h.service.add_topic("a", 1);
  h.service.add_topic("b", 1);
  kafka_client client{h};
  kafka::metadata_request none, all;
  all.topics.reset();
  CAF_CHECK_EQUAL(client.ask<kafka::metadata_response>(none, 0).topics.size(), 2u); // version 0 has no null
  for (std::int16_t version = 1; version <= 13; ++version) {
    CAF_CHECK_EQUAL(client.ask<kafka::metadata_response>(none, version).topics.size(), 0u);
    CAF_CHECK_EQUAL(client.ask<kafka::metadata_response>(all, version).topics.size(), 2u);
  }
}

CAF_TEST(Metadata by topic id) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  kafka::metadata_request request;
  request.topics.emplace().push_back({id, std::nullopt});
  auto unknown = id;
  unknown.bytes[3] = 99;
  request.topics->push_back({unknown, std::nullopt});
  const auto answer = client.ask<kafka::metadata_response>(request, 12);
  CAF_REQUIRE_EQUAL(answer.topics.size(), 2u);
  CAF_CHECK_EQUAL(answer.topics[0].name.value_or(""), "orders");
  CAF_CHECK_EQUAL(answer.topics[1].error_code, 100);
  CAF_CHECK(!answer.topics[1].name && answer.topics[1].topic_id == unknown);
  // Version 10 has the field, and may not use it.
  request.topics = {{id, std::string_view{}}};
  CAF_CHECK_EQUAL(client.ask<kafka::metadata_response>(request, 10).topics.at(0).error_code, 42);
}

CAF_TEST(a missing topic is created if both sides want that) {
  harness h;
  kafka_client client{h};
  auto request = metadata_of("new");
  request.allow_auto_topic_creation = false;
  CAF_CHECK_EQUAL(client.ask<kafka::metadata_response>(request, 4).topics.at(0).error_code, 3);
  request.allow_auto_topic_creation = true;
  const auto created = client.ask<kafka::metadata_response>(request, 9);
  CAF_CHECK_EQUAL(created.topics.at(0).error_code, 0);
  CAF_CHECK_EQUAL(created.topics.at(0).partitions.size(), 1u);
  for (const auto* name : {"", ".", "..", "a b", "na\xffme"})
    CAF_CHECK_EQUAL(client.ask<kafka::metadata_response>(metadata_of(name), 9).topics.at(0).error_code, 17);
  CAF_CHECK_EQUAL(client.ask<kafka::metadata_response>(metadata_of(std::string(250, 'a')), 9).topics.at(0).error_code, 17);
  const auto internal = client.ask<kafka::metadata_response>(metadata_of("__consumer_offsets"), 9);
  CAF_CHECK_EQUAL(internal.topics.at(0).error_code, 3);
  CAF_CHECK(internal.topics.at(0).is_internal);
}

CAF_TEST(auto.create.topics.enable = false) {
  net::server_options options;
  options.auto_create_topics = false;
  harness h{options};
  kafka_client client{h};
  CAF_CHECK_EQUAL(client.ask<kafka::metadata_response>(metadata_of("new"), 9).topics.at(0).error_code, 3);
}

CAF_TEST(authorized operations are told to who asks) {
  harness h;
  h.service.add_topic("orders", 1);
  kafka_client client{h};
  auto request = metadata_of("orders");
  request.include_topic_authorized_operations = request.include_cluster_authorized_operations = true;
  const auto answer = client.ask<kafka::metadata_response>(request, 8);
  CAF_CHECK_EQUAL(answer.topics.at(0).topic_authorized_operations, 3576);
  CAF_CHECK_EQUAL(answer.cluster_authorized_operations, 8096);
}

CAF_TEST(DescribeCluster) {
  harness h;
  kafka_client client{h};
  for (std::int16_t version = 0; version <= 2; ++version) {
    const auto answer = client.ask<kafka::describe_cluster_response>(kafka::describe_cluster_request{}, version);
    CAF_CHECK_EQUAL(answer.error_code, 0);
    CAF_CHECK_EQUAL(answer.cluster_id, "fake-cluster");
    CAF_CHECK_EQUAL(answer.controller_id, 1);
    CAF_REQUIRE_EQUAL(answer.brokers.size(), 1u);
    CAF_CHECK_EQUAL(answer.brokers[0].port, 9092);
  }
  kafka::describe_cluster_request request;
  request.endpoint_type = 2;
  CAF_CHECK_EQUAL(client.ask<kafka::describe_cluster_response>(request, 1).error_code, 114);
  request.endpoint_type = 7;
  CAF_CHECK_EQUAL(client.ask<kafka::describe_cluster_response>(request, 1).error_code, 115);
}

// ---- coordinators and producers ----

CAF_TEST(FindCoordinator says in every version that there is none) {
  harness h;
  kafka_client client{h};
  for (std::int16_t version = 0; version <= 6; ++version) {
    kafka::find_coordinator_request request;
    request.key = "group";
    request.coordinator_keys = {"one", "two"};
    for (const auto& [type, error] : {std::pair{0, 15}, {1, 35}, {2, 35}}) {
      if (version == 0 && type != 0)
        continue;
      request.key_type = static_cast<std::int8_t>(type);
      const auto answer = client.ask<kafka::find_coordinator_response>(request, version);
      if (version < 4) {
        CAF_CHECK_EQUAL(answer.error_code, error);
        CAF_CHECK_EQUAL(answer.node_id, -1);
      } else {
        CAF_REQUIRE_EQUAL(answer.coordinators.size(), 2u);
        CAF_CHECK_EQUAL(answer.coordinators[1].key, "two");
        CAF_CHECK_EQUAL(answer.coordinators[1].error_code, error);
        CAF_CHECK_EQUAL(answer.coordinators[1].node_id, -1);
      }
    }
  }
}

CAF_TEST(InitProducerId gives each producer another id) {
  harness h;
  kafka_client client{h};
  std::int64_t last = -1;
  for (std::int16_t version = 0; version <= 5; ++version) {
    kafka::init_producer_id_request request;
    request.transactional_id.reset();
    const auto answer = client.ask<kafka::init_producer_id_response>(request, version);
    CAF_CHECK_EQUAL(answer.error_code, 0);
    CAF_CHECK(answer.producer_id > last);
    CAF_CHECK_EQUAL(answer.producer_epoch, 0);
    last = answer.producer_id;
    request.transactional_id = "payments";
    CAF_CHECK_EQUAL(client.ask<kafka::init_producer_id_response>(request, version).error_code, 35);
  }
}

// ---- bad input, order, bounds ----

CAF_TEST(what is no request closes the connection and no other) {
  harness h;
  h.service.add_topic("orders", 1);
  kafka_client healthy{h};
  auto counts_that_lie = kafka_frame(metadata_of("orders"), 4, 1);
  store_be(reinterpret_cast<std::byte*>(counts_that_lie.data()) + 4 + 8 + 2 + 11, std::int32_t{0x7fffffff}); // the number of topics
  auto negative_length = kafka_frame(metadata_of("orders"), 4, 1);
  store_be(reinterpret_cast<std::byte*>(negative_length.data()) + 4 + 8 + 2 + 11 + 4, std::int16_t{-2}); // of the name
  const std::string bad[] = {
      counts_that_lie,
      negative_length,
      raw_frame(std::string("\0\3\0\4\0\0", 6)), // ends within the header
      raw_frame(std::string("\x7f\xff\0\0\0\0\0\1\xff\xff", 10)), // no such API
      raw_frame(std::string("\0\4\0\0\0\0\0\1\xff\xff", 10)), // one that brokers used among themselves
      raw_frame(std::string("\0\3\0\x0e\0\0\0\1\xff\xff\0", 11)), // Metadata 14
      raw_frame(std::string("\0\0\0\2\0\0\0\1\xff\xff\0\1\0\0\0\0\0\0\0\0", 20)), // Produce 2: advertised, not served
      raw_frame(std::string("\0\3\0\4\0\0\0\1\x7f\xff", 10)), // a client id longer than the frame
      std::string("\0\0\0\0", 4), // an empty frame
      std::string("\x7f\xff\xff\xff", 4), // longer than may be
      std::string("\xff\xff\xff\xff", 4), // negative
      std::string("GET / HTTP/1.1\r\n"),
  };
  for (const auto& each : bad) {
    kafka_client client{h};
    client.send_raw(each);
    client.expect_closed();
    CAF_CHECK_EQUAL(healthy.ask<kafka::metadata_response>(metadata_of("orders"), 4).topics.at(0).error_code, 0);
    check_served(h);
  }
}

CAF_TEST(an oversized frame after a good one) {
  harness h;
  kafka_client client{h};
  client.ask<kafka::api_versions_response>(kafka::api_versions_request{}, 0);
  client.send_raw(std::string("\x70\0\0\0", 4));
  client.expect_closed();
  check_served(h);
}

CAF_TEST(a handler that throws closes its own connection) {
  harness h;
  h.service.throw_on_metadata();
  kafka_client client{h};
  client.send(metadata_of("orders"), 4);
  client.expect_closed();
  check_served(h);
}

CAF_TEST(responses come in the order of the requests) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  h.service.hold_answers();
  kafka::list_offsets_request offsets;
  offsets.replica_id = -1;
  offsets.topics.push_back({"orders", {{0, -1, -1}}});
  const auto first = client.send(offsets, 5);
  const auto second = client.send(metadata_of("orders"), 4); // could be answered at once
  const auto third = client.send(offsets, 5);
  CAF_CHECK(client.is_silent());
  CAF_CHECK_EQUAL(h.service.release(true), 2u); // the last first
  CAF_CHECK_EQUAL(client.receive<kafka::list_offsets_response>(5, first).topics.at(0).partitions.at(0).error_code, 0);
  CAF_CHECK_EQUAL(client.receive<kafka::metadata_response>(4, second).topics.at(0).name.value_or(""), "orders");
  CAF_CHECK_EQUAL(client.receive<kafka::list_offsets_response>(5, third).topics.at(0).partitions.at(0).error_code, 0);
  CAF_CHECK(!id.is_zero());
}

CAF_TEST(a client that asks a thousand times and reads nothing is not read any more) {
  net::server_options options;
  options.connection.max_in_flight_bytes = 64 << 10;
  harness h{options};
  for (int i = 0; i < 200; ++i)
    h.service.add_topic("topic-with-a-name-of-some-length-" + std::to_string(i), 4);
  kafka_client client{h};
  // The first waits; what could be answered at once waits behind it, and counts.
  h.service.hold_answers();
  kafka::list_offsets_request offsets;
  offsets.replica_id = -1;
  offsets.topics.push_back({"topic-with-a-name-of-some-length-0", {{0, -1, -1}}});
  client.send(offsets, 5);
  kafka::metadata_request all;
  all.topics.reset();
  for (int i = 2; i <= 1000; ++i) {
    const auto frame = kafka_frame(all, 4, i);
    client.socket().send_some(as_byte_span(frame));
  }
  h.run_ready();
  const auto taken = h.server->counters().requests;
  CAF_CHECK(taken > 1 && taken < 20);
  CAF_CHECK(h.server->counters().reads_paused > 0);
  h.service.release();
  for (int i = 1; i <= 1000; ++i) {
    byte_reader in{client.receive_frame()};
    CAF_CHECK_EQUAL(in.read_be<std::int32_t>(), i);
  }
}

CAF_TEST(a client that goes away leaves nothing behind) {
  harness h;
  h.service.add_topic("orders", 1);
  {
    kafka_client client{h};
    h.service.hold_answers();
    kafka::list_offsets_request offsets;
    offsets.replica_id = -1;
    offsets.topics.push_back({"orders", {{0, -1, -1}}});
    client.send(offsets, 5);
    h.run_ready();
  }
  h.run_ready();
  h.service.release();
  h.run_ready();
  CAF_CHECK_EQUAL(h.server->counters().connections_open(), 0u);
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
}
