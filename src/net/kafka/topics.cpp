// CreateTopics, DeleteTopics, CreatePartitions: translated for the controller, and back.
#include "net/kafka/admin_handlers.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>
#include <map>

namespace cafka::net::kafka {

namespace {

using outcomes = std::vector<metadata::topic_outcome>;
constexpr std::string_view duplicate_name = "Duplicate topic name.";

// How often each is named. Whoever is named twice is told so once, and nothing is done for it.
template <class List, class Name>
std::map<std::string_view, std::size_t> count_names(const List& list, Name name) {
  std::map<std::string_view, std::size_t> times;
  for (const auto& each : list)
    ++times[name(each)];
  return times;
}

// -- creation ---------------------------------------------------------------------------------------------------------

// By partition; an error for numbers that are not 0, 1, 2, …
result<std::vector<std::vector<node_id>>> assignment_of(const std::vector<create_topics_request::assignment>& from) {
  std::map<std::int32_t, const std::vector<node_id>*> by_number;
  for (const auto& each : from)
    if (!by_number.emplace(each.partition_index, &each.broker_ids).second)
      return fail(errc::invalid_replica_assignment,
                  "Found multiple manual partition assignments for partition " + std::to_string(each.partition_index));
  if (!by_number.empty() && (by_number.begin()->first != 0 || by_number.rbegin()->first != static_cast<std::int32_t>(from.size()) - 1))
    return fail(errc::invalid_replica_assignment, "partitions should be a consecutive 0-based integer sequence");
  std::vector<std::vector<node_id>> assignment;
  assignment.reserve(by_number.size());
  for (const auto& [number, brokers] : by_number)
    assignment.push_back(*brokers);
  return assignment;
}

metadata::new_topic new_topic_of(const create_topics_request::topic& from) {
  metadata::new_topic topic;
  topic.name = from.name;
  topic.partition_count = from.num_partitions;
  topic.replication_factor = from.replication_factor;
  auto assignment = assignment_of(from.assignments);
  if (assignment)
    topic.assignment = std::move(*assignment);
  else if (from.num_partitions == -1 && from.replication_factor == -1)
    topic.flaw = std::move(assignment.error());
  else // the controller says first what is wrong with the numbers
    topic.assignment.emplace_back();
  std::string without_value;
  for (const auto& config : from.configs)
    if (config.value)
      topic.configs.insert_or_assign(std::string{config.name}, std::string{*config.value});
    else
      without_value += (without_value.empty() ? "" : ",") + std::string{config.name};
  if (!without_value.empty())
    topic.flaw = {errc::invalid_config, "Null value not supported for topic configs: " + without_value};
  return topic;
}

std::vector<create_topics_response::config> described(const service& node, const metadata::config_map& own) {
  std::vector<create_topics_response::config> configs;
  for (auto& entry : node.topic_configs(own))
    configs.push_back(
        {std::move(entry.key), std::move(entry.value), entry.read_only, static_cast<std::int8_t>(entry.source), entry.sensitive});
  std::ranges::sort(configs, {}, &create_topics_response::config::name);
  return configs;
}

create_topics_response::topic refused_topic(std::string name, errc code, std::string message) {
  create_topics_response::topic row;
  row.name = std::move(name);
  row.error_code = error_code_of(code);
  row.error_message = std::move(message);
  return row;
}

// -- deletion ---------------------------------------------------------------------------------------------------------

delete_topics_response::topic refused_deletion(std::optional<std::string> name, const uuid& id, errc code, std::string message) {
  return {std::move(name), id, error_code_of(code), std::move(message)};
}

std::vector<delete_topics_request::topic> topics_of(const delete_topics_request& request, std::int16_t version) {
  if (version >= 6)
    return request.topics;
  std::vector<delete_topics_request::topic> topics;
  topics.reserve(request.topic_names.size());
  for (const auto name : request.topic_names)
    topics.push_back({name, {}});
  return topics;
}

} // namespace

void answer(kafka_session& session, const create_topics_request& request, const call& to) {
  const auto times = count_names(request.topics, [](const auto& topic) { return topic.name; });
  create_topics_response response;
  std::vector<metadata::new_topic> topics;
  std::map<std::string, metadata::config_map> configs;
  for (const auto& topic : request.topics)
    if (times.at(topic.name) == 1) {
      topics.push_back(new_topic_of(topic));
      if (to.version >= 5)
        configs.emplace(topic.name, topics.back().configs);
    }
  for (const auto& [name, count] : times)
    if (count > 1)
      response.topics.push_back(refused_topic(std::string{name}, errc::invalid_request, std::string{duplicate_name}));
  if (topics.empty())
    return session.reply(to, response);
  std::vector<std::string> names;
  names.reserve(topics.size());
  for (const auto& topic : topics)
    names.push_back(topic.name);
  auto finish = [&session, to, response = std::move(response), configs = std::move(configs),
                 names = std::move(names)](result<outcomes> done) mutable {
    if (!done)
      for (auto& name : names)
        response.topics.push_back(refused_topic(std::move(name), done.error().code, done.error().detail));
    else
      for (auto& outcome : *done) {
        if (outcome.code != errc::none) {
          response.topics.push_back(refused_topic(std::move(outcome.name), outcome.code, std::move(outcome.message)));
          continue;
        }
        auto& row = response.topics.emplace_back();
        row.topic_id = outcome.topic_id;
        row.error_message.reset();
        row.num_partitions = outcome.partition_count;
        row.replication_factor = outcome.replication_factor;
        if (to.version >= 5)
          row.configs = described(session.node(), configs[outcome.name]);
        row.name = std::move(outcome.name);
      }
    session.reply(to, response);
  };
  session.node().create_topics(std::move(topics), request.validate_only, session.when_done<outcomes>(std::move(finish)));
}

void answer(kafka_session& session, const delete_topics_request& request, const call& to) {
  const auto asked = topics_of(request, to.version);
  const auto times = count_names(asked, [](const auto& topic) { return topic.name.value_or(std::string_view{}); });
  std::map<uuid, std::size_t> times_of_id;
  for (const auto& topic : asked)
    ++times_of_id[topic.topic_id];
  delete_topics_response response;
  std::vector<metadata::topic_ref> topics;
  std::map<std::string_view, bool> told_names;
  std::map<uuid, bool> told_ids;
  for (const auto& topic : asked) {
    const bool has_id = !topic.topic_id.is_zero();
    auto name = topic.name ? std::optional<std::string>(*topic.name) : std::nullopt;
    if (name && has_id) {
      response.responses.push_back(
          refused_deletion(std::move(name), topic.topic_id, errc::invalid_request, "You may not specify both topic name and topic id."));
    } else if (!name && !has_id) {
      response.responses.push_back(refused_deletion(std::nullopt, {}, errc::invalid_request, "Neither topic name nor id were specified."));
    } else if (name && times.at(*topic.name) > 1) {
      if (!std::exchange(told_names[*topic.name], true))
        response.responses.push_back(refused_deletion(std::move(name), {}, errc::invalid_request, std::string{duplicate_name}));
    } else if (has_id && times_of_id.at(topic.topic_id) > 1) {
      if (!std::exchange(told_ids[topic.topic_id], true))
        response.responses.push_back(refused_deletion(std::nullopt, topic.topic_id, errc::invalid_request, "Duplicate topic id."));
    } else if (name && name->empty()) { // to the controller an empty name means: by id
      response.responses.push_back(refused_deletion(std::move(name), {}, errc::unknown_topic_or_partition, "no topic has an empty name"));
    } else {
      topics.push_back({name.value_or(std::string{}), topic.topic_id});
    }
  }
  if (topics.empty())
    return session.reply(to, response);
  auto finish = [&session, to, response = std::move(response), asked = topics](result<outcomes> done) mutable {
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const bool by_id = asked[i].name.empty();
      auto& row = response.responses.emplace_back();
      row.topic_id = asked[i].topic_id;
      row.name = by_id ? std::nullopt : std::optional(asked[i].name);
      // Before version 3 nobody knows that deletion can be disabled.
      const auto code = done                                                                   ? (*done)[i].code
                        : done.error().code == errc::topic_deletion_disabled && to.version < 3 ? errc::invalid_request
                                                                                               : done.error().code;
      row.error_code = error_code_of(code);
      if (code != errc::none) {
        row.error_message = done ? std::move((*done)[i].message) : done.error().detail;
      } else {
        row.name = (*done)[i].name;
        row.topic_id = (*done)[i].topic_id;
      }
    }
    session.reply(to, response);
  };
  session.node().delete_topics(std::move(topics), session.when_done<outcomes>(std::move(finish)));
}

void answer(kafka_session& session, const create_partitions_request& request, const call& to) {
  const auto times = count_names(request.topics, [](const auto& topic) { return topic.name; });
  create_partitions_response response;
  for (const auto& [name, count] : times)
    if (count > 1)
      response.results.push_back({std::string{name}, error_code_of(errc::invalid_request), std::string{duplicate_name}});
  std::vector<metadata::new_partitions> topics;
  std::vector<std::string> names;
  for (const auto& topic : request.topics) {
    if (times.at(topic.name) > 1)
      continue;
    auto& wanted = topics.emplace_back();
    names.emplace_back(topic.name);
    wanted.topic = topic.name;
    wanted.total_count = topic.count;
    wanted.is_assigned = topic.assignments.has_value();
    if (topic.assignments)
      for (const auto& each : *topic.assignments)
        wanted.assignment.push_back(each.broker_ids);
  }
  if (topics.empty())
    return session.reply(to, response);
  auto finish = [&session, to, response = std::move(response), names = std::move(names)](result<outcomes> done) mutable {
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto& row = response.results.emplace_back();
      row.name = std::move(names[i]);
      const auto code = done ? (*done)[i].code : done.error().code;
      row.error_code = error_code_of(code);
      if (code != errc::none)
        row.error_message = done ? std::move((*done)[i].message) : done.error().detail;
    }
    session.reply(to, response);
  };
  session.node().create_partitions(std::move(topics), request.validate_only, session.when_done<outcomes>(std::move(finish)));
}

} // namespace cafka::net::kafka
