// Metadata: brokers, and topics with their partitions' leaders; creates topics that are asked for and missing.
#include "metadata/controller.hpp"
#include "metadata/replica_places.hpp"
#include "net/endpoints.hpp"
#include "net/kafka/handlers.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>

namespace cafka::net::kafka {

namespace {

using metadata::image;
using metadata::topic_image;

// A request with nothing in it that belongs to its frame: the answer may have to wait for topics to be created.
struct metadata_query {
  bool all_topics = false;
  bool with_topic_operations = false;
  bool with_cluster_operations = false;
  std::vector<std::string> names;
  std::vector<uuid> ids;
};

bool is_usable(const image& from, node_id broker) {
  const auto found = from.brokers().find(broker);
  return found != from.brokers().end() && !found->second.fenced;
}

metadata_response::partition describe(const image& from, std::int32_t number, const metadata::partition_registration& partition) {
  metadata_response::partition row;
  row.partition_index = number;
  row.leader_epoch = partition.leader_epoch;
  row.replica_nodes = partition.replicas;
  row.isr_nodes = partition.isr;
  std::ranges::copy_if(partition.replicas, std::back_inserter(row.offline_replicas),
                       [&](node_id id) { return !is_online(from, partition, id); });
  row.leader_id = partition.leader;
  if (partition.leader == no_node || !is_usable(from, partition.leader)) {
    row.leader_id = no_node;
    row.error_code = error_code_of(errc::leader_not_available);
  }
  return row;
}

metadata_response::topic describe(const image& from, const topic_image& topic, const metadata_query& query) {
  metadata_response::topic row;
  row.name = topic.name;
  row.topic_id = topic.id;
  row.is_internal = metadata::is_internal_topic(topic.name);
  if (query.with_topic_operations)
    row.topic_authorized_operations = all_topic_operations;
  row.partitions.reserve(topic.partitions.size());
  for (const auto& [number, partition] : topic.partitions)
    row.partitions.push_back(describe(from, number, partition));
  return row;
}

metadata_response::topic missing(std::optional<std::string> name, const uuid& id, errc code) {
  metadata_response::topic row;
  row.error_code = error_code_of(code);
  row.is_internal = name && metadata::is_internal_topic(*name);
  row.name = std::move(name);
  row.topic_id = id;
  return row;
}

errc why_missing(const std::string& name) {
  return metadata::check_topic_name(name) ? errc::unknown_topic_or_partition : errc::invalid_topic_exception;
}

metadata_response describe(kafka_session& session, const metadata_query& query) {
  const auto image = session.node().image();
  metadata_response response;
  response.cluster_id = session.node().describe_node().cluster_id;
  response.controller_id = session.node().controller_id();
  if (query.with_cluster_operations)
    response.cluster_authorized_operations = all_cluster_operations;
  for (const auto& [id, broker] : image->brokers())
    if (const auto* address = endpoint_for(broker, session.host().listener_name()); address != nullptr && !broker.fenced)
      response.brokers.push_back({id, address->host, address->port, rack_of(broker)});
  if (query.all_topics)
    for (const auto& [name, topic] : image->topics())
      response.topics.push_back(describe(*image, *topic, query));
  for (const auto& id : query.ids) {
    const auto* topic = image->find_topic(id);
    response.topics.push_back(topic != nullptr ? describe(*image, *topic, query) : missing(std::nullopt, id, errc::unknown_topic_id));
  }
  for (const auto& name : query.names) {
    const auto* topic = image->find_topic(name);
    response.topics.push_back(topic != nullptr ? describe(*image, *topic, query) : missing(name, {}, why_missing(name)));
  }
  return response;
}

// What is to be created before the answer: as in Kafka only what was asked for by its name.
std::vector<metadata::new_topic> to_create(const image& from, const metadata_query& query) {
  std::vector<metadata::new_topic> topics;
  for (const auto& name : query.names)
    if (from.find_topic(name) == nullptr && metadata::check_topic_name(name) && !metadata::is_internal_topic(name) &&
        std::ranges::find(topics, name, &metadata::new_topic::name) == topics.end())
      topics.emplace_back().name = name;
  return topics;
}

} // namespace

void answer(kafka_session& session, const metadata_request& request, const call& to) {
  metadata_query query;
  query.with_topic_operations = request.include_topic_authorized_operations;
  query.with_cluster_operations = request.include_cluster_authorized_operations;
  query.all_topics = !request.topics || (to.version == 0 && request.topics->empty());
  bool is_wrong = false;
  if (request.topics)
    for (const auto& each : *request.topics) {
      // Before version 12 these fields exist but may not be used.
      is_wrong = is_wrong || (to.version < 12 && (!each.name || !each.topic_id.is_zero()));
      if (!each.topic_id.is_zero())
        query.ids.push_back(each.topic_id);
      else
        query.names.emplace_back(each.name.value_or(std::string_view{}));
    }
  if (is_wrong) {
    metadata_response response;
    for (const auto& each : *request.topics)
      response.topics.push_back(missing(std::string{each.name.value_or(std::string_view{})}, each.topic_id, errc::invalid_request));
    return session.reply(to, response);
  }
  if (!query.ids.empty()) // one or the other: ids win
    query.names.clear();

  std::vector<metadata::new_topic> topics;
  if (session.context().auto_create_topics && request.allow_auto_topic_creation)
    topics = to_create(*session.node().image(), query);
  if (topics.empty())
    return session.reply(to, describe(session, query));
  using outcomes = std::vector<metadata::topic_outcome>;
  session.node().create_topics(std::move(topics), false,
                               session.when_done<outcomes>([&session, to, query = std::move(query)](const result<outcomes>& created) {
                                 auto response = describe(session, query);
        // What could not be created is unknown still; the exception is a name that can never be.
                                 if (created)
                                   for (const auto& outcome : *created)
                                     if (outcome.code == errc::invalid_topic_exception)
                                       for (auto& row : response.topics)
                                         if (row.name == outcome.name)
                                           row.error_code = error_code_of(outcome.code);
                                 session.reply(to, response);
                               }));
}

} // namespace cafka::net::kafka
