#define CAF_SUITE table_config_rules
#include "metadata/table_config_rules.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::metadata;

namespace {

const config_key topic{config_resource::topic, "t"};
const config_key all_brokers{config_resource::broker, ""};

table_config_rules rules_with(const std::vector<std::string>& overrides = {}) {
  return table_config_rules{load_node_config("", overrides, true)->config};
}

} // namespace

CAF_TEST(topics) {
  const auto rules = rules_with();
  CAF_CHECK(rules.check(topic, "retention.ms", "1"));
  CAF_CHECK(rules.check(topic, "remote.storage.enable", "false"));
  CAF_CHECK_EQUAL(rules.check(topic, "retention.ms", "x").error().code, errc::invalid_config);
  CAF_CHECK_EQUAL(rules.check(topic, "log.retention.ms", "1").error().code, errc::invalid_config);
  CAF_CHECK_EQUAL(rules.check(topic, "message.format.version", "3.0").error().code, errc::invalid_config); // gone since Kafka 4.0
  CAF_CHECK_EQUAL(rules.check(topic, "remote.storage.enable", "true").error().code, errc::invalid_config);
  CAF_CHECK_EQUAL(rules.check(topic, "local.retention.ms", "-3").error().code, errc::invalid_config);
  CAF_CHECK(rules.check(topic, "leader.replication.throttled.replicas", "0:1,12:3"));
  CAF_CHECK(rules.check(topic, "leader.replication.throttled.replicas", "*"));
  CAF_CHECK_EQUAL(rules.check(topic, "leader.replication.throttled.replicas", "0").error().code, errc::invalid_config);
  CAF_CHECK(!rules.check_all(topic, {{"min.compaction.lag.ms", "2"}, {"max.compaction.lag.ms", "1"}}));
}

CAF_TEST(brokers) {
  const auto rules = rules_with({"log.cleaner.max.compaction.lag.ms=10"});
  CAF_CHECK(rules.check(all_brokers, "log.retention.ms", "1"));
  CAF_CHECK_EQUAL(rules.check(all_brokers, "node.id", "1").error().code, errc::invalid_request);
  CAF_CHECK_EQUAL(rules.check_all(all_brokers, {{"log.cleaner.min.compaction.lag.ms", "11"}}).error().code, errc::invalid_config);
  CAF_CHECK(rules.check_all({config_resource::broker, "1"}, {{"log.cleaner.min.compaction.lag.ms", "10"}}));
}

CAF_TEST(lists and defaults) {
  const auto rules = rules_with({"log.retention.hours=1", "min.insync.replicas=2"});
  CAF_CHECK(rules.is_list(config_resource::topic, "cleanup.policy"));
  CAF_CHECK(rules.is_list(config_resource::topic, "leader.replication.throttled.replicas"));
  CAF_CHECK(!rules.is_list(config_resource::topic, "retention.ms"));
  CAF_CHECK(!rules.is_list(config_resource::topic, "nonsense"));
  CAF_CHECK_EQUAL(rules.default_value(config_resource::topic, "cleanup.policy"), "delete");
  CAF_CHECK_EQUAL(rules.default_value(config_resource::topic, "retention.ms"), "3600000");
  CAF_CHECK_EQUAL(rules.default_value(config_resource::topic, "min.insync.replicas"), "2");
  CAF_CHECK_EQUAL(rules.default_value(config_resource::broker, "num.partitions"), "1");
  CAF_CHECK_EQUAL(rules.default_value(config_resource::topic, "nonsense"), "");
}
