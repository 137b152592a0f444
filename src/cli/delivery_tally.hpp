// What became of the records that a command gave to a producer, and the exit code that it makes.
#pragma once
#include "client/types.hpp"

#include <atomic>
#include <mutex>
#include <string>

namespace cafka::cli {

// Settled by the cluster's thread, read by the command's.
class delivery_tally {
public:
  void settle(const client::delivery_result& outcome, std::uint64_t number);

  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }
  // Of the first record, in the order of the input, that failed.
  [[nodiscard]] std::string first_failure() const;
  [[nodiscard]] std::uint64_t delivered() const noexcept { return delivered_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); } // certainly not written
  [[nodiscard]] std::uint64_t unknown() const noexcept { return unknown_.load(std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> delivered_{0}, lost_{0}, unknown_{0};
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::uint64_t first_number_ = 0;
  error first_;
};

// Once all are settled: says on standard error what went wrong, if anything did. `input` tells whether the records could all be read and
// accepted, `accepted` how many were.
int report_deliveries(const delivery_tally& counts, const result<void>& input, std::uint64_t accepted);

} // namespace cafka::cli
