#define CAF_SUITE image_builder
#include <caf/test/dsl.hpp>

#include "base/prng.hpp"
#include "metadata/image_builder.hpp"
#include "storage/record_batch.hpp"

#include <fstream>
#include <iterator>

using namespace cafka;
using namespace cafka::metadata;

namespace {

const uuid first_id{{1}}, second_id{{2}};

partition_record partition(const uuid& topic, std::int32_t number, std::vector<node_id> replicas) {
  partition_record record;
  record.topic_id = topic;
  record.partition_id = number;
  record.replicas = record.isr = replicas;
  record.leader = replicas[0];
  record.leader_epoch = record.partition_epoch = 0;
  record.directories.resize(replicas.size());
  return record;
}

partition_change_record change(const uuid& topic, std::int32_t number, node_id leader) {
  partition_change_record record;
  record.topic_id = topic;
  record.partition_id = number;
  record.leader = leader;
  return record;
}

struct fixture {
  image_builder builder;
  std::int64_t offset = 0;

  void replay(const metadata_record& record) {
    const auto done = builder.replay(offset++, 1, record);
    if (!done)
      CAF_FAIL(done.error().detail);
    CAF_CHECK_EQUAL(builder.check_invariants().value_or(""), "");
  }
  void refuse(const metadata_record& record) { CAF_CHECK_EQUAL(builder.replay(offset++, 1, record).error().code, errc::bad_format); }
  void two_topics() {
    replay(topic_record{"first", first_id, {}});
    replay(partition(first_id, 0, {1, 2}));
    replay(topic_record{"second", second_id, {}});
    replay(partition(second_id, 0, {1}));
    replay(config_record{2, "first", "retention.ms", "5", {}});
  }
};

std::string read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// Every record of a segment, control batches left out.
void replay_segment(const std::string& bytes, image_builder& builder) {
  auto rest = as_byte_span(bytes);
  while (rest.size() >= storage::batch_header_size) {
    const auto header = storage::parse_batch_header(rest);
    if (!header || header->size_bytes() > rest.size())
      break;
    const auto batch = rest.first(header->size_bytes());
    CAF_CHECK(storage::verify_crc(*header, batch));
    CAF_CHECK(for_each_metadata_record(batch, [&](std::int64_t offset, framed_record record) {
      const auto done = builder.replay(offset, header->leader_epoch, record.record);
      CAF_CHECK_EQUAL(done ? "" : done.error().detail, "");
    }));
    builder.advance_to(header->last_offset(), header->leader_epoch);
    rest = rest.subspan(batch.size());
  }
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(replaying, fixture)

CAF_TEST(what did not change is shared) {
  two_topics();
  const auto before = builder.build();
  CAF_CHECK_EQUAL(before.delta.created_topics.size(), 2u);
  CAF_CHECK_EQUAL(before.delta.changed_partitions.size(), 2u);
  CAF_CHECK_EQUAL(before.next->partition_count(), 2u);
  replay(change(first_id, 0, 2));
  const auto after = builder.build();
  CAF_CHECK_EQUAL(before.next->find_topic("second"), after.next->find_topic("second"));
  CAF_CHECK_NOT_EQUAL(before.next->find_topic("first"), after.next->find_topic("first"));
  CAF_CHECK_EQUAL(before.next->find_topic("first")->find_partition(0)->leader, 1);
  const auto* now = after.next->find_topic(first_id)->find_partition(0);
  CAF_CHECK_EQUAL(now->leader, 2);
  CAF_CHECK_EQUAL(now->leader_epoch, 1);
  CAF_CHECK_EQUAL(now->partition_epoch, 1);
  CAF_CHECK(after.delta.created_topics.empty());
  CAF_CHECK_EQUAL(after.delta.changed_partitions.size(), 1u);
  CAF_CHECK_EQUAL(after.next->offset(), 5);
}

CAF_TEST(the same leader named again opens an epoch and no leader named does not ) {
  two_topics();
  replay(change(first_id, 0, 1));
  auto isr_only = change(first_id, 0, -2);
  isr_only.isr = std::vector<node_id>{1};
  replay(isr_only);
  const auto* now = builder.current().find_topic(first_id)->find_partition(0);
  CAF_CHECK_EQUAL(now->leader_epoch, 1);
  CAF_CHECK_EQUAL(now->partition_epoch, 2);
  CAF_CHECK(now->isr == std::vector<node_id>{1});
}

CAF_TEST(a removed topic takes its configs with it) {
  two_topics();
  (void)builder.build();
  replay(remove_topic_record{first_id, {}});
  const auto after = builder.build();
  CAF_CHECK(!after.next->find_topic("first"));
  CAF_CHECK(after.next->configs(config_resource::topic, "first").empty());
  CAF_CHECK_EQUAL(after.next->partition_count(), 1u);
  CAF_CHECK_EQUAL(after.delta.removed_topics.at(first_id), "first");
  CAF_CHECK(after.delta.changed_partitions.empty());
  CAF_CHECK_EQUAL(after.delta.changed_configs.size(), 1u);
}

CAF_TEST(a topic made and removed between two builds was never there) {
  two_topics();
  replay(remove_topic_record{first_id, {}});
  const auto built = builder.build();
  CAF_CHECK_EQUAL(built.delta.created_topics.size(), 1u);
  CAF_CHECK(built.delta.removed_topics.empty());
}

CAF_TEST(a transaction shows when it ends) {
  replay(begin_transaction_record{});
  two_topics();
  CAF_CHECK(builder.current().topics().empty());
  CAF_CHECK(builder.in_transaction());
  refuse(begin_transaction_record{});
  replay(end_transaction_record{});
  CAF_CHECK_EQUAL(builder.current().topics().size(), 2u);
  refuse(end_transaction_record{});
  replay(begin_transaction_record{});
  replay(remove_topic_record{first_id, {}});
  replay(abort_transaction_record{});
  CAF_CHECK_EQUAL(builder.current().topics().size(), 2u);
}

CAF_TEST(records that contradict the image) {
  two_topics();
  refuse(topic_record{"first", uuid{{9}}, {}});
  refuse(topic_record{"third", first_id, {}});
  refuse(partition(uuid{{9}}, 0, {1}));
  refuse(change(first_id, 7, 1));
  refuse(remove_topic_record{uuid{{9}}, {}});
  auto outside = change(first_id, 0, 1);
  outside.isr = std::vector<node_id>{3};
  refuse(outside);
  refuse(fence_broker_record{1, 1, {}});
}

CAF_TEST(a snapshot rebuilds the image) {
  two_topics();
  replay(feature_level_record{"metadata.version", 30, {}});
  register_broker_record broker;
  broker.broker_id = 1;
  broker.broker_epoch = 6;
  broker.endpoints = {{"PLAINTEXT", "localhost", 9092, 0, {}}};
  replay(broker);
  replay(unfence_broker_record{1, 6, {}});
  replay(config_record{4, "", "log.retention.ms", "77", {}});
  replay(client_quota_record{});
  replay(unknown_record{200, 0, byte_vector(3)});
  CAF_CHECK_EQUAL(builder.unknown_types().at(200), 1u);
  const auto original = builder.build().next;
  image_builder again;
  std::int64_t at = 0;
  for (const auto& record : records_of(*original))
    CAF_CHECK(again.replay(at++, 1, record));
  const auto copy = again.build().next;
  CAF_CHECK(copy->brokers() == original->brokers());
  CAF_CHECK(copy->all_configs() == original->all_configs());
  CAF_CHECK(copy->features() == original->features());
  CAF_CHECK(*copy->kept_records() == *original->kept_records());
  CAF_CHECK(!copy->brokers().at(1).fenced);
  for (const auto& [name, topic] : original->topics())
    CAF_CHECK(copy->find_topic(name)->partitions == topic->partitions);
}

// Any history of the cluster: of each seed the image after it, the records of that, and the image that these make.
CAF_TEST(snapshots of random histories) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    prng random{seed};
    image_builder history;
    std::int64_t at = 0;
    std::vector<uuid> ids;
    const auto tell = [&](const metadata_record& record) {
      (void)history.replay(at, 1 + static_cast<std::int32_t>(at / 100), record);
      ++at;
    };
    const auto some_nodes = [&](std::uint64_t most) {
      std::vector<node_id> nodes;
      for (node_id id = 1; id <= 5; ++id)
        if (nodes.size() < most && random.chance(1, 2))
          nodes.push_back(id);
      if (nodes.empty())
        nodes.push_back(1);
      return nodes;
    };
    const auto topic = [&] { return ids.empty() ? first_id : ids[random.below(ids.size())]; };
    for (auto steps = 50 + random.below(300); steps > 0; --steps) {
      const auto number = static_cast<std::int32_t>(random.below(4));
      const auto name = "t" + std::to_string(random.below(20));
      switch (random.below(12)) {
      case 0: tell(topic_record{name, ids.emplace_back(uuid::random(random)), {}}); break;
      case 1: {
        auto made = partition(topic(), number, some_nodes(3));
        made.leader_epoch = static_cast<std::int32_t>(random.below(9));
        made.leader_recovery_state = random.chance(1, 5) ? 1 : 0;
        for (auto& directory : made.directories)
          directory = uuid::random(random);
        tell(made);
        break;
      }
      case 2: {
        auto changed = change(topic(), number, random.chance(1, 2) ? -2 : static_cast<node_id>(random.below(6)) - 1);
        if (random.chance(1, 2))
          changed.isr = some_nodes(3);
        if (random.chance(1, 4))
          changed.replicas = some_nodes(3);
        if (random.chance(1, 4))
          changed.adding_replicas = changed.removing_replicas = some_nodes(1);
        if (random.chance(1, 3))
          changed.eligible_leader_replicas = some_nodes(2);
        if (random.chance(1, 3))
          changed.last_known_elr = some_nodes(2);
        tell(changed);
        break;
      }
      case 3: tell(remove_topic_record{topic(), {}}); break;
      case 4: {
        config_record set{
            static_cast<std::int8_t>(random.chance(1, 2) ? 2 : 4), random.chance(1, 4) ? "" : name, "k" + std::to_string(number), "v", {}};
        if (random.chance(1, 3))
          set.value.reset();
        tell(set);
        break;
      }
      case 5: {
        register_broker_record broker;
        broker.broker_id = number;
        broker.broker_epoch = at;
        broker.incarnation_id = uuid::random(random);
        broker.endpoints = {{"PLAINTEXT", "host", static_cast<std::uint16_t>(random.below(60'000)), 0, {}}};
        broker.features = {{"metadata.version", 1, 30, {}}};
        broker.directories = {uuid::random(random)};
        if (random.chance(1, 2))
          broker.rack = "r";
        broker.fenced = random.chance(1, 2);
        broker.in_controlled_shutdown = random.chance(1, 4);
        tell(broker);
        break;
      }
      case 6:
        if (const auto known = history.current().brokers().find(number); known != history.current().brokers().end()) {
          broker_registration_change_record changed;
          changed.broker_id = number;
          changed.broker_epoch = known->second.broker_epoch;
          changed.fenced = static_cast<std::int8_t>(random.below(3)) - 1;
          tell(changed);
        }
        break;
      case 7: tell(feature_level_record{name, static_cast<std::int16_t>(random.below(3)), {}}); break;
      case 8: {
        producer_ids_record block;
        block.next_producer_id = history.current().next_producer_id() + static_cast<std::int64_t>(random.below(1'000));
        tell(block);
        break;
      }
      case 9: tell(unknown_record{200, 3, byte_vector(random.below(9), std::byte{7})}); break;
      case 10: tell(client_quota_record{}); break;
      default: tell(clear_elr_record{name, {}}); break;
      }
    }
    const auto original = history.build().next;
    image_builder again;
    for (const auto& record : records_of(*original)) {
      byte_vector encoded; // as it lies in the file
      encode_record(record, encoded);
      const auto read_back = decode_record(encoded);
      CAF_REQUIRE(read_back);
      const auto done = again.replay(original->offset(), original->epoch(), read_back->record);
      if (!done)
        CAF_FAIL("seed " << seed << ": " << done.error().detail);
    }
    again.advance_to(original->offset(), original->epoch());
    const auto copy = again.build().next;
    CAF_CHECK_EQUAL(copy->offset(), original->offset());
    CAF_CHECK_EQUAL(copy->epoch(), original->epoch());
    CAF_CHECK(copy->brokers() == original->brokers());
    CAF_CHECK(copy->all_configs() == original->all_configs());
    CAF_CHECK(copy->features() == original->features());
    CAF_CHECK_EQUAL(copy->next_producer_id(), original->next_producer_id());
    CAF_CHECK(*copy->kept_records() == *original->kept_records());
    CAF_CHECK_EQUAL(copy->partition_count(), original->partition_count());
    CAF_REQUIRE_EQUAL(copy->topics().size(), original->topics().size());
    for (const auto& [name, one] : original->topics()) {
      CAF_REQUIRE(copy->find_topic(name));
      CAF_CHECK(copy->find_topic(name)->id == one->id);
      if (!(copy->find_topic(name)->partitions == one->partitions))
        CAF_FAIL("seed " << seed << ": the partitions of " << name << " differ");
    }
  }
}

CAF_TEST(ten thousand partitions in one batch) {
  replay(topic_record{"large", first_id, {}});
  for (std::int32_t i = 0; i < 10'000; ++i)
    CAF_REQUIRE(builder.replay(offset++, 1, partition(first_id, i, {1, 2, 3})));
  CAF_CHECK_EQUAL(builder.build().next->partition_count(), 10'000u);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(a log that Kafka wrote) {
  const std::string directory = CAFKA_TEST_DATA "/metadata/kafka_4_3_1_cluster_metadata/";
  image_builder builder;
  replay_segment(read_file(directory + "bootstrap.checkpoint"), builder);
  CAF_CHECK_EQUAL(builder.current().features().at("metadata.version"), 30);
  builder = image_builder{};
  replay_segment(read_file(directory + "00000000000000000000.log"), builder);
  CAF_CHECK_EQUAL(builder.check_invariants().value_or(""), "");
  const auto image = builder.build().next;
  const auto* orders = image->find_topic("orders");
  CAF_REQUIRE(orders);
  CAF_CHECK_EQUAL(orders->partitions.size(), 3u);
  CAF_CHECK(!image->find_topic("gone"));
  const config_map expected{{"cleanup.policy", "compact,delete"}, {"max.message.bytes", "2000000"}};
  CAF_CHECK(image->configs(config_resource::topic, "orders") == expected);
  CAF_REQUIRE(image->brokers().contains(1));
  CAF_CHECK_EQUAL(image->features().at("metadata.version"), 30);
  for (const auto& [number, found] : orders->partitions) {
    CAF_CHECK_EQUAL(found.directories.size(), 1u);
  }
  CAF_CHECK(builder.unknown_types().empty());
  CAF_CHECK(!image->kept_records()->empty()); // the quota
}
