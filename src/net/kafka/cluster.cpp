// DescribeCluster, and what several APIs say of the cluster.
#include "net/endpoints.hpp"
#include "net/kafka/handlers.hpp"
#include "net/kafka/shared.hpp"

namespace cafka::net::kafka {

void answer(kafka_session& session, const describe_cluster_request& request, const call& to) {
  constexpr std::int8_t brokers = 1, controllers = 2;
  describe_cluster_response response;
  response.endpoint_type = request.endpoint_type;
  if (request.endpoint_type != brokers) {
    const bool is_known = request.endpoint_type == controllers;
    set_error(response, is_known ? errc::mismatched_endpoint_type : errc::unsupported_endpoint_type,
              is_known ? "this is a listener of brokers, not of controllers" : "no endpoint has that type");
    return session.reply(to, response);
  }
  const auto image = session.node().image();
  response.cluster_id = session.node().describe_node().cluster_id;
  response.controller_id = session.node().controller_id();
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = all_cluster_operations;
  for (const auto& [id, broker] : image->brokers()) {
    const auto* address = endpoint_for(broker, session.host().listener_name());
    if (address == nullptr || (broker.fenced && !request.include_fenced_brokers))
      continue;
    response.brokers.push_back({id, address->host, address->port, rack_of(broker), broker.fenced});
  }
  session.reply(to, response);
}

} // namespace cafka::net::kafka
