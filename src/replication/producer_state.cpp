#include "replication/producer_state.hpp"

#include <algorithm>

namespace cafka::replication {

namespace {

constexpr std::int16_t no_epoch = -1;
constexpr std::int32_t no_sequence = -1;

// Java's arithmetic of sequences: 2^31 − 1 is followed by 0.
std::int32_t sequence_after(std::int32_t sequence, std::int32_t by) noexcept {
  return sequence > INT32_MAX - by ? by - (INT32_MAX - sequence) - 1 : sequence + by;
}
std::int32_t sequence_before(std::int32_t sequence, std::int32_t by) noexcept {
  return sequence < by ? INT32_MAX - (by - sequence) + 1 : sequence - by;
}

std::int32_t last_sequence_of(const storage::batch_header& header) noexcept {
  return header.base_sequence == no_sequence ? no_sequence : sequence_after(header.base_sequence, header.last_offset_delta);
}

// Is `sequence` one that comes before `due`? Half of the circle lies behind.
bool is_behind(std::int32_t sequence, std::int32_t due) noexcept {
  return ((static_cast<std::uint32_t>(sequence) - static_cast<std::uint32_t>(due)) & 0x7fffffffu) >= 0x40000000u;
}

producer_check refuse(errc code, bool may_be_written, const storage::batch_header& header, const std::string& why) {
  producer_check answer;
  answer.verdict = producer_verdict::refused;
  answer.code = code;
  answer.may_be_written = may_be_written;
  answer.detail = "producer " + std::to_string(header.producer_id) + ", epoch " + std::to_string(header.producer_epoch) + ", sequence " +
                  std::to_string(header.base_sequence) + ": " + why;
  return answer;
}

} // namespace

producer_check producer_state::check(const storage::batch_header& header) const {
  const auto found = producers_.find(header.producer_id);
  if (found == producers_.end())
    return {};
  const auto& who = found->second;
  if (header.producer_epoch == who.epoch) {
    const auto last = last_sequence_of(header);
    // The newest first: a producer that was forgotten may have begun again, and a log replayed later shows the same sequences twice.
    for (std::size_t i = who.count; i-- > 0;) {
      const auto& known = who.batches[i];
      if (known.last_sequence == last && sequence_before(known.last_sequence, known.offset_delta) == header.base_sequence)
        return {.verdict = producer_verdict::duplicate,
                .base_offset = known.last_offset - known.offset_delta,
                .last_offset = known.last_offset,
                .timestamp = known.timestamp,
                .code = errc::none,
                .may_be_written = true,
                .detail = {}};
    }
  }
  if (header.producer_epoch < who.epoch)
    return refuse(errc::invalid_producer_epoch, true, header, "its epoch is " + std::to_string(who.epoch) + " by now");
  if (header.producer_epoch != who.epoch) {
    if (header.base_sequence != 0 && who.epoch != no_epoch)
      return refuse(errc::out_of_order_sequence_number, false, header,
                    "a new epoch begins with sequence 0; the last was " + std::to_string(who.epoch));
  } else if (who.epoch != no_epoch) {
    const auto due = who.last_sequence() == no_sequence ? 0 : sequence_after(who.last_sequence(), 1);
    if (header.base_sequence != due)
      return refuse(errc::out_of_order_sequence_number, is_behind(header.base_sequence, due), header, std::to_string(due) + " is due");
  }
  if (who.open_since >= 0 && !header.is_transactional())
    return refuse(errc::invalid_txn_state, false, header,
                  "its transaction that began at offset " + std::to_string(who.open_since) + " is open");
  return {};
}

void producer_state::take_epoch(producer& who, std::int16_t epoch) noexcept {
  if (who.epoch == epoch)
    return;
  who.epoch = epoch;
  who.count = 0;
}

void producer_state::append(const storage::batch_header& header) {
  if (header.producer_id == storage::no_producer_id || header.is_control())
    return;
  auto& who = entry_of(header.producer_id);
  take_epoch(who, header.producer_epoch);
  if (who.count == remembered_batches) {
    std::move(who.batches.begin() + 1, who.batches.end(), who.batches.begin());
    --who.count;
  }
  who.batches[who.count++] = {last_sequence_of(header), header.last_offset_delta, header.last_offset(), header.max_timestamp};
  who.last_timestamp = header.max_timestamp;
  who.last_written_offset = header.last_offset();
  if (who.open_since < 0 && header.is_transactional())
    who.open_since = header.base_offset;
}

void producer_state::append_marker(const storage::batch_header& header, const storage::transaction_marker& marker) {
  if (header.producer_id == storage::no_producer_id)
    return;
  auto& who = entry_of(header.producer_id);
  take_epoch(who, header.producer_epoch);
  who.coordinator_epoch = marker.coordinator_epoch;
  who.last_timestamp = marker.timestamp;
  who.last_written_offset = header.last_offset();
  who.open_since = -1;
}

producer_state::producer& producer_state::entry_of(std::int64_t producer_id) {
  if (const auto known = producers_.find(producer_id); known != producers_.end())
    return known->second;
  if (producers_.size() >= limits_.max_producers)
    forget_oldest();
  return producers_[producer_id];
}

// A part at once, so that at the limit a new producer costs a look at sixteen others and not at all of them.
void producer_state::forget_oldest() {
  std::vector<std::int64_t> written;
  written.reserve(producers_.size());
  for (const auto& [id, who] : producers_)
    if (who.open_since < 0)
      written.push_back(who.last_written_offset);
  if (written.empty())
    return; // every one has a transaction open: their coordinator's time-out ends these
  const auto last = written.begin() + static_cast<std::ptrdiff_t>((written.size() - 1) / 16);
  std::nth_element(written.begin(), last, written.end());
  std::erase_if(producers_,
                [limit = *last](const auto& each) { return each.second.open_since < 0 && each.second.last_written_offset <= limit; });
}

bool producer_state::has_expired(const producer& who, std::int64_t now_ms) const noexcept {
  // Java's arithmetic: what lies too far apart wraps and stays.
  const auto age = static_cast<std::int64_t>(static_cast<std::uint64_t>(now_ms) - static_cast<std::uint64_t>(who.last_timestamp));
  return who.open_since < 0 && age >= limits_.expiration_ms;
}

void producer_state::expire(std::int64_t now_ms) {
  std::erase_if(producers_, [&](const auto& each) { return has_expired(each.second, now_ms); });
  if (producers_.empty())
    std::unordered_map<std::int64_t, producer>{}.swap(producers_); // an idle partition holds nothing
}

void producer_state::load(const std::vector<storage::producer_snapshot_entry>& entries, const std::vector<storage::earlier_batch>& earlier,
                          std::int64_t now_ms) {
  for (const auto& entry : entries) {
    producer who;
    who.epoch = entry.producer_epoch;
    who.coordinator_epoch = entry.coordinator_epoch;
    who.last_timestamp = entry.timestamp;
    who.last_written_offset = entry.last_offset;
    who.open_since = std::max<std::int64_t>(entry.current_txn_first_offset, -1);
    if (entry.last_offset >= 0)
      who.batches[who.count++] = {entry.last_sequence, entry.offset_delta, entry.last_offset, entry.timestamp};
    if (!has_expired(who, now_ms))
      entry_of(entry.producer_id) = who;
  }
  for (const auto& [id, last_sequence, offset_delta, last_offset, timestamp] : earlier)
    if (const auto known = producers_.find(id); known != producers_.end())
      known->second.add_earlier({last_sequence, offset_delta, last_offset, timestamp});
}

void producer_state::producer::add_earlier(const batch& before) noexcept {
  if (count == 0 || count == remembered_batches || before.offset_delta < 0 || before.last_offset < before.offset_delta)
    return;
  auto& last = batches[count - 1u];
  const bool follows = count == 1 || before.last_offset - before.offset_delta > batches[count - 2u].last_offset;
  if (!follows || before.last_offset >= last.last_offset - last.offset_delta)
    return;
  batches[count++] = last;
  last = before;
}

std::vector<storage::earlier_batch> producer_state::earlier_batches() const {
  std::vector<storage::earlier_batch> earlier;
  for (const auto& [id, who] : producers_)
    for (std::size_t i = 0; i + 1 < who.count; ++i) {
      const auto& each = who.batches[i];
      earlier.push_back({id, each.last_sequence, each.offset_delta, each.last_offset, each.timestamp});
    }
  return earlier;
}

std::vector<storage::producer_snapshot_entry> producer_state::to_snapshot() const {
  std::vector<storage::producer_snapshot_entry> entries;
  entries.reserve(producers_.size());
  for (const auto& [id, who] : producers_) {
    storage::producer_snapshot_entry entry;
    entry.producer_id = id;
    entry.producer_epoch = who.epoch;
    entry.timestamp = who.last_timestamp;
    entry.coordinator_epoch = who.coordinator_epoch;
    entry.current_txn_first_offset = who.open_since;
    if (who.count > 0) {
      const auto& last = who.batches[who.count - 1u];
      entry.last_sequence = last.last_sequence;
      entry.last_offset = last.last_offset;
      entry.offset_delta = last.offset_delta;
    }
    entries.push_back(entry);
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.producer_id < b.producer_id; });
  return entries;
}

std::optional<std::string> producer_state::check_invariants() const {
  if (producers_.size() > limits_.max_producers &&
      std::any_of(producers_.begin(), producers_.end(), [](const auto& each) { return each.second.open_since < 0; }))
    return std::to_string(producers_.size()) + " producers";
  for (const auto& [id, who] : producers_) {
    const auto name = "producer " + std::to_string(id);
    if (who.count > remembered_batches)
      return name + " has " + std::to_string(who.count) + " batches";
    for (std::size_t i = 0; i + 1 < who.count; ++i)
      if (who.batches[i].last_offset >= who.batches[i + 1].last_offset)
        return name + ": batches do not rise";
    if (who.count > 0 && who.batches[who.count - 1u].last_offset > who.last_written_offset)
      return name + " wrote before its last batch";
  }
  return std::nullopt;
}

} // namespace cafka::replication
