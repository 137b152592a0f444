// DescribeTopicPartitions: topics with their partitions, page by page, in the order of names.
#include "metadata/controller.hpp"
#include "metadata/replica_places.hpp"
#include "net/kafka/admin_handlers.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>
#include <set>

namespace cafka::net::kafka {

namespace {

constexpr std::int32_t max_page_partitions = 2000; // max.request.partition.size.limit

using response_topic = describe_topic_partitions_response::topic;
using response_partition = describe_topic_partitions_response::partition;

bool is_usable(const metadata::image& from, node_id broker) {
  const auto found = from.brokers().find(broker);
  return found != from.brokers().end() && !found->second.fenced;
}

response_partition describe(const metadata::image& from, std::int32_t number, const metadata::partition_registration& partition) {
  response_partition row;
  row.partition_index = number;
  row.leader_epoch = partition.leader_epoch;
  row.replica_nodes = partition.replicas;
  row.isr_nodes = partition.isr;
  row.eligible_leader_replicas = partition.elr;
  row.last_known_elr = partition.last_known_elr;
  std::ranges::copy_if(partition.replicas, std::back_inserter(row.offline_replicas),
                       [&](node_id id) { return !is_online(from, partition, id); });
  row.leader_id = partition.leader;
  if (partition.leader == no_node || !is_usable(from, partition.leader)) {
    row.leader_id = no_node;
    row.error_code = error_code_of(errc::leader_not_available);
  }
  return row;
}

} // namespace

void answer(kafka_session& session, const describe_topic_partitions_request& request, const call& to) {
  describe_topic_partitions_response response;
  const auto image = session.node().image();
  const bool all = request.topics.empty();
  std::set<std::string_view> names;
  for (const auto& topic : request.topics)
    names.insert(topic.name);
  const auto& cursor = request.cursor;
  // A cursor says where to go on in what was asked for: anything else is a mistake of the client's.
  if (cursor && (cursor->partition_index < 0 || (!all && !names.contains(cursor->topic_name)))) {
    for (const auto name : names) {
      auto& row = response.topics.emplace_back();
      row.name = name;
      row.error_code = error_code_of(errc::invalid_request);
    }
    return session.reply(to, response);
  }
  if (all)
    for (const auto& [name, topic] : image->topics())
      names.insert(name);
  auto left = std::clamp(request.response_partition_limit, 1, max_page_partitions);
  const std::string_view first = cursor ? std::string_view{cursor->topic_name} : std::string_view{};
  for (auto name = names.lower_bound(first); name != names.end(); ++name) {
    if (left == 0) {
      response.next_cursor = {std::string{*name}, 0};
      break;
    }
    auto& row = response.topics.emplace_back();
    row.name = *name;
    row.is_internal = metadata::is_internal_topic(*name);
    row.topic_authorized_operations = all_topic_operations;
    const auto* topic = image->find_topic(*name);
    if (topic == nullptr) {
      row.error_code = error_code_of(metadata::check_topic_name(*name) ? errc::unknown_topic_or_partition : errc::invalid_topic_exception);
      continue;
    }
    row.topic_id = topic->id;
    auto partition = topic->partitions.lower_bound(cursor && *name == first ? cursor->partition_index : 0);
    for (; partition != topic->partitions.end() && left > 0; ++partition, --left)
      row.partitions.push_back(describe(*image, partition->first, partition->second));
    if (partition != topic->partitions.end()) {
      response.next_cursor = {topic->name, partition->first};
      break;
    }
  }
  session.reply(to, response);
}

} // namespace cafka::net::kafka
