#define CAF_SUITE describe_configs
#include "actors/describe_configs.hpp"

#include "base/config/spec.hpp"
#include "metadata/image_builder.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>

using namespace cafka;
using namespace cafka::actors;
using metadata::config_entry;
using metadata::config_resource;
using metadata::config_source;

namespace {

struct cluster {
  node_config node = load_node_config("", {"log.retention.hours=2", "ssl.key.password=secret", "num.io.threads=3"}, true)->config;
  metadata::image_builder builder;
  std::int64_t offset = -1;

  void set(config_resource type, const std::string& name, const std::string& key, const std::string& value) {
    CAF_REQUIRE(builder.replay(++offset, 0, metadata::config_record{static_cast<std::int8_t>(type), name, key, value, {}}).has_value());
  }
  std::vector<config_entry> describe(config_resource type, const std::string& name) {
    return *describe_configs(node, *builder.build().next, {type, name});
  }
};

const config_entry& entry_of(const std::vector<config_entry>& entries, std::string_view key) {
  const auto found = std::ranges::find(entries, key, &config_entry::key);
  if (found == entries.end())
    CAF_FAIL("no entry " << std::string{key});
  return *found;
}

} // namespace

CAF_TEST(every level that sets a key is told with its name there) {
  cluster c;
  c.set(config_resource::broker, "", "log.retention.ms", "7");
  c.set(config_resource::broker, "1", "log.retention.ms", "8");
  const auto entries = c.describe(config_resource::broker, "1");
  const auto& retention = entry_of(entries, "log.retention.ms");
  CAF_CHECK_EQUAL(retention.value.value_or(""), "8");
  CAF_CHECK(retention.source == config_source::dynamic_broker);
  const std::vector<metadata::config_synonym> levels{{"log.retention.ms", "8", config_source::dynamic_broker},
                                                     {"log.retention.ms", "7", config_source::dynamic_default_broker},
                                                     {"log.retention.hours", "2", config_source::static_broker},
                                                     {"log.retention.hours", "168", config_source::default_value}};
  CAF_CHECK(retention.synonyms == levels);
  // A key under its own name: what stands above it by another name is not its.
  const auto& hours = entry_of(entries, "log.retention.hours");
  CAF_CHECK(hours.synonyms == (std::vector<metadata::config_synonym>{levels[2], levels[3]}));
  const auto own = describe_topic_configs(c.node, *c.builder.build().next, {{"retention.ms", "9"}});
  const auto& of_topic = entry_of(own, "retention.ms");
  CAF_CHECK_EQUAL(of_topic.value.value_or(""), "9");
  CAF_REQUIRE_EQUAL(of_topic.synonyms.size(), 5u);
  CAF_CHECK(of_topic.synonyms[0] == (metadata::config_synonym{"retention.ms", "9", config_source::topic}));
}

CAF_TEST(a topic has what the node says where it says nothing) {
  cluster c;
  auto entries = describe_topic_configs(c.node, *c.builder.build().next, {});
  CAF_CHECK_EQUAL(entry_of(entries, "retention.ms").value.value_or(""), "7200000");
  CAF_CHECK(entry_of(entries, "retention.ms").source == config_source::default_value); // as Kafka: the name is not set anywhere
  CAF_CHECK(std::ranges::find(entries, "internal.segment.bytes", &config_entry::key) == entries.end());
  CAF_CHECK_EQUAL(entry_of(entries, "local.retention.ms").synonyms.at(0).key, "log.local.retention.ms");
  CAF_CHECK_EQUAL(entry_of(entries, "leader.replication.throttled.replicas").value.value_or("unset"), "");
  c.set(config_resource::broker, "", "log.retention.ms", "7");
  entries = describe_topic_configs(c.node, *c.builder.build().next, {});
  CAF_CHECK_EQUAL(entry_of(entries, "retention.ms").value.value_or(""), "7");
  CAF_CHECK(entry_of(entries, "retention.ms").source == config_source::dynamic_default_broker);
}

CAF_TEST(keys without effect are listed and secrets are not shown) {
  cluster c;
  const auto entries = c.describe(config_resource::broker, "1");
  CAF_CHECK_EQUAL(entry_of(entries, "num.io.threads").value.value_or(""), "3");
  CAF_CHECK(entry_of(entries, "num.io.threads").source == config_source::static_broker);
  CAF_CHECK_EQUAL(entry_of(entries, "background.threads").value.value_or(""), "10");
  CAF_CHECK(!entry_of(entries, "background.threads").read_only);
  CAF_CHECK(entry_of(entries, "broker.session.timeout.ms").read_only);
  const auto& secret = entry_of(entries, "ssl.key.password");
  CAF_CHECK(secret.sensitive && !secret.value);
  for (const auto& each : secret.synonyms)
    CAF_CHECK(!each.value.has_value());
  CAF_CHECK_EQUAL(secret.synonyms.size(), 1u);
}

CAF_TEST(what was set for all brokers is described alone) {
  cluster c;
  CAF_CHECK(c.describe(config_resource::broker, "").empty());
  c.set(config_resource::broker, "", "background.threads", "3");
  c.set(config_resource::broker, "1", "log.cleaner.threads", "2");
  const auto entries = c.describe(config_resource::broker, "");
  CAF_REQUIRE_EQUAL(entries.size(), 1u);
  CAF_CHECK_EQUAL(entries[0].value.value_or(""), "3");
  CAF_CHECK_EQUAL(entries[0].synonyms.size(), 1u);
}

CAF_TEST(what is not here is refused) {
  cluster c;
  const auto refuse = [&](config_resource type, const std::string& name) {
    return describe_configs(c.node, *c.builder.build().next, {type, name}).error();
  };
  CAF_CHECK(refuse(config_resource::topic, "absent").code == errc::unknown_topic_or_partition);
  CAF_CHECK(refuse(config_resource::topic, "bad name").code == errc::invalid_topic_exception);
  CAF_CHECK_EQUAL(refuse(config_resource::broker, "2").detail, "Unexpected broker id, expected 1 or empty string, but received 2");
  CAF_CHECK_EQUAL(refuse(config_resource::broker, "x").detail, "Broker id must be an integer, but it is: x");
}
