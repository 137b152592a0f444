#include "client/internal/by_leader.hpp"

#include <algorithm>

namespace cafka::client {

namespace {

struct pending_partition {
  std::size_t index;
  topic_partition where;
  error last{errc::request_timed_out, "no leader answered in time"};
  bool over = false;
};

using groups_by_leader = std::map<node_id, std::vector<located_partition>>;

// Fails those that do not exist; those without a leader stay for another round.
groups_by_leader locate(const core& on, std::vector<pending_partition>& pending, leader_question& question) {
  groups_by_leader groups;
  for (auto& one : pending) {
    const auto* topic = one.over ? nullptr : on.find_topic(one.where.topic);
    if (!topic)
      continue;
    auto count = static_cast<std::int32_t>(topic->partitions.size());
    if (one.where.partition < 0 || one.where.partition >= count) {
      question.fail(one.index,
                    {errc::unknown_topic_or_partition, "partition " + one.where.to_string() + "; the topic has " + std::to_string(count)});
      one.over = true;
      continue;
    }
    auto route = topic->partitions[static_cast<std::size_t>(one.where.partition)];
    if (route.leader == no_node)
      one.last = {errc::leader_not_available, one.where.to_string()};
    else
      groups[route.leader].push_back({one.index, topic->id, one.where.partition, route});
  }
  return groups;
}

void take_answers(const rpc_result& answer, const std::vector<located_partition>& group, std::vector<pending_partition>& pending,
                  leader_question& question) {
  for (std::size_t i = 0; i < group.size(); ++i) {
    auto& one = *std::find_if(pending.begin(), pending.end(), [&](const auto& p) { return p.index == group[i].index; });
    if (!answer) {
      one.last = answer.error().cause();
      continue;
    }
    if (answer->header.error().code() != 0) {
      one.last = to_error(answer->header.error());
    } else {
      auto told = question.take(answer->header, static_cast<int>(i), one.index);
      if (told && *told) {
        one.over = true;
        continue;
      }
      one.last = told ? told->error() : error{errc::unknown_server_error, "the answer does not match the request"};
    }
    if (is_passing(one.last.code))
      continue;
    question.fail(one.index, one.last);
    one.over = true;
  }
}

} // namespace

asio::awaitable<void> ask_leaders(std::shared_ptr<core> on, std::vector<topic_partition> about, time_point deadline,
                                  leader_question& question) {
  std::vector<pending_partition> pending;
  std::set<std::string> topics;
  for (std::size_t i = 0; i < about.size(); ++i) {
    topics.insert(about[i].topic);
    pending.push_back({i, std::move(about[i])});
  }
  for (int round = 1; !pending.empty(); ++round) {
    for (const auto& name : topics) {
      std::vector<std::string> just_one{name};
      auto known = co_await on->want_topics_and_wait(std::move(just_one), deadline, round > 1);
      if (known)
        continue;
      for (auto& one : pending) {
        if (one.where.topic != name)
          continue;
        question.fail(one.index, known.error());
        one.over = true;
      }
    }
    auto groups = locate(*on, pending, question);
    for (const auto& [leader, group] : groups) {
      rpc_request request;
      question.fill(request, group);
      request.timeout = std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(deadline - steady_clock::now()));
      auto answer = co_await on->call_and_wait(leader, std::move(request));
      take_answers(answer, group, pending, question);
    }
    std::erase_if(pending, [](const auto& one) { return one.over; });
    if (pending.empty())
      break;
    auto out_of_time = on->closed() || steady_clock::now() >= deadline;
    if (!out_of_time) {
      topics.clear();
      for (const auto& one : pending)
        topics.insert(one.where.topic);
      co_await on->wait(on->backoff(round));
      continue;
    }
    for (auto& one : pending)
      question.fail(one.index, on->closed() ? closed_error() : one.last);
    break;
  }
}

namespace {

class offsets_question final : public leader_question {
public:
  offsets_question(const std::vector<offset_query>& queries, isolation level) : level_(level) {
    for (const auto& one : queries) {
      outcomes.push_back({one.where, {}});
      timestamps_.push_back(one.timestamp);
    }
  }
  void fill(rpc_request& request, const std::vector<located_partition>& group) override {
    auto* body = request.header.mutable_list_offsets();
    body->set_isolation(static_cast<std::int32_t>(level_));
    for (const auto& one : group) {
      auto* partition = body->add_partitions();
      to_wire(one.topic_id, *partition->mutable_topic_id());
      partition->set_partition(one.partition);
      partition->set_timestamp(timestamps_[one.index]);
      partition->set_current_leader_epoch(one.route.leader_epoch);
    }
  }
  std::optional<result<void>> take(const native::ResponseHeader& response, int i, std::size_t index) override {
    if (i >= response.list_offsets().partitions_size())
      return std::nullopt;
    const auto& told = response.list_offsets().partitions(i);
    outcomes[index].offset = listed_offset{told.offset(), told.timestamp(), told.leader_epoch()};
    return to_result(told.error());
  }
  void fail(std::size_t index, const error& why) override { outcomes[index].offset = tl::unexpected(why); }

  std::vector<offset_outcome> outcomes;

private:
  isolation level_;
  std::vector<std::int64_t> timestamps_;
};

} // namespace

asio::awaitable<std::vector<offset_outcome>> query_offsets(std::shared_ptr<core> on, std::vector<offset_query> queries, isolation level,
                                                           time_point deadline) {
  offsets_question question{queries, level};
  std::vector<topic_partition> about;
  about.reserve(queries.size());
  for (auto& one : queries)
    about.push_back(std::move(one.where));
  co_await ask_leaders(std::move(on), std::move(about), deadline, question);
  co_return std::move(question.outcomes);
}

} // namespace cafka::client
