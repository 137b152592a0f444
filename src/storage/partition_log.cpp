// partition_log: open, append and roll, flush, close. Reads are in partition_log_read.cpp, removals in partition_log_trim.cpp.
#include "storage/partition_log.hpp"

#include "base/prng.hpp"
#include "storage/log_recovery.hpp"
#include "storage/partition_log_state.hpp"
#include "storage/partition_metadata.hpp"

#include <algorithm>
#include <limits>

namespace cafka::storage {

namespace {

std::string parent_of(const std::string& directory) {
  const auto slash = directory.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : directory.substr(0, slash);
}

// The topic id on disk against the one that is due. True if the file has to be written.
result<bool> check_metadata(file_system& files, const std::string& directory, const partition_listing& listing,
                            const log_open_options& options) {
  if (options.topic_id.is_zero())
    return false;
  if (!listing.has_metadata)
    return true;
  const auto path = directory + '/' + std::string{metadata_name};
  CAFKA_TRY_ASSIGN(text, files.read_text(path, 4096));
  auto found = parse_partition_metadata(text);
  if (!found) {
    // It is synced with the first flush: before that a power loss may leave anything, afterwards nothing may.
    if (options.clean || options.recovery_point > 0)
      return fail(errc::quarantined, path + ": " + found.error().detail + "; expected topic id " + options.topic_id.to_string());
    if (options.report)
      options.report(path + ": " + found.error().detail + "; written again");
    return true;
  }
  if (*found != options.topic_id)
    return fail(errc::inconsistent_topic_id,
                path + " names topic id " + found->to_string() + ", expected is " + options.topic_id.to_string());
  return false;
}

} // namespace

result<void> flush_ticket::sync() const {
  for (const auto& dirty : dirty_files)
    CAFKA_TRY(dirty->sync());
  if (!dirty_directory.empty())
    CAFKA_TRY(files->sync_directory(dirty_directory));
  if (!dirty_parent.empty())
    CAFKA_TRY(files->sync_directory(dirty_parent));
  return {};
}

partition_log::partition_log(std::unique_ptr<state> s) : state_(std::move(s)) {}

partition_log::~partition_log() {
  for (const auto& each : state_->segments)
    if (each.exposed_bytes() > 0)
      state_->pool.remember_exposed(each.path(state_->place(), log_suffix), each.exposed_bytes());
}

result<std::unique_ptr<partition_log>> partition_log::open(file_pool& pool, std::string directory, const log_open_options& options) {
  auto& files = pool.files();
  bool created = false;
  auto listed = list_partition(files, directory);
  if (!listed && listed.error().code == errc::not_found && options.create) {
    CAFKA_TRY(files.create_directories(directory));
    created = true;
    listed = partition_listing{};
  }
  if (!listed)
    return tl::unexpected<error>(std::move(listed.error()));
  CAFKA_TRY_ASSIGN(write_id, check_metadata(files, directory, *listed, options));
  CAFKA_TRY_ASSIGN(recovered, recover_log(pool, directory, *listed, options));

  auto s = std::make_unique<state>(pool, std::move(directory), options.config);
  s->segments = std::move(recovered.segments);
  s->epochs = std::move(recovered.epochs);
  s->epochs_dirty = recovered.epochs_dirty;
  s->log_start_offset = recovered.log_start_offset;
  s->flushed_end_offset = s->log_end_offset();
  s->latest_now_ms = options.now_ms;
  for (auto& path : recovered.retired)
    s->retired.push_back({std::move(path), options.now_ms + options.config.file_delete_delay_ms});
  if (!s->retired.empty() && !recovered.synced_directory) {
    s->touch_directory();
    s->last_retirement = s->generation;
  }
  // A directory that never held anything may be known to the page cache alone.
  if (created || (!options.clean && s->size_bytes() == 0))
    s->parent_changed = s->generation;
  CAFKA_TRY(s->tidy_snapshots(*listed));
  CAFKA_TRY(s->keep_metadata(options, write_id, listed->has_metadata));
  return std::unique_ptr<partition_log>{new partition_log{std::move(s)}};
}

const std::string& partition_log::directory() const noexcept { return state_->directory; }
std::int64_t partition_log::log_start_offset() const noexcept { return state_->log_start_offset; }
std::int64_t partition_log::log_end_offset() const noexcept { return state_->log_end_offset(); }
std::int64_t partition_log::flushed_end_offset() const noexcept { return state_->flushed_end_offset; }
std::uint64_t partition_log::size_bytes() const noexcept { return state_->size_bytes(); }
std::size_t partition_log::segment_count() const noexcept { return state_->segments.size(); }
std::int32_t partition_log::latest_leader_epoch() const noexcept { return state_->epochs.latest(); }
const std::vector<epoch_start>& partition_log::epoch_starts() const noexcept { return state_->epochs.entries(); }
void partition_log::set_config(const log_config& config) { state_->config = config; }
const log_config& partition_log::config() const noexcept { return state_->config; }

// From the first flush on nothing may be wrong with partition.metadata, so it is durable before any record counts as such.
result<void> partition_log::state::keep_metadata(const log_open_options& options, bool write, bool exists) {
  const auto path = directory + '/' + std::string{metadata_name};
  const auto text = partition_metadata_text(options.topic_id);
  if (write)
    return log_end_offset() > 0 ? pool.files().replace_text(path, text) : replace_file(metadata_name, text);
  if (!exists || options.clean || options.recovery_point > 0)
    return {};
  metadata_unproven = log_end_offset() == 0;
  if (metadata_unproven)
    return {};
  CAFKA_TRY_ASSIGN(found, pool.acquire(path));
  CAFKA_TRY(found->sync());
  return sync_directory();
}

result<void> partition_log::state::prove_metadata() {
  CAFKA_TRY_ASSIGN(found, pool.acquire(directory + '/' + std::string{metadata_name}));
  dirty_files.push_back({std::move(found), generation});
  touch_directory();
  metadata_unproven = false;
  return {};
}

result<void> partition_log::state::check_usable() const {
  if (failed)
    return fail(errc::io_error, directory + ": an earlier change stopped half-way; open the log again");
  return {};
}

std::uint64_t partition_log::state::size_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& each : segments)
    sum += each.size_bytes();
  return sum;
}

result<void> partition_log::state::sync_directory() {
  CAFKA_TRY(pool.files().sync_directory(directory));
  if (parent_changed > 0)
    CAFKA_TRY(pool.files().sync_directory(parent_of(directory)));
  parent_changed = 0;
  directory_proven = generation++;
  return {};
}

result<void> partition_log::state::replace_file(std::string_view name, std::string_view text) {
  auto& files = pool.files();
  const auto path = directory + '/' + std::string{name};
  const auto fresh = path + ".tmp";
  CAFKA_TRY(files.remove(fresh));
  CAFKA_TRY_ASSIGN(target, files.open(fresh, open_mode::create_new));
  const auto bytes = as_byte_span(text);
  CAFKA_TRY(target->append({&bytes, 1}));
  CAFKA_TRY(files.rename(fresh, path));
  dirty_files.push_back({file_handle{std::move(target)}, generation});
  touch_directory();
  return {};
}

// Torn by a crash before its sync it is made again from the batches, so it need not be synced before it takes the name.
result<void> partition_log::state::write_epochs() {
  CAFKA_TRY(replace_file(epoch_checkpoint_name, epochs.to_text()));
  epochs_dirty = false;
  return {};
}

std::int64_t partition_log::state::roll_age_ms(const segment& of) const noexcept {
  if (config.segment_jitter_ms <= 0)
    return config.segment_ms;
  prng share{std::hash<std::string>{}(directory) + static_cast<std::uint64_t>(of.base_offset())};
  return config.segment_ms - static_cast<std::int64_t>(share.below(static_cast<std::uint64_t>(config.segment_jitter_ms) + 1));
}

result<bool> partition_log::state::must_roll(const batch_header& header, std::int64_t now_ms) {
  auto& last = active();
  if (header.last_offset() - last.base_offset() > std::numeric_limits<std::int32_t>::max())
    return true;
  if (last.size_bytes() == 0)
    return false;
  const auto limit = std::min<std::int64_t>(config.segment_bytes, std::numeric_limits<std::int32_t>::max());
  if (static_cast<std::int64_t>(last.size_bytes() + header.size_bytes()) > limit)
    return true;
  if (last.offset_entries() >= static_cast<std::uint32_t>(config.segment_index_bytes) / offset_entry::size_bytes ||
      last.time_entries() + 1 >= static_cast<std::uint32_t>(config.segment_index_bytes) / time_entry::size_bytes)
    return true;
  const auto due_after = roll_age_ms(last);
  CAFKA_TRY_ASSIGN(first_ms, last.roll_timestamp(place()));
  if (header.max_timestamp >= 0 && first_ms)
    return header.max_timestamp - *first_ms > due_after;
  return now_ms - last.created_ms() > due_after;
}

result<void> partition_log::state::roll_at(std::int64_t base_offset, std::int64_t now_ms) {
  if (roll_hook)
    CAFKA_TRY(roll_hook(base_offset));
  segment fresh{base_offset, now_ms};
  const auto name = fresh.path(place(), log_suffix);
  CAFKA_TRY(fresh.pin(place()));
  CAFKA_TRY_ASSIGN(already, fresh.pinned()->size());
  if (already > 0)
    return fail(errc::bad_format, name + " is there already, with " + std::to_string(already) + " bytes; it is not this log's");
  std::vector<file_handle> written;
  if (auto indexed = active().write_indexes(place(), written); !indexed) {
    fresh.unpin();
    pool.forget(name);
    (void)pool.files().remove(name);
    return indexed;
  }
  fresh.unpin();
  for (auto& handle : written)
    dirty_files.push_back({std::move(handle), generation});
  touch_directory();
  segments.push_back(std::move(fresh));
  return {};
}

result<void> partition_log::append(const batch_header& header, byte_span batch, std::int64_t now_ms) {
  auto& s = *state_;
  CAFKA_TRY(s.check_usable());
  const auto end = s.log_end_offset();
  s.latest_now_ms = std::max(s.latest_now_ms, now_ms);
  if (header.base_offset < end || (header.base_offset > end && !s.config.cleanup_compact))
    return fail(errc::offset_out_of_range,
                s.directory + ": a batch at offset " + std::to_string(header.base_offset) + " where " + std::to_string(end) + " is due");
  if (header.leader_epoch < s.epochs.latest())
    return fail(errc::fenced_leader_epoch, s.directory + ": a batch of leader epoch " + std::to_string(header.leader_epoch) + " after " +
                                               std::to_string(s.epochs.latest()));
  if (header.size_bytes() != batch.size() || header.last_offset_delta < 0)
    return fail(errc::corrupt_message, s.directory + ": a batch whose header and size do not agree");
  CAFKA_TRY_ASSIGN(due, s.must_roll(header, now_ms));
  if (due)
    CAFKA_TRY(s.roll_at(header.last_offset() - end > std::numeric_limits<std::int32_t>::max() ? header.base_offset : end, now_ms));
  auto& last = s.active();
  const bool may_create = last.size_bytes() == 0;
  CAFKA_TRY(last.append(s.place(), header, batch));
  if (may_create)
    s.touch_directory();
  if (s.epochs.assign(header.leader_epoch, header.base_offset) || s.epochs.begins_at(header.base_offset))
    s.epochs_dirty = true;
  return {};
}

result<void> partition_log::begin_leader_epoch(std::int32_t leader_epoch) {
  auto& s = *state_;
  if (leader_epoch < s.epochs.latest())
    return fail(errc::fenced_leader_epoch,
                s.directory + ": leader epoch " + std::to_string(leader_epoch) + " after " + std::to_string(s.epochs.latest()));
  // Written once it has a record: until then no one can ask where it ended, and ten thousand idle partitions write nothing at a start.
  s.epochs.assign(leader_epoch, s.log_end_offset());
  return {};
}

result<void> partition_log::roll(std::int64_t now_ms) {
  auto& s = *state_;
  if (s.active().size_bytes() == 0)
    return {};
  return s.roll_at(s.log_end_offset(), now_ms);
}

result<void> partition_log::roll_if_due(std::int64_t now_ms) {
  auto& s = *state_;
  s.latest_now_ms = std::max(s.latest_now_ms, now_ms);
  if (now_ms - s.active().created_ms() <= s.roll_age_ms(s.active()))
    return {};
  return roll(now_ms);
}

std::optional<flush_ticket> partition_log::prepare_flush() {
  auto& s = *state_;
  const auto end = s.log_end_offset();
  if (s.flushed_end_offset >= end)
    return std::nullopt;
  if (s.metadata_unproven && !s.prove_metadata())
    return std::nullopt;
  if (s.epochs_dirty)
    (void)s.write_epochs(); // else with a later ticket: the file can be made again from the batches
  flush_ticket ticket{.end_offset = end, .dirty_files = {}, .dirty_directory = {}, .dirty_parent = {}, .files = &s.pool.files()};
  for (auto i = s.index_of(s.flushed_end_offset); i < s.segments.size(); ++i) {
    if (s.segments[i].size_bytes() == 0)
      continue;
    auto source = s.segments[i].source(s.place());
    if (!source)
      return std::nullopt; // out of descriptors: nothing may be promised now
    ticket.dirty_files.push_back(std::move(*source));
  }
  for (const auto& dirty : s.dirty_files)
    ticket.dirty_files.push_back(dirty.handle);
  if (s.directory_dirty())
    ticket.dirty_directory = s.directory;
  if (s.parent_changed > 0)
    ticket.dirty_parent = parent_of(s.directory);
  constexpr std::size_t max_tickets = 64;
  if (s.tickets.size() == max_tickets)
    s.tickets.erase(s.tickets.begin());
  s.tickets.push_back({end, end, s.generation});
  ++s.generation;
  return ticket;
}

void partition_log::mark_flushed(std::int64_t end_offset) {
  auto& s = *state_;
  const auto done = std::find_if(s.tickets.begin(), s.tickets.end(), [=](const auto& t) { return t.asked_end == end_offset; });
  if (done == s.tickets.end())
    return;
  const auto proven = *done;
  s.tickets.erase(s.tickets.begin(), std::next(done));
  s.flushed_end_offset = std::max(s.flushed_end_offset, std::min(proven.proven_end, s.log_end_offset()));
  s.directory_proven = std::max(s.directory_proven, proven.generation);
  if (s.parent_changed <= proven.generation)
    s.parent_changed = 0;
  std::erase_if(s.dirty_files, [&](const auto& dirty) { return dirty.generation <= proven.generation; });
  for (auto each = s.segments.rbegin(); each != s.segments.rend(); ++each) {
    if (each->next_offset() > s.flushed_end_offset)
      continue;
    if (!each->pinned() && each != s.segments.rbegin())
      break; // all before were let go earlier
    each->unpin();
  }
}

void partition_log::state::forget_flushes_past(std::int64_t offset) noexcept {
  flushed_end_offset = std::min(flushed_end_offset, offset);
  for (auto& ticket : tickets)
    ticket.proven_end = std::min(ticket.proven_end, offset);
}

result<void> partition_log::close() {
  auto& s = *state_;
  std::vector<file_handle> written;
  for (auto& each : s.segments) {
    CAFKA_TRY(each.write_indexes(s.place(), written));
    if (each.next_offset() > s.flushed_end_offset && each.size_bytes() > 0) {
      CAFKA_TRY_ASSIGN(source, each.source(s.place()));
      written.push_back(std::move(source));
    }
  }
  if (s.metadata_unproven)
    CAFKA_TRY(s.prove_metadata());
  if (s.epochs_dirty)
    CAFKA_TRY(s.write_epochs());
  for (const auto& dirty : s.dirty_files)
    written.push_back(dirty.handle);
  for (const auto& each : written)
    CAFKA_TRY(each->sync());
  if (!written.empty() || s.directory_dirty() || s.parent_changed > 0)
    CAFKA_TRY(s.sync_directory());
  s.dirty_files.clear();
  s.tickets.clear();
  s.flushed_end_offset = s.log_end_offset();
  for (auto& each : s.segments)
    each.unpin();
  return {};
}

std::optional<std::string> partition_log::check_invariants() const {
  const auto& s = *state_;
  if (s.segments.empty())
    return "there is no segment";
  for (std::size_t i = 0; i < s.segments.size(); ++i) {
    if (auto wrong = s.segments[i].check_invariants(s.place()))
      return wrong;
    if (i == 0)
      continue;
    const auto end = s.segments[i - 1].next_offset();
    const auto begin = s.segments[i].base_offset();
    if (end > begin || (end < begin && !s.config.cleanup_compact))
      return "a segment ends at " + std::to_string(end) + ", the next begins at " + std::to_string(begin);
  }
  if (s.log_start_offset < s.segments.front().base_offset() || s.log_start_offset > s.log_end_offset())
    return "log start offset " + std::to_string(s.log_start_offset) + " outside the log";
  if (s.flushed_end_offset > s.log_end_offset())
    return "flushed past the end";
  const auto& epochs = s.epochs.entries();
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    if (epochs[i].start_offset > s.log_end_offset() || epochs[i].start_offset < s.segments.front().base_offset())
      return "leader epoch " + std::to_string(epochs[i].leader_epoch) + " begins outside the log";
    if (i > 0 && (epochs[i].leader_epoch <= epochs[i - 1].leader_epoch || epochs[i].start_offset <= epochs[i - 1].start_offset))
      return "leader epochs do not rise";
  }
  return std::nullopt;
}

} // namespace cafka::storage
