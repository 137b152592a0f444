// What crosses from node to node comes out as it went in; what is cut short or foreign is refused, whatever it says of its own size.
#define CAF_SUITE wire
#include "actors/wire.hpp"
#include "base/prng.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::actors;

namespace {

struct fixture {
  caf::actor_system_config config;
  caf::actor_system system{config};

  template <class T>
  caf::byte_buffer bytes_of(const T& value) {
    caf::byte_buffer bytes;
    caf::binary_serializer sink{system, bytes};
    if (!sink.apply(value))
      CAF_FAIL("cannot be written: " << caf::to_string(sink.get_error()));
    return bytes;
  }
  template <class T>
  bool read(caf::span<const caf::byte> bytes, T& value) {
    caf::binary_deserializer from_wire{system, bytes};
    return from_wire.apply(value) && from_wire.remaining() == 0;
  }
  // Written, read and written again it is the same; no shorter piece of it can be read, nor does any single changed byte do harm.
  template <class T>
  void check(const T& value) {
    const auto bytes = bytes_of(value);
    T again;
    CAF_REQUIRE(read(bytes, again));
    CAF_CHECK(bytes_of(again) == bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      T cut;
      CAF_CHECK(!read(caf::make_span(bytes.data(), size), cut));
    }
    for (std::size_t i = 0; i < bytes.size(); ++i)
      for (const auto value_of_byte : {0x00, 0x7f, 0xff}) {
        auto changed = bytes;
        changed[i] = static_cast<caf::byte>(value_of_byte);
        T harmed;
        (void)read(changed, harmed);
      }
  }

  uuid some_id() { return uuid::random(source); }
  origin from() { return {3, some_id()}; }
  prng source{5};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(wire_tests, fixture)

CAF_TEST(formation) {
  formation_message message{from(), {{1, some_id()}, {1, 2, 3}, std::nullopt, false}};
  check(message);
  message.report.formed = election::cluster_identity{"cluster", election::voter_set{{{1, some_id()}, {2, some_id()}}}};
  message.report.confirmed = true;
  check(message);
  formation_message read_back;
  CAF_REQUIRE(read(bytes_of(message), read_back));
  CAF_CHECK(read_back.report == message.report);
  CAF_CHECK(read_back.from == message.from);
}

CAF_TEST(every message of the quorum) {
  using namespace election;
  const replica_key voter{2, some_id()};
  const std::vector<message> all{
      vote_request{4, voter, {3, some_id()}, {4, 77}, true},
      vote_response{4, 2, true, true},
      begin_epoch_request{4, 2, voter},
      begin_epoch_response{4, 2},
      end_epoch_request{4, 2, {voter, {3, some_id()}}},
      election::fetch_request{4, voter, 77, 3, 60},
      fetch_response{4, 2, true, 60, log_position{3, 50}, log_position{2, 40}, 77, 3, true},
      fetch_response{},
  };
  for (const auto& each : all)
    check(quorum_message{from(), each, "batches"});
  quorum_message read_back;
  CAF_REQUIRE(read(bytes_of(quorum_message{from(), all[0], "b"}), read_back));
  CAF_CHECK(std::get<vote_request>(read_back.content).candidate == voter);
  CAF_CHECK_EQUAL(std::get<vote_request>(read_back.content).last.end_offset, 77);
}

CAF_TEST(every question to the controller) {
  metadata::new_topic topic;
  topic.name = "t";
  topic.assignment = {{1, 2}, {2, 3}};
  topic.configs = {{"retention.ms", "5"}};
  topic.flaw = {errc::invalid_config, "null"};
  metadata::broker_registration_request registration;
  registration.id = 3;
  registration.endpoints = {{"PLAINTEXT", "host", 9092, 0}};
  registration.directories = {some_id(), some_id()};
  registration.features = {{"metadata.version", {1, 30}}};
  metadata::alter_partition_request altered;
  altered.partition = {some_id(), 4};
  altered.isr = {{1, 10}, {2, 11}};
  const std::vector<controller_question> all{
      create_topics_call{{topic}, true},
      delete_topics_call{{{"t", some_id()}}},
      create_partitions_call{{{"t", 6, {{1}}, true}}, false},
      alter_configs_call{{{{metadata::config_resource::broker, "1"}, {{"k", metadata::config_operation::append, "v"}}, true}}, false},
      registration,
      metadata::broker_heartbeat{3, 12, 99, true, false},
      alter_partition_call{{altered}},
      elect_leaders_call{metadata::election_kind::unclean, {{"t", 1}}},
      producer_ids_call{3, 12},
      describe_quorum_call{},
      metadata::failed_replicas_report{3, 12, {some_id()}, {{{some_id(), 4}, some_id(), some_id()}}},
  };
  for (const auto& each : all)
    check(controller_call{from(), each});
}

CAF_TEST(every answer of the controller) {
  metadata::alter_partition_outcome altered;
  altered.partition.replicas = altered.partition.isr = {1, 2};
  altered.partition.directories = {some_id()};
  const std::vector<controller_reply> all{
      topic_outcomes{{{"t", some_id(), errc::none, "", 3, 2}}},
      config_outcomes{{{{metadata::config_resource::topic, "t"}, errc::invalid_config, "why"}}},
      metadata::broker_registration_outcome{errc::none, "", 12},
      metadata::broker_heartbeat_outcome{errc::stale_broker_epoch, "why", true, true, false},
      alter_partition_outcomes{{altered}},
      election_outcomes{{{{"t", 1}, errc::none, ""}}},
      metadata::producer_id_block{errc::none, "", 1000, 1000},
      election::quorum_description{
          1, 4, 60, {{{1, some_id()}, 60, 5, 6}}, {{{4, some_id()}, -1, -1, -1}}, {{1, "CONTROLLER", "host", 9093}}},
      metadata::failed_replicas_outcome{errc::stale_broker_epoch, "why"},
  };
  for (const auto& each : all)
    check(controller_answer{errc::none, "message", each});
}

CAF_TEST(an enumeration that this build does not know is refused) {
  auto bytes = bytes_of(elect_leaders_call{metadata::election_kind::unclean, {}});
  bytes[0] = caf::byte{9};
  elect_leaders_call call;
  CAF_CHECK(!read(bytes, call));
}

CAF_TEST_FIXTURE_SCOPE_END()
