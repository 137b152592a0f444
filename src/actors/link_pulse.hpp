// Whether the links of this node still have another end, asked of the kernel: it knows when a process dies, the middleman a moment later. A client of the dead
// one asks us who leads now within that moment. Thread-safe.
#pragma once
#include "base/ids.hpp"

#include <map>
#include <mutex>
#include <vector>

namespace cafka::actors {

class link_pulse {
public:
  // `socket` must stay open until it is forgotten.
  void watch(node_id peer, int socket);
  void forget(node_id peer);
  // Those whose connection was closed or reset. One call to the kernel; does not wait.
  [[nodiscard]] std::vector<node_id> ended() const;

private:
  mutable std::mutex mutex_;
  std::map<node_id, int> sockets_;
};

} // namespace cafka::actors
