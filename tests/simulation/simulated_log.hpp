// One replica's log, of which every record is {leader epoch, value}: what is flushed survives a power cut, of the rest some prefix. Each record
// also knows the hash of all records up to it, so that "the same prefix" is one comparison.
#pragma once
#include "replication/replica_fetch.hpp"

#include <algorithm>
#include <vector>

namespace cafka::test {

struct simulated_record {
  std::int32_t leader_epoch = 0;
  std::uint64_t value = 0;
  std::uint64_t hash = 0; // of the log up to and with this one
  bool operator==(const simulated_record&) const = default;
};

class simulated_log {
public:
  [[nodiscard]] std::int64_t start() const noexcept { return start_; }
  [[nodiscard]] std::int64_t end() const noexcept { return base_ + static_cast<std::int64_t>(records_.size()); }
  [[nodiscard]] std::int64_t flushed_end() const noexcept { return flushed_end_; }
  [[nodiscard]] std::uint32_t cuts() const noexcept { return cuts_; } // a flush that began before the last of them proves nothing
  [[nodiscard]] replication::replica_log view() const noexcept { return {start_, end(), flushed_end_, epochs_.entries()}; }
  [[nodiscard]] bool has(std::int64_t offset) const noexcept { return offset >= base_ && offset < end(); }
  [[nodiscard]] const simulated_record& at(std::int64_t offset) const { return records_[static_cast<std::size_t>(offset - base_)]; }
  // Of everything below `offset`, which lies from the first kept record to the end.
  [[nodiscard]] std::uint64_t hash_below(std::int64_t offset) const { return offset == base_ ? base_hash_ : at(offset - 1).hash; }
  [[nodiscard]] bool can_hash_below(std::int64_t offset) const noexcept { return offset >= base_ && offset <= end(); }

  void begin_leader_epoch(std::int32_t leader_epoch) { epochs_.assign(leader_epoch, end()); }
  const simulated_record& append(std::int32_t leader_epoch, std::uint64_t value) {
    epochs_.assign(leader_epoch, end());
    auto hash = hash_below(end()) ^ (value * 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(leader_epoch));
    hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9ULL;
    return records_.emplace_back(simulated_record{leader_epoch, value, hash ^ (hash >> 32)});
  }
  void flushed(std::int64_t to) noexcept { flushed_end_ = std::max(flushed_end_, std::min(to, end())); }
  void truncate_to(std::int64_t offset) {
    if (offset < end()) {
      records_.resize(static_cast<std::size_t>(offset - base_));
      flushed_end_ = std::min(flushed_end_, offset);
      ++cuts_;
    }
    epochs_.truncate_from_end(end());
  }
  void start_over_at(std::int64_t offset, std::uint64_t hash) {
    records_.clear();
    epochs_ = {};
    base_ = start_ = flushed_end_ = offset;
    base_hash_ = hash;
    ++cuts_;
  }
  void advance_start(std::int64_t offset) {
    start_ = offset;
    epochs_.truncate_from_start(offset);
  }
  // The process ends and another reads the log: all that is left is synced, and an epoch without a record is forgotten.
  void recover(std::int64_t kept_end) {
    truncate_to(kept_end);
    start_ = std::min(start_, end());
    flushed_end_ = end();
  }

private:
  std::vector<simulated_record> records_; // from base_
  std::int64_t base_ = 0, start_ = 0, flushed_end_ = 0;
  std::uint64_t base_hash_ = 0;
  std::uint32_t cuts_ = 0;
  storage::leader_epoch_cache epochs_;
};

} // namespace cafka::test
