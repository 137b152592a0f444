#include "support/quorum_checks.hpp"

namespace cafka::test {

using namespace election;

void quorum_checks::fail(const std::string& invariant, const std::string& why) {
  if (broken_.empty())
    broken_ = invariant + ": " + why;
}

void quorum_checks::sends(node_id voter, const quorum_state& on_disk, const outgoing& message) {
  const auto* answer = std::get_if<vote_response>(&message.content);
  if (!answer || !answer->granted || answer->pre_vote)
    return;
  if (on_disk.leader_epoch != answer->leader_epoch || on_disk.voted.id != message.to)
    fail("vote persisted before answer", std::to_string(voter) + " votes for " + std::to_string(message.to));
  const auto [vote, first] = vote_of_.emplace(std::pair{answer->leader_epoch, voter}, message.to);
  if (!first && vote->second != message.to)
    fail("one vote per epoch",
         std::to_string(voter) + " voted for " + std::to_string(vote->second) + " and for " + std::to_string(message.to));
}

void quorum_checks::leads(node_id who, std::int32_t leader_epoch, const quorum_log& log) {
  const auto [leader, first] = leader_of_epoch_.emplace(leader_epoch, who);
  if (!first)
    fail("one leader per epoch",
         std::to_string(who) + " and " + std::to_string(leader->second) + " in epoch " + std::to_string(leader_epoch));
  if (leader_of_epoch_.rbegin()->first > leader_epoch)
    return; // elected by votes that came late: what later epochs committed it need not have, and it will commit nothing
  for (auto offset = log.start; offset < static_cast<std::int64_t>(committed_.size()); ++offset)
    if (offset >= log.end() || log.at(offset) != committed_[static_cast<std::size_t>(offset)])
      return fail("a leader has all that is committed", std::to_string(who) + " lacks " + std::to_string(offset));
}

void quorum_checks::commits(node_id who, std::int64_t high_watermark, std::int64_t& seen, const quorum_log& log,
                            const count_holders& holders) {
  const auto from = std::max(log.start, seen);
  if (high_watermark <= seen)
    fail("the high watermark never goes back", std::to_string(who));
  seen = high_watermark;
  if (high_watermark > log.end())
    return fail("the high watermark is within the log", std::to_string(who));
  for (auto offset = from; offset < high_watermark; ++offset) {
    const auto index = static_cast<std::size_t>(offset);
    const auto& entry = log.at(offset);
    if (index < committed_.size()) {
      if (committed_[index] != entry)
        return fail("committed never lost", std::to_string(who) + " has another record at " + std::to_string(offset));
      continue;
    }
    committed_.push_back(entry);
    if (const auto count = holders(offset, entry); count < majority_)
      return fail("committed means synced on a majority",
                  std::to_string(who) + " calls " + std::to_string(offset) + " committed, " + std::to_string(count) + " have it");
  }
}

} // namespace cafka::test
