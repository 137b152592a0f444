#include "actors/routing_table.hpp"

#include <bit>

namespace cafka::actors {

routing_table::routing_table(const std::vector<topic_routes_ptr>& topics) {
  slots_.resize(std::bit_ceil(topics.size() * 2 + 1));
  const auto mask = slots_.size() - 1;
  for (const auto& topic : topics) {
    auto place = std::hash<uuid>{}(topic->topic_id) & mask;
    while (slots_[place])
      place = (place + 1) & mask;
    slots_[place] = topic;
  }
}

const topic_routes* routing_table::find(const uuid& topic_id) const noexcept {
  if (slots_.empty())
    return nullptr;
  const auto mask = slots_.size() - 1;
  for (auto place = std::hash<uuid>{}(topic_id)&mask; slots_[place]; place = (place + 1) & mask)
    if (slots_[place]->topic_id == topic_id)
      return slots_[place].get();
  return nullptr;
}

} // namespace cafka::actors
