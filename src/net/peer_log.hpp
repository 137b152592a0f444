// Log lines that peers can cause at will: a few a second, with a count of the rest. One for all connections of a server; any thread.
#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"

#include <string>
#include <string_view>

namespace cafka::net {

class peer_log {
public:
  explicit peer_log(clock& time) : clock_(time) {}
  void refused(const std::string& peer, std::string_view why) noexcept;

private:
  clock& clock_;
  rate_limiter limiter_{1000, 4};
};

} // namespace cafka::net
