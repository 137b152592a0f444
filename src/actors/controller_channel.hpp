// The way from this node to the active controller, here or on another node. Questions wait while nobody leads, and are put again when whoever
// was asked says that he does not lead and so did nothing; one that may have been done is never put twice.
// Owned by the metadata actor; bounded. Nothing survives a crash.
#pragma once
#include "actors/wire.hpp"
#include "base/error.hpp"

#include <cstdint>
#include <deque>
#include <functional>

namespace cafka::actors {

class controller_channel {
public:
  using answered = std::function<void(result<controller_reply>)>;
  // Puts it to the node that leads; calls back with a controller_answer, or nothing when there was none (then nobody knows what was done).
  using ask_leader = std::function<void(const controller_question&, std::function<void(const controller_answer*)>)>;

  controller_channel(std::size_t max_waiting, std::function<std::int64_t()> now_ms)
      : max_waiting_(max_waiting), now_ms_(std::move(now_ms)) {}

  // Null: nobody to ask. What waited is put at once.
  void leader_is(ask_leader leader);
  [[nodiscard]] bool has_leader() const noexcept { return leader_ != nullptr; }
  // `done` is called once: with the outcomes; request_timed_out, whose words tell if it may have been done; or the controller's own refusal.
  void ask(controller_question what, std::int64_t deadline_ms, answered done);
  void tick(std::int64_t now_ms);
  [[nodiscard]] std::int64_t next_deadline_ms() const noexcept; // INT64_MAX: nothing waits
  // Everything that waits is answered; what is asked afterwards at once.
  void close();
  // For the words of an error: what is missing for there to be a controller.
  void set_reason(std::string text) { reason_ = std::move(text); }

private:
  struct waiting {
    controller_question what;
    std::int64_t deadline_ms = 0;
    answered done;
  };
  void put(waiting one);

  std::size_t max_waiting_;
  std::function<std::int64_t()> now_ms_;
  ask_leader leader_;
  std::uint64_t term_ = 0; // which leader_: an answer of an older one says nothing of this one
  std::deque<waiting> waiting_;
  std::string reason_;
  bool closed_ = false;
};

} // namespace cafka::actors
