#include "storage/segment.hpp"

#include <utility>

namespace cafka::storage {

namespace {
// Index entries kept in memory before they are written: 32 and 48 KiB.
constexpr std::size_t max_offset_tail = 4096;
constexpr std::size_t max_time_tail = 3072;

auto wrong_index(const std::string& what) { return fail(errc::corrupt_message, what); }
} // namespace

segment::segment(const found_segment& found, std::int64_t created_ms)
    : base_offset_(found.base_offset),
      next_offset_(found.log_bytes == 0 ? found.base_offset : INT64_MAX),
      size_bytes_(found.log_bytes),
      created_ms_(created_ms),
      max_known_(found.log_bytes == 0) {
  if (found.log_bytes > 0) {
    roll_timestamp_ = unread_timestamp;
    offsets_.assume_stored(found.index_bytes);
    times_.assume_stored(found.time_index_bytes);
  }
}

result<file_handle> segment::source(const segment_place& place) const {
  if (pinned_)
    return pinned_;
  auto handle = place.pool.acquire(path(place, log_suffix));
  if (!handle && handle.error().code == errc::not_found)
    handle.error().code = errc::io_error; // it was there: someone else removed it
  return handle;
}

result<void> segment::pin(const segment_place& place) {
  if (pinned_)
    return {};
  auto handle = size_bytes_ == 0 ? place.pool.create(path(place, log_suffix)) : source(place);
  if (!handle)
    return tl::unexpected<error>(std::move(handle.error()));
  pinned_ = std::move(*handle);
  return {};
}

result<void> segment::append(const segment_place& place, const batch_header& header, byte_span batch) {
  if (broken_)
    return fail(errc::io_error,
                path(place, log_suffix) + ": an earlier append failed half-way and could not be undone; open the log again");
  if (!max_known_)
    CAFKA_TRY(max_timestamp(place).map([](const auto&) {}));
  CAFKA_TRY(pin(place));
  if (auto written = pinned_->append({&batch, 1}); !written) {
    if (!pinned_->truncate(size_bytes_))
      broken_ = true;
    return written;
  }
  note(place, {header, size_bytes_});
  spill_if_large(place);
  return {};
}

void segment::note(const segment_place& place, const batch_place& batch) {
  const auto& header = batch.header;
  if (size_bytes_ == 0)
    roll_timestamp_ = header.max_timestamp;
  if (header.max_timestamp > max_.timestamp)
    max_ = {header.max_timestamp, header.last_offset()};
  if (bytes_since_entry_ > place.index_interval_bytes) {
    offsets_.push({static_cast<std::uint32_t>(header.last_offset() - base_offset_), static_cast<std::uint32_t>(batch.position)});
    push_time_entry();
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += static_cast<std::int64_t>(header.size_bytes());
  size_bytes_ = batch.end_position();
  next_offset_ = batch.next_offset();
  indexes_dirty_ = true;
}

void segment::push_time_entry() {
  if (max_.timestamp <= last_indexed_timestamp_)
    return;
  times_.push({max_.timestamp, static_cast<std::uint32_t>(max_.offset - base_offset_)});
  last_indexed_timestamp_ = max_.timestamp;
}

void segment::spill_if_large(const segment_place& place) {
  if (offsets_.tail().size() >= max_offset_tail)
    (void)offsets_.spill(place.pool, path(place, index_suffix));
  if (times_.tail().size() >= max_time_tail)
    (void)times_.spill(place.pool, path(place, time_index_suffix));
}

result<void> segment::write_indexes(const segment_place& place, std::vector<file_handle>& written) {
  if (!indexes_dirty_)
    return {};
  if (!max_known_)
    CAFKA_TRY(max_timestamp(place).map([](const auto&) {}));
  push_time_entry();
  const auto write = [&](auto& entries, std::string_view suffix) -> result<void> {
    const auto name = path(place, suffix);
    // An empty .index beside a .timeindex is written all the same: Kafka's dumper opens both or fails.
    if (entries.size() == 0 && times_.size() == 0) {
      CAFKA_TRY_ASSIGN(stale, place.pool.files().exists(name));
      if (!stale)
        return {};
    }
    CAFKA_TRY_ASSIGN(handle, entries.spill(place.pool, name));
    written.push_back(std::move(handle));
    return {};
  };
  CAFKA_TRY(write(offsets_, index_suffix));
  CAFKA_TRY(write(times_, time_index_suffix));
  indexes_dirty_ = false;
  return {};
}

template <class Attempt>
auto segment::with_true_index(const segment_place& place, Attempt attempt) -> decltype(attempt()) {
  auto outcome = attempt();
  if (outcome || outcome.error().code != errc::corrupt_message)
    return outcome;
  if (!rebuild_failed_) {
    // The index lies, or the log is damaged. The first heals; the second is found again, at every read but only once at this price.
    if (auto rebuilt = rebuild(place); rebuilt) {
      std::vector<file_handle> written;
      (void)write_indexes(place, written); // else they stay in memory
      outcome = attempt();
    } else if (rebuilt.error().code == errc::corrupt_message) {
      rebuild_failed_ = true;
    }
  }
  if (!outcome)
    outcome.error().detail = path(place, log_suffix) + ": " + outcome.error().detail;
  return outcome;
}

result<batch_place> segment::batch_at_entry(const file& log, const offset_entry& entry) const {
  const auto last_offset = base_offset_ + entry.relative_offset;
  if (entry.position >= size_bytes_)
    return wrong_index("the index names position " + std::to_string(entry.position) + ", past the end at " + std::to_string(size_bytes_));
  batch_scanner scanner{log, range_from(entry.position)};
  CAFKA_TRY_ASSIGN(batch, scanner.next());
  if (!batch || batch->header.last_offset() != last_offset)
    return wrong_index("position " + std::to_string(entry.position) + " is not the batch that ends at offset " +
                       std::to_string(last_offset));
  return *batch;
}

result<std::optional<batch_place>> segment::try_locate(const segment_place& place, std::int64_t offset) const {
  CAFKA_TRY_ASSIGN(entry, offsets_.at_or_below(place.pool, path(place, index_suffix), offset - base_offset_));
  CAFKA_TRY_ASSIGN(log, source(place));
  auto range = range_from(0);
  if (entry) {
    CAFKA_TRY_ASSIGN(batch, batch_at_entry(*log, *entry));
    if (batch.header.last_offset() > offset)
      return wrong_index("the index is not in order");
    if (batch.header.last_offset() == offset)
      return std::optional{batch};
    range.position = batch.end_position();
    range.min_offset = batch.next_offset();
  }
  batch_scanner scanner{*log, range};
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, scanner.next());
    if (!batch || batch->header.last_offset() >= offset)
      return batch;
  }
}

result<std::optional<batch_place>> segment::locate(const segment_place& place, std::int64_t offset) {
  if (offset >= next_offset_ || size_bytes_ == 0)
    return std::optional<batch_place>{};
  return with_true_index(place, [&] { return try_locate(place, offset); });
}

result<std::optional<batch_place>> segment::at_position(const segment_place& place, std::uint64_t position, std::int64_t offset) const {
  CAFKA_TRY_ASSIGN(log, source(place));
  batch_scanner scanner{*log, range_from(position)};
  CAFKA_TRY_ASSIGN(batch, scanner.next());
  if (!batch || batch->header.last_offset() < offset)
    return std::optional<batch_place>{};
  return batch;
}

result<batch_boundary> segment::try_boundary(const segment_place& place, const batch_place& first, std::uint64_t max_position,
                                             std::int64_t max_offset) const {
  batch_boundary found{first.end_position(), first.next_offset()};
  if (found.position >= max_position)
    return found;
  CAFKA_TRY_ASSIGN(entry, offsets_.within(place.pool, path(place, index_suffix), max_position, max_offset - base_offset_));
  CAFKA_TRY_ASSIGN(log, source(place));
  if (entry && entry->position > found.position) {
    CAFKA_TRY_ASSIGN(batch, batch_at_entry(*log, *entry));
    if (batch.header.base_offset < found.next_offset)
      return wrong_index("the index is not in order");
    found = {batch.position, batch.header.base_offset};
  }
  auto range = range_from(found.position);
  range.min_offset = found.next_offset;
  batch_scanner scanner{*log, range};
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, scanner.next());
    if (!batch || batch->end_position() > max_position || batch->header.last_offset() >= max_offset)
      return found;
    found = {batch->end_position(), batch->next_offset()};
  }
}

result<batch_boundary> segment::boundary(const segment_place& place, const batch_place& first, std::uint64_t max_position,
                                         std::int64_t max_offset) {
  if (size_bytes_ <= max_position && next_offset_ <= max_offset)
    return batch_boundary{size_bytes_, next_offset_};
  return with_true_index(place, [&] { return try_boundary(place, first, max_position, max_offset); });
}

result<void> segment::check_time_entry(const segment_place& place, const time_entry& entry) const {
  const auto offset = base_offset_ + entry.relative_offset;
  CAFKA_TRY_ASSIGN(batch, try_locate(place, offset));
  if (!batch || batch->header.last_offset() != offset || batch->header.max_timestamp != entry.timestamp)
    return wrong_index("the time index names timestamp " + std::to_string(entry.timestamp) + " at offset " + std::to_string(offset) +
                       ", which is not so");
  return {};
}

result<std::optional<std::uint64_t>> segment::try_time_start(const segment_place& place, std::int64_t timestamp,
                                                             std::int64_t from_offset) const {
  CAFKA_TRY_ASSIGN(entry, times_.below(place.pool, path(place, time_index_suffix), timestamp));
  auto offset = from_offset;
  if (entry) {
    CAFKA_TRY(check_time_entry(place, *entry));
    offset = std::max(offset, base_offset_ + entry->relative_offset + 1);
  }
  CAFKA_TRY_ASSIGN(batch, try_locate(place, offset));
  if (!batch)
    return std::optional<std::uint64_t>{};
  return std::optional{batch->position};
}

result<std::optional<segment::found_record>> segment::find_in_batch(const file& log, const batch_place& batch, std::int64_t timestamp,
                                                                    std::int64_t from_offset) const {
  byte_vector bytes(batch.header.size_bytes());
  CAFKA_TRY_ASSIGN(count, log.read_at(batch.position, bytes));
  if (count < bytes.size())
    return fail(errc::corrupt_message, "position " + std::to_string(batch.position) + ": the file ends inside a batch");
  CAFKA_TRY(verify_crc(batch.header, bytes));
  std::optional<found_record> found;
  CAFKA_TRY(for_each_record(bytes, {}, [&](const record_view& record) {
    if (record.timestamp < timestamp || record.offset < from_offset)
      return true;
    found = {record.timestamp, record.offset, batch.header.leader_epoch};
    return false;
  }));
  return found;
}

result<std::optional<segment::found_record>> segment::find_timestamp(const segment_place& place, std::int64_t timestamp,
                                                                     std::int64_t from_offset) {
  if (size_bytes_ == 0 || from_offset >= next_offset_)
    return std::optional<found_record>{};
  CAFKA_TRY_ASSIGN(start, with_true_index(place, [&] { return try_time_start(place, timestamp, from_offset); }));
  if (!start)
    return std::optional<found_record>{};
  CAFKA_TRY_ASSIGN(log, source(place));
  batch_scanner scanner{*log, range_from(*start)};
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, scanner.next());
    if (!batch)
      return std::optional<found_record>{};
    if (batch->header.max_timestamp < timestamp)
      continue;
    CAFKA_TRY_ASSIGN(found, find_in_batch(*log, *batch, timestamp, from_offset));
    if (found)
      return found;
  }
}

std::optional<segment::greatest_timestamp> segment::known_max_timestamp() const noexcept {
  if (!max_known_)
    return std::nullopt;
  return max_;
}

result<segment::greatest_timestamp> segment::max_timestamp(const segment_place& place) {
  if (max_known_)
    return max_;
  const auto attempt = [&]() -> result<greatest_timestamp> {
    CAFKA_TRY_ASSIGN(entry, times_.back(place.pool, path(place, time_index_suffix)));
    if (!entry)
      return wrong_index("the time index is missing");
    CAFKA_TRY(check_time_entry(place, *entry));
    greatest_timestamp greatest{entry->timestamp, base_offset_ + entry->relative_offset};
    // The file may have lost its end. In a log whose times rise, what is left to look at is short.
    CAFKA_TRY_ASSIGN(start, try_locate(place, greatest.offset));
    CAFKA_TRY_ASSIGN(log, source(place));
    batch_scanner scanner{*log, range_from(start ? start->position : 0)};
    for (;;) {
      CAFKA_TRY_ASSIGN(batch, scanner.next());
      if (!batch)
        return greatest;
      if (batch->header.max_timestamp > greatest.timestamp)
        return wrong_index("the time index is not complete");
    }
  };
  auto found = with_true_index(place, [&]() -> result<greatest_timestamp> { return max_known_ ? max_ : attempt(); });
  if (!found)
    return found;
  if (!max_known_) {
    max_ = *found;
    last_indexed_timestamp_ = max_.timestamp;
    max_known_ = true;
  }
  return max_;
}

result<std::optional<segment::found_record>> segment::find_greatest(const segment_place& place, std::int64_t from_offset) {
  std::optional<found_record> best;
  CAFKA_TRY_ASSIGN(first, locate(place, from_offset));
  if (!first)
    return best;
  CAFKA_TRY_ASSIGN(log, source(place));
  batch_scanner scanner{*log, range_from(first->position)};
  std::optional<batch_place> greatest;
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, scanner.next());
    if (!batch)
      break;
    if (batch->header.base_offset < from_offset) {
      // The batch that `from_offset` is in: its header also speaks for records before that.
      std::int64_t above = INT64_MIN;
      for (;;) {
        CAFKA_TRY_ASSIGN(found, find_in_batch(*log, *batch, above, from_offset));
        if (!found)
          break;
        best = found;
        above = found->timestamp + 1;
      }
    } else if (batch->header.max_timestamp > (greatest ? greatest->header.max_timestamp : no_timestamp)) {
      greatest = batch;
    }
  }
  if (greatest && (!best || greatest->header.max_timestamp > best->timestamp)) {
    CAFKA_TRY_ASSIGN(found, find_in_batch(*log, *greatest, greatest->header.max_timestamp, from_offset));
    if (found)
      best = found;
  }
  return best;
}

result<std::optional<std::int64_t>> segment::roll_timestamp(const segment_place& place) {
  if (size_bytes_ > 0 && roll_timestamp_ == unread_timestamp) {
    CAFKA_TRY_ASSIGN(log, source(place));
    batch_scanner scanner{*log, range_from(0)};
    CAFKA_TRY_ASSIGN(first, scanner.next());
    if (first)
      roll_timestamp_ = first->header.max_timestamp;
  }
  if (size_bytes_ == 0 || roll_timestamp_ == no_timestamp)
    return std::optional<std::int64_t>{};
  return std::optional{roll_timestamp_};
}

result<std::optional<batch_place>> segment::try_check_tail(const segment_place& place) {
  CAFKA_TRY_ASSIGN(entry, offsets_.back(place.pool, path(place, index_suffix)));
  if (!entry && size_bytes_ > 4 * static_cast<std::uint64_t>(place.index_interval_bytes))
    return wrong_index("the index is missing");
  CAFKA_TRY_ASSIGN(log, source(place));
  auto range = range_from(0);
  std::optional<batch_place> last;
  if (entry) {
    CAFKA_TRY_ASSIGN(batch, batch_at_entry(*log, *entry));
    last = batch;
    range.position = batch.end_position();
    range.min_offset = batch.next_offset();
  }
  batch_scanner scanner{*log, range};
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, scanner.next());
    if (!batch)
      return last;
    last = batch;
  }
}

result<std::optional<batch_place>> segment::check_tail(const segment_place& place) {
  if (size_bytes_ == 0)
    return std::optional<batch_place>{};
  next_offset_ = INT64_MAX;
  auto last = try_check_tail(place);
  if (!last && last.error().code == errc::corrupt_message) {
    std::optional<batch_place> newest;
    CAFKA_TRY(rebuild(place, [&](const batch_place& batch) { newest = batch; }));
    last = newest;
  }
  if (last && *last)
    next_offset_ = (*last)->next_offset();
  return last;
}

result<void> segment::walk(const segment_place& place, std::int64_t offset, const batch_visitor& visit) {
  CAFKA_TRY_ASSIGN(first, locate(place, offset));
  if (!first)
    return {};
  CAFKA_TRY_ASSIGN(log, source(place));
  batch_scanner scanner{*log, range_from(first->position)};
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, scanner.next());
    if (!batch)
      return {};
    CAFKA_TRY(visit(*log, *batch));
  }
}

result<void> segment::rebuild(const segment_place& place, const std::function<void(const batch_place&)>& visit) {
  segment fresh{base_offset_, created_ms_};
  CAFKA_TRY_ASSIGN(log, source(place));
  batch_scanner scanner{*log, range_from(0)};
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, scanner.next());
    if (!batch)
      break;
    fresh.note(place, *batch);
    if (visit)
      visit(*batch);
  }
  next_offset_ = fresh.next_offset_;
  roll_timestamp_ = fresh.roll_timestamp_;
  max_ = fresh.max_;
  max_known_ = true;
  last_indexed_timestamp_ = fresh.last_indexed_timestamp_;
  bytes_since_entry_ = fresh.bytes_since_entry_;
  offsets_ = std::move(fresh.offsets_);
  times_ = std::move(fresh.times_);
  indexes_dirty_ = true;
  return {};
}

void segment::reset() noexcept {
  segment fresh{base_offset_, created_ms_};
  fresh.exposed_bytes_ = exposed_bytes_;
  fresh.indexes_dirty_ = true;
  *this = std::move(fresh);
}

result<void> segment::copy_prefix(const segment_place& place, std::uint64_t size_bytes) {
  auto& files = place.pool.files();
  const auto name = path(place, log_suffix);
  const auto fresh = name + std::string{cleaned_suffix};
  CAFKA_TRY(files.remove(fresh));
  {
    CAFKA_TRY_ASSIGN(from, source(place));
    CAFKA_TRY_ASSIGN(target, files.open(fresh, open_mode::create_new));
    byte_vector buffer(static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes, 1 << 20)));
    for (std::uint64_t done = 0; done < size_bytes;) {
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_bytes - done));
      CAFKA_TRY_ASSIGN(count, from->read_at(done, mutable_byte_span{buffer.data(), wanted}));
      if (count < wanted)
        return fail(errc::io_error, name + ": it ends at " + std::to_string(done + count) + ", before " + std::to_string(size_bytes));
      const byte_span part{buffer.data(), wanted};
      CAFKA_TRY(target->append({&part, 1}));
      done += wanted;
    }
    CAFKA_TRY(target->sync());
  }
  place.pool.forget(name);
  CAFKA_TRY(files.rename(fresh, name));
  pinned_.reset();
  return {};
}

result<void> segment::shorten_file(const segment_place& place, bool& renamed) {
  if (size_bytes_ < exposed_bytes_) {
    CAFKA_TRY(copy_prefix(place, size_bytes_));
    renamed = true;
    exposed_bytes_ = 0;
    return {};
  }
  CAFKA_TRY_ASSIGN(log, source(place));
  CAFKA_TRY(log->truncate(size_bytes_));
  return log->sync();
}

result<void> segment::cut(const segment_place& place, std::uint64_t position, bool& renamed) {
  if (position >= size_bytes_)
    return {};
  const auto before = std::exchange(size_bytes_, position);
  if (auto shortened = shorten_file(place, renamed); !shortened) {
    size_bytes_ = before;
    broken_ = true;
    return shortened;
  }
  broken_ = false;
  indexes_dirty_ = true;
  if (position == 0) {
    const auto exposed = exposed_bytes_;
    reset();
    exposed_bytes_ = exposed;
    return {};
  }
  if (auto kept = cut_indexes(place, position); !kept) {
    next_offset_ = INT64_MAX;
    return rebuild(place);
  }
  return {};
}

result<void> segment::cut_indexes(const segment_place& place, std::uint64_t position) {
  const auto index_path = path(place, index_suffix);
  const auto time_path = path(place, time_index_suffix);
  CAFKA_TRY_ASSIGN(kept, offsets_.count_where(place.pool, index_path, [=](const offset_entry& e) { return e.position < position; }));
  offsets_.keep_first(kept);
  // What lies behind the last entry has no part in the indexes yet.
  CAFKA_TRY_ASSIGN(entry, offsets_.back(place.pool, index_path));
  CAFKA_TRY_ASSIGN(log, source(place));
  batch_scanner scanner{*log, range_from(entry ? entry->position : 0)};
  greatest_timestamp behind;
  bytes_since_entry_ = 0;
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, scanner.next());
    if (!batch)
      break;
    if (batch->header.max_timestamp > behind.timestamp)
      behind = {batch->header.max_timestamp, batch->header.last_offset()};
    bytes_since_entry_ += static_cast<std::int64_t>(batch->header.size_bytes());
  }
  next_offset_ = scanner.expected_offset();
  CAFKA_TRY_ASSIGN(times, times_.count_below_offset(place.pool, time_path, next_offset_ - base_offset_));
  times_.keep_first(times);
  CAFKA_TRY_ASSIGN(newest, times_.back(place.pool, time_path));
  max_ = {};
  last_indexed_timestamp_ = no_timestamp;
  if (newest) {
    CAFKA_TRY(check_time_entry(place, *newest));
    max_ = {newest->timestamp, base_offset_ + newest->relative_offset};
    last_indexed_timestamp_ = newest->timestamp;
  }
  if (behind.timestamp > max_.timestamp)
    max_ = behind;
  max_known_ = true;
  return {};
}

std::optional<std::string> segment::check_invariants(const segment_place& place) const {
  const auto name = path(place, log_suffix);
  const auto found = place.pool.files().stat(name);
  if (!found && (found.error().code != errc::not_found || size_bytes_ > 0))
    return found.error().to_string();
  const auto on_disk = found ? found->size_bytes : 0;
  if (!broken_ && on_disk != size_bytes_)
    return name + " has " + std::to_string(on_disk) + " bytes, " + std::to_string(size_bytes_) + " are accounted for";
  if (next_offset_ < base_offset_ || (size_bytes_ > 0 && next_offset_ == base_offset_))
    return name + " ends at offset " + std::to_string(next_offset_);
  if (exposed_bytes_ > size_bytes_)
    return name + ": bytes past its end were exposed";
  for (std::size_t i = 0; i < offsets_.tail().size(); ++i) {
    const auto& entry = offsets_.tail()[i];
    if (entry.position >= size_bytes_ || base_offset_ + entry.relative_offset >= next_offset_)
      return name + ": an index entry points past the end";
    if (i > 0 && (entry.position <= offsets_.tail()[i - 1].position || entry.relative_offset <= offsets_.tail()[i - 1].relative_offset))
      return name + ": index entries do not rise";
  }
  for (std::size_t i = 1; i < times_.tail().size(); ++i)
    if (times_.tail()[i].timestamp <= times_.tail()[i - 1].timestamp)
      return name + ": time index entries do not rise";
  return std::nullopt;
}

} // namespace cafka::storage
