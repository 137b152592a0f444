// Questions about partitions, each of which only its leader answers: grouped by leader, asked again while routes change.
#pragma once
#include "client/admin.hpp"
#include "client/internal/core.hpp"

namespace cafka::client {

struct located_partition {
  std::size_t index; // in what was asked
  uuid topic_id;
  std::int32_t partition;
  partition_route route;
};

// One kind of question. An object of it lives through the whole operation.
class leader_question {
public:
  virtual ~leader_question() = default;
  virtual void fill(rpc_request& request, const std::vector<located_partition>& group) = 0;
  // The answer to the group's i-th; the error if it has one. Nullopt with a response that has no such answer.
  virtual std::optional<result<void>> take(const native::ResponseHeader& response, int i, std::size_t index) = 0;
  virtual void fail(std::size_t index, const error& why) = 0;
};

// Ends when each partition was answered or failed; retriable errors are tried again until the deadline.
asio::awaitable<void> ask_leaders(std::shared_ptr<core> on, std::vector<topic_partition> about, time_point deadline,
                                  leader_question& question);

asio::awaitable<std::vector<offset_outcome>> query_offsets(std::shared_ptr<core> on, std::vector<offset_query> queries, isolation level,
                                                           time_point deadline);

} // namespace cafka::client
