#define CAF_SUITE kafka_records
#include "kafka_client.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::test;

namespace {

// The fake service takes any bytes for a batch and gives each one offset.
kafka::produce_request produce_of(std::string_view topic, const uuid& id, std::initializer_list<std::string_view> batches,
                                  std::int16_t acks = -1) {
  kafka::produce_request request;
  request.acks = acks;
  request.timeout_ms = 1000;
  auto& rows = request.topic_data.emplace_back();
  rows.name = topic;
  rows.topic_id = id;
  for (const auto batch : batches)
    rows.partition_data.push_back({static_cast<std::int32_t>(rows.partition_data.size()), codec::records{as_byte_span(batch)}});
  return request;
}

kafka::fetch_request fetch_of(std::string_view topic, const uuid& id, std::initializer_list<std::int64_t> offsets,
                              std::int32_t max_wait_ms = 0) {
  kafka::fetch_request request;
  request.max_wait_ms = max_wait_ms;
  request.min_bytes = 1;
  auto& rows = request.topics.emplace_back();
  rows.topic = topic;
  rows.topic_id = id;
  for (const auto offset : offsets) {
    auto& row = rows.partitions.emplace_back();
    row.partition = static_cast<std::int32_t>(rows.partitions.size() - 1);
    row.fetch_offset = offset;
    row.partition_max_bytes = 1 << 20;
  }
  return request;
}

std::string_view text_of(const kafka::fetch_response_view::fetched_partition& row) {
  return row.records ? as_text(row.records->bytes) : std::string_view{"null"};
}

} // namespace

// ---- Produce ----

CAF_TEST(a batch is appended and fetched in every version) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  std::int64_t offset = 0;
  for (std::int16_t version = 3; version <= 13; ++version) {
    const auto batch = "batch of version " + std::to_string(version);
    const auto answer = client.ask<kafka::produce_response>(produce_of("orders", id, {batch}), version);
    CAF_REQUIRE_EQUAL(answer.responses.size(), 1u);
    const auto& topic = answer.responses[0];
    CAF_CHECK(version < 13 ? topic.name == "orders" : topic.topic_id == id);
    CAF_REQUIRE_EQUAL(topic.partition_responses.size(), 1u);
    CAF_CHECK_EQUAL(topic.partition_responses[0].error_code, 0);
    CAF_CHECK_EQUAL(topic.partition_responses[0].base_offset, offset);
    CAF_CHECK_EQUAL(topic.partition_responses[0].log_append_time_ms, -1);
    CAF_CHECK(!topic.partition_responses[0].error_message);
    for (std::int16_t fetch_version = 4; fetch_version <= 18; ++fetch_version) {
      const auto found = client.ask<kafka::fetch_response_view>(fetch_of("orders", id, {offset}), fetch_version);
      CAF_CHECK_EQUAL(found.error_code, 0);
      CAF_REQUIRE_EQUAL(found.responses.size(), 1u);
      CAF_CHECK(fetch_version < 13 ? found.responses[0].topic == "orders" : found.responses[0].topic_id == id);
      CAF_REQUIRE_EQUAL(found.responses[0].partitions.size(), 1u);
      const auto& row = found.responses[0].partitions[0];
      CAF_CHECK_EQUAL(row.error_code, 0);
      CAF_CHECK_EQUAL(text_of(row), batch);
      CAF_CHECK_EQUAL(row.high_watermark, offset + 1);
      CAF_CHECK_EQUAL(row.last_stable_offset, offset + 1);
      CAF_CHECK(!row.aborted_transactions);
      CAF_CHECK_EQUAL(row.preferred_read_replica, -1);
      if (fetch_version >= 5)
        CAF_CHECK_EQUAL(row.log_start_offset, 0);
    }
    ++offset;
  }
}

CAF_TEST(errors of a produce request are by partition) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  auto request = produce_of("orders", id, {"good", "no such partition"});
  auto missing = produce_of("missing", {}, {"lost"});
  request.topic_data.push_back(missing.topic_data[0]);
  auto answer = client.ask<kafka::produce_response>(request, 9);
  CAF_CHECK_EQUAL(answer.responses.at(0).partition_responses.at(0).error_code, 0);
  CAF_CHECK_EQUAL(answer.responses.at(0).partition_responses.at(1).error_code, 3);
  CAF_CHECK_EQUAL(answer.responses.at(0).partition_responses.at(1).base_offset, -1);
  CAF_CHECK(answer.responses.at(0).partition_responses.at(1).error_message.has_value());
  CAF_CHECK_EQUAL(answer.responses.at(1).partition_responses.at(0).error_code, 3);
  CAF_CHECK_EQUAL(
      client.ask<kafka::produce_response>(produce_of("", {}, {"lost"}), 13).responses.at(0).partition_responses.at(0).error_code, 100);
  for (const auto index : {-1, 1, 0x7fffffff}) {
    auto wrong = produce_of("orders", id, {"lost"});
    wrong.topic_data[0].partition_data[0].index = index;
    CAF_CHECK_EQUAL(client.ask<kafka::produce_response>(wrong, 13).responses.at(0).partition_responses.at(0).error_code, 3);
  }
  for (const std::int16_t acks : {-2, 2, 32767})
    CAF_CHECK_EQUAL(client.ask<kafka::produce_response>(produce_of("orders", id, {"lost"}, acks), 7)
                        .responses.at(0)
                        .partition_responses.at(0)
                        .error_code,
                    21);
  auto transactional = produce_of("orders", id, {"lost"});
  transactional.transactional_id = "payments";
  CAF_CHECK_EQUAL(client.ask<kafka::produce_response>(transactional, 11).responses.at(0).partition_responses.at(0).error_code, 53);
  h.service.add_topic("__consumer_offsets", 1);
  CAF_CHECK_EQUAL(client.ask<kafka::produce_response>(produce_of("__consumer_offsets", {}, {"lost"}), 11)
                      .responses.at(0)
                      .partition_responses.at(0)
                      .error_code,
                  17);
  for (const auto& [ours, wire] : {std::pair{errc::corrupt_message, 2}, {errc::message_too_large, 10}, {errc::no_space, 56}}) {
    h.service.fail_produce_with(ours);
    CAF_CHECK_EQUAL(
        client.ask<kafka::produce_response>(produce_of("orders", id, {"bad"}), 7).responses.at(0).partition_responses.at(0).error_code,
        wire);
  }
  CAF_CHECK_EQUAL(h.service.produce_calls, 4u); // the rest was refused before
}

CAF_TEST(whoever writes to the wrong node is told the right one) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  h.service.fail_produce_with(errc::not_leader_or_follower);
  const auto answer = client.ask<kafka::produce_response>(produce_of("orders", id, {"lost"}), 10);
  const auto& row = answer.responses.at(0).partition_responses.at(0);
  CAF_CHECK_EQUAL(row.error_code, 6);
  CAF_CHECK_EQUAL(row.current_leader.leader_id, 1);
  CAF_CHECK_EQUAL(row.current_leader.leader_epoch, 5);
  CAF_REQUIRE_EQUAL(answer.node_endpoints.size(), 1u);
  CAF_CHECK_EQUAL(answer.node_endpoints[0].port, 9092);
}

CAF_TEST(acks of 0 are answered by nothing or by closing) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  client.send(produce_of("orders", id, {"one"}, 0), 9);
  CAF_CHECK(client.is_silent());
  CAF_CHECK_EQUAL(h.service.produce_calls, 1u);
  CAF_CHECK_EQUAL(
      client.ask<kafka::produce_response>(produce_of("orders", id, {"two"}), 9).responses.at(0).partition_responses.at(0).base_offset, 1);
  client.send(produce_of("missing", id, {"three"}, 0), 9);
  client.expect_closed();
  check_served(h);
}

CAF_TEST(the frame of a produce request is not held longer than the batch) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  client.ask<kafka::produce_response>(produce_of("orders", id, {std::string(100'000, 'x')}), 9);
  h.run_ready();
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
}

CAF_TEST(a null batch reaches the partition as an empty one) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  auto request = produce_of("orders", id, {"x"});
  request.topic_data[0].partition_data[0].records.reset();
  h.service.fail_produce_with(errc::invalid_record);
  CAF_CHECK_EQUAL(client.ask<kafka::produce_response>(request, 9).responses.at(0).partition_responses.at(0).error_code, 87);
}

// ---- Fetch ----

CAF_TEST(a fetch waits for data) {
  harness h;
  const auto id = h.service.add_topic("orders", 2);
  kafka_client client{h};
  const auto waiting = client.send(fetch_of("orders", id, {0, 0}, 5000), 12);
  CAF_CHECK(client.is_silent());
  CAF_CHECK_EQUAL(h.server->counters().parked_fetches, 1);
  h.service.append({id, 1}, as_byte_span("news"));
  const auto answer = client.receive<kafka::fetch_response_view>(12, waiting);
  CAF_CHECK_EQUAL(text_of(answer.responses.at(0).partitions.at(0)), "");
  CAF_CHECK_EQUAL(text_of(answer.responses.at(0).partitions.at(1)), "news");
  CAF_CHECK_EQUAL(h.server->counters().parked_fetches, 0);

  const auto in_vain = client.send(fetch_of("orders", id, {0, 1}, 5000), 12);
  CAF_CHECK(client.is_silent());
  h.advance(5001);
  CAF_CHECK_EQUAL(text_of(client.receive<kafka::fetch_response_view>(12, in_vain).responses.at(0).partitions.at(1)), "");
}

CAF_TEST(a fetch stays within its bytes but for the first batch) {
  harness h;
  const auto id = h.service.add_topic("orders", 2);
  for (int i = 0; i < 3; ++i)
    for (const int partition : {0, 1})
      h.service.append({id, partition}, as_byte_span(std::string(100, 'x')));
  kafka_client client{h};
  auto request = fetch_of("orders", id, {0, 0});
  request.max_bytes = 1;
  auto answer = client.ask<kafka::fetch_response_view>(request, 11);
  CAF_CHECK_EQUAL(text_of(answer.responses.at(0).partitions.at(0)).size(), 100u);
  CAF_CHECK_EQUAL(text_of(answer.responses.at(0).partitions.at(1)).size(), 0u);
  request.max_bytes = 250;
  answer = client.ask<kafka::fetch_response_view>(request, 11);
  CAF_CHECK_EQUAL(text_of(answer.responses.at(0).partitions.at(0)).size(), 200u);
  request.max_bytes = 1 << 20;
  for (auto& row : request.topics[0].partitions)
    row.partition_max_bytes = 0;
  answer = client.ask<kafka::fetch_response_view>(request, 11);
  CAF_CHECK_EQUAL(text_of(answer.responses.at(0).partitions.at(0)).size(), 100u);
  CAF_CHECK_EQUAL(text_of(answer.responses.at(0).partitions.at(1)).size(), 100u);
  request.max_bytes = -1;
  CAF_CHECK_EQUAL(client.ask<kafka::fetch_response_view>(request, 11).responses.at(0).partitions.size(), 2u);
}

CAF_TEST(errors of a fetch are by partition) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  auto request = fetch_of("orders", id, {7, 0}, 5000);
  request.topics.push_back(fetch_of("missing", {}, {0}).topics[0]);
  const auto answer = client.ask<kafka::fetch_response_view>(request, 12);
  CAF_REQUIRE_EQUAL(answer.responses.size(), 2u);
  CAF_CHECK_EQUAL(answer.responses[0].partitions.at(0).error_code, 1);
  CAF_CHECK_EQUAL(answer.responses[0].partitions.at(0).high_watermark, -1);
  CAF_CHECK_EQUAL(answer.responses[0].partitions.at(1).error_code, 3);
  CAF_CHECK_EQUAL(text_of(answer.responses[0].partitions.at(1)), "");
  CAF_CHECK_EQUAL(answer.responses[1].partitions.at(0).error_code, 3);
  CAF_CHECK_EQUAL(client.ask<kafka::fetch_response_view>(fetch_of("", {}, {0}, 5000), 13).responses.at(0).partitions.at(0).error_code, 100);
}

CAF_TEST(replicas do not fetch where clients do) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  for (const std::int16_t version : {14, 15}) {
    kafka_client client{h};
    auto request = fetch_of("orders", id, {0});
    request.replica_id = request.replica_state.replica_id = 2;
    client.send(request, version);
    client.expect_closed();
  }
  kafka_client client{h};
  auto request = fetch_of("orders", id, {0});
  request.isolation_level = 2;
  client.send(request, 12);
  client.expect_closed();
  check_served(h);
}

CAF_TEST(a reader of committed records gets a list of aborted transactions) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  auto request = fetch_of("orders", id, {0});
  request.isolation_level = 1;
  const auto answer = client.ask<kafka::fetch_response_view>(request, 11);
  CAF_REQUIRE(answer.responses.at(0).partitions.at(0).aborted_transactions.has_value());
  CAF_CHECK(answer.responses.at(0).partitions.at(0).aborted_transactions->empty());
}

CAF_TEST(whose log is no prefix of this one learns where it parts) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  h.service.append({id, 0}, as_byte_span("one"));
  kafka_client client{h};
  auto request = fetch_of("orders", id, {1}, 5000);
  request.topics[0].partitions[0].last_fetched_epoch = 4;
  h.service.epoch_ends = {.leader_epoch = 3, .end_offset = 1};
  auto answer = client.ask<kafka::fetch_response_view>(request, 12);
  CAF_CHECK(answer.responses.at(0).partitions.at(0).diverging_epoch ==
            (kafka::fetch_response_view::epoch_end_offset{.epoch = 3, .end_offset = 1}));
  h.service.epoch_ends = {};
  answer = client.ask<kafka::fetch_response_view>(request, 12);
  CAF_CHECK_EQUAL(answer.responses.at(0).partitions.at(0).error_code, 1);
  h.service.epoch_ends = {.leader_epoch = 4, .end_offset = 1};
  request.topics[0].partitions[0].fetch_offset = 0;
  CAF_CHECK_EQUAL(text_of(client.ask<kafka::fetch_response_view>(request, 12).responses.at(0).partitions.at(0)), "one");
}

// ---- fetch sessions ----

CAF_TEST(a session names only what has changed) {
  harness h;
  const auto id = h.service.add_topic("orders", 3);
  for (const std::int16_t version : {7, 12, 13, 18}) {
    kafka_client client{h};
    auto request = fetch_of("orders", id, {0, 0, 0});
    const auto end = static_cast<std::int64_t>(h.service.batches_of({id, 1}));
    for (auto& row : request.topics[0].partitions)
      row.fetch_offset = row.partition == 1 ? end : 0;
    request.session_epoch = 0;
    auto answer = client.ask<kafka::fetch_response_view>(request, version);
    const auto session = answer.session_id;
    CAF_REQUIRE(session > 0);
    CAF_CHECK_EQUAL(answer.responses.at(0).partitions.size(), 3u);

    kafka::fetch_request next;
    next.session_id = session;
    next.session_epoch = 1;
    next.min_bytes = 1;
    answer = client.ask<kafka::fetch_response_view>(next, version);
    CAF_CHECK_EQUAL(answer.session_id, session);
    CAF_CHECK_EQUAL(answer.responses.size(), 0u); // nothing new

    h.service.append({id, 1}, as_byte_span("news"));
    next.session_epoch = 2;
    answer = client.ask<kafka::fetch_response_view>(next, version);
    CAF_REQUIRE_EQUAL(answer.responses.size(), 1u);
    CAF_REQUIRE_EQUAL(answer.responses[0].partitions.size(), 1u);
    CAF_CHECK_EQUAL(answer.responses[0].partitions[0].partition_index, 1);
    CAF_CHECK_EQUAL(text_of(answer.responses[0].partitions[0]), "news");

    // The client goes on behind what it got, and forgets a partition.
    next.topics = fetch_of("orders", id, {0}).topics;
    next.topics[0].partitions[0].partition = 1;
    next.topics[0].partitions[0].fetch_offset = end + 1;
    next.forgotten_topics_data.push_back({"orders", id, {2}});
    next.session_epoch = 3;
    CAF_CHECK_EQUAL(client.ask<kafka::fetch_response_view>(next, version).responses.size(), 0u);
    h.service.fetched.clear();
    next.topics.clear();
    next.forgotten_topics_data.clear();
    next.session_epoch = 4;
    client.ask<kafka::fetch_response_view>(next, version);
    CAF_CHECK_EQUAL(h.service.fetched.size(), 2u);

    // On another connection, and with the wrong epoch.
    kafka_client other{h};
    next.session_epoch = 5;
    CAF_CHECK_EQUAL(other.ask<kafka::fetch_response_view>(next, version).error_code, 0);
    next.session_epoch = 5;
    CAF_CHECK_EQUAL(client.ask<kafka::fetch_response_view>(next, version).error_code, 71);
    next.session_epoch = 6;
    const std::int16_t other_kind = version < 13 ? 13 : 12;
    CAF_CHECK_EQUAL(client.ask<kafka::fetch_response_view>(next, other_kind).error_code, 106);

    // Closed by a full request.
    request.session_id = session;
    request.session_epoch = -1;
    answer = client.ask<kafka::fetch_response_view>(request, version);
    CAF_CHECK_EQUAL(answer.session_id, 0);
    CAF_CHECK_EQUAL(answer.responses.at(0).partitions.size(), 3u);
    answer = client.ask<kafka::fetch_response_view>(next, version);
    CAF_CHECK_EQUAL(answer.error_code, 70);
    CAF_CHECK_EQUAL(answer.session_id, 0);
  }
}

CAF_TEST(a partition whose error is over is told again) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  kafka_client client{h};
  auto request = fetch_of("orders", id, {5});
  request.session_epoch = 0;
  auto answer = client.ask<kafka::fetch_response_view>(request, 13);
  CAF_CHECK_EQUAL(answer.responses.at(0).partitions.at(0).error_code, 1);
  request.session_id = answer.session_id;
  request.session_epoch = 1;
  answer = client.ask<kafka::fetch_response_view>(request, 13);
  CAF_CHECK_EQUAL(answer.responses.at(0).partitions.at(0).error_code, 1); // as long as it lasts
  request.topics[0].partitions[0].fetch_offset = 0;
  request.session_epoch = 2;
  answer = client.ask<kafka::fetch_response_view>(request, 13);
  CAF_CHECK_EQUAL(answer.responses.at(0).partitions.at(0).error_code, 0);
  request.topics.clear();
  request.session_epoch = 3;
  CAF_CHECK_EQUAL(client.ask<kafka::fetch_response_view>(request, 13).responses.size(), 0u);
}

// ---- ListOffsets, OffsetForLeaderEpoch ----

CAF_TEST(ListOffsets in every version) {
  harness h;
  const auto id = h.service.add_topic("orders", 1);
  h.service.append({id, 0}, as_byte_span("one"));
  kafka_client client{h};
  for (std::int16_t version = 1; version <= 11; ++version) {
    const auto ask = [&](std::int64_t timestamp, std::int32_t partition = 0, std::string_view topic = "orders") {
      kafka::list_offsets_request request;
      request.replica_id = -1;
      request.topics.push_back({topic, {{partition, -1, timestamp}}});
      return client.ask<kafka::list_offsets_response>(request, version).topics.at(0).partitions.at(0);
    };
    CAF_CHECK_EQUAL(ask(-1).offset, 1);
    CAF_CHECK_EQUAL(ask(-2).offset, 0);
    CAF_CHECK_EQUAL(ask(-3).error_code, version < 7 ? 35 : 0);
    CAF_CHECK_EQUAL(ask(-4).error_code, version < 8 ? 35 : 0);
    CAF_CHECK_EQUAL(ask(-5).error_code, version < 9 ? 35 : 0);
    CAF_CHECK_EQUAL(ask(-6).error_code, version < 11 ? 35 : 0);
    CAF_CHECK_EQUAL(ask(-7).error_code, 35);
    CAF_CHECK_EQUAL(ask(12345).error_code, 0);
    CAF_CHECK_EQUAL(ask(-1, 1).error_code, 3);
    CAF_CHECK_EQUAL(ask(-1, 0, "missing").error_code, 3);
    CAF_CHECK_EQUAL(ask(-1, 0, "missing").offset, -1);
  }
  kafka::list_offsets_request twice;
  twice.replica_id = -1;
  twice.topics.push_back({"orders", {{0, -1, -1}, {0, -1, -2}}});
  CAF_CHECK_EQUAL(client.ask<kafka::list_offsets_response>(twice, 7).topics.at(0).partitions.at(1).error_code, 42);
  twice.replica_id = 3;
  client.send(twice, 7);
  client.expect_closed();
}

CAF_TEST(OffsetForLeaderEpoch in every version) {
  harness h;
  h.service.add_topic("orders", 1);
  h.service.epoch_ends = {.leader_epoch = 4, .end_offset = 17};
  kafka_client client{h};
  for (std::int16_t version = 2; version <= 4; ++version) {
    kafka::offset_for_leader_epoch_request request;
    request.topics.push_back({"orders", {{0, -1, 4}, {9, -1, 4}}});
    const auto answer = client.ask<kafka::offset_for_leader_epoch_response>(request, version);
    const auto& rows = answer.topics.at(0).partitions;
    CAF_CHECK_EQUAL(rows.at(0).error_code, 0);
    CAF_CHECK_EQUAL(rows.at(0).leader_epoch, 4);
    CAF_CHECK_EQUAL(rows.at(0).end_offset, 17);
    CAF_CHECK_EQUAL(rows.at(1).error_code, 3);
    CAF_CHECK_EQUAL(rows.at(1).end_offset, -1);
  }
}
