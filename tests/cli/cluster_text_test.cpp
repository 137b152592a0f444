#define CAF_SUITE cluster_text
#include "cli/cluster_text.hpp"

#include <caf/test/dsl.hpp>
#include <nlohmann/json.hpp>

using namespace cafka;
using namespace cafka::cli;

namespace {

const client::broker first{1, "127.0.0.1", 9092, "a"};
const client::broker second{2, "::1", 9093, ""};
const auto down = fail(errc::broker_not_available, "cannot connect to [::1]:9093: Connection refused");

} // namespace

CAF_TEST(a cluster with a node that is down) {
  const client::cluster_description cluster{"the-id", 1, {first, second}};
  const std::vector<client::node_description> nodes{{first, client::server_software{"cafka 1.2", 1}}, {second, down}};
  CAF_CHECK_EQUAL(cluster_text(cluster, nodes),
                  "ClusterId: the-id\tController: 1\tNodes: 2\n"
                  "\tNode: 1\tAddress: 127.0.0.1:9092\tRack: a\tSoftware: cafka 1.2\tNativeProtocol: 1\n"
                  "\tNode: 2\tAddress: [::1]:9093\tRack: \tError: BROKER_NOT_AVAILABLE: cannot connect to [::1]:9093: Connection refused "
                  "(is the node running, and may it be reached by what its advertised.listeners says?)\n");
  const auto json = nlohmann::json::parse(cluster_json(cluster, nodes));
  CAF_CHECK_EQUAL(json["cluster_id"].get<std::string>(), "the-id");
  CAF_CHECK_EQUAL(json["nodes"][0]["software"].get<std::string>(), "cafka 1.2");
  CAF_CHECK(json["nodes"][0]["error"].is_null());
  CAF_CHECK(json["nodes"][1]["software"].is_null() && json["nodes"][1]["rack"].is_null());
  CAF_CHECK(json["nodes"][1]["error"].get<std::string>().starts_with("BROKER_NOT_AVAILABLE"));
  CAF_CHECK(cluster_text({"the-id", no_node, {}}, {}) == "ClusterId: the-id\tController: none\tNodes: 0\n");
}

CAF_TEST(the APIs of a node) {
  const client::node_apis node{first, client::api_list{{{0, "Produce", 0, 13}, {1, "Fetch", 4, 18}}, {{"metadata.version", 29}}, 12}};
  CAF_CHECK_EQUAL(apis_text(node), "Node: 1\tAddress: 127.0.0.1:9092\tApis: 2\tFeatures: 1\tFeaturesEpoch: 12\n"
                                   "\tApi: Produce\tKey: 0\tMinVersion: 0\tMaxVersion: 13\n"
                                   "\tApi: Fetch\tKey: 1\tMinVersion: 4\tMaxVersion: 18\n"
                                   "\tFeature: metadata.version\tFinalizedLevel: 29\n");
  const auto line = apis_json(node);
  CAF_CHECK_EQUAL(std::count(line.begin(), line.end(), '\n'), 1);
  const auto json = nlohmann::json::parse(line);
  CAF_CHECK_EQUAL(json["apis"][1]["max_version"].get<int>(), 18);
  CAF_CHECK_EQUAL(json["finalized_features"][0]["level"].get<int>(), 29);
}

CAF_TEST(a node that cannot be asked) {
  const client::node_apis unknown{{.id = 7}, fail(errc::broker_id_not_registered, "the cluster has no node 7; it has 1")};
  CAF_CHECK_EQUAL(apis_text(unknown), "Node: 7\tAddress: unknown\tError: BROKER_ID_NOT_REGISTERED: the cluster has no node 7; it has 1\n");
  const auto json = nlohmann::json::parse(apis_json(unknown));
  CAF_CHECK(json["apis"].empty() && json["error"].get<std::string>().starts_with("BROKER_ID_NOT_REGISTERED"));
  CAF_CHECK(apis_text({first, fail(errc::unsupported_version, "not known")}).find("older cafka") != std::string::npos);
}

namespace {

client::topic_description topic(std::vector<client::partition_description> partitions, std::int32_t min_isr) {
  client::topic_description made;
  made.name = "t";
  made.partitions = std::move(partitions);
  made.min_insync_replicas = min_isr;
  return made;
}

// One that is well, one with a replica too few, one too few for acks=all, one that nobody leads.
const std::vector<client::topic_description> topics{topic({{0, 1, 0, {1, 2, 3}, {1, 2, 3}, {}, {}},
                                                           {1, 3, 0, {2, 3, 1}, {3, 1}, {}, {}},
                                                           {2, 1, 0, {1, 2, 3}, {1}, {}, {}},
                                                           {3, no_node, 0, {2}, {}, {}, {}}},
                                                          2)};

const client::quorum_description quorum{
    1,
    4,
    60,
    {{1, {}, 61, 10'000, 10'000, "h", 1}, {2, {}, 50, 9'900, 9'000, "h", 2}, {3, {}, -1, -1, -1, "h", 3}},
    {{5, {}, 61, 9'999, 9'999, "", 0}}};

} // namespace

CAF_TEST(what is wrong with partitions) {
  const auto counts = count_health(topics);
  CAF_CHECK_EQUAL(counts.topics, 1u);
  CAF_CHECK_EQUAL(counts.partitions, 4u);
  CAF_CHECK_EQUAL(counts.unavailable, 1u);
  CAF_CHECK_EQUAL(counts.under_replicated, 3u);
  CAF_CHECK_EQUAL(counts.under_min_isr, 2u);
  CAF_CHECK_EQUAL(counts.led_by_another, 1u);
  const auto matching = [](partition_filter filter) {
    auto left = topics;
    keep_matching(left, filter);
    std::vector<std::int32_t> numbers;
    for (const auto& each : left)
      for (const auto& partition : each.partitions)
        numbers.push_back(partition.partition);
    return numbers;
  };
  using numbers = std::vector<std::int32_t>;
  CAF_CHECK((matching({.unavailable = true}) == numbers{3}));
  CAF_CHECK((matching({.under_replicated = true}) == numbers{1, 2, 3}));
  CAF_CHECK((matching({.under_min_isr = true}) == numbers{2, 3}));
  std::vector<client::topic_description> well{topic({topics[0].partitions[0]}, 2)};
  keep_matching(well, {.under_replicated = true});
  CAF_CHECK(well.empty());
}

CAF_TEST(a cluster at a glance) {
  client::quorum_description whole{1, 4, 60, {{1, {}, 61, 10'000, 10'000, "h", 1}}, {}};
  cluster_status status{{"the-id", 1, {first}}, {{first, false, false, 3}}, whole, count_health({topic({topics[0].partitions[0]}, 2)})};
  CAF_CHECK(status.is_healthy());
  CAF_CHECK_EQUAL(status_text(status), "Cluster:     the-id, healthy\n"
                                       "Brokers:     1 registered, 0 down\n"
                                       "Quorum:      led by 1 in epoch 4, 1 of 1 voters in touch, committed up to offset 60\n"
                                       "Partitions:  1 of 1 topics\n"
                                       "             0 unavailable (nobody leads them)\n"
                                       "             0 under min.insync.replicas (acks=all is refused)\n"
                                       "             0 under-replicated\n"
                                       "             0 led by another than the preferred replica\n");
  CAF_CHECK_EQUAL(nlohmann::json::parse(status_json(status))["healthy"].get<bool>(), true);
  for (int what = 0; what < 4; ++what) {
    auto ill = status;
    if (what == 0)
      ill.brokers.push_back({second, true, false, 4});
    else if (what == 1)
      ill.quorum = quorum;
    else if (what == 2)
      ill.health = count_health(topics);
    else
      ill.quorum = fail(errc::request_timed_out, "no controller");
    CAF_CHECK(!ill.is_healthy());
    CAF_CHECK(status_text(ill).find("NOT healthy") != std::string::npos);
    CAF_CHECK_EQUAL(nlohmann::json::parse(status_json(ill))["healthy"].get<bool>(), false);
  }
  status.brokers.push_back({second, true, false, 4});
  CAF_CHECK(status_text(status).find("2 registered, 1 down: 2\n") != std::string::npos);
}

CAF_TEST(brokers with what they lead and hold) {
  const std::vector<client::broker_description> brokers{
      {first, false, false, 3}, {second, true, false, 4}, {{3, "h", 1, ""}, false, true, 5}};
  CAF_CHECK_EQUAL(brokers_text(brokers, topics),
                  "Node: 1\tAddress: 127.0.0.1:9092\tRack: a\tState: up\tLeads: 2\tReplicas: 3\tInSync: 3\tBrokerEpoch: 3\n"
                  "Node: 2\tAddress: [::1]:9093\tRack: \tState: down\tLeads: 0\tReplicas: 4\tInSync: 1\tBrokerEpoch: 4\n"
                  "Node: 3\tAddress: h:1\tRack: \tState: leaving\tLeads: 1\tReplicas: 3\tInSync: 2\tBrokerEpoch: 5\n");
  const auto json = nlohmann::json::parse(brokers_json(brokers, topics));
  CAF_CHECK_EQUAL(json[1]["state"].get<std::string>(), "down");
  CAF_CHECK_EQUAL(json[0]["leads"].get<int>(), 2);
}

CAF_TEST(a quorum with a follower behind and one never seen) {
  const auto none = uuid{}.to_string();
  CAF_CHECK_EQUAL(
      quorum_text(quorum),
      "Leader: 1\tEpoch: 4\tHighWatermark: 60\n"
      "\tNode: 1\tAddress: h:1\tRole: leader\tLogEndOffset: 61\tLag: 0\tLastFetch: 0 ms ago\tLastCaughtUp: 0 ms ago\tDirectory: " +
          none +
          "\n"
          "\tNode: 2\tAddress: h:2\tRole: follower\tLogEndOffset: 50\tLag: 11\tLastFetch: 100 ms ago\tLastCaughtUp: 1000 ms "
          "ago\tDirectory: " +
          none +
          "\n"
          "\tNode: 3\tAddress: h:3\tRole: follower\tLogEndOffset: unknown\tLag: unknown\tLastFetch: never\tLastCaughtUp: "
          "never\tDirectory: " +
          none +
          "\n"
          "\tNode: 5\tAddress: unknown\tRole: observer\tLogEndOffset: 61\tLag: 0\tLastFetch: 1 ms ago\tLastCaughtUp: 1 ms "
          "ago\tDirectory: " +
          none + "\n");
  const auto json = nlohmann::json::parse(quorum_json(quorum));
  CAF_CHECK_EQUAL(json["replicas"][1]["lag"].get<int>(), 11);
  CAF_CHECK_EQUAL(json["replicas"][3]["role"].get<std::string>(), "observer");
}
