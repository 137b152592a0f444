#include "simulation/actors/history.hpp"

#include <set>

namespace cafka::test {

namespace {
std::string named(std::size_t partition) { return "partition " + std::to_string(partition); }
std::string text_of(const logged_batch& batch) {
  return '[' + std::to_string(batch.base_offset) + ", " + std::to_string(batch.last_offset) + "] of epoch " +
         std::to_string(batch.leader_epoch) + ", crc " + std::to_string(batch.crc);
}
} // namespace

std::vector<logged_batch> read_batches_of(byte_span bytes) {
  std::vector<logged_batch> all;
  while (bytes.size() >= storage::batch_header_size) {
    const auto header = storage::parse_batch_header(bytes);
    if (!header || header->size_bytes() > bytes.size() || !storage::verify_crc(*header, bytes.first(header->size_bytes())))
      break;
    all.push_back({header->base_offset, header->last_offset(), header->leader_epoch, header->crc, header->producer_id,
                   header->base_sequence, header->record_count});
    bytes = bytes.subspan(header->size_bytes());
  }
  return all;
}

bool history::begin_write(std::size_t partition, std::uint32_t crc) { return partitions_[partition].writes.try_emplace(crc).second; }

void history::acked(std::size_t partition, std::uint32_t crc, const net::produce_outcome& outcome) {
  auto& of = partitions_[partition];
  auto& write = of.writes[crc];
  if (write.acked_at >= 0 && write.acked_at != outcome.base_offset)
    sim_.fail("C2 a batch is stored once",
              named(partition) + ": acknowledged at " + std::to_string(write.acked_at) + " and at " + std::to_string(outcome.base_offset));
  if (const auto [place, is_new] = of.acked.try_emplace(outcome.base_offset, acknowledged{crc, outcome.leader_epoch});
      !is_new && place->second.crc != crc)
    sim_.fail("R1 what was acknowledged stays",
              named(partition) + ": two writes were acknowledged at offset " + std::to_string(outcome.base_offset));
  if (const auto known = of.committed.find(outcome.base_offset); known != of.committed.end() && known->second.crc != crc)
    sim_.fail("R9 what an offset holds never changes",
              named(partition) + ": acknowledged where another was read: " + text_of(known->second));
  write.acked_at = outcome.base_offset;
  ++acked_;
}

void history::refused(std::size_t partition, std::uint32_t crc) { partitions_[partition].writes[crc].is_refused = true; }

node_id history::newest_leader(std::size_t partition) const {
  const auto& known = partitions_[partition].leader_of_epoch;
  return known.empty() ? no_node : known.rbegin()->second;
}

void history::serves(std::size_t partition, std::int32_t leader_epoch, node_id who) {
  const auto [known, is_new] = partitions_[partition].leader_of_epoch.try_emplace(leader_epoch, who);
  if (!is_new && known->second != who)
    sim_.fail("R5 one leader per leader epoch", named(partition) + ": nodes " + std::to_string(known->second) + " and " +
                                                    std::to_string(who) + " in epoch " + std::to_string(leader_epoch));
}

void history::know_committed(std::size_t partition, const logged_batch& batch, const char* by) {
  auto& of = partitions_[partition];
  const auto [known, is_new] = of.committed.try_emplace(batch.base_offset, batch);
  if (!is_new && !(known->second == batch))
    sim_.fail("R9 what an offset holds never changes",
              named(partition) + ": " + by + " has " + text_of(batch) + " where " + text_of(known->second) + " was read");
  if (const auto acked = of.acked.find(batch.base_offset); acked != of.acked.end() && acked->second.crc != batch.crc)
    sim_.fail("R1 what was acknowledged stays", named(partition) + ": " + by + " has " + text_of(batch) + " where crc " +
                                                    std::to_string(acked->second.crc) + " was acknowledged");
  const auto write = of.writes.find(batch.crc);
  if (write == of.writes.end())
    sim_.fail("R4 only what clients wrote is in a log", named(partition) + ": " + text_of(batch));
  else if (write->second.is_refused)
    sim_.fail("C7 what was refused as not written is not written", named(partition) + ": " + text_of(batch));
}

void history::read(std::size_t partition, const std::vector<logged_batch>& batches, std::int64_t from, const net::fetch_outcome& outcome) {
  auto next = from;
  for (const auto& batch : batches) {
    if (batch.last_offset >= outcome.high_watermark)
      sim_.fail("R9 nothing at or past the high watermark is read",
                named(partition) + ": " + text_of(batch) + ", high watermark " + std::to_string(outcome.high_watermark));
    if (batch.base_offset > next)
      sim_.fail("R9 reads have no gaps", named(partition) + ": " + text_of(batch) + " after " + std::to_string(next));
    next = batch.last_offset + 1;
    know_committed(partition, batch, "a reader");
    partitions_[partition].read_in.try_emplace(batch.base_offset, outcome.leader_epoch);
    ++read_;
  }
}

void history::check_log(std::size_t partition, const std::vector<logged_batch>& log, const std::string& whose) {
  std::int64_t next = 0;
  std::int32_t epoch = 0;
  std::set<std::uint32_t> seen;
  std::map<std::int64_t, std::int32_t> next_sequence;
  for (const auto& batch : log) {
    if (batch.base_offset != next || batch.leader_epoch < epoch)
      return sim_.fail("R4 a log has neither gaps nor epochs that go back", named(partition) + " on " + whose + ": " + text_of(batch));
    next = batch.last_offset + 1;
    epoch = batch.leader_epoch;
    if (!seen.insert(batch.crc).second)
      return sim_.fail("C2 a batch is stored once", named(partition) + " on " + whose + ": " + text_of(batch) + " is there before");
    if (batch.producer_id < 0)
      continue;
    auto& sequence = next_sequence[batch.producer_id];
    if (batch.base_sequence != sequence)
      return sim_.fail("C2 each producer's sequences have no gaps", named(partition) + " on " + whose + ": " + text_of(batch) +
                                                                        ", sequence " + std::to_string(batch.base_sequence) + " after " +
                                                                        std::to_string(sequence));
    sequence += batch.records;
  }
}

void history::check_leader(std::size_t partition, std::int32_t leader_epoch, const std::vector<logged_batch>& log,
                           const std::string& whose) {
  check_log(partition, log, whose);
  std::map<std::int64_t, std::uint32_t> has;
  for (const auto& batch : log)
    has[batch.base_offset] = batch.crc;
  const auto& of = partitions_[partition];
  for (const auto& [offset, ack] : of.acked)
    if (const auto found = has.find(offset); ack.leader_epoch < leader_epoch && (found == has.end() || found->second != ack.crc))
      return sim_.fail("R1 what was acknowledged is in the log of every later leader",
                       named(partition) + " on " + whose + ": offset " + std::to_string(offset) + " is " +
                           (found == has.end() ? "missing" : "another batch") + "; its log ends at " +
                           std::to_string(log.empty() ? 0 : log.back().last_offset + 1));
  for (const auto& [offset, epoch] : of.read_in)
    if (const auto found = has.find(offset); epoch < leader_epoch && (found == has.end() || found->second != of.committed.at(offset).crc))
      return sim_.fail("R9 what was read is in the log of every later leader",
                       named(partition) + " on " + whose + ": " + text_of(of.committed.at(offset)));
}

void history::check_replica(std::size_t partition, const std::vector<logged_batch>& log, const std::string& whose) {
  check_leader(partition, INT32_MAX, log, whose);
  for (const auto& batch : log)
    know_committed(partition, batch, whose.c_str());
}

} // namespace cafka::test
