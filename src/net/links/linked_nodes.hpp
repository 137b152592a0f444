// Which process of each other node is linked now. Written by the links, asked by the door; any thread.
#pragma once
#include "net/links/hello.hpp"

#include <map>
#include <mutex>

namespace cafka::net::links {

class linked_nodes {
public:
  void set(node_id id, const uuid& incarnation) {
    const std::lock_guard lock{mutex_};
    by_id_[id] = incarnation;
  }
  void erase(node_id id) {
    const std::lock_guard lock{mutex_};
    by_id_.erase(id);
  }
  // bad_argument: another process has that node.id, and its link is up. One that died is noticed by its link, so its successor gets in.
  [[nodiscard]] result<void> check(const hello& said) const {
    const std::lock_guard lock{mutex_};
    const auto found = by_id_.find(said.id);
    if (found == by_id_.end() || found->second == said.incarnation_id)
      return {};
    return fail(errc::bad_argument, "another process is node " + std::to_string(said.id) + ", and is alive: give each its own node.id");
  }

private:
  mutable std::mutex mutex_;
  std::map<node_id, uuid> by_id_;
};

} // namespace cafka::net::links
