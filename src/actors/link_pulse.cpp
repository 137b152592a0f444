#include "actors/link_pulse.hpp"

#include <poll.h>

namespace cafka::actors {

void link_pulse::watch(node_id peer, int socket) {
  const std::lock_guard lock{mutex_};
  sockets_.insert_or_assign(peer, socket);
}

void link_pulse::forget(node_id peer) {
  const std::lock_guard lock{mutex_};
  sockets_.erase(peer);
}

std::vector<node_id> link_pulse::ended() const {
  std::vector<node_id> ended;
  const std::lock_guard lock{mutex_}; // nobody closes one meanwhile
  std::vector<pollfd> asked;
  asked.reserve(sockets_.size());
  for (const auto& [peer, socket] : sockets_)
    asked.push_back({socket, POLLRDHUP, 0});
  if (asked.empty() || ::poll(asked.data(), asked.size(), 0) <= 0)
    return ended;
  auto told = asked.begin();
  for (const auto& [peer, socket] : sockets_)
    if ((told++)->revents & (POLLRDHUP | POLLHUP | POLLERR))
      ended.push_back(peer);
  return ended;
}

} // namespace cafka::actors
