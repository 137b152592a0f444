// partition_log: snapshots of what is known of producers, and the batches from which it is made again.
#include "storage/partition_log_state.hpp"

#include <algorithm>

namespace cafka::storage {

namespace {
constexpr std::size_t largest_snapshot = 64u << 20;
constexpr std::size_t largest_sequences = 4 * largest_snapshot; // at most four earlier batches for each entry, and a row is smaller
constexpr std::size_t largest_marker = 64u << 10; // one record of some ten bytes
} // namespace

const std::vector<std::int64_t>& partition_log::producer_snapshots() const noexcept { return state_->producer_snapshots; }

void partition_log::on_roll(std::function<result<void>(std::int64_t)> hook) { state_->roll_hook = std::move(hook); }

// Kafka's rule: one at each segment's base, and the newest of the others if no segment begins after it (a clean stop left it).
result<void> partition_log::state::tidy_snapshots(const partition_listing& found) {
  const auto end = log_end_offset();
  auto sorted = found.snapshots;
  std::sort(sorted.begin(), sorted.end());
  const auto past = std::upper_bound(sorted.begin(), sorted.end(), end);
  const auto newest = past == sorted.begin() ? -1 : *std::prev(past);
  for (const auto at : sorted) {
    const bool at_base = segments[index_of(at)].base_offset() == at;
    if (at <= end && (at_base || (at == newest && at > segments.back().base_offset())))
      producer_snapshots.push_back(at);
    else
      CAFKA_TRY(pool.files().remove(segment_path(directory, at, snapshot_suffix)));
  }
  for (const auto at : found.sequences)
    if (!std::binary_search(producer_snapshots.begin(), producer_snapshots.end(), at))
      CAFKA_TRY(pool.files().remove(segment_path(directory, at, sequences_suffix)));
  // Other batches may come to lie where this one was taken: it must not be met again.
  return past == sorted.end() ? result<void>{} : sync_directory();
}

result<void> partition_log::state::remove_snapshot(std::int64_t offset) {
  CAFKA_TRY(pool.files().remove(segment_path(directory, offset, snapshot_suffix)));
  CAFKA_TRY(pool.files().remove(segment_path(directory, offset, sequences_suffix)));
  forget_snapshot(offset);
  touch_directory();
  return {};
}

// One from past the end would be taken for true once the log has grown there again.
result<void> partition_log::state::remove_snapshots_past(std::int64_t offset) {
  while (!producer_snapshots.empty() && producer_snapshots.back() > offset)
    CAFKA_TRY(remove_snapshot(producer_snapshots.back()));
  return {};
}

result<std::vector<producer_snapshot_entry>> partition_log::read_producer_snapshot(std::int64_t offset) const {
  auto& files = state_->pool.files();
  CAFKA_TRY_ASSIGN(text, files.read_text(segment_path(state_->directory, offset, snapshot_suffix), largest_snapshot));
  return parse_producer_snapshot(as_byte_span(text), offset);
}

result<std::vector<earlier_batch>> partition_log::read_earlier_batches(std::int64_t offset,
                                                                       std::span<const producer_snapshot_entry> of) const {
  auto& files = state_->pool.files();
  CAFKA_TRY_ASSIGN(text, files.read_text(segment_path(state_->directory, offset, sequences_suffix), largest_sequences));
  return parse_earlier_batches(as_byte_span(text), offset, producer_snapshot_bytes(of));
}

result<void> partition_log::write_producer_snapshot(std::int64_t offset, std::span<const producer_snapshot_entry> entries,
                                                    std::span<const earlier_batch> earlier) {
  auto& s = *state_;
  CAFKA_TRY(s.check_usable());
  const auto replace = [&](std::string_view suffix, const byte_vector& bytes) {
    const auto path = segment_path(s.directory, offset, suffix);
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return s.replace_file(std::string_view{path}.substr(s.directory.size() + 1), text);
  };
  const auto bytes = producer_snapshot_bytes(entries);
  // First what only the snapshot gives a meaning.
  if (!earlier.empty())
    CAFKA_TRY(replace(sequences_suffix, earlier_batches_bytes(earlier, offset, bytes)));
  CAFKA_TRY(replace(snapshot_suffix, bytes));
  const auto at = std::lower_bound(s.producer_snapshots.begin(), s.producer_snapshots.end(), offset);
  if (at == s.producer_snapshots.end() || *at != offset)
    s.producer_snapshots.insert(at, offset);
  return {};
}

result<void> partition_log::remove_producer_snapshot(std::int64_t offset) { return state_->remove_snapshot(offset); }

result<void> partition_log::walk_headers(std::int64_t offset, const header_visitor& visit) {
  auto& s = *state_;
  CAFKA_TRY(s.check_usable());
  for (auto i = s.index_of(offset); i < s.segments.size(); ++i) {
    CAFKA_TRY(s.segments[i].walk(s.place(), offset, [&](const file& log, const batch_place& batch) -> result<void> {
      std::optional<transaction_marker> marker;
      const auto& header = batch.header;
      if (header.is_control() && header.producer_id != no_producer_id && header.size_bytes() <= largest_marker) {
        byte_vector bytes(header.size_bytes());
        CAFKA_TRY_ASSIGN(count, log.read_at(batch.position, bytes));
        if (count == bytes.size())
          marker = find_transaction_marker(bytes);
      }
      visit(header, marker);
      return {};
    }));
  }
  return {};
}

} // namespace cafka::storage
