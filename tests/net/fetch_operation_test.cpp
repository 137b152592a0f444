#define CAF_SUITE fetch_operation
#include "harness.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::test;

namespace {

std::string text(std::size_t size, char with = 'x') { return std::string(size, with); }

} // namespace

CAF_TEST(an empty fetch waits and is released by the next append) {
  harness h;
  const auto topic = h.service.add_topic("events", 3);
  auto client = h.connect();
  h.send(client, frame_of(fetch_request(2, topic, {0, 0, 0}, 500)));
  h.run_until([&] { return h.service.watches() == 3; }, "the fetch is parked");
  CAF_CHECK_EQUAL(h.server->counters().parked_fetches, 1);
  h.service.fetched.clear();
  h.service.append({topic, 1}, as_byte_span("late"));
  const auto answer = h.receive(client);
  CAF_CHECK_EQUAL(answer.payload, "late");
  CAF_CHECK_EQUAL(answer.header.fetch().partitions_size(), 3);
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(1).payload_bytes(), 4u);
  // only the one that fired was asked again
  CAF_CHECK((h.service.fetched == std::vector{topic_id_partition{topic, 1}}));
  h.run_until([&] { return h.service.watches() == 0; }, "the watches are dropped");
  CAF_CHECK_EQUAL(h.server->counters().parked_fetches, 0);
}

CAF_TEST(a fetch that nothing comes for is answered when its time is up) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  h.send(client, frame_of(fetch_request(2, topic, {0}, 500)));
  h.run_until([&] { return h.service.watches() == 1; }, "the fetch is parked");
  h.advance(499);
  client.receive_some();
  CAF_CHECK(!client.take_frame());
  h.advance(1);
  const auto answer = h.receive(client);
  CAF_CHECK_EQUAL(answer.payload, "");
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(0).high_watermark(), 0);
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(0).error().code(), 0);
}

CAF_TEST(no wait without a wait) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  CAF_CHECK_EQUAL(h.ask(client, fetch_request(2, topic, {0}, 0)).payload, "");
  CAF_CHECK_EQUAL(h.ask(client, fetch_request(2, topic, {0}, 500, 0)).payload, "");
  wire::RequestHeader none;
  none.mutable_fetch()->set_max_wait_ms(1000);
  CAF_CHECK_EQUAL(h.ask(client, none).header.fetch().partitions_size(), 0);
}

CAF_TEST(min_bytes gathers what comes without reading anything twice) {
  harness h;
  const auto topic = h.service.add_topic("events", 2);
  h.service.append({topic, 0}, as_byte_span(text(10, 'a')));
  auto client = h.connect();
  h.send(client, frame_of(fetch_request(2, topic, {0, 0}, 500, 35)));
  h.run_until([&] { return h.service.watches() == 2; }, "the fetch is parked behind what it found");
  h.service.append({topic, 0}, as_byte_span(text(10, 'b')));
  h.run_until([&] { return h.service.watches() == 2; }, "it is parked again");
  h.service.append({topic, 1}, as_byte_span(text(10, 'c')));
  h.run_until([&] { return h.service.watches() == 2; }, "and again");
  client.receive_some();
  CAF_CHECK(!client.take_frame());
  h.service.append({topic, 0}, as_byte_span(text(10, 'd')));
  const auto answer = h.receive(client);
  CAF_CHECK_EQUAL(answer.payload, text(10, 'a') + text(10, 'b') + text(10, 'd') + text(10, 'c'));
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(0).high_watermark(), 3);
}

CAF_TEST(appends while a round is under way are not missed) {
  harness h;
  const auto topic = h.service.add_topic("events", 2);
  auto client = h.connect();
  h.send(client, frame_of(fetch_request(2, topic, {0, 0}, 500, 8)));
  h.run_until([&] { return h.service.watches() == 2; }, "the fetch is parked");
  h.service.hold_answers();
  h.service.append({topic, 0}, as_byte_span("1234"));
  h.run_until([&] { return h.service.held() == 1; }, "partition 0 is asked again");
  h.service.append({topic, 1}, as_byte_span("5678"));
  h.run_ready();
  CAF_CHECK_EQUAL(h.service.held(), 1u);
  h.service.release();
  CAF_CHECK_EQUAL(h.receive(client).payload, "12345678");
}

CAF_TEST(limits per partition and in all) {
  harness h;
  const auto topic = h.service.add_topic("events", 3);
  for (std::int32_t number : {0, 1, 2})
    for (int i = 0; i < 10; ++i)
      h.service.append({topic, number}, as_byte_span(text(100)));
  auto client = h.connect();
  auto request = fetch_request(2, topic, {0, 0, 0});
  for (auto& each : *request.mutable_fetch()->mutable_partitions())
    each.set_max_bytes(350);
  auto answer = h.ask(client, request);
  for (const auto& each : answer.header.fetch().partitions())
    CAF_CHECK_EQUAL(each.payload_bytes(), 300u);
  request.mutable_fetch()->set_max_bytes(700);
  answer = h.ask(client, request);
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(0).payload_bytes(), 300u);
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(1).payload_bytes(), 300u);
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(2).payload_bytes(), 0u);
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(2).high_watermark(), 10);
  CAF_CHECK_EQUAL(answer.payload.size(), 600u);
  // the first batch is sent even if it alone is too large, so that a consumer never gets stuck
  request.mutable_fetch()->set_max_bytes(1);
  CAF_CHECK_EQUAL(h.ask(client, request).payload.size(), 100u);
  request.mutable_fetch()->set_max_bytes(0);
  CAF_CHECK_EQUAL(h.ask(client, request).payload.size(), 100u);
}

CAF_TEST(an error in one partition ends the wait for all) {
  harness h;
  const auto topic = h.service.add_topic("events", 2);
  auto client = h.connect();
  const auto answer = h.ask(client, fetch_request(2, topic, {0, 99}, 10'000));
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(0).error().code(), 0);
  CAF_CHECK_EQUAL(answer.header.fetch().partitions(1).error().code(), 1);
  CAF_CHECK_EQUAL(h.ask(client, fetch_request(2, topic, {-5}, 10'000)).header.fetch().partitions(0).error().code(), 1);
  auto odd = fetch_request(2, topic, {0});
  odd.mutable_fetch()->set_isolation(7);
  CAF_CHECK_EQUAL(h.ask(client, odd).header.error().code(), 42);
}

CAF_TEST(a peer that leaves takes its parked fetches along) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  for (std::uint64_t id = 2; id < 6; ++id)
    h.send(client, frame_of(fetch_request(id, topic, {0}, 60'000)));
  h.run_until([&] { return h.service.watches() == 4; }, "four fetches are parked");
  CAF_CHECK_GREATER(h.server->frames().used_bytes(), 0u);
  client.close();
  h.run_until([&] { return h.service.watches() == 0; }, "they are gone");
  CAF_CHECK_EQUAL(h.server->counters().parked_fetches, 0);
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
}

CAF_TEST(a peer that leaves while partitions are being asked is forgotten) {
  harness h;
  const auto topic = h.service.add_topic("events", 2);
  auto client = h.connect();
  h.service.hold_answers();
  h.send(client, frame_of(fetch_request(2, topic, {0, 0}, 60'000)));
  h.run_until([&] { return h.service.held() == 2; }, "both are asked");
  client.close();
  h.run_until([&] { return h.server->counters().connections_open() == 0; }, "the connection is closed");
  h.service.release();
  h.run_ready();
  CAF_CHECK_EQUAL(h.service.watches(), 0u);
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
}

CAF_TEST(more long polls than the node parks are answered at once) {
  net::server_options options;
  options.max_parked_fetches = 2;
  harness h(options);
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  for (std::uint64_t id = 2; id < 5; ++id)
    h.send(client, frame_of(fetch_request(id, topic, {0}, 60'000)));
  CAF_CHECK_EQUAL(h.receive(client).header.correlation_id(), 4u);
  CAF_CHECK_EQUAL(h.service.watches(), 2u);
}

CAF_TEST(stopping answers what is parked) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  h.send(client, frame_of(fetch_request(2, topic, {0}, 60'000)));
  h.run_until([&] { return h.service.watches() == 1; }, "the fetch is parked");
  h.stop();
  client.receive_some();
  const auto answer = client.take_frame();
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->header.correlation_id(), 2u);
  CAF_CHECK(client.is_closed());
}
