#include "metadata/broker_lifecycle.hpp"

#include <algorithm>

namespace cafka::metadata {

broker_lifecycle::broker_lifecycle(broker_registration_request registration, intervals every)
    : registration_(std::move(registration)), every_(every) {}

std::optional<broker_lifecycle::question> broker_lifecycle::due(std::int64_t now_ms, std::int64_t replayed) {
  if (asked_ || state_ == state::gone || now_ms < next_ms_)
    return std::nullopt;
  asked_ = true;
  if (broker_epoch_ < 0)
    return registration_;
  broker_heartbeat beat;
  beat.id = registration_.id;
  beat.broker_epoch = broker_epoch_;
  beat.metadata_offset = replayed;
  beat.want_shutdown = state_ == state::leaving;
  return beat;
}

std::int64_t broker_lifecycle::next_deadline_ms() const noexcept { return asked_ || state_ == state::gone ? INT64_MAX : next_ms_; }

void broker_lifecycle::again_in(std::int64_t ms, std::int64_t now_ms) {
  asked_ = false;
  next_ms_ = now_ms + ms;
}

void broker_lifecycle::answered(const broker_registration_outcome& outcome, std::int64_t now_ms) {
  if (outcome.code == errc::none) {
    broker_epoch_ = outcome.broker_epoch;
    if (state_ == state::registering)
      state_ = state::fenced;
    return again_in(0, now_ms);
  }
  // The process before this one may have died so lately that its session still runs; whatever else a controller refuses it may grant later.
  again_in(every_.retry_ms, now_ms);
  refusal_ = outcome.message;
}

void broker_lifecycle::answered(const broker_heartbeat_outcome& outcome, std::int64_t now_ms) {
  if (outcome.code == errc::stale_broker_epoch || outcome.code == errc::broker_id_not_registered) {
    refusal_ = outcome.message;
    // Leaving it is all the same to; who serves would go on under an id that is somebody else's.
    state_ = state::gone;
    return;
  }
  if (outcome.code != errc::none)
    return again_in(every_.retry_ms, now_ms);
  refusal_.clear();
  if (state_ == state::leaving) {
    if (outcome.should_shut_down)
      state_ = state::gone;
    return again_in(every_.retry_ms, now_ms);
  }
  const auto serves = outcome.caught_up && !outcome.fenced;
  state_ = serves ? state::serving : state::fenced;
  again_in(serves ? every_.heartbeat_ms : every_.retry_ms, now_ms);
}

void broker_lifecycle::unanswered(std::int64_t now_ms) { again_in(every_.retry_ms, now_ms); }

void broker_lifecycle::leave() {
  state_ = broker_epoch_ < 0 ? state::gone : state::leaving;
  next_ms_ = 0;
}

} // namespace cafka::metadata
