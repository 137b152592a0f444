// The administrative APIs: what of a request reaches the node, and how its answers look in every version. What Kafka answers to the same
// requests is compared in integration/compat/test_kafka_admin_tools.py.
#define CAF_SUITE kafka_admin
#include "kafka_client.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::test;

namespace {

template <class Row, class Name>
const Row& row_of(const std::vector<Row>& rows, const Name& name) {
  const auto found = std::ranges::find(rows, name, &Row::name);
  if (found == rows.end())
    CAF_FAIL("no row for " << std::string{name});
  return *found;
}

kafka::create_topics_request::topic wanted(std::string_view name, std::int32_t partitions = 2, std::int16_t factor = 1) {
  return {name, partitions, factor, {}, {}};
}

metadata::topic_outcome refused(std::string name, errc code, std::string message) {
  metadata::topic_outcome outcome;
  outcome.name = std::move(name);
  outcome.code = code;
  outcome.message = std::move(message);
  return outcome;
}

kafka::describe_topic_partitions_request page(std::vector<std::string_view> names, std::int32_t limit) {
  kafka::describe_topic_partitions_request request;
  for (const auto name : names)
    request.topics.push_back({name});
  request.response_partition_limit = limit;
  return request;
}

} // namespace

CAF_TEST(topics are created in every version) {
  harness h;
  kafka_client client{h};
  for (std::int16_t version = 2; version <= 7; ++version) {
    kafka::create_topics_request request;
    const auto name = "t" + std::to_string(version);
    request.topics.push_back(wanted(name));
    request.topics[0].configs.push_back({"retention.ms", "5"});
    const auto answer = client.ask<kafka::create_topics_response>(request, version);
    CAF_REQUIRE_EQUAL(answer.topics.size(), 1u);
    const auto& row = answer.topics[0];
    CAF_CHECK_EQUAL(row.name, name);
    CAF_CHECK_EQUAL(row.error_code, 0);
    CAF_CHECK(!row.error_message.has_value());
    CAF_CHECK_EQUAL(row.topic_id.is_zero(), version < 7);
    CAF_CHECK_EQUAL(row.num_partitions, version < 5 ? -1 : 2);
    CAF_CHECK_EQUAL(row.replication_factor, version < 5 ? -1 : 1);
    CAF_REQUIRE(row.configs.has_value());
    CAF_CHECK_EQUAL(row.configs->size(), version < 5 ? 0u : 1u);
    CAF_CHECK_EQUAL(h.service.created[0].configs.at("retention.ms"), "5");
    CAF_CHECK(!h.service.asked_to_validate_only);
  }
}

CAF_TEST(what a creation asks for is handed on with its flaws) {
  harness h;
  kafka_client client{h};
  kafka::create_topics_request request;
  request.validate_only = true;
  request.topics = {wanted("twice"),        wanted("placed", -1, -1), wanted("gap", -1, -1),
                    wanted("same", -1, -1), wanted("null", 1, 1),     wanted("twice")};
  request.topics[1].assignments = {{1, {1}}, {0, {2}}};
  request.topics[2].assignments = {{0, {1}}, {2, {1}}};
  request.topics[3].assignments = {{0, {1}}, {0, {1}}};
  request.topics[4].configs = {{"a", std::nullopt}, {"b", "1"}, {"c", std::nullopt}};
  const auto answer = client.ask<kafka::create_topics_response>(request, 7);
  CAF_CHECK_EQUAL(answer.topics.size(), 5u);
  CAF_CHECK_EQUAL(row_of(answer.topics, "twice").error_code, 42);
  CAF_CHECK_EQUAL(row_of(answer.topics, "twice").error_message.value_or(""), "Duplicate topic name.");
  CAF_CHECK(h.service.asked_to_validate_only);
  const auto& asked = h.service.created;
  CAF_REQUIRE_EQUAL(asked.size(), 4u);
  CAF_CHECK(asked[0].assignment == (std::vector<std::vector<node_id>>{{2}, {1}}));
  CAF_CHECK(asked[0].flaw.code == errc::none);
  CAF_CHECK_EQUAL(asked[1].flaw.detail, "partitions should be a consecutive 0-based integer sequence");
  CAF_CHECK_EQUAL(asked[2].flaw.detail, "Found multiple manual partition assignments for partition 0");
  CAF_CHECK(asked[3].flaw == (error{errc::invalid_config, "Null value not supported for topic configs: a,c"}));
}

CAF_TEST(refusals of the controller are rows) {
  harness h;
  kafka_client client{h};
  kafka::create_topics_request request;
  request.topics = {wanted("t")};
  h.service.topic_answer = std::vector{refused("t", errc::invalid_replication_factor, "no.")};
  auto answer = client.ask<kafka::create_topics_response>(request, 7);
  CAF_CHECK_EQUAL(answer.topics[0].error_code, 38);
  CAF_CHECK_EQUAL(answer.topics[0].error_message.value_or(""), "no.");
  CAF_CHECK_EQUAL(answer.topics[0].num_partitions, -1);
  CAF_CHECK(answer.topics[0].configs.has_value());
  h.service.topic_answer = tl::unexpected(error{errc::not_controller, "elsewhere"});
  answer = client.ask<kafka::create_topics_response>(request, 2);
  CAF_CHECK_EQUAL(answer.topics[0].name, "t");
  CAF_CHECK_EQUAL(answer.topics[0].error_code, 41);
}

CAF_TEST(topics are deleted by name and by id) {
  harness h;
  kafka_client client{h};
  kafka::delete_topics_request request;
  request.topic_names = {"a", "b", "b"};
  for (std::int16_t version = 1; version <= 5; ++version) {
    const auto answer = client.ask<kafka::delete_topics_response>(request, version);
    CAF_REQUIRE_EQUAL(answer.responses.size(), 2u);
    CAF_CHECK_EQUAL(row_of(answer.responses, "a").error_code, 0);
    CAF_CHECK_EQUAL(row_of(answer.responses, "b").error_code, 42);
    CAF_CHECK_EQUAL(h.service.deleted.size(), 1u);
  }
  const uuid id{{7}};
  request.topics = {{std::nullopt, id}, {"a", {}}, {"a2", id}, {std::nullopt, {}}, {"", {}}};
  const auto answer = client.ask<kafka::delete_topics_response>(request, 6);
  CAF_CHECK_EQUAL(answer.responses.size(), 5u);
  // An id that stands twice is refused, with and without a name.
  CAF_REQUIRE_EQUAL(h.service.deleted.size(), 1u);
  CAF_CHECK_EQUAL(h.service.deleted[0].name, "a");
  request.topics = {{std::nullopt, id}};
  h.service.topic_answer = std::vector{refused("", errc::unknown_topic_id, "none")};
  const auto by_id = client.ask<kafka::delete_topics_response>(request, 6).responses;
  CAF_CHECK(!by_id[0].name.has_value());
  CAF_CHECK(by_id[0].topic_id == id);
  CAF_CHECK_EQUAL(by_id[0].error_code, 100);
}

CAF_TEST(deletion that is disabled has a code of its own from version 3 on) {
  harness h;
  kafka_client client{h};
  kafka::delete_topics_request request;
  request.topic_names = {"a"};
  for (std::int16_t version = 1; version <= 5; ++version) {
    h.service.topic_answer = tl::unexpected(error{errc::topic_deletion_disabled, "Topic deletion is disabled."});
    CAF_CHECK_EQUAL(client.ask<kafka::delete_topics_response>(request, version).responses[0].error_code, version < 3 ? 42 : 73);
  }
}

CAF_TEST(partitions are added) {
  harness h;
  kafka_client client{h};
  for (std::int16_t version = 0; version <= 3; ++version) {
    kafka::create_partitions_request request;
    request.validate_only = version == 3;
    request.topics = {{"a", 3, std::nullopt}, {"b", 4, {{{{1, 2}}}}}, {"c", 5, {{}}}, {"d", 1, std::nullopt}, {"d", 2, std::nullopt}};
    h.service.topic_answer =
        std::vector{refused("a", errc::none, ""), refused("b", errc::invalid_partitions, "fewer"), refused("c", errc::none, "")};
    const auto answer = client.ask<kafka::create_partitions_response>(request, version);
    CAF_CHECK_EQUAL(answer.results.size(), 4u);
    CAF_CHECK_EQUAL(row_of(answer.results, "a").error_code, 0);
    CAF_CHECK(!row_of(answer.results, "a").error_message.has_value());
    CAF_CHECK_EQUAL(row_of(answer.results, "b").error_code, 37);
    CAF_CHECK_EQUAL(row_of(answer.results, "d").error_code, 42);
    const auto& asked = h.service.added_partitions;
    CAF_REQUIRE_EQUAL(asked.size(), 3u);
    CAF_CHECK(!asked[0].is_assigned);
    CAF_CHECK(asked[1].is_assigned && asked[1].assignment == (std::vector<std::vector<node_id>>{{1, 2}}));
    CAF_CHECK(asked[2].is_assigned && asked[2].assignment.empty());
    CAF_CHECK_EQUAL(h.service.asked_to_validate_only, version == 3);
  }
}

CAF_TEST(leaders are elected in every version) {
  using topics = kafka::elect_leaders_request::topic_and_partitions;
  harness h;
  kafka_client client{h};
  h.service.add_topic("t", 3);
  for (std::int16_t version = 0; version <= 2; ++version) {
    kafka::elect_leaders_request request;
    request.election_type = version == 0 ? 0 : 1; // version 0 has no other
    request.topic_partitions = std::vector<topics>{{"t", {2, 0}}, {"u", {1}}};
    auto answer = client.ask<kafka::elect_leaders_response>(request, version);
    CAF_CHECK_EQUAL(answer.error_code, 0);
    CAF_CHECK(h.service.asked_election == (version == 0 ? metadata::election_kind::preferred : metadata::election_kind::unclean));
    CAF_REQUIRE_EQUAL(answer.replica_election_results.size(), 2u);
    const auto& first = answer.replica_election_results[0];
    CAF_CHECK_EQUAL(first.topic, "t");
    CAF_REQUIRE_EQUAL(first.partition_result.size(), 2u);
    CAF_CHECK_EQUAL(first.partition_result[0].partition_id, 2);
    CAF_CHECK_EQUAL(first.partition_result[0].error_code, 0);
    CAF_CHECK_EQUAL(first.partition_result[1].error_code, 84);
    // all partitions: only of those that needed one is told
    request.topic_partitions = std::nullopt;
    answer = client.ask<kafka::elect_leaders_response>(request, version);
    CAF_REQUIRE_EQUAL(answer.replica_election_results.size(), 1u);
    CAF_CHECK_EQUAL(answer.replica_election_results[0].partition_result.size(), 2u);
  }
  kafka::elect_leaders_request wrong;
  wrong.election_type = 2;
  wrong.topic_partitions = std::vector<topics>{{"t", {0}}};
  CAF_CHECK_EQUAL(client.ask<kafka::elect_leaders_response>(wrong, 2).error_code, 42);
}

CAF_TEST(the quorum is that of the metadata log and no other) {
  harness h;
  kafka_client client{h};
  const uuid disk{{7}};
  h.service.quorum_answer = election::quorum_description{
      1, 4, 60, {{{1, disk}, 61, 1000, 1000}, {{2, disk}, -1, -1, -1}}, {{{5, disk}, 60, 900, 800}}, {{2, "C", "host", 9093}}};
  for (std::int16_t version = 0; version <= 2; ++version) {
    kafka::describe_quorum_request request;
    request.topics = {{"__cluster_metadata", {{0}}}};
    auto answer = client.ask<kafka::describe_quorum_response>(request, version);
    CAF_CHECK_EQUAL(answer.error_code, 0);
    CAF_REQUIRE_EQUAL(answer.topics.size(), 1u);
    const auto& quorum = answer.topics[0].partitions.at(0);
    CAF_CHECK_EQUAL(quorum.leader_id, 1);
    CAF_CHECK_EQUAL(quorum.leader_epoch, 4);
    CAF_CHECK_EQUAL(quorum.high_watermark, 60);
    CAF_REQUIRE_EQUAL(quorum.current_voters.size(), 2u);
    CAF_CHECK_EQUAL(quorum.current_voters[0].log_end_offset, 61);
    CAF_CHECK_EQUAL(quorum.observers.at(0).last_caught_up_timestamp, version == 0 ? -1 : 800);
    CAF_CHECK_EQUAL(answer.nodes.size(), version == 2 ? 1u : 0u);
    request.topics = {{"t", {{0}}}};
    answer = client.ask<kafka::describe_quorum_response>(request, version);
    CAF_CHECK_EQUAL(answer.topics.at(0).partitions.at(0).error_code, 3);
  }
}

CAF_TEST(records are deleted up to an offset) {
  harness h;
  const auto id = h.service.add_topic("t", 2);
  h.service.add_topic("__consumer_offsets", 1);
  for (int i = 0; i < 5; ++i)
    h.service.append({id, 0}, as_byte_span("batch"));
  kafka_client client{h};
  for (std::int16_t version = 0; version <= 2; ++version) {
    kafka::delete_records_request request;
    request.topics = {{"t", {{0, 3}, {0, 2 + version}, {1, -2}, {7, 0}}}, {"absent", {{0, 0}}}, {"__consumer_offsets", {{0, 0}}}};
    request.timeout_ms = 1000;
    const auto answer = client.ask<kafka::delete_records_response>(request, version);
    using row = kafka::delete_records_response::partition;
    CAF_CHECK(row_of(answer.topics, "t").partitions == (std::vector<row>{{0, 2 + version, 0}, {1, -1, 1}, {7, -1, 3}}));
    CAF_CHECK(row_of(answer.topics, "absent").partitions == (std::vector<row>{{0, -1, 3}}));
    CAF_CHECK(row_of(answer.topics, "__consumer_offsets").partitions == (std::vector<row>{{0, -1, 17}}));
  }
}

CAF_TEST(partitions are described in pages) {
  harness h;
  h.service.add_topic("b", 3);
  h.service.add_topic("a", 2);
  kafka_client client{h};
  const auto ask = [&](const kafka::describe_topic_partitions_request& request) {
    return client.ask<kafka::describe_topic_partitions_response>(request, 0);
  };
  using cursor = kafka::partition_cursor;
  auto answer = ask(page({}, 3));
  CAF_REQUIRE_EQUAL(answer.topics.size(), 2u);
  CAF_CHECK_EQUAL(answer.topics[0].name.value_or(""), "a");
  CAF_CHECK_EQUAL(answer.topics[1].partitions.size(), 1u);
  CAF_CHECK(answer.next_cursor == (cursor{"b", 1}));
  auto next = page({}, 3);
  next.cursor = answer.next_cursor;
  answer = ask(next);
  CAF_REQUIRE_EQUAL(answer.topics.size(), 1u);
  CAF_CHECK_EQUAL(answer.topics[0].partitions.at(0).partition_index, 1);
  CAF_CHECK(!answer.next_cursor.has_value());
  // At least one partition, however few were asked for; a topic that is missing is none.
  answer = ask(page({"b", "absent", "bad name"}, 0));
  CAF_REQUIRE_EQUAL(answer.topics.size(), 2u);
  CAF_CHECK_EQUAL(answer.topics[0].error_code, 3);
  CAF_CHECK_EQUAL(answer.topics[1].partitions.size(), 1u);
  CAF_CHECK(answer.next_cursor == (cursor{"b", 1}));
  answer = ask(page({"a", "zz"}, 2));
  CAF_CHECK(answer.next_cursor == (cursor{"zz", 0}));
  // A cursor must be in what is asked for.
  auto lost = page({"a"}, 5);
  lost.cursor = cursor{"b", 0};
  CAF_CHECK_EQUAL(ask(lost).topics.at(0).error_code, 42);
  lost.cursor = cursor{"a", -1};
  CAF_CHECK_EQUAL(ask(lost).topics.at(0).error_code, 42);
}

CAF_TEST(configs are described as far as was asked) {
  harness h;
  kafka_client client{h};
  for (std::int16_t version = 1; version <= 4; ++version) {
    kafka::describe_configs_request request;
    request.include_synonyms = version % 2 == 0;
    request.include_documentation = version == 4;
    request.resources = {{2, "t", std::nullopt},      {2, "t", {{"retention.ms", "absent"}}},
                         {2, "absent", std::nullopt}, {8, "1", std::nullopt},
                         {8, "2", std::nullopt},      {16, "m", std::nullopt},
                         {32, "g", std::nullopt},     {1, "x", std::nullopt}};
    const auto answer = client.ask<kafka::describe_configs_response>(request, version);
    CAF_REQUIRE_EQUAL(answer.results.size(), 8u);
    CAF_CHECK_EQUAL(answer.results[0].configs.size(), 2u);
    CAF_REQUIRE_EQUAL(answer.results[1].configs.size(), 1u);
    const auto& shown = answer.results[1].configs[0];
    CAF_CHECK_EQUAL(shown.value.value_or(""), "604800000");
    CAF_CHECK_EQUAL(shown.config_source, 5);
    CAF_CHECK_EQUAL(shown.synonyms.size(), request.include_synonyms ? 1u : 0u);
    CAF_CHECK_EQUAL(shown.config_type, version < 3 ? 0 : 5);
    if (version >= 3)
      CAF_CHECK_EQUAL(shown.documentation.has_value(), request.include_documentation);
    const std::vector<std::int16_t> codes{0, 0, 3, 0, 42, 42, 42, 42};
    for (std::size_t i = 0; i < codes.size(); ++i)
      CAF_CHECK_EQUAL(answer.results[i].error_code, codes[i]);
    CAF_CHECK_EQUAL(answer.results[6].resource_name, "g");
  }
}

CAF_TEST(configs are altered key by key) {
  harness h;
  kafka_client client{h};
  for (std::int16_t version = 0; version <= 1; ++version) {
    kafka::incremental_alter_configs_request request;
    request.resources = {{2, "t", {{"a", 0, "1"}, {"b", 1, std::nullopt}, {"c", 2, "x"}, {"d", 3, "y"}}},
                         {4, "", {{"no.such.key", 0, "1"}}},
                         {4, "2", {}},
                         {4, "x", {}},
                         {2, "u", {{"a", 9, "1"}}},
                         {16, "m", {}},
                         {8, "1", {{"kafka", 0, "DEBUG"}}},
                         {8, "1", {}},
                         {2, "v", {}},
                         {2, "v", {}}};
    const auto answer = client.ask<kafka::incremental_alter_configs_response>(request, version);
    const std::vector<std::int16_t> codes{0, 40, 42, 42, 42, 42, 42, 42, 42, 42};
    CAF_REQUIRE_EQUAL(answer.responses.size(), codes.size());
    for (std::size_t i = 0; i < codes.size(); ++i)
      CAF_CHECK_EQUAL(answer.responses[i].error_code, codes[i]);
    CAF_CHECK(!answer.responses[0].error_message.has_value());
    CAF_CHECK_EQUAL(answer.responses[2].error_message.value_or(""), "Unexpected broker id, expected 1, but received 2");
    const auto& asked = h.service.altered;
    CAF_REQUIRE_EQUAL(asked.size(), 2u);
    CAF_CHECK(!asked[0].replaces_all);
    CAF_REQUIRE_EQUAL(asked[0].changes.size(), 4u);
    CAF_CHECK(asked[0].changes[1].operation == metadata::config_operation::remove && !asked[0].changes[1].value);
    CAF_CHECK(asked[0].changes[3].operation == metadata::config_operation::subtract);
  }
}

CAF_TEST(configs are replaced as a whole) {
  harness h;
  kafka_client client{h};
  for (std::int16_t version = 0; version <= 2; ++version) {
    kafka::alter_configs_request request;
    request.validate_only = true;
    request.resources = {{2, "t", {{"a", "1"}, {"b", std::nullopt}}}, {8, "1", {}}};
    const auto answer = client.ask<kafka::alter_configs_response>(request, version);
    CAF_REQUIRE_EQUAL(answer.responses.size(), 2u);
    CAF_CHECK_EQUAL(answer.responses[0].error_code, 0);
    CAF_CHECK_EQUAL(answer.responses[1].error_message.value_or(""), "Unknown resource type 8");
    CAF_REQUIRE_EQUAL(h.service.altered.size(), 1u);
    CAF_CHECK(h.service.altered[0].replaces_all);
    CAF_CHECK(!h.service.altered[0].changes[1].value.has_value());
    CAF_CHECK(h.service.asked_to_validate_only);
  }
}

CAF_TEST(resources with configs are listed) {
  harness h;
  h.service.add_topic("t", 1);
  kafka_client client{h};
  const auto list = [&](std::vector<std::int8_t> types, std::int16_t version) {
    return client.ask<kafka::list_config_resources_response>(kafka::list_config_resources_request{std::move(types)}, version);
  };
  CAF_CHECK(list({}, 0).config_resources.empty()); // client metrics alone
  using resource = kafka::list_config_resources_response::resource;
  CAF_CHECK(list({2}, 1).config_resources == (std::vector<resource>{{"t", 2}}));
  CAF_CHECK(list({16, 32}, 1).config_resources.empty());
  CAF_CHECK_EQUAL(list({2, 99}, 1).error_code, 35);
  CAF_CHECK(list({2, 99}, 1).config_resources.empty());
}

CAF_TEST(log directories are described) {
  harness h;
  h.service.log_dirs = {{"/a", errc::none, {{{"t", 0}, 100}, {{"t", 1}, 200}, {{"u", 0}, 300}}, 1000, 400},
                        {"/b", errc::kafka_storage_error, {}, -1, -1}};
  kafka_client client{h};
  for (std::int16_t version = 1; version <= 5; ++version) {
    kafka::describe_log_dirs_request request;
    request.topics.reset();
    auto answer = client.ask<kafka::describe_log_dirs_response>(request, version);
    CAF_REQUIRE_EQUAL(answer.results.size(), 2u);
    CAF_CHECK_EQUAL(answer.results[0].log_dir, "/a");
    CAF_CHECK_EQUAL(answer.results[0].topics.size(), 2u);
    CAF_CHECK_EQUAL(answer.results[0].total_bytes, version < 4 ? -1 : 1000);
    CAF_CHECK_EQUAL(answer.results[0].usable_bytes, version < 4 ? -1 : 400);
    CAF_CHECK_EQUAL(answer.results[1].error_code, 56);
    request.topics = {{"t", {1, 9}}};
    answer = client.ask<kafka::describe_log_dirs_response>(request, version);
    CAF_REQUIRE_EQUAL(answer.results[0].topics.size(), 1u);
    using row = kafka::describe_log_dirs_response::partition;
    CAF_CHECK(answer.results[0].topics[0].partitions == (std::vector<row>{{1, 200, 0, false}}));
    request.topics.emplace();
    CAF_CHECK(client.ask<kafka::describe_log_dirs_response>(request, version).results[0].topics.empty());
  }
}
