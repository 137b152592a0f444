// An immutable value that one thread replaces and many read: the metadata image, the routing table. A reader's fast path is one atomic load
// of a version that rarely changes, and a copy kept per thread; there is no shared counter or lock that cores would fight over.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace cafka::actors {

template <class T>
class snapshot {
public:
  explicit snapshot(std::shared_ptr<const T> first) : value_(std::move(first)) {}
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;

  void publish(std::shared_ptr<const T> next) {
    const std::lock_guard lock{mutex_};
    value_ = std::move(next);
    version_.store(next_number(), std::memory_order_release);
  }

  // Never older than what this thread, or anyone who told this thread, has seen. The reference is good until this thread's next load().
  [[nodiscard]] const std::shared_ptr<const T>& load() const {
    auto& mine = cached();
    if (mine.version != version_.load(std::memory_order_acquire)) {
      const std::lock_guard lock{mutex_};
      mine.value = value_;
      mine.version = version_.load(std::memory_order_relaxed);
    }
    return mine.value;
  }

  // Drops this thread's copy: before a thread that outlives the node goes on.
  static void forget_on_this_thread() { cached() = {}; }

private:
  struct copy {
    std::uint64_t version = 0;
    std::shared_ptr<const T> value;
  };
  static copy& cached() {
    static thread_local copy mine;
    return mine;
  }
  // Numbers are unique among all snapshots of the process, so that the copy of one is never taken for another's.
  static std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
  std::atomic<std::uint64_t> version_{next_number()};
};

} // namespace cafka::actors
