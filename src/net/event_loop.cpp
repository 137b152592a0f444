#include "net/event_loop.hpp"

#include <algorithm>
#include <chrono>

namespace cafka::net {

deadline_queue::handle event_loop::add_deadline(std::int64_t at_ms, deadline_queue::action then) {
  if (stopped_)
    return {};
  auto name = deadlines_.add(at_ms, std::move(then));
  if (at_ms < armed_ms_)
    arm();
  return name;
}

void event_loop::expire_deadlines() {
  deadlines_.expire(now_ms());
  if (deadlines_.next_ms() < armed_ms_)
    arm();
}

void event_loop::stop() {
  stopped_ = true;
  deadlines_.clear();
  timer_.cancel();
}

// The timer is armed for the earliest deadline there is; one that was cancelled meanwhile costs an empty wake-up, less than arming anew each time.
void event_loop::arm() {
  armed_ms_ = deadlines_.next_ms();
  if (armed_ms_ == deadline_queue::never)
    return;
  timer_.expires_after(std::chrono::milliseconds(std::clamp<std::int64_t>(armed_ms_ - now_ms(), 1, 3'600'000)));
  timer_.async_wait([this](const boost::system::error_code& failed) {
    if (failed || stopped_)
      return;
    armed_ms_ = deadline_queue::never;
    expire_deadlines();
  });
}

} // namespace cafka::net
