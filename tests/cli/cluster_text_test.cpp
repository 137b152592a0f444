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
