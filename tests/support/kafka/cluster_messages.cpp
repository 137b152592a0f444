#include "net/kafka/messages/api_versions.hpp"
#include "net/kafka/messages/describe_cluster.hpp"
#include "net/kafka/messages/describe_quorum.hpp"
#include "net/kafka/messages/header.hpp"
#include "net/kafka/messages/init_producer_id.hpp"
#include "net/kafka/messages/metadata.hpp"
#include "support/kafka/message_access.hpp"

namespace cafka::test {

void add_cluster_messages(std::vector<kafka_message>& to) {
  using namespace net::kafka;
  add_messages<api_versions_request, api_versions_response, describe_cluster_request, describe_cluster_response, describe_quorum_request,
               describe_quorum_response, request_header, response_header, init_producer_id_request, init_producer_id_response,
               metadata_request, metadata_response>(to);
}

} // namespace cafka::test
