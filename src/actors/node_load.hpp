// What holds for the whole node: what is parked, how much of it there may be, and until when this broker is known to be in service. Bytes in flight are bounded where they are read (net); what is parked
// here holds no request bytes any more, so it is counted, not weighed. One object per node, shared by all partitions.
#pragma once
#include <atomic>
#include <cstdint>

namespace cafka::actors {

class bounded_count {
public:
  explicit bounded_count(std::int64_t limit) : limit_(limit) {}
  [[nodiscard]] bool try_add() noexcept {
    if (count_.fetch_add(1, std::memory_order_relaxed) < limit_)
      return true;
    count_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void subtract(std::int64_t how_many) noexcept { count_.fetch_sub(how_many, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

private:
  std::atomic<std::int64_t> count_{0};
  const std::int64_t limit_;
};

struct node_load {
  node_load(std::int64_t max_parked_produces, std::int64_t max_watches) : parked_produces(max_parked_produces), watches(max_watches) {}
  bounded_count parked_produces;
  bounded_count watches;
  // Monotonic. Until then no controller has fenced this broker, so nobody else leads what it leads; set by the metadata actor at each heartbeat
  // that was answered. Nobody else can lead: never_ms.
  std::atomic<std::int64_t> session_ends_ms{INT64_MAX};
};

inline constexpr std::size_t max_parked_produces_per_partition = 16'384;
inline constexpr std::int64_t max_parked_produces_per_node = 262'144;
inline constexpr std::size_t max_watches_per_partition = 8'192;

} // namespace cafka::actors
