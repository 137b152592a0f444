// What is to happen, by time; of two at the same time the one that was made earlier goes first. Slots are used again, so that nothing is allocated
// once there were as many events as there ever will be.
#pragma once
#include <cstdint>
#include <queue>
#include <vector>

namespace cafka::test {

template <class Event>
class event_queue {
public:
  [[nodiscard]] bool empty() const noexcept { return due_.empty(); }
  [[nodiscard]] std::int64_t next_ms() const noexcept { return due_.empty() ? INT64_MAX : due_.top().at_ms; }

  void push(std::int64_t at_ms, Event one) {
    std::size_t slot = slots_.size();
    if (free_.empty()) {
      slots_.push_back(std::move(one));
    } else {
      slot = free_.back();
      free_.pop_back();
      slots_[slot] = std::move(one);
    }
    due_.push({at_ms, next_number_++, slot});
  }
  Event pop() {
    const auto slot = due_.top().slot;
    due_.pop();
    free_.push_back(slot);
    return std::move(slots_[slot]);
  }

private:
  struct due {
    std::int64_t at_ms;
    std::uint64_t number;
    std::size_t slot;
    bool operator<(const due& other) const noexcept { return at_ms != other.at_ms ? at_ms > other.at_ms : number > other.number; }
  };
  std::priority_queue<due> due_;
  std::vector<Event> slots_;
  std::vector<std::size_t> free_;
  std::uint64_t next_number_ = 0;
};

} // namespace cafka::test
