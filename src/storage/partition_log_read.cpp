// partition_log: reads by offset and by time.
#include "storage/partition_log_state.hpp"

#include <algorithm>

namespace cafka::storage {

namespace {
constexpr std::size_t max_slices = 8;
}

std::size_t partition_log::state::index_of(std::int64_t offset) const noexcept {
  const auto after =
      std::upper_bound(segments.begin(), segments.end(), offset, [](std::int64_t at, const segment& s) { return at < s.base_offset(); });
  return after == segments.begin() ? 0 : static_cast<std::size_t>(after - segments.begin()) - 1;
}

namespace {

// Where to begin in one segment: a remembered place if a stream goes on there, else by the index.
template <class Cursors>
result<std::optional<batch_place>> first_batch(segment& from, const segment_place& place, const Cursors& cursors, std::int64_t offset) {
  for (const auto& known : cursors) {
    if (known.base_offset != from.base_offset() || known.offset != offset)
      continue;
    if (known.position >= from.size_bytes())
      return std::optional<batch_place>{};
    auto batch = from.at_position(place, known.position, offset);
    if (batch && *batch)
      return batch;
    if (!batch && batch.error().code != errc::corrupt_message)
      return batch;
  }
  return from.locate(place, offset);
}

} // namespace

// Adds one segment's slice to `outcome`; false when the read ends here.
result<bool> partition_log::state::read_segment(segment& from, const read_limits& limits, read_outcome& outcome) {
  CAFKA_TRY_ASSIGN(first, first_batch(from, place(), cursors, outcome.next_offset));
  if (!first)
    return true; // compaction left nothing here at or past the offset
  const auto left = limits.max_bytes - std::min<std::uint64_t>(limits.max_bytes, outcome.size_bytes);
  const bool fits = first->header.size_bytes() <= left || (limits.at_least_one && outcome.slices.empty());
  if (!fits || first->header.last_offset() >= limits.max_offset)
    return false;
  CAFKA_TRY_ASSIGN(end, from.boundary(place(), *first, first->position + left, limits.max_offset));
  CAFKA_TRY_ASSIGN(source, from.source(place()));
  const auto size = end.position - first->position;
  outcome.slices.push_back({std::move(source), first->position, static_cast<std::uint32_t>(size)});
  outcome.size_bytes += size;
  outcome.next_offset = end.next_offset;
  from.expose(end.position);
  cursors[next_cursor++ % cursors.size()] = {from.base_offset(), end.next_offset, end.position};
  return end.position == from.size_bytes();
}

result<read_outcome> partition_log::read(std::int64_t offset, const read_limits& limits) {
  auto& s = *state_;
  CAFKA_TRY(s.check_usable());
  if (offset < s.log_start_offset || offset > s.log_end_offset())
    return fail(errc::offset_out_of_range, s.directory + ": offset " + std::to_string(offset) + " is not in [" +
                                               std::to_string(s.log_start_offset) + ", " + std::to_string(s.log_end_offset()) + "]");
  read_outcome outcome{.slices = {}, .next_offset = offset, .size_bytes = 0};
  for (auto i = s.index_of(offset); i < s.segments.size(); ++i) {
    if (outcome.slices.size() == max_slices || outcome.next_offset >= std::min(limits.max_offset, s.log_end_offset()))
      break;
    auto more = s.read_segment(s.segments[i], limits, outcome);
    if (!more && outcome.slices.empty())
      return tl::unexpected<error>(std::move(more.error()));
    if (!more || !*more) // what is whole is served; the next read meets the trouble first
      break;
  }
  return outcome;
}

result<std::optional<timestamp_and_offset>> partition_log::find_by_timestamp(std::int64_t timestamp) {
  auto& s = *state_;
  const auto place = s.place();
  for (auto i = s.index_of(s.log_start_offset); i < s.segments.size(); ++i) {
    auto& from = s.segments[i];
    if (from.size_bytes() == 0)
      continue;
    CAFKA_TRY_ASSIGN(greatest, from.max_timestamp(place));
    if (greatest.timestamp < timestamp)
      continue;
    CAFKA_TRY_ASSIGN(found, from.find_timestamp(place, timestamp, std::max(s.log_start_offset, from.base_offset())));
    if (found)
      return std::optional{timestamp_and_offset{found->timestamp, found->offset, found->leader_epoch}};
  }
  return std::optional<timestamp_and_offset>{};
}

result<std::optional<timestamp_and_offset>> partition_log::find_max_timestamp() {
  auto& s = *state_;
  const auto place = s.place();
  std::optional<timestamp_and_offset> best;
  for (auto i = s.index_of(s.log_start_offset); i < s.segments.size(); ++i) {
    auto& from = s.segments[i];
    if (from.size_bytes() == 0)
      continue;
    CAFKA_TRY_ASSIGN(greatest, from.max_timestamp(place));
    if (best && greatest.timestamp <= best->timestamp)
      continue;
    const auto from_offset = std::max(s.log_start_offset, from.base_offset());
    result<std::optional<segment::found_record>> found = std::optional<segment::found_record>{};
    if (greatest.offset >= from_offset)
      found = from.find_timestamp(place, greatest.timestamp, from_offset);
    if (found && !*found) // records were deleted from the front, that one too: the greatest of what is left needs a walk
      found = from.find_greatest(place, from_offset);
    if (!found)
      return tl::unexpected<error>(std::move(found.error()));
    if (*found && (!best || (*found)->timestamp > best->timestamp))
      best = timestamp_and_offset{(*found)->timestamp, (*found)->offset, (*found)->leader_epoch};
  }
  return best;
}

epoch_end partition_log::end_offset_for_epoch(std::int32_t leader_epoch) const noexcept {
  return state_->epochs.end_for(leader_epoch, state_->log_end_offset());
}

} // namespace cafka::storage
