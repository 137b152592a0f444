// What is true of one partition of a simulated cluster, whatever its replicas believe: the records that are committed, who led which leader epoch, what
// was written where. An unclean election cuts what is committed down to what its leader has; from then on only that leader's line counts.
#pragma once
#include "metadata/image.hpp"
#include "simulation/simulated_log.hpp"

#include <unordered_map>

namespace cafka::test {

struct partition_truth {
  std::string topic;
  uuid topic_id;
  std::int32_t number = 0;
  storage::durability_mode durability = storage::durability_mode::fsync;

  // As the quorum has committed it.
  metadata::partition_registration known;
  std::int64_t known_since = -1; // offset of the last record about it
  bool removed = false;

  std::vector<simulated_record> committed;
  std::unordered_map<std::uint64_t, std::uint64_t> written; // (leader epoch, offset) → hash of the log up to there (log matching)
  std::vector<node_id> leader_of_epoch;
  std::vector<std::int64_t> high_watermark_of_epoch;
  // How many replicas hold all that is committed, in every history that the rules allow: so many less one may lose what they have.
  std::int32_t held_by = 1;

  // The last leader epoch that began with an unclean election, committed; until its leader is known, nothing is promised.
  std::int32_t unclean_epoch = -1;
  bool unclean_pending = false;
  bool unclean_allowed = false; // an operator asked for one
  std::int64_t unclean_high_watermark = 0; // what its leader took for committed when it began

  std::uint64_t acked_value = 0; // the greatest

  [[nodiscard]] std::int64_t committed_end() const noexcept { return static_cast<std::int64_t>(committed.size()); }
  [[nodiscard]] std::uint64_t committed_hash() const noexcept { return committed.empty() ? 0 : committed.back().hash; }
  // What leaders of this epoch commit counts.
  [[nodiscard]] bool counts(std::int32_t leader_epoch) const noexcept { return leader_epoch >= unclean_epoch && !unclean_pending; }
  // How far this log holds exactly what is committed, looking at no more than `end` of it.
  [[nodiscard]] std::int64_t common_end(const simulated_log& log, std::int64_t end) const;
};

inline std::int64_t partition_truth::common_end(const simulated_log& log, std::int64_t end) const {
  auto common = std::min({committed_end(), end, log.end()});
  while (common > 0 && log.can_hash_below(common) && log.hash_below(common) != committed[static_cast<std::size_t>(common) - 1].hash)
    --common;
  return common;
}

} // namespace cafka::test
