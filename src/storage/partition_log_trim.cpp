// partition_log: whatever removes records. From the front: delete records, retention. From the end: truncation. All of it: a new start.
#include "storage/log_recovery.hpp"
#include "storage/partition_log_state.hpp"

#include <algorithm>

namespace cafka::storage {

namespace {
// A sum that stays at the end of time.
std::int64_t later(std::int64_t from_ms, std::int64_t by_ms) noexcept { return by_ms > INT64_MAX - from_ms ? INT64_MAX : from_ms + by_ms; }

constexpr std::int64_t retention_pause_ms = 1000; // between two looks at a segment that may not go yet
} // namespace

result<void> partition_log::state::retire_oldest(std::int64_t now_ms) {
  // One after the other on every file system: a newer segment's rename that outlives a crash when an older one's does not is a hole.
  if (!retirement_proven())
    CAFKA_TRY(sync_directory());
  std::vector<std::string> paths;
  CAFKA_TRY(retire_segment_files(pool, directory, segments.front().base_offset(), paths));
  for (auto& path : paths)
    retired.push_back({std::move(path), later(now_ms, config.file_delete_delay_ms)});
  forget_snapshot(segments.front().base_offset());
  segments.erase(segments.begin());
  touch_directory();
  last_retirement = generation;
  log_start_offset = std::max(log_start_offset, segments.front().base_offset());
  flushed_end_offset = std::max(flushed_end_offset, std::min(log_start_offset, log_end_offset()));
  if (epochs.truncate_from_start(segments.front().base_offset()))
    epochs_dirty = true;
  return {};
}

result<void> partition_log::state::remove_segment(std::size_t index) {
  const auto base_offset = segments[index].base_offset();
  for (auto suffix : {index_suffix, time_index_suffix, transaction_index_suffix, snapshot_suffix, sequences_suffix, log_suffix}) {
    const auto name = segment_path(directory, base_offset, suffix);
    pool.forget(name);
    CAFKA_TRY(pool.files().remove(name));
  }
  forget_snapshot(base_offset);
  touch_directory();
  segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(index));
  return {};
}

result<void> partition_log::state::write_epochs_durably() {
  CAFKA_TRY(pool.files().replace_text(directory + '/' + std::string{epoch_checkpoint_name}, epochs.to_text()));
  directory_proven = generation++;
  epochs_dirty = false;
  return {};
}

result<void> partition_log::advance_log_start_offset(std::int64_t offset, std::int64_t now_ms) {
  auto& s = *state_;
  s.latest_now_ms = std::max(s.latest_now_ms, now_ms);
  if (offset > s.log_end_offset())
    return fail(errc::offset_out_of_range,
                s.directory + ": log start offset " + std::to_string(offset) + " past the end at " + std::to_string(s.log_end_offset()));
  if (offset <= s.log_start_offset)
    return {};
  s.log_start_offset = offset;
  while (s.segments.size() > 1 && s.segments[1].base_offset() <= offset)
    CAFKA_TRY(s.retire_oldest(now_ms));
  return {};
}

result<void> partition_log::truncate_to(std::int64_t offset) {
  auto& s = *state_;
  if (offset > s.log_end_offset())
    return {};
  if (offset == s.log_end_offset()) {
    // No byte goes, but an epoch that began here without a record does (KAFKA-10706).
    if (s.epochs.truncate_from_end(offset))
      return s.write_epochs_durably();
    return {};
  }
  if (offset < s.segments.front().base_offset())
    return s.start_over(offset);
  const auto index = s.index_of(offset);
  CAFKA_TRY_ASSIGN(first, s.segments[index].locate(s.place(), offset));
  const auto position = first ? first->position : s.segments[index].size_bytes();
  s.forget_flushes_past(first ? std::min(offset, first->header.base_offset) : offset);
  s.forget_cursors();
  // The newest first, so that what a failure leaves is a log without a hole.
  while (s.segments.size() > index + 1)
    CAFKA_TRY(s.remove_segment(s.segments.size() - 1));
  bool renamed = false;
  CAFKA_TRY(s.active().cut(s.place(), position, renamed));
  s.forget_flushes_past(s.log_end_offset());
  s.log_start_offset = std::min(s.log_start_offset, s.log_end_offset());
  CAFKA_TRY(s.remove_snapshots_past(s.log_end_offset()));
  CAFKA_TRY(s.sync_directory());
  if (s.epochs.truncate_from_end(s.log_end_offset()))
    return s.write_epochs_durably();
  return {};
}

result<void> partition_log::start_over_at(std::int64_t offset) { return state_->start_over(offset); }

result<void> partition_log::state::start_over(std::int64_t offset) {
  forget_flushes_past(std::min(offset, log_start_offset));
  forget_cursors();
  failed = true; // until all is done: half-way there are holes
  auto kept = std::find_if(segments.begin(), segments.end(), [=](const segment& s) { return s.base_offset() >= offset; });
  if (kept == segments.end() || kept->base_offset() != offset)
    kept = segments.insert(kept, segment{offset, latest_now_ms});
  // What they say of producers is of the log that goes; the sync below makes it durable before anything else is.
  CAFKA_TRY(remove_snapshots_past(-1));
  bool renamed = false;
  CAFKA_TRY(kept->cut(place(), 0, renamed));
  // The name of this file is all that holds the new start: it is durable before the others go, the oldest first.
  CAFKA_TRY(kept->pin(place()));
  kept->unpin();
  CAFKA_TRY(sync_directory());
  while (segments.size() > 1) {
    CAFKA_TRY(remove_segment(segments.front().base_offset() == offset ? 1 : 0));
    CAFKA_TRY(sync_directory());
  }
  // The new start counts as flushed, and with it what a first flush would have made durable.
  if (metadata_unproven)
    CAFKA_TRY(prove_metadata());
  for (const auto& dirty : dirty_files)
    CAFKA_TRY(dirty.handle->sync());
  log_start_offset = offset;
  flushed_end_offset = offset;
  epochs = {};
  CAFKA_TRY(write_epochs_durably());
  failed = false;
  return {};
}

result<std::size_t> partition_log::apply_retention(std::int64_t high_watermark, std::int64_t now_ms) {
  auto& s = *state_;
  s.latest_now_ms = std::max(s.latest_now_ms, now_ms);
  s.retention_checked_ms = now_ms;
  std::size_t count = 0;
  for (auto total = s.size_bytes();; ++count) {
    auto& oldest = s.segments.front();
    const bool is_last = s.segments.size() == 1;
    const auto end = is_last ? s.log_end_offset() : s.segments[1].base_offset();
    if (end > high_watermark || (is_last && oldest.size_bytes() == 0))
      return count;
    bool expired = !is_last && end <= s.log_start_offset;
    if (!expired && s.config.cleanup_delete) {
      const auto size = oldest.size_bytes();
      expired = s.config.retention_bytes >= 0 && total - size >= static_cast<std::uint64_t>(s.config.retention_bytes);
      if (!expired && s.config.retention_ms >= 0) {
        CAFKA_TRY_ASSIGN(newest, oldest.max_timestamp(s.place()));
        expired = now_ms - (newest.timestamp >= 0 ? newest.timestamp : oldest.created_ms()) > s.config.retention_ms;
      }
    }
    if (!expired)
      return count;
    total -= oldest.size_bytes();
    if (is_last)
      CAFKA_TRY(s.roll_at(end, now_ms));
    CAFKA_TRY(s.retire_oldest(now_ms));
  }
}

std::vector<std::string> partition_log::take_deletable_files(std::int64_t now_ms) {
  auto& s = *state_;
  s.latest_now_ms = std::max(s.latest_now_ms, now_ms);
  const auto waits = [=](const auto& file) { return file.due_ms > now_ms; };
  const auto first_due = std::stable_partition(s.retired.begin(), s.retired.end(), waits);
  std::vector<std::string> due;
  // Their names are durable before they can go.
  if (first_due == s.retired.end() || (!s.retirement_proven() && !s.sync_directory()))
    return due;
  for (auto each = first_due; each != s.retired.end(); ++each)
    due.push_back(std::move(each->path));
  s.retired.erase(first_due, s.retired.end());
  return due;
}

std::int64_t partition_log::next_maintenance_ms() const noexcept {
  const auto& s = *state_;
  auto next = INT64_MAX;
  for (const auto& file : s.retired)
    next = std::min(next, file.due_ms);
  const auto& last = s.segments.back();
  if (last.size_bytes() > 0)
    next = std::min(next, later(last.created_ms(), later(s.roll_age_ms(last), 1)));
  return next;
}

std::int64_t partition_log::next_retention_ms() const noexcept {
  const auto& s = *state_;
  auto next = INT64_MAX;
  const auto& oldest = s.segments.front();
  if (!s.config.cleanup_delete || (s.segments.size() == 1 && oldest.size_bytes() == 0))
    return next;
  const auto look_again = s.retention_checked_ms == INT64_MIN ? s.latest_now_ms : s.retention_checked_ms + retention_pause_ms;
  if (s.config.retention_ms >= 0) {
    const auto newest = oldest.known_max_timestamp();
    const auto base = !newest ? INT64_MIN : newest->timestamp >= 0 ? newest->timestamp : oldest.created_ms();
    const auto due = newest ? later(base, s.config.retention_ms) : INT64_MIN;
    next = std::min(next, std::max(look_again, newest ? later(due, 1) : due));
  }
  const auto rest = s.size_bytes() - oldest.size_bytes();
  if (s.config.retention_bytes >= 0 && rest >= static_cast<std::uint64_t>(s.config.retention_bytes))
    next = std::min(next, look_again);
  return next;
}

} // namespace cafka::storage
