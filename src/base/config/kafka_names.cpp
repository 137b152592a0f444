// Configuration keys that older releases of Kafka knew, or that Kafka 4.3 knows and hides, and that have no effect here: a file made for
// Kafka starts without edits. What its tools list is in kafka_keys.cpp, keys that we use in spec_table.cpp; neither is repeated.
#include "base/config/spec.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace cafka {

namespace {

// Sorted.
constexpr std::string_view node_names[] = {
    "advertised.host.name",
    "advertised.port",
    "auto.include.jmx.reporter",
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "controlled.shutdown.max.retries",
    "controlled.shutdown.retry.backoff.ms",
    "controller.performance.always.log.threshold.ms",
    "controller.performance.sample.period.ms",
    "delegation.token.master.key",
    "eligible.leader.replicas.enable",
    "group.consumer.regex.refresh.interval.ms",
    "group.coordinator.new.enable",
    "group.share.enable",
    "group.share.initialize.retry.interval.ms",
    "group.share.max.groups",
    "group.share.persister.class.name",
    "host.name",
    "inter.broker.protocol.version",
    "internal.metadata.delete.delay.millis",
    "internal.metadata.max.batch.size.in.bytes",
    "leader.imbalance.per.broker.percentage",
    "log.cleanup.interval.mins",
    "log.delete.delay.ms",
    "log.initial.task.delay.ms",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "metadata.log.segment.min.bytes",
    "offsets.commit.required.acks",
    "password.encoder.cipher.algorithm",
    "password.encoder.iterations",
    "password.encoder.key.length",
    "password.encoder.keyfactory.algorithm",
    "password.encoder.old.secret",
    "password.encoder.secret",
    "port",
    "quota.consumer.default",
    "quota.producer.default",
    "remote.log.index.file.cache.ttl.ms",
    "remote.log.manager.task.retry.backoff.max.ms",
    "remote.log.manager.task.retry.backoff.ms",
    "remote.log.manager.task.retry.jitter",
    "replica.lag.max.messages",
    "reserved.broker.max.id",
    "server.max.startup.time.ms",
    "share.coordinator.cold.partition.snapshot.interval.ms",
    "share.coordinator.state.topic.prune.interval.ms",
    "unclean.leader.election.interval.ms",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
    "unstable.metadata.versions.enable",
    "zookeeper.clientCnxnSocket",
    "zookeeper.connect",
    "zookeeper.connection.timeout.ms",
    "zookeeper.max.in.flight.requests",
    "zookeeper.metadata.migration.enable",
    "zookeeper.metadata.migration.min.batch.size",
    "zookeeper.session.timeout.ms",
    "zookeeper.set.acl",
    "zookeeper.ssl.cipher.suites",
    "zookeeper.ssl.client.enable",
    "zookeeper.ssl.crl.enable",
    "zookeeper.ssl.enabled.protocols",
    "zookeeper.ssl.endpoint.identification.algorithm",
    "zookeeper.ssl.keystore.location",
    "zookeeper.ssl.keystore.password",
    "zookeeper.ssl.keystore.type",
    "zookeeper.ssl.ocsp.enable",
    "zookeeper.ssl.protocol",
    "zookeeper.ssl.truststore.location",
    "zookeeper.ssl.truststore.password",
    "zookeeper.ssl.truststore.type",
    "zookeeper.sync.time.ms",
};

// Sorted.
constexpr std::string_view topic_names[] = {
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.difference.max.ms",
};

// A plug-in's or a listener's own settings follow these.
constexpr std::string_view prefixes[] = {"listener.name.", "rlmm.config.", "rsm.config.", "config.providers."};

} // namespace

std::span<const std::string_view> ignored_kafka_names(bool topic_level) noexcept {
  static const auto merged = [](bool of_topics) {
    std::vector<std::string_view> all;
    if (of_topics)
      all.assign(std::begin(topic_names), std::end(topic_names));
    else
      all.assign(std::begin(node_names), std::end(node_names));
    for (const auto& spec : ineffective_key_specs(of_topics))
      all.push_back(of_topics ? spec.topic_name : spec.name);
    std::ranges::sort(all);
    return all;
  };
  static const auto of_nodes = merged(false), of_topics = merged(true);
  return topic_level ? of_topics : of_nodes;
}

bool is_ignored_kafka_key(std::string_view name) noexcept {
  return std::ranges::binary_search(ignored_kafka_names(false), name) ||
         std::any_of(std::begin(prefixes), std::end(prefixes), [name](auto prefix) { return name.starts_with(prefix); });
}

bool is_ignored_kafka_topic_key(std::string_view name) noexcept { return std::ranges::binary_search(ignored_kafka_names(true), name); }

} // namespace cafka
