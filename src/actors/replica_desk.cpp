#include "actors/replica_desk.hpp"

#include <caf/send.hpp>

namespace cafka::actors {

using replication::replica_fetch_request;
using replication::replica_fetch_response;

replica_desk::replica_desk(caf::actor_config& config, shard* home, origin self, const snapshot<routing_table>* routes)
    : shard_actor(config, home), self_(self), routes_(routes) {}

replica_desk::behavior_type replica_desk::make_behavior() {
  return {
      [this](const link_event& event) { obey(event); },
      [this](replica_message& message) { receive(message); },
      [this](replica_outgoing& message) { send(message); },
  };
}

void replica_desk::on_exit() { peers_.clear(); }

void replica_desk::obey(const link_event& event) {
  if (const auto* up = std::get_if<link_up>(&event.what)) {
    auto& other = peers_[up->id];
    if (!other.desk)
      other.load = std::make_shared<std::atomic<std::int64_t>>(0);
    other.incarnation_id = up->incarnation_id;
    other.desk = up->replicas;
    other.may_ask = up->may_ask;
    if (!other.may_ask)
      return;
    for (const auto& [which, request] : other.unanswered)
      caf::anon_send(other.desk, replica_message{self_, which, request, {}});
  } else if (const auto* down = std::get_if<link_down>(&event.what)) {
    auto& other = peers_[down->id];
    other.desk = nullptr;
    other.load = nullptr;
    other.may_ask = false;
  }
}

partition_actor replica_desk::find(const topic_id_partition& which) const {
  const auto* topic = routes_->load()->find(which.topic_id);
  const auto number = static_cast<std::size_t>(which.partition);
  return topic && which.partition >= 0 && number < topic->by_partition.size() ? topic->by_partition[number] : partition_actor{};
}

void replica_desk::receive(replica_message& message) {
  const auto known = peers_.find(message.from.id);
  if (known == peers_.end() || !known->second.desk || known->second.incarnation_id != message.from.incarnation_id)
    return;
  auto& other = known->second;
  const auto here = find(message.partition);
  if (auto* response = std::get_if<replica_fetch_response>(&message.content)) {
    other.unanswered.erase(message.partition);
    if (here)
      caf::anon_send(here, replica_answer{*response, std::move(message.batches)});
  } else if (const auto* progress = std::get_if<replica_progress>(&message.content)) {
    if (here)
      caf::anon_send(here, replica_request{message.from.id, true, progress->position, other.load});
  } else {
    const auto& request = std::get<replica_fetch_request>(message.content);
    if (here) {
      caf::anon_send(here, replica_request{message.from.id, false, request, other.load});
      return;
    }
    // Not open yet, or never to be: whoever asks waits a moment and asks again.
    replica_fetch_response refusal;
    refusal.current_leader_epoch = request.current_leader_epoch;
    refusal.fetch_offset = request.fetch_offset;
    refusal.last_fetched_epoch = request.last_fetched_epoch;
    refusal.code = errc::not_leader_or_follower;
    caf::anon_send(other.desk, replica_message{self_, message.partition, refusal, {}});
  }
}

void replica_desk::send(replica_outgoing& message) {
  auto& other = peers_[message.to];
  if (const auto* request = std::get_if<replica_fetch_request>(&message.content))
    other.unanswered[message.partition] = *request;
  const auto is_answer = std::holds_alternative<replica_fetch_response>(message.content);
  if (other.desk && (other.may_ask || is_answer))
    caf::anon_send(other.desk, replica_message{self_, message.partition, std::move(message.content), std::move(message.batches)});
}

} // namespace cafka::actors
