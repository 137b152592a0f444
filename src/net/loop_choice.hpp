// Which event loop the next connection goes to. A client opens one connection to learn of the brokers and another for its work, so taking turns would
// put the work of all clients on every other loop; and what a session asks for is mostly done on its own loop.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cafka::net {

class loop_choice {
public:
  // Of one loop, counted since the start.
  struct totals {
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0; // received and sent
    std::uint64_t open_connections = 0; // now
  };

  // The loop with the least of recent work (half of it is forgotten every ten seconds) and open connections, each as its share of all; among equals
  // they take turns. `now_ms` does not go back; `loops` is not empty and always as many.
  std::size_t choose(std::span<const totals> loops, std::int64_t now_ms);

private:
  struct recent {
    double work = 0;
    std::uint64_t seen = 0;
  };
  std::vector<recent> recent_;
  std::int64_t last_ms_ = 0;
  std::size_t turn_ = 0;
};

} // namespace cafka::net
