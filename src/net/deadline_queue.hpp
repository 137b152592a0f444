// Things to do at a time, in order of time. No clock and no timer of its own: the event loop asks when the next one is due and says what time it is.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <utility>

namespace cafka::net {

class deadline_queue {
public:
  using action = std::function<void()>;
  // Names one entry; a default one names none.
  struct handle {
    std::int64_t at_ms = 0;
    std::uint64_t number = 0;
    auto operator<=>(const handle&) const = default;
  };
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  handle add(std::int64_t at_ms, action then) {
    handle name{at_ms, ++last_number_};
    entries_.emplace(name, std::move(then));
    return name;
  }
  // False if it has run already, was cancelled, or never was.
  bool cancel(const handle& name) { return entries_.erase(name) != 0; }
  // Runs what is due at `now_ms`, earliest first; actions may add and cancel. Returns how many ran.
  std::size_t expire(std::int64_t now_ms) {
    std::size_t count = 0;
    for (auto first = entries_.begin(); first != entries_.end() && first->first.at_ms <= now_ms; first = entries_.begin()) {
      auto then = std::move(first->second);
      entries_.erase(first);
      then();
      ++count;
    }
    return count;
  }
  [[nodiscard]] std::int64_t next_ms() const noexcept { return entries_.empty() ? never : entries_.begin()->first.at_ms; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  void clear() { entries_.clear(); }

private:
  std::map<handle, action> entries_;
  std::uint64_t last_number_ = 0;
};

} // namespace cafka::net
