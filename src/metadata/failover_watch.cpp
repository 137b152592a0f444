#include "metadata/failover_watch.hpp"

#include <algorithm>

namespace cafka::metadata {

namespace {

bool is_serving(const image& in, node_id id) {
  const auto found = in.brokers().find(id);
  return found != in.brokers().end() && !found->second.fenced;
}

} // namespace

void failover_watch::link_lost(node_id id, const image& known, std::int64_t now_ms) {
  if (with_.wait_ms > 0 && is_serving(known, id))
    lost_.try_emplace(id, now_ms + with_.wait_ms); // a link that comes and goes buys no more time
}

void failover_watch::link_made(node_id id) { lost_.erase(id); }

void failover_watch::replayed(const image& before, const image& next, std::int64_t now_ms) {
  std::erase_if(lost_, [&](const auto& each) { return !is_serving(next, each.first); });
  std::erase_if(fenced_, [&](const auto& each) {
    return each.second <= now_ms || is_serving(next, each.first) || !next.brokers().contains(each.first);
  });
  for (const auto& [id, broker] : next.brokers())
    if (broker.fenced && is_serving(before, id))
      fenced_[id] = now_ms + with_.listed_ms;
}

std::int64_t failover_watch::unsettled_until_ms() const {
  std::int64_t until_ms = INT64_MIN;
  for (const auto& [id, each_ms] : lost_)
    until_ms = std::max(until_ms, each_ms);
  return until_ms;
}

std::int64_t failover_watch::next_deadline_ms(std::int64_t now_ms) const {
  const auto until_ms = unsettled_until_ms();
  return until_ms > now_ms ? until_ms : INT64_MAX;
}

std::shared_ptr<const failover_view> failover_watch::view() const {
  return std::make_shared<const failover_view>(failover_view{unsettled_until_ms(), fenced_});
}

} // namespace cafka::metadata
