// DescribeQuorum: the voters of the metadata log and how far each has come, as their leader has it.
#include "metadata/image.hpp"
#include "net/kafka/admin_handlers.hpp"
#include "net/kafka/shared.hpp"

namespace cafka::net::kafka {

namespace {

using election::quorum_description;

std::vector<describe_quorum_response::replica_state> states_of(const std::vector<quorum_description::replica>& replicas) {
  std::vector<describe_quorum_response::replica_state> rows;
  rows.reserve(replicas.size());
  for (const auto& each : replicas)
    rows.push_back({each.key.id, each.key.directory_id, each.log_end_offset, each.last_fetch_ms, each.last_caught_up_ms});
  return rows;
}

bool asks_for_the_metadata_log(const describe_quorum_request& request) {
  return request.topics.size() == 1 && request.topics[0].topic_name == metadata::metadata_topic &&
         request.topics[0].partitions.size() == 1 && request.topics[0].partitions[0].partition_index == 0;
}

} // namespace

void answer(kafka_session& session, const describe_quorum_request& request, const call& to) {
  describe_quorum_response response;
  response.error_message = std::nullopt;
  if (!asks_for_the_metadata_log(request)) { // there is no other quorum
    for (const auto& topic : request.topics) {
      auto& row = response.topics.emplace_back();
      row.topic_name = topic.topic_name;
      for (const auto& each : topic.partitions) {
        auto& partition = row.partitions.emplace_back();
        partition.partition_index = each.partition_index;
        partition.error_code = error_code_of(errc::unknown_topic_or_partition);
        partition.error_message = "This server does not host this topic-partition.";
      }
    }
    return session.reply(to, response);
  }
  auto finish = [&session, to, response](result<quorum_description> described) mutable {
    if (!described) {
      set_error(response, described.error().code, described.error().detail);
      return session.reply(to, response);
    }
    auto& row = response.topics.emplace_back();
    row.topic_name = metadata::metadata_topic;
    auto& partition = row.partitions.emplace_back();
    partition.error_message = std::nullopt;
    partition.leader_id = described->leader;
    partition.leader_epoch = described->leader_epoch;
    partition.high_watermark = described->high_watermark;
    partition.current_voters = states_of(described->voters);
    partition.observers = states_of(described->observers);
    for (const auto& each : described->addresses)
      response.nodes.push_back({each.id, {{each.listener, each.host, each.port}}});
    session.reply(to, response);
  };
  session.node().describe_quorum(session.when_done<quorum_description>(std::move(finish)));
}

} // namespace cafka::net::kafka
