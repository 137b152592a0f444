// ListOffsets and OffsetForLeaderEpoch: questions about where a partition's log begins, ends and changed hands.
#include "net/kafka/handlers.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>
#include <set>

namespace cafka::net::kafka {

namespace {

// Brokers ask each other on a listener of their own.
constexpr node_id first_replica = 0;
constexpr auto only_consumers = "a request of a replica on a listener for clients";

// Kafka's name for "the earliest offset that is not yet being copied to tiered storage".
constexpr std::int64_t earliest_pending_upload_timestamp = -6;

// From which version on a special timestamp may be asked for; a version that does not exist for those without a meaning.
std::int16_t first_version_of(std::int64_t timestamp) {
  switch (timestamp) {
  case latest_timestamp:
  case earliest_timestamp: return 1;
  case max_timestamp: return 7;
  case earliest_local_timestamp: return 8;
  case latest_tiered_timestamp: return 9;
  case earliest_pending_upload_timestamp: return 11;
  default: return timestamp >= 0 ? std::int16_t{1} : std::numeric_limits<std::int16_t>::max();
  }
}

// A response with the same topics and partitions as the request; `number_of` finds the partition's number in a row of the request.
template <class Response, class Request, class SetNumber>
Response mirrored(const Request& request, std::size_t& count, SetNumber set_number) {
  Response response;
  response.topics.reserve(request.topics.size());
  count = 0;
  for (const auto& topic : request.topics) {
    auto& rows = response.topics.emplace_back();
    set_number(rows, topic);
    count += topic.partitions.size();
  }
  return response;
}

// Calls f(row, answer) for every partition's row of `response`, in order.
template <class Response, class Answers, class F>
void for_each_row(Response& response, Answers& answers, F f) {
  std::size_t index = 0;
  for (auto& topic : response.topics)
    for (auto& row : topic.partitions)
      f(row, answers[index++]);
}

} // namespace

void answer(kafka_session& session, const list_offsets_request& request, const call& to) {
  if (request.replica_id >= first_replica)
    return session.host().refuse(only_consumers, &to.ticket);
  if (request.isolation_level != 0 && request.isolation_level != 1)
    return session.host().refuse("isolation level " + std::to_string(request.isolation_level) + " is neither 0 nor 1", &to.ticket);
  std::size_t count = 0;
  auto response = mirrored<list_offsets_response>(request, count, [](auto& rows, const auto& topic) {
    rows.name = topic.name;
    for (const auto& each : topic.partitions)
      rows.partitions.emplace_back().partition_index = each.partition_index;
  });
  if (count > max_partitions_per_request)
    return session.host().refuse(too_many_partitions(count).value().detail, &to.ticket);

  using found = storage::timestamp_and_offset;
  const auto questions =
      session.when_all_done<found>(count, [&session, to, response = std::move(response)](std::vector<result<found>> answers) mutable {
        for_each_row(response, answers, [&](auto& row, const result<found>& answer) {
          if (!answer) {
            const bool is_too_new = answer.error().code == errc::offset_not_available && to.version < 5;
            row.error_code = error_code_of(is_too_new ? errc::leader_not_available : answer.error().code);
            return;
          }
          row.offset = answer->offset;
          row.timestamp = answer->timestamp;
          row.leader_epoch = answer->leader_epoch;
        });
        session.reply(to, response);
      });
  const auto image = session.node().image();
  std::size_t index = 0;
  for (const auto& topic : request.topics) {
    const auto* known = image->find_topic(topic.name);
    std::set<std::int32_t> seen;
    for (const auto& each : topic.partitions) {
      const auto slot = index++;
      if (!seen.insert(each.partition_index).second)
        questions->answer(slot, fail(errc::invalid_request));
      else if (to.version < first_version_of(each.timestamp))
        questions->answer(slot, fail(errc::unsupported_version));
      else if (known == nullptr || known->find_partition(each.partition_index) == nullptr)
        questions->answer(slot, fail(errc::unknown_topic_or_partition));
      else // nothing is tiered, so nothing is about to be either
        session.node().list_offset({known->id, each.partition_index}, each.current_leader_epoch,
                                   each.timestamp == earliest_pending_upload_timestamp ? latest_tiered_timestamp : each.timestamp,
                                   static_cast<isolation>(request.isolation_level), questions->slot(slot));
    }
  }
  questions->close();
}

void answer(kafka_session& session, const offset_for_leader_epoch_request& request, const call& to) {
  if (request.replica_id >= first_replica)
    return session.host().refuse(only_consumers, &to.ticket);
  std::size_t count = 0;
  auto response = mirrored<offset_for_leader_epoch_response>(request, count, [](auto& rows, const auto& topic) {
    rows.topic = topic.topic;
    for (const auto& each : topic.partitions)
      rows.partitions.emplace_back().partition = each.partition;
  });
  if (count > max_partitions_per_request)
    return session.host().refuse(too_many_partitions(count).value().detail, &to.ticket);

  const auto questions = session.when_all_done<storage::epoch_end>(
      count, [&session, to, response = std::move(response)](std::vector<result<storage::epoch_end>> answers) mutable {
        for_each_row(response, answers, [](auto& row, const result<storage::epoch_end>& answer) {
          if (!answer) {
            row.error_code = error_code_of(answer.error().code);
            return;
          }
          row.leader_epoch = answer->leader_epoch;
          row.end_offset = answer->end_offset;
        });
        session.reply(to, response);
      });
  const auto image = session.node().image();
  std::size_t index = 0;
  for (const auto& topic : request.topics) {
    const auto* known = image->find_topic(topic.topic);
    for (const auto& each : topic.partitions) {
      const auto slot = index++;
      if (known == nullptr || known->find_partition(each.partition) == nullptr)
        questions->answer(slot, fail(errc::unknown_topic_or_partition));
      else
        session.node().end_offset_for_epoch({known->id, each.partition}, each.current_leader_epoch, each.leader_epoch,
                                            questions->slot(slot));
    }
  }
  questions->close();
}

} // namespace cafka::net::kafka
