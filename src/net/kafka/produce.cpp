// Produce: each batch, still lying in its frame, goes to its partition's actor.
#include "net/produce_operation.hpp"

#include "metadata/controller.hpp"
#include "net/kafka/handlers.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>
#include <limits>

namespace cafka::net::kafka {

namespace {

struct asked_topic {
  std::string name; // as the client said it: in versions that name topics
  uuid id; // zero: there is no such topic
  std::size_t partition_count = 0;
};

class produce_reply final : public produce_operation {
public:
  produce_reply(const std::shared_ptr<kafka_session>& session, const call& to, bool wants_answer, std::size_t topics,
                std::size_t partitions)
      : produce_operation(session, partitions), session_(*session), to_(to), wants_answer_(wants_answer) {
    topics_.reserve(topics);
    numbers_.reserve(partitions);
  }

  // In the order of the request.
  void add_topic(asked_topic topic) { topics_.push_back(std::move(topic)); }
  void add_partition(std::int32_t number) { numbers_.push_back(number); }

private:
  void finish() override {
    if (wants_answer_)
      return answer();
    if (const auto why = failure_without_answer(); !why.empty())
      return session_.host().refuse(why, &to_.ticket);
    session_.host().respond(to_.ticket, {});
  }

  void answer() {
    // One per shard: nothing else runs there until the response is encoded, and its arrays keep their memory.
    thread_local produce_response response;
    response.node_endpoints.clear();
    const auto image = session_.node().image(); // the endpoints are views of it
    response.responses.resize(topics_.size());
    std::size_t index = 0;
    for (std::size_t i = 0; i < topics_.size(); ++i) {
      auto& topic = response.responses[i];
      topic.name = topics_[i].name;
      topic.topic_id = topics_[i].id;
      topic.partition_responses.resize(topics_[i].partition_count);
      for (auto& row : topic.partition_responses) {
        fill(row, numbers_[index], outcomes_[index]);
        if (outcomes_[index].code == errc::not_leader_or_follower && to_.version >= 10)
          name_leader(response, row.current_leader, *image, session_.host().listener_name(), {topics_[i].id, row.index});
        ++index;
      }
    }
    session_.reply(to_, response);
    if (index > kept_partitions)
      response = {};
  }

  static void fill(produce_response::partition& row, std::int32_t number, produce_outcome& outcome) {
    row.index = number;
    // Of Kafka's codes for "not written, try again" this is the one that every client tries again at.
    row.error_code = error_code_of(outcome.code == errc::too_many_requests ? errc::not_enough_replicas : outcome.code);
    row.base_offset = outcome.base_offset;
    row.log_append_time_ms = outcome.log_append_time_ms;
    row.log_start_offset = outcome.log_start_offset;
    row.current_leader = {};
    if (outcome.message.empty())
      row.error_message.reset();
    else
      row.error_message = std::move(outcome.message);
  }

  kafka_session& session_;
  const call to_;
  const bool wants_answer_;
  one_or_more<asked_topic> topics_;
  one_or_more<std::int32_t> numbers_; // of the partitions, topic after topic
};

// What needs no partition to be refused.
produce_outcome refusal(const produce_request& request, std::int32_t number, bool by_id, const metadata::topic_image* known) {
  produce_outcome outcome;
  if (request.acks < -1 || request.acks > 1) {
    outcome.code = errc::invalid_required_acks;
    outcome.message = "acks " + std::to_string(request.acks) + " is not one of -1, 0 and 1";
  } else if (request.transactional_id) {
    outcome.code = errc::transactional_id_authorization_failed;
    outcome.message = "transactions are not served";
  } else if (known == nullptr) {
    outcome.code = by_id ? errc::unknown_topic_id : errc::unknown_topic_or_partition;
  } else if (known->find_partition(number) == nullptr) {
    outcome.code = errc::unknown_topic_or_partition;
    outcome.message = known->name + " has no partition " + std::to_string(number);
  } else if (metadata::is_internal_topic(known->name)) {
    outcome.code = errc::invalid_topic_exception;
    outcome.message = "clients do not write to internal topics";
  }
  return outcome;
}

// The decoder saw the frame as read-only; the partition writes offset and epoch into the batch where it lies.
mutable_byte_span writable(const frame& owner, byte_span part) {
  const auto all = owner.bytes();
  return part.empty() ? mutable_byte_span{} : all.subspan(static_cast<std::size_t>(part.data() - all.data()), part.size());
}

void produce(kafka_session& session, const produce_request& request, const incoming& in) {
  const auto to = session.begin(in);
  std::size_t count = 0;
  for (const auto& topic : request.topic_data)
    count += topic.partition_data.size();
  const auto operation = std::make_shared<produce_reply>(session.self(), to, request.acks != 0, request.topic_data.size(), count);
  const bool by_id = in.version >= 13;
  const auto image = session.node().image();
  const auto deadline = session.loop().now_ms() + std::clamp(request.timeout_ms, 0, longest_wait_ms);
  std::uint32_t index = 0;
  for (const auto& topic : request.topic_data) {
    const auto* known = by_id ? image->find_topic(topic.topic_id) : image->find_topic(topic.name);
    asked_topic asked{std::string{topic.name}, by_id || known == nullptr ? topic.topic_id : known->id, topic.partition_data.size()};
    const auto id = asked.id;
    for (const auto& each : topic.partition_data) {
      operation->add_partition(each.index);
      if (auto refused = refusal(request, each.index, by_id, known); refused.code != errc::none) {
        operation->produce_done(index++, std::move(refused));
        continue;
      }
      const auto batch = each.records ? writable(*in.frame, each.records->bytes) : mutable_byte_span{};
      session.node().produce({{id, each.index}, -1, static_cast<required_acks>(request.acks), deadline, in.frame, batch}, index++,
                             operation);
    }
    operation->add_topic(std::move(asked));
  }
  operation->close();
}

} // namespace

result<void> handle_produce(kafka_session& session, incoming in) {
  // One per shard, as above: the request is handled in one go.
  thread_local produce_request request;
  byte_reader body{in.body};
  auto decoded = codec::decode_into(request, body, in.version, max_decoded_bytes);
  std::size_t asked = 0;
  auto held = request.topic_data.capacity();
  for (const auto& topic : request.topic_data) {
    asked += topic.partition_data.size();
    held += topic.partition_data.capacity();
  }
  if (decoded && asked > max_partitions_per_request)
    decoded = too_many_partitions(asked);
  if (decoded)
    produce(session, request, in);
  if (held > kept_partitions)
    request = {};
  return decoded;
}

} // namespace cafka::net::kafka
