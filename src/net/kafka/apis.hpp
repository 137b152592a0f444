// The APIs of Kafka's protocol that are served, in the versions that ApiVersions advertises. Clients rely on every version in a range,
// so an API enters the table only when it works in full in all of them.
#pragma once
#include "net/kafka/messages/alter_configs.hpp"
#include "net/kafka/messages/api_versions.hpp"
#include "net/kafka/messages/create_partitions.hpp"
#include "net/kafka/messages/create_topics.hpp"
#include "net/kafka/messages/delete_records.hpp"
#include "net/kafka/messages/delete_topics.hpp"
#include "net/kafka/messages/describe_cluster.hpp"
#include "net/kafka/messages/describe_configs.hpp"
#include "net/kafka/messages/describe_log_dirs.hpp"
#include "net/kafka/messages/describe_quorum.hpp"
#include "net/kafka/messages/describe_topic_partitions.hpp"
#include "net/kafka/messages/elect_leaders.hpp"
#include "net/kafka/messages/fetch.hpp"
#include "net/kafka/messages/find_coordinator.hpp"
#include "net/kafka/messages/header.hpp"
#include "net/kafka/messages/incremental_alter_configs.hpp"
#include "net/kafka/messages/init_producer_id.hpp"
#include "net/kafka/messages/list_config_resources.hpp"
#include "net/kafka/messages/list_offsets.hpp"
#include "net/kafka/messages/metadata.hpp"
#include "net/kafka/messages/offset_for_leader_epoch.hpp"
#include "net/kafka/messages/produce.hpp"

#include <algorithm>
#include <array>

namespace cafka::net::kafka {

enum class api_key : std::int16_t {
  produce = 0,
  fetch = 1,
  list_offsets = 2,
  metadata = 3,
  find_coordinator = 10,
  api_versions = 18,
  create_topics = 19,
  delete_topics = 20,
  delete_records = 21,
  init_producer_id = 22,
  offset_for_leader_epoch = 23,
  describe_configs = 32,
  alter_configs = 33,
  describe_log_dirs = 35,
  create_partitions = 37,
  elect_leaders = 43,
  incremental_alter_configs = 44,
  describe_quorum = 55,
  describe_cluster = 60,
  list_config_resources = 74,
  describe_topic_partitions = 75,
};

struct api {
  api_key key{};
  std::string_view name; // as Kafka's error messages and metrics have it: "Produce"
  codec::version_range served;
  std::int16_t lowest_advertised = 0; // below served.lowest those versions are listed, and refused
  codec::version_range flexible = codec::no_versions;

  [[nodiscard]] constexpr std::int16_t request_header_version(std::int16_t version) const noexcept {
    return flexible.contains(version) ? 2 : 1;
  }
  // That of ApiVersions is read by clients that do not know yet what the broker speaks, so it never changes.
  [[nodiscard]] constexpr std::int16_t response_header_version(std::int16_t version) const noexcept {
    return flexible.contains(version) && key != api_key::api_versions ? 1 : 0;
  }
};

template <codec::message Request, codec::message Response>
constexpr api api_of() {
  constexpr auto& info = Request::info;
  static_assert(info.api_key == Response::info.api_key && info.valid == Response::info.valid && info.flexible == Response::info.flexible);
  return {static_cast<api_key>(info.api_key), info.name.substr(0, info.name.size() - std::string_view{"Request"}.size()), info.valid,
          info.valid.lowest, info.flexible};
}

// librdkafka turns its features on by Produce versions below 3, which no broker serves any more (KAFKA-18659).
constexpr api produce_api() {
  auto made = api_of<produce_request, produce_response>();
  made.lowest_advertised = 0;
  return made;
}

// In ascending order of keys.
inline constexpr std::array served_apis{
    produce_api(),
    api_of<fetch_request, fetch_response>(),
    api_of<list_offsets_request, list_offsets_response>(),
    api_of<metadata_request, metadata_response>(),
    api_of<find_coordinator_request, find_coordinator_response>(),
    api_of<api_versions_request, api_versions_response>(),
    api_of<create_topics_request, create_topics_response>(),
    api_of<delete_topics_request, delete_topics_response>(),
    api_of<delete_records_request, delete_records_response>(),
    api_of<init_producer_id_request, init_producer_id_response>(),
    api_of<offset_for_leader_epoch_request, offset_for_leader_epoch_response>(),
    api_of<describe_configs_request, describe_configs_response>(),
    api_of<alter_configs_request, alter_configs_response>(),
    api_of<describe_log_dirs_request, describe_log_dirs_response>(),
    api_of<create_partitions_request, create_partitions_response>(),
    api_of<elect_leaders_request, elect_leaders_response>(),
    api_of<incremental_alter_configs_request, incremental_alter_configs_response>(),
    api_of<describe_quorum_request, describe_quorum_response>(),
    api_of<describe_cluster_request, describe_cluster_response>(),
    api_of<list_config_resources_request, list_config_resources_response>(),
    api_of<describe_topic_partitions_request, describe_topic_partitions_response>(),
};
static_assert(std::ranges::is_sorted(served_apis, {}, &api::key));

// nullptr: not served.
constexpr const api* find_api(std::int16_t key) noexcept {
  const auto found = std::ranges::lower_bound(served_apis, key, {}, [](const api& each) { return static_cast<std::int16_t>(each.key); });
  return found != served_apis.end() && static_cast<std::int16_t>(found->key) == key ? &*found : nullptr;
}

} // namespace cafka::net::kafka
