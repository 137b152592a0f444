// A broker's standing with the active controller: it registers, says that it lives, is told whether it may serve, and takes its leave.
// Pure; owned by the metadata actor of each node. Nothing survives a crash: the next process is another incarnation. Source: KIP-631, 841.
//
//   auto question = lifecycle.due(now_ms, replayed);   ask the controller, report back with exactly one of answered() and unanswered()
//
// registering → fenced (registered, but it has not replayed that yet, or its session ended) ⇄ serving → leaving → gone
#pragma once
#include "metadata/controller.hpp"

#include <optional>
#include <variant>

namespace cafka::metadata {

class broker_lifecycle {
public:
  enum class state : std::uint8_t { registering, fenced, serving, leaving, gone };
  struct intervals {
    std::int64_t heartbeat_ms = 300; // broker.heartbeat.interval.ms
    std::int64_t retry_ms = 100; // after a refusal, or no answer
  };
  using question = std::variant<broker_registration_request, broker_heartbeat>;

  broker_lifecycle(broker_registration_request registration, intervals every);

  // What to ask now, if anything: one question at a time. `replayed` is the offset of the last metadata record that this broker has acted on, inclusive.
  std::optional<question> due(std::int64_t now_ms, std::int64_t replayed);
  // A question may be due then; INT64_MAX while one is out, or after the end.
  [[nodiscard]] std::int64_t next_deadline_ms() const noexcept;

  void answered(const broker_registration_outcome& outcome, std::int64_t now_ms);
  void answered(const broker_heartbeat_outcome& outcome, std::int64_t now_ms);
  // No controller, or no answer from it.
  void unanswered(std::int64_t now_ms);
  // Something changed that the controller should hear of at once: a record was replayed while fenced, the controller is another.
  void hurry() noexcept { next_ms_ = 0; }
  // Leaders should go elsewhere: asks until the controller says that it may stop. The caller bounds how long it waits for `gone`.
  void leave();

  [[nodiscard]] state current() const noexcept { return state_; }
  [[nodiscard]] std::int64_t broker_epoch() const noexcept { return broker_epoch_; } // −1: never registered
  // Another process has this node's id, or the controller will never take this one: for the operator. Empty: all is well.
  [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }

private:
  void again_in(std::int64_t ms, std::int64_t now_ms);

  broker_registration_request registration_;
  intervals every_;
  state state_ = state::registering;
  std::int64_t broker_epoch_ = -1;
  std::int64_t next_ms_ = 0;
  bool asked_ = false;
  std::string refusal_;
};

} // namespace cafka::metadata
