// When the next snapshot of the metadata is due: by the bytes of the log since the last one, or by time if there is anything new. Pure (KIP-630).
#pragma once
#include <cstdint>

namespace cafka::metadata {

class snapshot_schedule {
public:
  struct limits {
    std::uint64_t record_bytes = 20 << 20; // metadata.log.max.record.bytes.between.snapshots
    std::int64_t interval_ms = 3'600'000; // metadata.log.max.snapshot.interval.ms; 0: never by time
  };
  static constexpr std::int64_t retry_ms = 60'000; // after a failure: the disk may be full

  snapshot_schedule(const limits& with, std::int64_t now_ms) : limits_(with), last_ms_(now_ms) {}

  void note_applied(std::uint64_t bytes) noexcept { bytes_ += bytes; }
  [[nodiscard]] bool is_due(std::int64_t now_ms) const noexcept {
    if (under_way_ || bytes_ == 0 || now_ms < not_before_ms_)
      return false;
    return bytes_ >= limits_.record_bytes || (limits_.interval_ms > 0 && now_ms - last_ms_ >= limits_.interval_ms);
  }
  // What is applied from here on counts for the next.
  void begin(std::int64_t now_ms) noexcept {
    under_way_ = true;
    begun_bytes_ = bytes_;
    begun_ms_ = now_ms;
  }
  void succeeded() noexcept {
    under_way_ = false;
    bytes_ -= begun_bytes_;
    last_ms_ = begun_ms_;
  }
  void failed(std::int64_t now_ms) noexcept {
    under_way_ = false;
    not_before_ms_ = now_ms + retry_ms;
  }
  // Another's snapshot took the place of all that was counted. One that is under way goes on, and counts for nothing.
  void replaced(std::int64_t now_ms) noexcept {
    bytes_ = begun_bytes_ = 0;
    begun_ms_ = last_ms_ = now_ms;
  }

private:
  limits limits_;
  std::uint64_t bytes_ = 0, begun_bytes_ = 0;
  std::int64_t last_ms_, begun_ms_ = 0, not_before_ms_ = 0;
  bool under_way_ = false;
};

} // namespace cafka::metadata
