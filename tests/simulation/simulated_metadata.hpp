// The real controller core over an abstract quorum: one metadata log whose committed part only grows. A fail-over keeps all of that and any
// prefix of the rest, batch by batch; whoever waited for an answer gets none. What brokers know is the state after some committed batch (R12).
#pragma once
#include "metadata/controller.hpp"
#include "replication/partition_leader.hpp"

#include <array>

namespace cafka::test {

inline constexpr std::size_t most_nodes = 5; // ids 1 to 5

struct metadata_view {
  std::int64_t offset = -1; // of the last record in it
  metadata::partition_registration partition;
  std::vector<replication::partition_leader::eligible_broker> eligible; // unfenced
  std::array<std::int64_t, most_nodes + 1> broker_epoch{}; // by id
  std::array<bool, most_nodes + 1> fenced{};
};

class simulated_metadata {
public:
  // A partition on nodes 1 to `nodes`, all registered, unfenced and in the ISR; all of it committed.
  simulated_metadata(std::size_t nodes, std::int32_t min_isr, storage::durability_mode durability, std::uint64_t seed, std::int64_t now_ms);

  [[nodiscard]] metadata::controller& core() noexcept { return core_; }
  [[nodiscard]] std::int64_t log_end() const noexcept { return static_cast<std::int64_t>(log_.size()); }
  [[nodiscard]] const uuid& topic_id() const noexcept { return topic_id_; }
  [[nodiscard]] metadata::broker_registration_request registration(node_id id, std::uint32_t incarnation, bool page_cache_survived,
                                                                   bool directory_lost = false, std::uint8_t disk = 0) const;
  // Number 1 or 2 on that disk of a node.
  [[nodiscard]] static uuid directory(node_id id, std::uint8_t number, std::uint8_t disk);

  // Appends and replays. Gives the batch that must be committed before the outcome may be told.
  template <class Outcome>
  std::size_t append(const metadata::decision<Outcome>& decided) {
    return append_records(decided.records);
  }
  // True if there is more to know than before.
  bool commit(std::size_t batch);
  [[nodiscard]] std::size_t committed() const noexcept { return committed_; } // last committed batch
  [[nodiscard]] std::size_t appended() const noexcept { return batches_.size() - 1; }
  [[nodiscard]] const metadata_view& view(std::size_t batch) const { return batches_[batch]; } // after it
  void fail_over(prng& random, std::int64_t now_ms);

  [[nodiscard]] const std::string& broken() const noexcept { return broken_; } // what the core refused to replay, or its invariants

private:
  std::size_t append_records(const std::vector<metadata::metadata_record>& records);
  void note_view();

  metadata::controller core_;
  std::int32_t controller_epoch_ = 1;
  uuid topic_id_;
  std::vector<std::optional<metadata::metadata_record>> log_; // by offset; nullopt: a leader change
  std::vector<metadata_view> batches_;
  std::size_t committed_ = 0;
  metadata::image_builder replayed_; // of a prefix of what is committed: what the next controller begins with
  std::string broken_;
};

} // namespace cafka::test
