// ElectLeaders: of named partitions, or of all that need it.
#include "net/kafka/admin_handlers.hpp"
#include "net/kafka/shared.hpp"

namespace cafka::net::kafka {

namespace {

using outcomes = std::vector<metadata::election_outcome>;

// Kafka's words.
std::optional<std::string> message_of(metadata::election_outcome& outcome) {
  switch (outcome.code) {
  case errc::none: return std::nullopt;
  case errc::election_not_needed: return "Leader election not needed for topic partition.";
  case errc::preferred_leader_not_available: return "The preferred leader was not available.";
  case errc::eligible_leaders_not_available: return "Eligible topic partition leaders are not available.";
  default: return std::move(outcome.message);
  }
}

} // namespace

void answer(kafka_session& session, const elect_leaders_request& request, const call& to) {
  elect_leaders_response response;
  if (request.election_type != 0 && request.election_type != 1) {
    response.error_code = error_code_of(errc::invalid_request);
    return session.reply(to, response);
  }
  const auto all = !request.topic_partitions.has_value();
  std::vector<topic_partition> partitions;
  if (all)
    for (const auto& [name, topic] : session.node().image()->topics())
      for (const auto& [number, partition] : topic->partitions)
        partitions.push_back({name, number});
  else
    for (const auto& topic : *request.topic_partitions)
      for (const auto number : topic.partitions)
        partitions.push_back({std::string{topic.topic}, number});
  if (partitions.empty())
    return session.reply(to, response);
  auto finish = [&session, to, all, response](result<outcomes> done) mutable {
    if (!done) {
      response.error_code = error_code_of(done.error().code);
      return session.reply(to, response);
    }
    auto& topics = response.replica_election_results;
    for (auto& outcome : *done) {
      if (topics.empty() || topics.back().topic != outcome.partition.topic) // outcomes come in the order asked, topic by topic
        topics.push_back({outcome.partition.topic, {}});
      if (!all || outcome.code != errc::election_not_needed) // of all, a topic that needed nothing has no rows, as in Kafka
        topics.back().partition_result.push_back({outcome.partition.partition, error_code_of(outcome.code), message_of(outcome)});
    }
    session.reply(to, response);
  };
  session.node().elect_leaders(static_cast<metadata::election_kind>(request.election_type), std::move(partitions),
                               session.when_done<outcomes>(std::move(finish)));
}

} // namespace cafka::net::kafka
