#include "client/internal/by_node.hpp"

#include <algorithm>

namespace cafka::client {

namespace {

struct node_answer {
  broker node;
  result<native::ResponseHeader> answer;
};

// What came of the questions so far; the last answer completes.
struct answers_so_far {
  std::vector<node_answer> all;
  std::size_t missing = 0;
  stored_handler<std::vector<node_answer>> done;

  void take(std::size_t index, rpc_result answer) {
    auto& to = all[index].answer;
    if (!answer)
      to = tl::unexpected<error>(answer.error().cause());
    else if (answer->header.error().code() != 0)
      to = tl::unexpected(to_error(answer->header.error()));
    else
      to = std::move(answer->header);
    if (--missing == 0)
      std::move(done)(std::move(all));
  }
};

std::vector<node_answer> choose(const std::vector<broker>& brokers, const std::vector<node_id>& wanted) {
  std::vector<node_answer> chosen;
  if (wanted.empty()) {
    for (const auto& node : brokers)
      chosen.push_back({node, {}});
    return chosen;
  }
  std::string known;
  for (const auto& node : brokers)
    known += (known.empty() ? "" : ", ") + std::to_string(node.id);
  for (const auto id : std::set<node_id>(wanted.begin(), wanted.end())) {
    const auto found = std::find_if(brokers.begin(), brokers.end(), [&](const auto& node) { return node.id == id; });
    if (found != brokers.end()) {
      chosen.push_back({*found, {}});
      continue;
    }
    auto& unknown = chosen.emplace_back();
    unknown.node.id = id;
    unknown.answer = fail(errc::broker_id_not_registered, "the cluster has no node " + std::to_string(id) + "; it has " + known);
  }
  return chosen;
}

// One answer per node that was asked for, in the order of their ids.
asio::awaitable<result<std::vector<node_answer>>> ask_nodes(std::shared_ptr<core> on, std::vector<node_id> wanted,
                                                            native::RequestHeader question) {
  const auto deadline = steady_clock::now() + on->config().request_timeout;
  auto known = co_await on->want_topics_and_wait({}, deadline, true);
  if (!known)
    co_return tl::unexpected(known.error());
  auto state = std::make_shared<answers_so_far>();
  state->all = choose(on->description().brokers, wanted);
  state->missing =
      static_cast<std::size_t>(std::count_if(state->all.begin(), state->all.end(), [](const auto& one) { return one.answer.has_value(); }));
  if (state->missing == 0)
    co_return std::move(state->all);
  auto start = [on, state, deadline](auto handler, native::RequestHeader header) {
    state->done = asio::any_completion_handler<void(std::vector<node_answer>)>{std::move(handler)};
    std::vector<std::pair<std::size_t, node_id>> to; // a refusal comes at once, and the last one takes the answers away
    for (std::size_t i = 0; i < state->all.size(); ++i)
      if (state->all[i].answer)
        to.emplace_back(i, state->all[i].node.id);
    for (const auto& [index, id] : to) {
      rpc_request request;
      request.header = header;
      request.timeout = std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(deadline - steady_clock::now()));
      on->call(id, std::move(request), [state, index = index](rpc_result answer) { state->take(index, std::move(answer)); });
    }
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::vector<node_answer>)>(
      std::move(start), asio::use_awaitable, std::move(question));
}

result<server_software> read_hello(const broker& asked, const std::string& cluster_id, const native::ResponseHeader& answer) {
  const auto& hello = answer.hello();
  if (!answer.has_hello())
    return fail(errc::unknown_server_error, "the answer does not match the request");
  if (hello.node_id() != asked.id)
    return fail(errc::broker_not_available, "node " + std::to_string(hello.node_id()) + " answers at the address of node " +
                                                std::to_string(asked.id) + ": one of them advertises a wrong one");
  if (hello.cluster_id() != cluster_id)
    return fail(errc::inconsistent_cluster_id, "what answers there belongs to cluster " + hello.cluster_id());
  return server_software{hello.server_software(), hello.version()};
}

result<api_list> read_apis(const native::ResponseHeader& answer) {
  if (!answer.has_describe_apis())
    return fail(errc::unknown_server_error, "the answer does not match the request");
  api_list list;
  for (const auto& each : answer.describe_apis().apis())
    list.apis.push_back({static_cast<std::int16_t>(each.key()), each.name(), static_cast<std::int16_t>(each.min_version()),
                         static_cast<std::int16_t>(each.max_version())});
  for (const auto& each : answer.describe_apis().finalized_features())
    list.features.push_back({each.name(), static_cast<std::int16_t>(each.level())});
  list.features_epoch = answer.describe_apis().finalized_features_epoch();
  return list;
}

} // namespace

asio::awaitable<result<std::vector<node_description>>> describe_nodes_on(std::shared_ptr<core> on, std::vector<node_id> nodes) {
  native::RequestHeader question; // a second hello, for the connection keeps nothing of the first but limits
  question.mutable_hello()->set_min_version(1);
  question.mutable_hello()->set_max_version(1);
  question.mutable_hello()->set_client_software("cafka-cpp");
  auto answers = co_await ask_nodes(on, std::move(nodes), std::move(question));
  if (!answers)
    co_return tl::unexpected(answers.error());
  std::vector<node_description> described;
  for (auto& [node, answer] : *answers) {
    auto software = answer.and_then([&](const auto& header) { return read_hello(node, on->description().cluster_id, header); });
    described.push_back({std::move(node), std::move(software)});
  }
  co_return described;
}

asio::awaitable<result<std::vector<node_apis>>> describe_apis_on(std::shared_ptr<core> on, std::vector<node_id> nodes) {
  native::RequestHeader question;
  question.mutable_describe_apis();
  auto answers = co_await ask_nodes(std::move(on), std::move(nodes), std::move(question));
  if (!answers)
    co_return tl::unexpected(answers.error());
  std::vector<node_apis> described;
  for (auto& [node, answer] : *answers) {
    auto served = answer.and_then([](const auto& header) { return read_apis(header); });
    described.push_back({std::move(node), std::move(served)});
  }
  co_return described;
}

} // namespace cafka::client
