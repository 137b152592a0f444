// The answers of one produce request's partitions, from any thread; the last one finishes the request on its session's shard.
// Each protocol says in a class of its own how the request is answered.
#pragma once
#include "net/one_or_more.hpp"
#include "net/service.hpp"
#include "net/session.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

namespace cafka::net {

class produce_operation : public produce_sink, public std::enable_shared_from_this<produce_operation> {
public:
  produce_operation(std::shared_ptr<session> of, std::size_t count) : outcomes_(count), session_(std::move(of)), unanswered_(count + 1) {}

  void produce_done(std::uint32_t index, produce_outcome outcome) override {
    outcomes_[index] = std::move(outcome);
    settle();
  }
  // Once, after every partition was asked.
  void close() { settle(); }

protected:
  virtual void finish() = 0;
  // With acks=0 there is no other way to tell the client that it writes to the wrong node, or garbage, than to close its connection for this
  // reason. Empty: all went well.
  [[nodiscard]] std::string failure_without_answer() const {
    const auto failed =
        std::find_if(outcomes_.begin(), outcomes_.end(), [](const produce_outcome& outcome) { return outcome.code != errc::none; });
    if (failed == outcomes_.end())
      return {};
    return "acks=0 and partition number " + std::to_string(failed - outcomes_.begin()) +
           " of a request failed: " + error{failed->code, failed->message}.to_string();
  }

  one_or_more<produce_outcome> outcomes_;

private:
  void settle() {
    if (unanswered_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      session_->loop().dispatch([self = shared_from_this()] { self->session_->enter([&] { self->finish(); }); });
  }

  std::shared_ptr<session> session_;
  std::atomic<std::size_t> unanswered_;
};

} // namespace cafka::net
