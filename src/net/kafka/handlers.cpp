#include "net/kafka/handlers.hpp"

#include "net/kafka/admin_handlers.hpp"

namespace cafka::net::kafka {

namespace {

struct route {
  api_key key;
  handler handle;
};

template <codec::message Request>
result<void> decode_and_answer(kafka_session& session, incoming incoming) {
  byte_reader in{incoming.body};
  const auto request = codec::decode_from<Request>(in, incoming.version, max_decoded_bytes);
  if (!request)
    return tl::unexpected(request.error());
  answer(session, *request, session.begin(incoming));
  return {};
}

template <codec::message Request>
constexpr route usual() {
  return {static_cast<api_key>(Request::info.api_key), decode_and_answer<Request>};
}

// In ascending order of keys.
constexpr std::array routes{
    route{api_key::produce, handle_produce},
    route{api_key::fetch, handle_fetch},
    usual<list_offsets_request>(),
    usual<metadata_request>(),
    usual<find_coordinator_request>(),
    usual<api_versions_request>(),
    usual<create_topics_request>(),
    usual<delete_topics_request>(),
    usual<delete_records_request>(),
    usual<init_producer_id_request>(),
    usual<offset_for_leader_epoch_request>(),
    usual<describe_configs_request>(),
    usual<alter_configs_request>(),
    usual<describe_log_dirs_request>(),
    usual<create_partitions_request>(),
    usual<elect_leaders_request>(),
    usual<incremental_alter_configs_request>(),
    usual<describe_quorum_request>(),
    usual<describe_cluster_request>(),
    usual<list_config_resources_request>(),
    usual<describe_topic_partitions_request>(),
};
static_assert(std::ranges::is_sorted(routes, {}, &route::key));

} // namespace

handler find_handler(api_key key) noexcept {
  const auto found = std::ranges::lower_bound(routes, key, {}, &route::key);
  return found != routes.end() && found->key == key ? found->handle : nullptr;
}

} // namespace cafka::net::kafka
