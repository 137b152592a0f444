#define CAF_SUITE node_config
#include "base/config/node_config.hpp"

#include "base/config/links_config.hpp"
#include "base/config/listener.hpp"
#include "base/config/spec.hpp"

#include <caf/test/dsl.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace cafka;

namespace {

// A file of its own that is gone afterwards.
struct written_file {
  explicit written_file(std::string_view text) {
    char name[] = "/tmp/cafka-config-XXXXXX";
    path = ::mkdtemp(name);
    path += "/s.properties";
    std::ofstream{path, std::ios::binary} << text;
  }
  ~written_file() { std::filesystem::remove_all(std::filesystem::path{path}.parent_path()); }
  written_file(const written_file&) = delete;
  written_file& operator=(const written_file&) = delete;
  std::string path;
};

loaded_config load(std::string_view text, const std::vector<std::string>& overrides = {}) {
  written_file file{text};
  auto loaded = load_node_config(file.path, overrides, false);
  if (!loaded)
    CAF_FAIL(loaded.error().detail);
  return std::move(*loaded);
}

// The message, with the file called F.
std::string refused(std::string_view text, const std::vector<std::string>& overrides = {}, bool strict = false) {
  written_file file{text};
  auto loaded = load_node_config(file.path, overrides, strict);
  if (loaded)
    return "accepted";
  auto message = loaded.error().detail;
  if (const auto at = message.find(file.path); at != std::string::npos)
    message.replace(at, file.path.size(), "F");
  return message;
}

} // namespace

CAF_TEST(nothing said gives the defaults of the table) {
  auto loaded = load_node_config("", {}, true);
  CAF_REQUIRE(loaded);
  const node_config plain;
  const auto& config = loaded->config;
  CAF_CHECK(loaded->warnings.empty());
  CAF_CHECK(config.topic_defaults == plain.topic_defaults);
  CAF_CHECK(config.listeners == plain.listeners);
  CAF_CHECK(config.shards > 0);
  CAF_CHECK(config.open_files_max > 0);
  CAF_CHECK_EQUAL(config.metadata_log_dir, "/tmp/kafka-logs");
  CAF_CHECK_EQUAL(config.queued_max_request_bytes, 256 << 20);
}

CAF_TEST(every default of the table is acceptable and equals the member) {
  std::vector<std::string> all;
  for (const auto& spec : all_key_specs()) {
    CAF_CHECK(!spec.meaning.empty());
    CAF_CHECK(!spec.section.empty());
    if (spec.default_value.empty())
      continue;
    CAF_MESSAGE(std::string{spec.name});
    CAF_CHECK(is_acceptable(spec, spec.default_value));
    all.push_back(std::string{spec.name} + '=' + std::string{spec.default_value});
  }
  auto said = load_node_config("", all, true);
  CAF_REQUIRE(said);
  auto unsaid = load_node_config("", {}, true);
  for (const auto& spec : all_key_specs())
    if (!spec.default_value.empty() && !spec.topic_name.empty())
      CAF_CHECK_EQUAL(node_value_text(unsaid->config, spec), spec.default_value);
  CAF_CHECK(said->config.topic_defaults == unsaid->config.topic_defaults);
  const auto &a = said->config, &b = unsaid->config;
  CAF_CHECK_EQUAL(a.id, b.id);
  CAF_CHECK_EQUAL(a.socket_request_max_bytes, b.socket_request_max_bytes);
  CAF_CHECK_EQUAL(a.connection_inflight_max_bytes, b.connection_inflight_max_bytes);
  CAF_CHECK_EQUAL(a.connections_max_idle_ms, b.connections_max_idle_ms);
  CAF_CHECK_EQUAL(a.fetch_max_bytes, b.fetch_max_bytes);
  CAF_CHECK_EQUAL(a.metadata_segment_bytes, b.metadata_segment_bytes);
  CAF_CHECK_EQUAL(a.recovery_point_checkpoint_interval_ms, b.recovery_point_checkpoint_interval_ms);
  CAF_CHECK_EQUAL(a.flush_scheduler_interval_ms, b.flush_scheduler_interval_ms);
  CAF_CHECK_EQUAL(a.retention_check_interval_ms, b.retention_check_interval_ms);
  CAF_CHECK_EQUAL(a.max_producers_per_partition, b.max_producers_per_partition);
  CAF_CHECK(dynamic_live_config(a, {}, {}) == dynamic_live_config(b, {}, {}));
  CAF_CHECK(a.advertised_listeners == b.advertised_listeners);
}

CAF_TEST(what changes while the node runs is the nodes own then the clusters then the files) {
  const auto base = load_node_config("", {"max.connections=100", "producer.id.expiration.ms=5000"}, true)->config;
  CAF_CHECK((dynamic_live_config(base, {}, {}) == live_config{100, INT32_MAX, 5000}));
  const config_values cluster_wide{{"max.connections", "50"}, {"max.connections.per.ip", "7"}, {"num.partitions", "3"}};
  CAF_CHECK((dynamic_live_config(base, cluster_wide, {}) == live_config{50, 7, 5000}));
  CAF_CHECK(
      (dynamic_live_config(base, cluster_wide, {{"max.connections", "60"}, {"producer.id.expiration.ms", "9"}}) == live_config{60, 7, 9}));
  for (const auto* key : {"max.connections", "max.connections.per.ip", "producer.id.expiration.ms"})
    CAF_CHECK(check_dynamic_node_config(key, "10"));
  CAF_CHECK_EQUAL(check_dynamic_node_config("max.connections", "-1").error().code, errc::invalid_request);
}

CAF_TEST(names are said once and not also ignored) {
  for (const auto& spec : all_key_specs()) {
    if (!spec.name.empty())
      CAF_CHECK(find_node_key(spec.name) == &spec || find_node_key(spec.name)->meaning == spec.meaning);
    CAF_CHECK(!is_ignored_kafka_key(spec.name));
    CAF_CHECK(!is_ignored_kafka_topic_key(spec.topic_name));
  }
  for (const bool topic_level : {false, true}) {
    for (const auto& spec : ineffective_key_specs(topic_level)) {
      const auto name = topic_level ? spec.topic_name : spec.name;
      CAF_CHECK((topic_level ? find_topic_key(name) : find_node_key(name)) == nullptr);
      CAF_CHECK(find_ineffective_key(name, topic_level) == &spec); // so they are sorted
      if (!spec.default_value.empty())
        CAF_CHECK_EQUAL(complaint(spec, spec.default_value), "");
    }
    const auto names = ignored_kafka_names(topic_level);
    CAF_CHECK(std::is_sorted(names.begin(), names.end()));
  }
  CAF_CHECK(is_ignored_kafka_key("zookeeper.connect"));
  CAF_CHECK(is_ignored_kafka_key("listener.name.internal.ssl.keystore.location"));
  CAF_CHECK(is_ignored_kafka_topic_key("remote.storage.enable"));
}

CAF_TEST(a bad value names file line key value and what is expected) {
  CAF_CHECK_EQUAL(refused("\nnode.id=abc\n"), "F:2: node.id=abc: expected a whole number from 0 to 2147483647");
  CAF_CHECK_EQUAL(refused("log.segment.bytes=1000"),
                  "F:1: log.segment.bytes=1000: expected a whole number from 1048576 to 2147483647 (bytes)");
  CAF_CHECK_EQUAL(refused("log.cleanup.policy=delete,shrink"),
                  "F:1: log.cleanup.policy=delete,shrink: expected a list of: compact, delete");
  CAF_CHECK_EQUAL(refused("log.preallocate=1"), "F:1: log.preallocate=1: expected true or false");
  CAF_CHECK_EQUAL(refused("durability=both"), "F:1: durability=both: expected one of: fsync, replicated");
  CAF_CHECK_EQUAL(refused("log.cleaner.min.cleanable.ratio=1.5"),
                  "F:1: log.cleaner.min.cleanable.ratio=1.5: expected a number from 0 to 1");
  CAF_CHECK_EQUAL(refused("", {"num.partitions=99999999999"}),
                  "--override: num.partitions=99999999999: expected a whole number from 1 to 100000 (partitions)");
  CAF_CHECK_EQUAL(refused("", {"num.partitions"}), "--override num.partitions: expected key=value");
  CAF_CHECK_EQUAL(refused("node.id=1\nbroker.id=2"), "F:2: broker.id=2: expected the same number as node.id=1, or leave it out");
  CAF_CHECK_EQUAL(refused("compression.gzip.level=0"), "F:1: compression.gzip.level=0: expected 1 to 9, or -1 for gzip's default");
  CAF_CHECK_EQUAL(refused("log.retention.minutes=0"), "F:1: log.retention.minutes=0: expected a time above 0, or -1 for no bound");
  CAF_CHECK_EQUAL(refused("log.dirs=/a,/b,/a/"), "F:1: log.dirs=/a,/b,/a/: expected each directory once");
  CAF_CHECK_EQUAL(refused("cluster.id=x"),
                  "F:1: cluster.id=x: expected 22 characters of URL-safe base64, as in a directory's meta.properties");
  auto missing = load_node_config("/nonexistent/s.properties", {}, false);
  CAF_REQUIRE(!missing);
  CAF_CHECK_EQUAL(missing.error().detail, "/nonexistent/s.properties: No such file or directory: expected a readable configuration file");
}

CAF_TEST(unknown keys are named with their nearest) {
  auto loaded = load("num.partition=3\nlog.segmnet.bytes=5\nwholly.other.thing=1\n");
  CAF_REQUIRE_EQUAL(loaded.warnings.size(), 3u);
  CAF_CHECK(loaded.warnings[0].ends_with(":1: num.partition: unknown key; did you mean num.partitions? It has no effect"));
  CAF_CHECK(loaded.warnings[1].ends_with(":2: log.segmnet.bytes: unknown key; did you mean log.segment.bytes? It has no effect"));
  CAF_CHECK(loaded.warnings[2].ends_with(":3: wholly.other.thing: unknown key; it has no effect"));
  CAF_CHECK_EQUAL(refused("num.partition=3", {}, true),
                  "F:1: num.partition: unknown key; did you mean num.partitions? expected a key of `cafka config list` (--strict-config)");
  CAF_CHECK_EQUAL(refused("num.partitions=3\nnum.partitions=4", {}, true),
                  "F:1: num.partitions: set again further down; the last one holds; expected each key once (--strict-config)");
}

CAF_TEST(keys of Kafka make one warning line) {
  auto loaded = load("zookeeper.connect=h:2181\nnum.io.threads=8\nnum.partitions=3\nnum.network.threads=3\n");
  CAF_REQUIRE_EQUAL(loaded.warnings.size(), 1u);
  CAF_CHECK(loaded.warnings[0].ends_with(": keys of Kafka that have no effect here: num.io.threads,num.network.threads,zookeeper.connect"));
  CAF_CHECK_EQUAL(refused("zookeeper.connect=h:2181", {}, true), "accepted");
}

CAF_TEST(times in several units) {
  CAF_CHECK_EQUAL(load("log.retention.hours=2").config.topic_defaults.retention_ms, 7'200'000);
  CAF_CHECK_EQUAL(load("log.retention.hours=2\nlog.retention.minutes=3").config.topic_defaults.retention_ms, 180'000);
  CAF_CHECK_EQUAL(load("log.retention.ms=4\nlog.retention.hours=2\nlog.retention.minutes=3").config.topic_defaults.retention_ms, 4);
  CAF_CHECK_EQUAL(load("log.retention.hours=-1").config.topic_defaults.retention_ms, -1);
  CAF_CHECK_EQUAL(load("log.roll.hours=1").config.topic_defaults.segment_ms, 3'600'000);
  CAF_CHECK_EQUAL(load("log.roll.hours=1\nlog.roll.ms=9").config.topic_defaults.segment_ms, 9);
  CAF_CHECK_EQUAL(load("log.flush.scheduler.interval.ms=7").config.topic_defaults.flush_ms, 7);
  CAF_CHECK_EQUAL(load("log.flush.scheduler.interval.ms=7\nlog.flush.interval.ms=8").config.topic_defaults.flush_ms, 8);
}

CAF_TEST(overrides win over the file) {
  const auto config = load("node.id=3\nlog.dirs=/a\nmin.insync.replicas=2\n", {"node.id=4", "log.dirs=/b, /c"}).config;
  CAF_CHECK_EQUAL(config.id, 4);
  CAF_CHECK((config.log_dirs == std::vector<std::string>{"/b", "/c"}));
  CAF_CHECK_EQUAL(config.metadata_log_dir, "/b");
  CAF_CHECK_EQUAL(config.topic_defaults.min_insync_replicas, 2);
  CAF_CHECK_EQUAL(config.set_values.at("node.id"), "4");
}

CAF_TEST(listeners) {
  const auto config = load("listeners=PLAINTEXT://:9092,controller://127.0.0.1:9093,V6://[::1]:9094\n"
                           "controller.listener.names=CONTROLLER\n"
                           "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,V6:plaintext\n"
                           "advertised.listeners=PLAINTEXT://log.example.org:19092\n")
                          .config;
  CAF_REQUIRE_EQUAL(config.listeners.size(), 2u);
  CAF_CHECK((config.listeners[0] == listener_address{"PLAINTEXT", "", 9092}));
  CAF_CHECK((config.listeners[1] == listener_address{"V6", "::1", 9094}));
  CAF_REQUIRE_EQUAL(config.controller_listeners.size(), 1u);
  CAF_CHECK((config.controller_listeners[0] == listener_address{"CONTROLLER", "127.0.0.1", 9093}));
  CAF_REQUIRE_EQUAL(config.advertised_listeners.size(), 1u);
  CAF_CHECK((config.advertised_listeners[0] == listener_address{"PLAINTEXT", "log.example.org", 19092}));

  CAF_CHECK(!load("listeners=PLAINTEXT://:9092").config.advertised_listeners[0].host.empty());
  CAF_CHECK(
      refused("listeners=PLAINTEXT://:9092,PLAINTEXT://:9093").ends_with("expected each listener name once; PLAINTEXT is there twice"));
  CAF_CHECK(refused("listeners=PLAINTEXT://:90920").ends_with("expected NAME://HOST:PORT with a port from 0 to 65535, not ':90920'"));
  CAF_CHECK(refused("listeners=localhost:9092").ends_with("expected NAME://HOST:PORT, separated by commas, not 'localhost:9092'"));
  CAF_CHECK(refused("listeners=PLAINTEXT://::1:9092").find("not '::1:9092'") != std::string::npos);
  CAF_CHECK(
      refused("listeners=SASL_SSL://:9092").ends_with("expected only PLAINTEXT listeners: SASL_SSL, which SASL_SSL needs, is not served"));
  CAF_CHECK(refused("advertised.listeners=PLAINTEXT://0.0.0.0:9092").find("expected an address that clients can connect to") !=
            std::string::npos);
  CAF_CHECK(refused("advertised.listeners=OTHER://h:9092").ends_with("expected names from listeners; OTHER is not there"));
}

CAF_TEST(voters) {
  const std::string node_listener = "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n";
  const auto voters = load(node_listener + "controller.quorum.voters=1@a:9093,2@[::1]:9093").config.quorum_voters;
  CAF_REQUIRE_EQUAL(voters.size(), 2u);
  CAF_CHECK((voters[1] == quorum_voter{2, "::1", 9093}));
  CAF_CHECK(refused("controller.quorum.voters=1@a:1,2@b:1,1@c:1").ends_with("expected each voter's id once; 1 is there twice"));
  CAF_CHECK(
      refused("controller.quorum.voters=1@a:1,2@b:1,3@b:1").ends_with("an address of its own for each voter; 2 and 3 are both at b:1"));
  CAF_CHECK(refused("controller.quorum.voters=a:9093").ends_with("expected ID@HOST:PORT, separated by commas, not 'a:9093'"));
}

CAF_TEST(roles and voters go together as in Kafka) {
  const std::string voters = "controller.quorum.voters=1@a:1,2@b:1,3@c:1\ncontroller.listener.names=CONTROLLER\n";
  const std::string both = voters + "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n", own = voters + "listeners=CONTROLLER://:9093\n";
  CAF_CHECK(is_voter(load(both + "node.id=2").config, 2));
  CAF_CHECK_EQUAL(refused(both + "node.id=9"),
                  "F:1: If process.roles contains the 'controller' role, the node id 9 must be included in the set "
                  "of voters controller.quorum.voters=1,2,3");
  CAF_CHECK_EQUAL(refused(own + "process.roles=controller\nnode.id=9"),
                  "F:1: If process.roles contains the 'controller' role, the node id 9 must be included in the set of voters "
                  "controller.quorum.voters=1,2,3");
  CAF_CHECK(
      refused(both + "process.roles=broker\nnode.id=3")
          .starts_with("F:4: If process.roles contains just the 'broker' role, the node id 3 must not be included in the set of voters"));
  const auto controller = load(own + "process.roles=controller\nnode.id=3").config;
  CAF_CHECK(controller.is_controller && !controller.is_broker && meets_others(controller) && controller.listeners.empty());
  CAF_CHECK(
      meets_others(load("process.roles=controller\ncontroller.quorum.voters=1@a:1\ncontroller.listener.names=C\nlisteners=C://:9").config));
  CAF_CHECK(!meets_others(load("controller.quorum.voters=1@a:1").config));
  CAF_CHECK(refused(both + "process.roles=controller\nnode.id=3").find("must only contain KRaft controller listeners") !=
            std::string::npos);
  const auto broker = load(both + "process.roles=broker\nnode.id=7\nadvertised.listeners=PLAINTEXT://x:1,CONTROLLER://inside:2").config;
  CAF_CHECK((links_config_of(broker).advertised == listener_address{"CONTROLLER", "inside", 2}));
  CAF_CHECK((broker.advertised_listeners == std::vector<listener_address>{{"PLAINTEXT", "x", 1}}));
  CAF_CHECK(refused(own + "process.roles=broker\nnode.id=7").find("expected at least one listener that is not among") != std::string::npos);
  CAF_CHECK(refused(voters + "listeners=PLAINTEXT://:9092\nprocess.roles=broker\nnode.id=7")
                .ends_with("add CONTROLLER://HOST:PORT, where the "
                           "other nodes find this one. Brokers need "
                           "one here as well: they replicate over it"));
  CAF_CHECK(refused("controller.quorum.voters=1@a:1,2@b:1").find("controller.listener.names must contain at least one value") !=
            std::string::npos);
  for (const std::string role : {"broker", "controller"})
    CAF_CHECK(refused("process.roles=" + role).find("controller.quorum.voters must name the controllers") != std::string::npos);
  CAF_CHECK(refused("process.roles=").find("process.roles") != std::string::npos);
}

CAF_TEST(TLS between nodes needs its files) {
  const std::string secure = "node.id=1\ncontroller.quorum.voters=1@a:1,2@b:1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                             "controller.listener.names=CONTROLLER\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:SSL\n";
  CAF_CHECK(refused(secure).find("ssl.keystore.location (default): expected a PEM file") != std::string::npos);
  CAF_CHECK(refused(secure + "ssl.keystore.location=/k").find("ssl.truststore.location (default): expected a PEM file") !=
            std::string::npos);
  const auto files = secure + "ssl.keystore.location=/k\nssl.truststore.location=/t\n";
  const auto tls_of = [](const std::string& text) { return links_config_of(load(text).config).tls; };
  CAF_CHECK((tls_of(files) == links_tls_config{"/k", "", "/t", true}));
  CAF_CHECK((tls_of(files + "ssl.endpoint.identification.algorithm=\nssl.key.password=p") == links_tls_config{"/k", "p", "/t", false}));
  CAF_CHECK(!tls_of("ssl.keystore.type=JKS\nssl.keystore.location=/k\ncontroller.quorum.voters=1@a:1,2@b:1\nlisteners=PLAINTEXT://:9092,"
                    "C://:1\ncontroller.listener.names=C")); // nothing that would need them
  CAF_CHECK(refused(files + "ssl.keystore.type=JKS").ends_with("ssl.keystore.type=JKS: expected PEM: no other kind of file is read here"));
  CAF_CHECK(refused(files + "ssl.endpoint.identification.algorithm=http").ends_with("expected https, or nothing"));
  CAF_CHECK(refused(files + "listener.security.protocol.map=PLAINTEXT:SSL,CONTROLLER:SSL").find("only PLAINTEXT listeners") !=
            std::string::npos);
}

CAF_TEST(bounds that belong together) {
  CAF_CHECK(refused("queued.max.request.bytes=1000").find("expected at least socket.request.max.bytes (104857600)") != std::string::npos);
  CAF_CHECK_EQUAL(load("socket.request.max.bytes=536870912").config.queued_max_request_bytes, 536870912);
}

CAF_TEST(dynamic configuration lies over the static one) {
  const auto base = load("min.insync.replicas=2\nnode.id=7").config;
  auto config =
      with_dynamic(base, {{"min.insync.replicas", "3"}, {"log.retention.ms", "5"}, {"node.id", "9"}}, {{"log.retention.ms", "6"}});
  CAF_REQUIRE(config);
  CAF_CHECK_EQUAL(config->topic_defaults.min_insync_replicas, 3);
  CAF_CHECK_EQUAL(config->topic_defaults.retention_ms, 6);
  CAF_CHECK_EQUAL(config->id, 7);
  CAF_CHECK(check_dynamic_node_config("log.retention.ms", "5"));
  CAF_CHECK_EQUAL(check_dynamic_node_config("node.id", "5").error(),
                  (error{errc::invalid_request, "Cannot update these configs dynamically: [node.id]"}));
  CAF_CHECK(check_dynamic_node_config("log.cleaner.threads", "2"));
  CAF_CHECK_EQUAL(check_dynamic_node_config("background.threads", "0").error(),
                  (error{errc::invalid_request, "Invalid value 0 for configuration background.threads: Value must be at least 1"}));
  CAF_CHECK_EQUAL(check_dynamic_node_config("ssl.keystore.password", "x").error().code, errc::invalid_request);
  CAF_CHECK_EQUAL(check_dynamic_node_config("listener.name.plaintext.ssl.keystore.password", "x").error().code, errc::invalid_request);
  CAF_CHECK_EQUAL(check_dynamic_node_config("log.retention.mx", "5").error().detail,
                  "Unknown broker config name: log.retention.mx (did you mean log.retention.ms?)");
}

CAF_TEST(the sample file has no complaint) {
  auto loaded = load_node_config(std::filesystem::path{CAFKA_TEST_DATA "/../../config/server.properties"}.lexically_normal(), {}, true);
  CAF_REQUIRE(loaded);
  CAF_CHECK(loaded->warnings.empty());
  const auto& listener = loaded->config.listeners.at(0);
  CAF_CHECK_EQUAL(listener.host, "127.0.0.1");
}
