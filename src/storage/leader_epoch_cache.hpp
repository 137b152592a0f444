// Where each leader epoch begins in one partition's log (KIP-101), kept in leader-epoch-checkpoint:
//   line 0: version 0; line 1: count; then "leader_epoch start_offset" per line; the last line ends too, so that a torn file is seen.
// Epochs and start offsets both rise strictly. In memory it is the truth; the file can always be rebuilt from the batches.
#pragma once
#include "base/error.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::storage {

struct epoch_start {
  std::int32_t leader_epoch = 0;
  std::int64_t start_offset = 0;
  bool operator==(const epoch_start&) const = default;
};

struct epoch_end {
  std::int32_t leader_epoch = -1;
  std::int64_t end_offset = -1; // −1, −1: nothing known at or below the asked epoch
};

// Of entries as the cache keeps them: the largest epoch ≤ `leader_epoch` and where it ended.
[[nodiscard]] epoch_end end_for(std::span<const epoch_start> entries, std::int32_t leader_epoch, std::int64_t log_end_offset) noexcept;

class leader_epoch_cache {
public:
  // bad_format for anything but a whole, rising list.
  static result<leader_epoch_cache> parse(std::string_view text);
  [[nodiscard]] std::string to_text() const;

  [[nodiscard]] const std::vector<epoch_start>& entries() const noexcept { return entries_; }
  [[nodiscard]] std::int32_t latest() const noexcept { return entries_.empty() ? -1 : entries_.back().leader_epoch; }
  // The epoch of the record at `offset`; −1 if that is not known.
  [[nodiscard]] std::int32_t epoch_at(std::int64_t offset) const noexcept;
  [[nodiscard]] epoch_end end_for(std::int32_t leader_epoch, std::int64_t log_end_offset) const noexcept {
    return storage::end_for(entries_, leader_epoch, log_end_offset);
  }

  // `leader_epoch` begins at `start_offset`. No-op unless it is above the latest; epochs that would have no record left are dropped.
  bool assign(std::int32_t leader_epoch, std::int64_t start_offset);
  // Is the latest epoch the one that begins at `offset`?
  [[nodiscard]] bool begins_at(std::int64_t offset) const noexcept { return !entries_.empty() && entries_.back().start_offset == offset; }
  // Forgets epochs that begin at or past `offset`. True if there were any.
  bool truncate_from_end(std::int64_t offset);
  // Forgets epochs that end at or before `offset`; the one that holds it begins there now. True if anything changed.
  bool truncate_from_start(std::int64_t offset);

  bool operator==(const leader_epoch_cache&) const = default;

private:
  std::vector<epoch_start> entries_;
};

} // namespace cafka::storage
