#include "net/peer_log.hpp"

#include "base/log.hpp"

namespace cafka::net {

peer_log::peer_log(clock& time) : clock_(time), limiter_(std::make_unique<rate_limiter>(1000, 4)) {}
peer_log::~peer_log() = default;

void peer_log::refused(const std::string& peer, std::string_view why) noexcept {
  std::int64_t held_back = 0;
  if (!limiter_->allow(clock_.monotonic_ms(), held_back))
    return;
  if (held_back == 0)
    CAFKA_LOG_WARN("closed the connection of {}: {}", peer, why);
  else
    CAFKA_LOG_WARN("closed the connection of {}: {} ({} more closed without a line)", peer, why, held_back);
}

} // namespace cafka::net
