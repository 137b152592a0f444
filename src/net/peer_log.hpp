// Log lines that peers can cause at will: a few a second, with a count of the rest. One for all connections of a server; any thread.
#pragma once
#include "base/clock.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace cafka {
class rate_limiter;
}

namespace cafka::net {

class peer_log {
public:
  explicit peer_log(clock& time);
  ~peer_log();
  void refused(const std::string& peer, std::string_view why) noexcept;

private:
  clock& clock_;
  std::unique_ptr<rate_limiter> limiter_;
};

} // namespace cafka::net
