// What must hold of a quorum whatever carries its cores: Q1 to Q4 of docs/verification.md, checked where they could break. Whoever simulates tells of
// each vote that leaves, each leader and each high watermark; broken() says what did not hold first.
#pragma once
#include "election/quorum.hpp"

#include <functional>
#include <map>
#include <span>
#include <string>

namespace cafka::test {

struct log_entry {
  std::int32_t leader_epoch = 0;
  std::uint64_t value = 0; // 0: the leader change
  bool operator==(const log_entry&) const = default;
};

// One node's log, from `start`.
struct quorum_log {
  std::span<const log_entry> entries;
  std::int64_t start = 0;
  std::int64_t flushed_end = 0;

  [[nodiscard]] std::int64_t end() const noexcept { return start + static_cast<std::int64_t>(entries.size()); }
  [[nodiscard]] const log_entry& at(std::int64_t offset) const { return entries[static_cast<std::size_t>(offset - start)]; }
  // On disk, or in a snapshot.
  [[nodiscard]] bool has_synced(std::int64_t offset, const log_entry& entry) const {
    return offset < start || (offset < std::min(flushed_end, end()) && at(offset) == entry);
  }
};

class quorum_checks {
public:
  // How many voters have this entry on disk.
  using count_holders = std::function<std::size_t(std::int64_t offset, const log_entry& entry)>;

  explicit quorum_checks(std::size_t majority) : majority_(majority) {}

  // Before the message leaves.
  void sends(node_id voter, const election::quorum_state& on_disk, const election::outgoing& message);
  void leads(node_id who, std::int32_t leader_epoch, const quorum_log& log);
  // What one node calls committed, every node that ever does agrees with, and a majority has on disk when it first is. `seen` is the last that this
  // process of it told; −1: nothing yet.
  void commits(node_id who, std::int64_t high_watermark, std::int64_t& seen, const quorum_log& log, const count_holders& holders);

  [[nodiscard]] const std::vector<log_entry>& committed() const noexcept { return committed_; }
  [[nodiscard]] const std::map<std::int32_t, node_id>& leader_of_epoch() const noexcept { return leader_of_epoch_; }
  [[nodiscard]] const std::string& broken() const noexcept { return broken_; } // "" if nothing is

private:
  void fail(const std::string& invariant, const std::string& why);

  std::size_t majority_;
  std::vector<log_entry> committed_;
  std::map<std::int32_t, node_id> leader_of_epoch_;
  std::map<std::pair<std::int32_t, node_id>, node_id> vote_of_; // (epoch, voter) → candidate
  std::string broken_;
};

} // namespace cafka::test
