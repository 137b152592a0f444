// Questions about nodes, each of which only the node itself answers: asked at once, so that one that is down holds nobody up.
#pragma once
#include "client/admin.hpp"
#include "client/internal/core.hpp"

namespace cafka::client {

asio::awaitable<result<std::vector<node_description>>> describe_nodes_on(std::shared_ptr<core> on, std::vector<node_id> nodes);
asio::awaitable<result<std::vector<node_apis>>> describe_apis_on(std::shared_ptr<core> on, std::vector<node_id> nodes);

} // namespace cafka::client
