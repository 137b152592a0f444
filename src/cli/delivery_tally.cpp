#include "cli/delivery_tally.hpp"

#include "cli/command.hpp"
#include "cli/interrupt.hpp"

#include <cinttypes>
#include <cstdio>

namespace cafka::cli {

void delivery_tally::settle(const client::delivery_result& outcome, std::uint64_t number) {
  if (outcome) {
    delivered_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  (outcome.error().may_be_written ? unknown_ : lost_).fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard hold{mutex_};
  if (!failed_.exchange(true) || number < first_number_) {
    first_number_ = number;
    first_ = outcome.error().cause();
  }
}

std::string delivery_tally::first_failure() const {
  const std::lock_guard hold{mutex_};
  return "record " + std::to_string(first_number_) + ": " + explain(first_);
}

int report_deliveries(const delivery_tally& counts, const result<void>& input, std::uint64_t accepted) {
  const bool was_interrupted = interrupt_guard::requested();
  if (counts.failed())
    report(counts.first_failure());
  if (!input)
    report(input.error());
  if (!counts.failed() && input && !was_interrupted)
    return success;
  std::fprintf(stderr, "cafka: %s%" PRIu64 " records acknowledged, %" PRIu64 " certainly not written, %" PRIu64 " unknown\n",
               was_interrupted ? "interrupted; " : "", counts.delivered(), counts.lost(), counts.unknown());
  if (counts.unknown() != 0)
    return unknown_outcome;
  if (counts.lost() != 0)
    return not_written;
  if (!input)
    return accepted == 0 && input.error().code == errc::bad_argument ? failure : not_written;
  return interrupted;
}

} // namespace cafka::cli
