#include "storage/log_recovery.hpp"

#include <algorithm>

namespace cafka::storage {

namespace {

constexpr std::size_t read_size = 1 << 20;
constexpr std::uint64_t progress_step = 256 << 20;

// Why a segment cannot be taken as it is, and from where.
struct finding {
  std::uint64_t position = 0;
  std::int64_t offset = 0; // the first that is lost
  std::string what;
};

// Reads whole batches of one file, in order, through one buffer.
class batch_reader {
public:
  batch_reader(const file& source, std::uint64_t size_bytes) : source_(source), size_(size_bytes) {}

  // At least `count` bytes from `position`, fewer only where the file ends.
  result<byte_span> at(std::uint64_t position, std::size_t count) {
    count = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - position));
    if (position < from_ || position + count > from_ + filled_) {
      buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(std::max(count, read_size), size_ - position)));
      CAFKA_TRY_ASSIGN(got, source_.read_at(position, buffer_));
      from_ = position;
      filled_ = got;
    }
    const auto skipped = static_cast<std::size_t>(position - from_);
    return byte_span{buffer_.data() + skipped, std::min(count, filled_ - skipped)};
  }

private:
  const file& source_;
  const std::uint64_t size_;
  byte_vector buffer_;
  std::uint64_t from_ = 0;
  std::size_t filled_ = 0;
};

class recovery {
public:
  recovery(file_pool& pool, const std::string& directory, const partition_listing& listing, const log_open_options& options)
      : pool_(pool),
        directory_(directory),
        listing_(listing),
        options_(options),
        place_{pool, directory, options.config.index_interval_bytes} {}

  result<recovered_log> run() {
    CAFKA_TRY(inspect());
    CAFKA_TRY(decide());
    CAFKA_TRY(apply());
    return std::move(log_);
  }

private:
  result<void> inspect();
  result<void> inspect_segment(std::size_t index);
  result<void> check_join(std::size_t index);
  result<std::optional<finding>> verify_all(segment& target, std::uint64_t size_bytes);
  result<std::optional<std::string>> verify_next(segment& target, batch_reader& reader, std::uint64_t size_bytes);
  result<void> decide();
  result<void> build_epochs();
  result<leader_epoch_cache> epochs_from_batches();
  result<void> apply();
  result<void> sync_unproven();

  void report(const std::string& message) const {
    if (options_.report)
      options_.report(directory_ + ": " + message);
  }
  tl::unexpected<error> quarantine(const std::string& what) const {
    return fail(errc::quarantined, what + ". This lies below the recovery point " + std::to_string(options_.recovery_point) +
                                       ", so it is no torn write; nothing was changed. Restore the files from a copy, or delete the topic");
  }
  // Everything from `offset` on is given up: quarantine below the recovery point.
  result<void> stop_at(const std::string& file_name, const finding& found);

  file_pool& pool_;
  const std::string& directory_;
  const partition_listing& listing_;
  const log_open_options& options_;
  const segment_place place_;

  recovered_log log_;
  std::vector<bool> verified_;       // per segment of log_: every batch was read
  leader_epoch_cache observed_;      // of the verified segments
  std::int32_t last_epoch_ = -1;     // of the batches so far
  std::int32_t unverified_epoch_ = -1; // of the last batch before the verified segments
  bool stopped_ = false;             // later segments are given up
  bool cut_last_ = false;            // the last segment's file is longer than what is good in it
  std::vector<file_handle> written_; // indexes
  std::vector<std::int64_t> give_up_; // base offsets of segments to retire
  std::uint64_t checked_bytes_ = 0;
  std::uint64_t next_progress_ = progress_step;
};

result<void> recovery::stop_at(const std::string& file_name, const finding& found) {
  const auto where =
      file_name + ", position " + std::to_string(found.position) + ", offset " + std::to_string(found.offset) + ": " + found.what;
  if (found.offset < options_.recovery_point)
    return quarantine(where);
  report("cut at " + where);
  stopped_ = true;
  return {};
}

result<std::optional<std::string>> recovery::verify_next(segment& target, batch_reader& reader, std::uint64_t size_bytes) {
  using outcome = std::optional<std::string>;
  const auto position = target.size_bytes();
  CAFKA_TRY_ASSIGN(front, reader.at(position, batch_header_size));
  auto header = parse_batch_header(front);
  if (!header)
    return outcome{header.error().detail};
  if (auto possible = check_plausible(*header); !possible)
    return outcome{possible.error().detail};
  const auto size = header->size_bytes();
  if (size > size_bytes - position)
    return outcome{"a batch of " + std::to_string(size) + " bytes where the file has " + std::to_string(size_bytes - position) + " left"};
  const auto due = target.next_offset();
  if (header->base_offset < due || (header->base_offset > due && !options_.config.cleanup_compact))
    return outcome{"a batch at offset " + std::to_string(header->base_offset) + " where " + std::to_string(due) + " is due"};
  if (header->leader_epoch < last_epoch_)
    return outcome{"leader epoch " + std::to_string(header->leader_epoch) + " after " + std::to_string(last_epoch_)};
  if (header->last_offset() - target.base_offset() > INT32_MAX)
    return outcome{"offset " + std::to_string(header->last_offset()) + " is out of this segment's reach"};
  CAFKA_TRY_ASSIGN(batch, reader.at(position, size));
  if (batch.size() < size)
    return outcome{"the file ends inside a batch"};
  if (auto intact = verify_crc(*header, batch); !intact)
    return outcome{intact.error().detail};
  target.note(place_, {*header, position});
  if (header->leader_epoch > last_epoch_) {
    last_epoch_ = header->leader_epoch;
  }
  observed_.assign(header->leader_epoch, header->base_offset);
  checked_bytes_ += size;
  if (checked_bytes_ >= next_progress_) {
    next_progress_ += progress_step;
    report("checked " + std::to_string(checked_bytes_ >> 20) + " MiB, up to offset " + std::to_string(target.next_offset()));
  }
  return outcome{};
}

result<std::optional<finding>> recovery::verify_all(segment& target, std::uint64_t size_bytes) {
  target.reset();
  if (size_bytes == 0)
    return std::optional<finding>{};
  CAFKA_TRY_ASSIGN(source, target.source(place_));
  batch_reader reader{*source, size_bytes};
  while (target.size_bytes() < size_bytes) {
    CAFKA_TRY_ASSIGN(problem, verify_next(target, reader, size_bytes));
    if (problem)
      return std::optional{finding{target.size_bytes(), target.next_offset(), std::move(*problem)}};
  }
  return std::optional<finding>{};
}

result<void> recovery::inspect_segment(std::size_t index) {
  const auto& found = listing_.segments[index];
  const bool is_last = index + 1 == listing_.segments.size();
  auto& target = log_.segments.emplace_back(found, options_.now_ms);
  const auto name = target.path(place_, log_suffix);
  target.expose(pool_.exposed(name));
  verified_.push_back(!options_.clean && (is_last || listing_.segments[index + 1].base_offset > options_.recovery_point));
  if (!verified_.back()) {
    auto last = target.check_tail(place_);
    if (last) {
      if (*last)
        last_epoch_ = unverified_epoch_ = (*last)->header.leader_epoch;
      return {};
    }
    if (last.error().code != errc::corrupt_message)
      return tl::unexpected<error>(std::move(last.error()));
    if (!is_last)
      return quarantine(name + ": " + last.error().detail);
    report("not as a clean stop leaves it: " + last.error().detail + "; checking every batch");
    verified_.back() = true;
  }
  CAFKA_TRY_ASSIGN(problem, verify_all(target, found.log_bytes));
  if (!problem)
    return {};
  cut_last_ = true;
  return stop_at(name, *problem);
}

// Does the segment that was inspected last join the one that follows it on disk?
result<void> recovery::check_join(std::size_t index) {
  if (stopped_ || index + 1 == listing_.segments.size())
    return {};
  const auto& here = log_.segments.back();
  const auto next_base = listing_.segments[index + 1].base_offset;
  const auto end = here.next_offset();
  // A segment that is written begins where the one before ends; only a cleaner shortens one later, and it works below what is flushed.
  const bool may_be_cleaned = options_.config.cleanup_compact && (end < options_.recovery_point || options_.written_by_kafka);
  if (end == next_base || (end < next_base && may_be_cleaned))
    return {};
  return stop_at(here.path(place_, log_suffix),
                 {here.size_bytes(), std::min(end, next_base),
                  "it ends at offset " + std::to_string(end) + ", the next segment begins at " + std::to_string(next_base)});
}

result<void> recovery::inspect() {
  if (!listing_.swaps.empty())
    return fail(errc::quarantined, directory_ + ": " + listing_.swaps.front() +
                                       " was left by Kafka's log cleaner in the middle of its work; start and stop Kafka on it once");
  for (const auto& stray : listing_.strays)
    report("left alone, not part of a log: " + stray);
  log_.segments.reserve(listing_.segments.size());
  for (std::size_t i = 0; i < listing_.segments.size(); ++i) {
    if (stopped_) {
      give_up_.push_back(listing_.segments[i].base_offset);
      continue;
    }
    CAFKA_TRY(inspect_segment(i));
    CAFKA_TRY(check_join(i));
  }
  return {};
}

result<leader_epoch_cache> recovery::epochs_from_batches() {
  report("leader-epoch-checkpoint is missing or wrong; it is made again from the batches");
  leader_epoch_cache cache;
  for (std::size_t i = 0; i < log_.segments.size() && !verified_[i]; ++i) {
    auto read = log_.segments[i].rebuild(place_, [&](const batch_place& b) { cache.assign(b.header.leader_epoch, b.header.base_offset); });
    if (!read && read.error().code == errc::corrupt_message)
      return quarantine(log_.segments[i].path(place_, log_suffix) + ": " + read.error().detail);
    CAFKA_TRY(read);
  }
  return cache;
}

result<void> recovery::build_epochs() {
  std::optional<leader_epoch_cache> on_disk;
  if (listing_.has_epoch_checkpoint) {
    auto text = pool_.files().read_text(directory_ + '/' + std::string{epoch_checkpoint_name});
    if (!text && text.error().code != errc::bad_format)
      return tl::unexpected<error>(std::move(text.error()));
    if (text) {
      if (auto parsed = leader_epoch_cache::parse(*text))
        on_disk = std::move(*parsed);
      else
        report(parsed.error().detail);
    }
  }
  auto cache = on_disk.value_or(leader_epoch_cache{});
  const auto first_verified = std::find(verified_.begin(), verified_.end(), true) - verified_.begin();
  const bool all_verified = first_verified == 0;
  if (all_verified) {
    if (!log_.segments.empty() && log_.segments.back().next_offset() > log_.segments.front().base_offset())
      cache = observed_;
  } else {
    if (first_verified < static_cast<std::ptrdiff_t>(verified_.size()))
      cache.truncate_from_end(log_.segments[static_cast<std::size_t>(first_verified)].base_offset());
    else
      cache.truncate_from_end(log_.segments.back().next_offset());
    const auto start = log_.segments.front().base_offset();
    if (unverified_epoch_ >= 0 && (cache.latest() != unverified_epoch_ || cache.entries().front().start_offset > start)) {
      CAFKA_TRY_ASSIGN(made, epochs_from_batches());
      cache = std::move(made);
    }
    for (const auto& entry : observed_.entries())
      cache.assign(entry.leader_epoch, entry.start_offset);
  }
  log_.epochs = std::move(cache);
  log_.epochs_dirty = !log_.epochs.entries().empty() && on_disk != log_.epochs;
  return {};
}

result<void> recovery::decide() {
  CAFKA_TRY(build_epochs());
  auto& segments = log_.segments;
  const auto end = segments.empty() ? 0 : segments.back().next_offset();
  if (end < options_.recovery_point)
    return quarantine(directory_ + ": the log ends at offset " + std::to_string(end) + (segments.empty() ? ": there is no .log file" : ""));
  log_.log_start_offset = options_.log_start_offset;
  if (options_.log_start_offset > end) {
    report("the log ends at " + std::to_string(end) + ", before its start offset: it begins again at " +
           std::to_string(options_.log_start_offset));
    for (const auto& segment : segments)
      give_up_.push_back(segment.base_offset());
    segments.clear();
    verified_.clear();
    // A segment that is given up may have the very name that the new one takes.
    cut_last_ = std::find(give_up_.begin(), give_up_.end(), options_.log_start_offset) != give_up_.end();
  }
  if (segments.empty()) {
    segments.emplace_back(options_.log_start_offset, options_.now_ms);
    verified_.push_back(false);
  }
  log_.log_start_offset = std::max(log_.log_start_offset, segments.front().base_offset());
  const auto before = log_.epochs;
  log_.epochs.truncate_from_end(segments.back().next_offset());
  log_.epochs.truncate_from_start(segments.front().base_offset());
  log_.epochs_dirty = log_.epochs_dirty || before != log_.epochs;
  return {};
}

// Bytes past the recovery point are read back but may be in the page cache alone: the process died, not the machine.
result<void> recovery::sync_unproven() {
  if (options_.clean && !cut_last_ && written_.empty())
    return {};
  bool any = !written_.empty();
  for (const auto& index : written_)
    CAFKA_TRY(index->sync());
  for (std::size_t i = 0; i < log_.segments.size(); ++i) {
    const auto& target = log_.segments[i];
    if (!verified_[i] || target.size_bytes() == 0 || target.next_offset() <= options_.recovery_point)
      continue;
    CAFKA_TRY_ASSIGN(source, target.source(place_));
    CAFKA_TRY(source->sync());
    any = true;
  }
  if (!any && give_up_.empty() && !cut_last_)
    return {};
  log_.synced_directory = true;
  CAFKA_TRY(pool_.files().sync_directory(directory_));
  const auto slash = directory_.rfind('/');
  return slash == std::string::npos || slash == 0 ? result<void>{} : pool_.files().sync_directory(directory_.substr(0, slash));
}

result<void> recovery::apply() {
  auto& files = pool_.files();
  for (const auto& name : listing_.unfinished)
    CAFKA_TRY(files.remove(directory_ + '/' + name));
  for (const auto& name : listing_.deleted)
    log_.retired.push_back(directory_ + '/' + name);
  for (const auto base_offset : give_up_)
    report("retired: the segment at offset " + std::to_string(base_offset));
  auto& active = log_.segments.back();
  const auto is_active = [&](const found_segment& found) { return found.base_offset == active.base_offset(); };
  if (active.base_offset() > 0 && std::none_of(listing_.segments.begin(), listing_.segments.end(), is_active)) {
    // The name of this file is all that holds the log's end: it is there before the others go.
    CAFKA_TRY(active.pin(place_));
    active.unpin();
    CAFKA_TRY(files.sync_directory(directory_));
  }
  for (const auto base_offset : give_up_)
    if (base_offset != active.base_offset())
      CAFKA_TRY(retire_segment_files(pool_, directory_, base_offset, log_.retired));
  if (cut_last_) {
    bool renamed = false;
    CAFKA_TRY(active.shorten_file(place_, renamed));
  }
  for (std::size_t i = 0; i + 1 < log_.segments.size(); ++i)
    CAFKA_TRY(log_.segments[i].write_indexes(place_, written_));
  active.spill_if_large(place_);
  return sync_unproven();
}

} // namespace

result<recovered_log> recover_log(file_pool& pool, const std::string& directory, const partition_listing& listing,
                                  const log_open_options& options) {
  return recovery{pool, directory, listing, options}.run();
}

result<void> retire_segment_files(file_pool& pool, const std::string& directory, std::int64_t base_offset,
                                  std::vector<std::string>& retired) {
  // The .log goes last: without it the others would be strays, without them it is whole.
  for (auto suffix : {index_suffix, time_index_suffix, transaction_index_suffix, snapshot_suffix, sequences_suffix, log_suffix}) {
    const auto name = segment_path(directory, base_offset, suffix);
    const auto waiting = name + std::string{deleted_suffix};
    pool.forget(name);
    auto renamed = pool.files().rename(name, waiting);
    if (renamed)
      retired.push_back(waiting);
    else if (renamed.error().code != errc::not_found || suffix == log_suffix)
      return renamed;
  }
  return {};
}

} // namespace cafka::storage
