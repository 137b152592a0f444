// Requests about the cluster as a whole: its brokers, its quorum, who is to lead.
#include "net/endpoints.hpp"
#include "net/native/wire.hpp"

#include <algorithm>

namespace cafka::net::native {

namespace {

using election::quorum_description;

void set_replica(wire::DescribeQuorumResponse::Replica& to, const quorum_description::replica& from, const quorum_description& whole) {
  to.set_node_id(from.key.id);
  set_uuid(*to.mutable_directory_id(), from.key.directory_id);
  to.set_log_end_offset(from.log_end_offset);
  to.set_last_fetch_ms(from.last_fetch_ms);
  to.set_last_caught_up_ms(from.last_caught_up_ms);
  const auto found = std::ranges::find(whole.addresses, from.key.id, &quorum_description::address::id);
  if (found != whole.addresses.end()) {
    to.set_host(found->host);
    to.set_port(found->port);
  }
}

} // namespace

void native_session::elect_leaders(const request_header& request, const call& to) {
  const auto& asked = request.elect_leaders();
  if (asked.type() != 0 && asked.type() != 1)
    return reply_error(to, errc::invalid_request,
                       "election type " + std::to_string(asked.type()) + " is neither 0 (preferred) nor 1 (unclean)");
  std::vector<topic_partition> partitions;
  partitions.reserve(static_cast<std::size_t>(asked.partitions_size()));
  for (const auto& each : asked.partitions())
    partitions.push_back({each.topic(), each.partition()});
  using outcomes = std::vector<metadata::election_outcome>;
  with_.node.elect_leaders(static_cast<metadata::election_kind>(asked.type()), std::move(partitions),
                           when_done<outcomes>([this, to](result<outcomes> done) {
                             if (!done)
                               return reply_error(to, done.error().code, done.error().detail);
                             reply(to, [&](wire::ResponseHeader& header) {
                               auto& response = *header.mutable_elect_leaders();
                               for (auto& outcome : *done) {
                                 auto& each = *response.add_outcomes();
                                 each.set_topic(std::move(outcome.partition.topic));
                                 each.set_partition(outcome.partition.partition);
                                 set_error(each, outcome.code, std::move(outcome.message));
                               }
                             });
                           }));
}

void native_session::describe_quorum(const call& to) {
  with_.node.describe_quorum(when_done<quorum_description>([this, to](const result<quorum_description>& described) {
    if (!described)
      return reply_error(to, described.error().code, described.error().detail);
    reply(to, [&](wire::ResponseHeader& header) {
      auto& response = *header.mutable_describe_quorum();
      response.set_leader_id(described->leader);
      response.set_leader_epoch(described->leader_epoch);
      response.set_high_watermark(described->high_watermark);
      for (const auto& each : described->voters)
        set_replica(*response.add_voters(), each, *described);
      for (const auto& each : described->observers)
        set_replica(*response.add_observers(), each, *described);
    });
  }));
}

void native_session::describe_brokers(const call& to) {
  const auto image = with_.node.image();
  reply(to, [&](wire::ResponseHeader& header) {
    auto& response = *header.mutable_describe_brokers();
    for (const auto& [id, broker] : image->brokers()) {
      auto& each = *response.add_brokers();
      each.mutable_broker()->set_node_id(id);
      if (const auto* address = endpoint_for(broker, host().listener_name()); address != nullptr) {
        each.mutable_broker()->set_host(address->host);
        each.mutable_broker()->set_port(address->port);
      }
      each.mutable_broker()->set_rack(broker.rack);
      each.set_fenced(broker.fenced);
      each.set_in_controlled_shutdown(broker.in_controlled_shutdown);
      each.set_broker_epoch(broker.broker_epoch);
    }
  });
}

} // namespace cafka::net::native
