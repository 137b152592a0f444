// What a partition's actor shows of itself without being asked: written by the actor alone, read by the log directory's flusher (checkpoints)
// and by the broker (what is due). So neither wakes ten thousand idle partitions to learn that nothing changed, and the marks outlive
// an actor that dies: the next one recovers from them.
#pragma once
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

namespace cafka::actors {

inline constexpr std::int64_t never_ms = std::numeric_limits<std::int64_t>::max();

// The earliest wall time at which any partition of the node has maintenance due; may be too early, never too late.
class maintenance_board {
public:
  [[nodiscard]] std::int64_t earliest_ms() const noexcept { return earliest_ms_.load(std::memory_order_acquire); }
  void lower_to(std::int64_t due_ms) noexcept {
    auto seen = earliest_ms_.load(std::memory_order_relaxed);
    while (due_ms < seen && !earliest_ms_.compare_exchange_weak(seen, due_ms, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }
  // Before the marks are walked; what becomes due during the walk lowers it again.
  void reset() noexcept { earliest_ms_.store(never_ms, std::memory_order_seq_cst); }

private:
  std::atomic<std::int64_t> earliest_ms_{never_ms};
};

struct partition_marks {
  std::atomic<std::int64_t> recovery_point{0};
  std::atomic<std::int64_t> log_start_offset{0};
  std::atomic<std::int64_t> high_watermark{0};
  std::atomic<std::int64_t> size_bytes{0}; // of the log's segments
  std::atomic<std::int64_t> maintenance_due_ms{never_ms};

  // Says when this partition wants to be told to maintain itself.
  void set_maintenance_due(std::int64_t due_ms, maintenance_board& board) noexcept {
    if (maintenance_due_ms.load(std::memory_order_relaxed) == due_ms)
      return;
    maintenance_due_ms.store(due_ms, std::memory_order_release);
    board.lower_to(due_ms);
  }
};

using marks_ptr = std::shared_ptr<partition_marks>;

} // namespace cafka::actors
