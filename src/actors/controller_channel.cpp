#include "actors/controller_channel.hpp"

#include <algorithm>
#include <memory>

namespace cafka::actors {

void controller_channel::leader_is(ask_leader leader) {
  leader_ = std::move(leader);
  ++term_;
  if (!leader_)
    return;
  for (auto& each : std::exchange(waiting_, {}))
    put(std::move(each));
}

void controller_channel::ask(controller_question what, std::int64_t deadline_ms, answered done) {
  put({std::move(what), deadline_ms, std::move(done)});
}

void controller_channel::put(waiting one) {
  if (closed_)
    return one.done(fail(errc::not_controller, "this node keeps no metadata any more"));
  if (!leader_) {
    if (waiting_.size() >= max_waiting_)
      return one.done(fail(errc::request_timed_out, "not done: no controller" + reason_ + ", and " + std::to_string(max_waiting_) +
                                                        " requests wait for one already"));
    waiting_.push_back(std::move(one));
    return;
  }
  auto shared = std::make_shared<waiting>(std::move(one));
  const auto leader = leader_; // may be replaced while it is asked
  leader(shared->what, [this, shared, term = term_](const controller_answer* answer) {
    if (!answer)
      return shared->done(fail(errc::request_timed_out, "the controller did not answer; whether it was done is unknown"));
    if (answer->code == errc::none)
      return shared->done(answer->what);
    if (answer->code != errc::not_controller)
      return shared->done(fail(answer->code, answer->message));
    // Asked at once again he would say the same.
    if (term == term_)
      leader_ = nullptr;
    if (now_ms_() >= shared->deadline_ms)
      return shared->done(fail(errc::request_timed_out, "not done: no controller" + reason_));
    put(std::move(*shared));
  });
}

void controller_channel::tick(std::int64_t now_ms) {
  std::vector<waiting> late;
  std::erase_if(waiting_, [&](waiting& each) {
    if (each.deadline_ms > now_ms)
      return false;
    late.push_back(std::move(each));
    return true;
  });
  for (const auto& each : late)
    each.done(fail(errc::request_timed_out, "not done: no controller" + reason_));
}

std::int64_t controller_channel::next_deadline_ms() const noexcept {
  auto earliest_ms = INT64_MAX;
  for (const auto& each : waiting_)
    earliest_ms = std::min(earliest_ms, each.deadline_ms);
  return earliest_ms;
}

void controller_channel::close() {
  closed_ = true;
  leader_ = nullptr;
  for (const auto& each : std::exchange(waiting_, {}))
    each.done(fail(errc::not_controller, "this node keeps no metadata any more"));
}

} // namespace cafka::actors
