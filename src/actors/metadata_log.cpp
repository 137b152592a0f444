#include "actors/metadata_log.hpp"

#include "base/codec/writer.hpp"
#include "metadata/image.hpp"

#include <algorithm>

namespace cafka::actors {

namespace {

constexpr std::size_t read_size_bytes = 1 << 20;
constexpr std::int16_t leader_change_type = 2; // control record type, KIP-595

// Calls `visit` for the records of one whole batch; once, with null, for a control batch.
result<void> visit_batch(const storage::batch_header& header, byte_span batch, const metadata_log::visitor& visit) {
  if (header.is_control())
    return visit(header.last_offset(), header.leader_epoch, nullptr);
  auto outcome = result<void>{};
  CAFKA_TRY(metadata::for_each_metadata_record(batch, [&](std::int64_t offset, const metadata::framed_record& framed) {
    if (outcome)
      outcome = visit(offset, header.leader_epoch, &framed.record);
  }));
  return outcome;
}

// All whole batches at the front of `bytes`, checked; adds them to `seen`.
result<void> visit_batches(byte_span bytes, std::int64_t from, std::int64_t to, const metadata_log::visitor& visit,
                           metadata_log::extent& seen) {
  while (bytes.size() >= storage::batch_header_size) {
    CAFKA_TRY_ASSIGN(header, storage::parse_batch_header(bytes));
    if (header.size_bytes() > bytes.size() || header.base_offset >= to)
      break;
    const auto batch = bytes.first(header.size_bytes());
    CAFKA_TRY(storage::verify_crc(header, batch));
    if (header.last_offset() >= from) {
      CAFKA_TRY(visit_batch(header, batch, visit));
      seen.size_bytes += batch.size();
      seen.last_timestamp_ms = header.max_timestamp;
    }
    bytes = bytes.subspan(batch.size());
  }
  return {};
}

} // namespace

uuid metadata_topic_id() {
  uuid id;
  id.bytes[15] = 1;
  return id;
}

result<std::unique_ptr<metadata_log>> metadata_log::open(storage::file_pool& pool, const metadata_log_options& options) {
  const topic_partition name{std::string{metadata::metadata_topic}, 0};
  std::unique_ptr<metadata_log> opened{new metadata_log{pool, options.log_dir + '/' + name.to_string()}};
  CAFKA_TRY(opened->find_snapshots());
  storage::log_open_options with;
  with.name = name;
  with.topic_id = metadata_topic_id();
  with.config = options.config;
  with.recovery_point = options.recovery_point;
  // A log from another node, put in place of a damaged one, may begin earlier than this one did.
  with.log_start_offset = std::min(options.log_start_offset, opened->newest_snapshot().value_or(election::log_position{}).end_offset);
  with.clean = options.clean;
  with.now_ms = options.now_ms;
  // The log does not know of the quorum's own files beside it.
  with.report = [report = options.report](std::string_view message) {
    if (report && !message.ends_with(election::quorum_state_file) && message.find(snapshot_suffix) == std::string_view::npos)
      report(message);
  };
  auto log = storage::partition_log::open(pool, opened->directory_, with);
  if (!log && log.error().code == errc::quarantined)
    return fail(errc::quarantined, log.error().detail + " (this is no topic's). " + how_to_restore());
  if (!log)
    return tl::unexpected<error>(std::move(log.error()));
  opened->log_ = std::move(*log);
  CAFKA_TRY(opened->load_state());
  CAFKA_TRY(opened->check_start());
  // All of it, before anything is added: nobody votes from damaged memory.
  auto& own = opened->log();
  if (auto whole = opened->read(own.log_start_offset(), own.log_end_offset(), [](auto, auto, const auto*) { return result<void>{}; });
      !whole)
    return fail(whole.error().code,
                "the metadata log " + opened->directory_ + " is damaged: " + whole.error().detail + ". " + how_to_restore());
  return opened;
}

std::string metadata_log::how_to_restore() {
  return "Stop the node that leads the quorum (cafka quorum status), copy its " + std::string{metadata::metadata_topic} +
         "-0 in place of this node's, but keep this node's quorum-state, and start both; of a single node, restore the directory from a "
         "backup";
}

result<void> metadata_log::load_state() {
  const auto path = directory_ + '/' + std::string{election::quorum_state_file};
  auto text = pool_.files().read_text(path, 64 << 10);
  if (!text)
    return text.error().code == errc::not_found ? result<void>{} : tl::unexpected<error>(std::move(text.error()));
  auto state = election::parse_quorum_state(*text);
  if (!state)
    return fail(errc::bad_format,
                path + " is damaged: " + state.error().detail +
                    ". It holds this voter's vote: restore it from a backup of this very node. Without one, move the data directories "
                    "away and start empty, or, of a node that is alone, remove the file");
  state_ = *state;
  return {};
}

result<void> metadata_log::save_state(const election::quorum_state& state) {
  CAFKA_TRY(pool_.files().replace_text(directory_ + '/' + std::string{election::quorum_state_file}, election::to_json(state)));
  state_ = state;
  return {};
}

result<void> metadata_log::find_snapshots() {
  auto& files = pool_.files();
  const auto entries = files.list(directory_);
  if (!entries)
    return entries.error().code == errc::not_found ? result<void>{} : tl::unexpected<error>(entries.error());
  for (const auto& entry : *entries) {
    if (entry.name.ends_with(unfinished_snapshot_suffix))
      CAFKA_TRY(files.remove(directory_ + '/' + entry.name));
    else if (const auto position = parse_snapshot_name(entry.name))
      snapshots_.push_back({*position, entry.size_bytes, read_snapshot_timestamp(files, path_of(*position)).value_or(0)});
  }
  std::ranges::sort(snapshots_, {}, [](const known_snapshot& each) { return each.position.end_offset; });
  return {};
}

result<void> metadata_log::check_start() const {
  if (log_->log_start_offset() > (snapshots_.empty() ? 0 : snapshots_.back().position.end_offset))
    return fail(errc::bad_format, directory_ + " begins at offset " + std::to_string(log_->log_start_offset()) +
                                      " and no snapshot holds what came before: restore the missing .checkpoint file");
  return {};
}

result<snapshot_content> metadata_log::load_snapshot() {
  if (snapshots_.empty())
    return snapshot_content{};
  const auto& newest = snapshots_.back().position;
  auto content = read_snapshot(pool_.files(), path_of(newest), newest);
  if (!content) {
    const auto before = snapshots_.size() > 1 ? snapshots_[snapshots_.size() - 2].position.end_offset : 0;
    return fail(content.error().code,
                path_of(newest) + " is damaged: " + content.error().detail + ". " +
                    (log_->log_start_offset() <= before ? "The log still has all that it holds: move the file away and start again"
                                                        : how_to_restore()));
  }
  if (!election::continues_snapshot(summary()))
    CAFKA_TRY(start_over_at(newest.end_offset));
  return content;
}

void metadata_log::add_snapshot(const known_snapshot& kept) {
  std::erase_if(snapshots_, [&](const known_snapshot& each) { return each.position == kept.position; });
  const auto place = std::ranges::upper_bound(snapshots_, kept.position.end_offset, {},
                                              [](const known_snapshot& each) { return each.position.end_offset; });
  snapshots_.insert(place, kept);
}

result<std::vector<std::string>> metadata_log::drop_old(const metadata_retention& limits, std::int64_t now_ms) {
  std::vector<std::string> dropped;
  const auto is_too_much = [&] {
    auto bytes = log_->size_bytes();
    for (const auto& each : snapshots_)
      bytes += each.size_bytes;
    return limits.bytes >= 0 && bytes > static_cast<std::uint64_t>(limits.bytes);
  };
  // What lies before a snapshot goes as a whole: the log up to its end, and the snapshots that are older.
  for (std::size_t next = 0; next < snapshots_.size();) {
    const auto is_old = limits.age_ms >= 0 && now_ms - snapshots_[next].last_timestamp_ms > limits.age_ms;
    const auto begins_behind = log_->log_start_offset() >= snapshots_[next].position.end_offset;
    if (!is_old && !begins_behind && !is_too_much())
      break;
    // Only whole segments go: from here on the log has one that the next snapshot can let go.
    if (!begins_behind && log_->segment_count() == 1)
      CAFKA_TRY(log_->roll(now_ms));
    CAFKA_TRY(log_->advance_log_start_offset(snapshots_[next].position.end_offset, now_ms));
    for (std::size_t i = 0; i < next; ++i)
      dropped.push_back(path_of(snapshots_[i].position));
    snapshots_.erase(snapshots_.begin(), snapshots_.begin() + static_cast<std::ptrdiff_t>(next));
    next = 1;
  }
  return dropped;
}

result<metadata_log::piece> metadata_log::read_piece(const election::log_position& snapshot, std::int64_t position, std::size_t max_bytes) {
  if (!lent_ || lent_->position != snapshot) {
    auto opened = pool_.files().open(path_of(snapshot), storage::open_mode::read);
    if (!opened)
      return opened.error().code == errc::not_found ? result<piece>{piece{}} : tl::unexpected<error>(std::move(opened.error()));
    lent_ = lent_snapshot{snapshot, std::move(*opened)};
  }
  CAFKA_TRY_ASSIGN(size_bytes, lent_->file->size());
  piece cut;
  cut.size_bytes = static_cast<std::int64_t>(size_bytes);
  if (position < 0 || position >= cut.size_bytes)
    return cut;
  cut.bytes.resize(std::min(max_bytes, static_cast<std::size_t>(cut.size_bytes - position)));
  CAFKA_TRY_ASSIGN(got, lent_->file->read_at(static_cast<std::uint64_t>(position), std::as_writable_bytes(std::span{cut.bytes})));
  cut.bytes.resize(got);
  return cut;
}

election::log_summary metadata_log::summary() const {
  election::log_summary summary;
  summary.start_offset = log_->log_start_offset();
  summary.end_offset = log_->log_end_offset();
  for (const auto& start : log_->epoch_starts())
    summary.epochs.push_back({start.leader_epoch, start.start_offset});
  summary.snapshot = newest_snapshot();
  return summary;
}

result<void> metadata_log::append_batch(byte_vector batch, std::int64_t wall_ms) {
  CAFKA_TRY_ASSIGN(header, storage::parse_batch_header(batch));
  return log_->append(header, batch, wall_ms);
}

result<void> metadata_log::append(std::span<const metadata::metadata_record> records, std::int32_t leader_epoch, std::int64_t wall_ms) {
  CAFKA_TRY_ASSIGN(batch, metadata::build_record_batch(records, log_->log_end_offset(), leader_epoch, wall_ms));
  return append_batch(std::move(batch), wall_ms);
}

result<void> metadata_log::append(const election::leader_change_message& change, std::int32_t leader_epoch, std::int64_t wall_ms) {
  byte_vector key, value, batch;
  byte_writer key_writer{key};
  key_writer.write_be(std::int16_t{0}); // version of the key
  key_writer.write_be(leader_change_type);
  codec::encode(change, change.version, value);
  storage::batch_builder builder;
  builder.add(wall_ms, byte_span{key}, byte_span{value});
  storage::batch_builder::fields fields;
  fields.base_offset = log_->log_end_offset();
  fields.leader_epoch = leader_epoch;
  fields.is_control = true;
  CAFKA_TRY(builder.build(fields, batch));
  return append_batch(std::move(batch), wall_ms);
}

result<metadata_log::extent> metadata_log::read(std::int64_t from, std::int64_t to, const visitor& visit) {
  extent seen;
  byte_vector buffer;
  while (from < to) {
    CAFKA_TRY_ASSIGN(records, log_->read(from, {to, read_size_bytes, true}));
    if (records.slices.empty())
      return fail(errc::bad_format, directory_ + " has nothing at offset " + std::to_string(from));
    for (const auto& slice : records.slices) {
      buffer.resize(slice.size_bytes);
      CAFKA_TRY_ASSIGN(got, slice.source->read_at(slice.position, buffer));
      if (got != slice.size_bytes)
        return fail(errc::io_error, directory_ + " ends early at offset " + std::to_string(from));
      CAFKA_TRY(visit_batches(buffer, from, to, visit, seen));
    }
    from = records.next_offset;
  }
  return seen;
}

} // namespace cafka::actors
