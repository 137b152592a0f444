#include "actors/metadata_log.hpp"

#include "base/codec/writer.hpp"
#include "metadata/image.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace cafka::actors {

namespace {

constexpr std::string_view snapshot_suffix = ".checkpoint";
constexpr std::size_t read_size_bytes = 1 << 20;
constexpr std::int16_t leader_change_type = 2; // control record type, KIP-595

// "<end offset, 20 digits>-<leader epoch, 10 digits>.checkpoint"
std::optional<election::log_position> parse_snapshot_name(std::string_view name) {
  if (!name.ends_with(snapshot_suffix) || name.size() != 20 + 1 + 10 + snapshot_suffix.size() || name[20] != '-')
    return std::nullopt;
  election::log_position position;
  const auto* text = name.data();
  const auto offset = std::from_chars(text, text + 20, position.end_offset);
  const auto epoch = std::from_chars(text + 21, text + 31, position.leader_epoch);
  if (offset.ec != std::errc{} || offset.ptr != text + 20 || epoch.ec != std::errc{} || epoch.ptr != text + 31)
    return std::nullopt;
  return position;
}

std::string snapshot_name(const election::log_position& position) {
  auto offset = std::to_string(position.end_offset);
  auto epoch = std::to_string(position.leader_epoch);
  return std::string(20 - offset.size(), '0') + offset + '-' + std::string(10 - epoch.size(), '0') + epoch + std::string{snapshot_suffix};
}

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

// All whole batches at the front of `bytes`, checked; returns how many bytes they take.
result<std::size_t> visit_batches(byte_span bytes, std::int64_t from, std::int64_t to, const metadata_log::visitor& visit) {
  std::size_t done = 0;
  while (bytes.size() - done >= storage::batch_header_size) {
    CAFKA_TRY_ASSIGN(header, storage::parse_batch_header(bytes.subspan(done)));
    if (header.size_bytes() > bytes.size() - done || header.base_offset >= to)
      break;
    const auto batch = bytes.subspan(done, header.size_bytes());
    CAFKA_TRY(storage::verify_crc(header, batch));
    if (header.last_offset() >= from)
      CAFKA_TRY(visit_batch(header, batch, visit));
    done += header.size_bytes();
  }
  return done;
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
  storage::log_open_options with;
  with.name = name;
  with.topic_id = metadata_topic_id();
  with.config = options.config;
  with.recovery_point = options.recovery_point;
  with.log_start_offset = options.log_start_offset;
  with.clean = options.clean;
  with.now_ms = options.now_ms;
  // The log does not know of the quorum's own files beside it.
  with.report = [report = options.report](std::string_view message) {
    if (report && !message.ends_with(election::quorum_state_file) && !message.ends_with(snapshot_suffix))
      report(message);
  };
  CAFKA_TRY_ASSIGN(log, storage::partition_log::open(pool, opened->directory_, with));
  opened->log_ = std::move(log);
  CAFKA_TRY(opened->load_state());
  CAFKA_TRY(opened->find_snapshot());
  return opened;
}

result<void> metadata_log::load_state() {
  auto text = pool_.files().read_text(directory_ + '/' + std::string{election::quorum_state_file}, 64 << 10);
  if (!text)
    return text.error().code == errc::not_found ? result<void>{} : tl::unexpected<error>(std::move(text.error()));
  CAFKA_TRY_ASSIGN(state, election::parse_quorum_state(*text));
  state_ = std::move(state);
  return {};
}

result<void> metadata_log::save_state(const election::quorum_state& state) {
  CAFKA_TRY(pool_.files().replace_text(directory_ + '/' + std::string{election::quorum_state_file}, election::to_json(state)));
  state_ = state;
  return {};
}

result<void> metadata_log::find_snapshot() {
  CAFKA_TRY_ASSIGN(entries, pool_.files().list(directory_));
  for (const auto& entry : entries)
    if (const auto position = parse_snapshot_name(entry.name); position && (!snapshot_ || position->end_offset > snapshot_->end_offset))
      snapshot_ = position;
  if (log_->log_start_offset() > (snapshot_ ? snapshot_->end_offset : 0))
    return fail(errc::bad_format, directory_ + " begins at offset " + std::to_string(log_->log_start_offset()) +
                                      " and no snapshot holds what came before: restore the missing .checkpoint file");
  return {};
}

election::log_summary metadata_log::summary() const {
  election::log_summary summary;
  summary.start_offset = log_->log_start_offset();
  summary.end_offset = log_->log_end_offset();
  for (const auto& start : log_->epoch_starts())
    summary.epochs.push_back({start.leader_epoch, start.start_offset});
  summary.snapshot = snapshot_;
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

result<void> metadata_log::read_snapshot(const visitor& visit) const {
  if (!snapshot_)
    return {};
  const auto path = directory_ + '/' + snapshot_name(*snapshot_);
  CAFKA_TRY_ASSIGN(text, pool_.files().read_text(path, std::size_t{1} << 30));
  const auto bytes = as_byte_span(text);
  auto used = visit_batches(bytes, 0, std::numeric_limits<std::int64_t>::max(), visit);
  if (!used || *used != bytes.size())
    return fail(errc::bad_format, path + " is damaged" +
                                      (used ? std::string{": it ends within a batch"} : ": " + used.error().to_string()) +
                                      "; restore it from a copy or from another voter");
  return {};
}

result<void> metadata_log::read(std::int64_t from, std::int64_t to, const visitor& visit) {
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
      CAFKA_TRY(visit_batches(buffer, from, to, visit));
    }
    from = records.next_offset;
  }
  return {};
}

} // namespace cafka::actors
