// Which actor serves which partition on this node. Immutable; the broker publishes a new one when something opens, closes or dies, and
// successors share the topics that did not change. Sessions read it without asking the broker.
#pragma once
#include "actors/messages.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cafka::actors {

struct topic_routes {
  uuid topic_id;
  std::vector<partition_actor> by_partition;           // null where this node serves none
  std::map<std::int32_t, std::string> offline_reasons; // of partitions whose replica here cannot be served
};

using topic_routes_ptr = std::shared_ptr<const topic_routes>;

class routing_table {
public:
  routing_table() = default;
  explicit routing_table(const std::vector<topic_routes_ptr>& topics);

  // Null: nothing of this topic is here.
  [[nodiscard]] const topic_routes* find(const uuid& topic_id) const noexcept;

private:
  std::vector<topic_routes_ptr> slots_; // open addressing; a power of two, at most half full
};

} // namespace cafka::actors
