#include "actors/snapshot_files.hpp"

#include "base/codec/codec.hpp"
#include "election/control_records.hpp"
#include "metadata/image_builder.hpp"
#include "storage/record_batch.hpp"

#include <algorithm>
#include <charconv>

namespace cafka::actors {

namespace {

constexpr std::size_t offset_digits = 20, epoch_digits = 10;
constexpr std::int16_t header_type = 3, footer_type = 4; // control record types, KIP-630
constexpr std::size_t max_batch_records = 1'000;
constexpr std::size_t max_batch_bytes = 256 << 10;
constexpr std::size_t read_size_bytes = 1 << 20;
constexpr std::size_t max_read_bytes = 64 << 20; // of one batch: Kafka's own are at most 8 MiB

template <class Message>
result<void> append_control(snapshot_file& into, std::int16_t type, const Message& value, std::int64_t offset, std::int64_t timestamp_ms) {
  byte_vector key, encoded, batch;
  byte_writer key_writer{key};
  key_writer.write_be(std::int16_t{0}); // version of the key
  key_writer.write_be(type);
  codec::encode(value, value.version, encoded);
  storage::batch_builder builder;
  builder.add(timestamp_ms, byte_span{key}, byte_span{encoded});
  storage::batch_builder::fields fields;
  fields.base_offset = offset;
  fields.leader_epoch = into.position().leader_epoch;
  fields.is_control = true;
  CAFKA_TRY(builder.build(fields, batch));
  return into.append(batch);
}

struct control_record {
  std::int16_t type = -1;
  byte_vector value;
};
// The first of a control batch: snapshots have one in each that matters.
result<control_record> parse_control(byte_span batch) {
  control_record found;
  CAFKA_TRY(storage::for_each_record(batch, {}, [&](const storage::record_view& record) {
    if (record.key && record.key->size() == 4 && record.value) {
      found.type = load_be<std::int16_t>(record.key->data() + 2);
      found.value.assign(record.value->begin(), record.value->end());
    }
    return false;
  }));
  return found;
}

result<std::int64_t> parse_header(byte_span batch) {
  CAFKA_TRY_ASSIGN(control, parse_control(batch));
  if (control.type != header_type)
    return fail(errc::bad_format, "it does not begin with a snapshot's header");
  CAFKA_TRY_ASSIGN(header, codec::decode<election::snapshot_header_record>(control.value, 0, 1'024));
  return header.last_contained_log_timestamp;
}

// Whole batches of a file one after the other, each checked, through one buffer.
class batch_reader {
public:
  static result<batch_reader> open(storage::file_system& files, const std::string& path) {
    batch_reader opened;
    CAFKA_TRY_ASSIGN(file, files.open(path, storage::open_mode::read));
    opened.file_ = std::move(file);
    return opened;
  }
  // Null at the end of the file. The span is good until the next call.
  result<std::optional<std::pair<storage::batch_header, byte_span>>> next() {
    CAFKA_TRY(have(storage::batch_header_size));
    if (end_ == begin_)
      return std::nullopt;
    if (end_ - begin_ < storage::batch_header_size)
      return fail(errc::bad_format, "it ends within a batch");
    CAFKA_TRY_ASSIGN(header, storage::parse_batch_header(rest()));
    if (header.size_bytes() > max_read_bytes)
      return fail(errc::bad_format, "it has a batch of " + std::to_string(header.size_bytes()) + " bytes");
    CAFKA_TRY(have(header.size_bytes()));
    if (end_ - begin_ < header.size_bytes())
      return fail(errc::bad_format, "it ends within a batch");
    const auto batch = rest().first(header.size_bytes());
    CAFKA_TRY(storage::verify_crc(header, batch));
    begin_ += header.size_bytes();
    return std::pair{header, batch};
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return read_bytes_ - (end_ - begin_); }

private:
  [[nodiscard]] byte_span rest() const { return byte_span{buffer_}.subspan(begin_, end_ - begin_); }
  // At least so many bytes in the buffer, fewer only at the end of the file.
  result<void> have(std::size_t bytes) {
    if (end_ - begin_ >= bytes)
      return {};
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= std::exchange(begin_, 0);
    if (buffer_.size() < std::max(bytes, read_size_bytes))
      buffer_.resize(std::max(bytes, read_size_bytes));
    CAFKA_TRY_ASSIGN(got, file_->read_at(read_bytes_, mutable_byte_span{buffer_}.subspan(end_)));
    read_bytes_ += got;
    end_ += got;
    return {};
  }

  std::unique_ptr<storage::file> file_;
  byte_vector buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t read_bytes_ = 0;
};

result<snapshot_content> read_all(storage::file_system& files, const std::string& path, const election::log_position& position) {
  CAFKA_TRY_ASSIGN(reader, batch_reader::open(files, path));
  snapshot_content content;
  metadata::image_builder builder;
  bool begun = false, ended = false;
  for (;;) {
    CAFKA_TRY_ASSIGN(batch, reader.next());
    if (!batch)
      break;
    const auto& [header, bytes] = *batch;
    if (ended)
      return fail(errc::bad_format, "there is something behind its footer");
    if (!std::exchange(begun, true)) {
      if (!header.is_control())
        return fail(errc::bad_format, "it does not begin with a snapshot's header");
      CAFKA_TRY_ASSIGN(timestamp_ms, parse_header(bytes));
      content.last_timestamp_ms = timestamp_ms;
    } else if (header.is_control()) { // others than the footer say who votes, which Kafka's have
      CAFKA_TRY_ASSIGN(control, parse_control(bytes));
      ended = control.type == footer_type;
    } else {
      auto replayed = result<void>{};
      CAFKA_TRY(metadata::for_each_metadata_record(bytes, [&](std::int64_t, const metadata::framed_record& framed) {
        if (replayed) // its own offsets mean nothing
          replayed = builder.replay(position.end_offset - 1, position.leader_epoch, framed.record);
      }));
      CAFKA_TRY(replayed);
    }
  }
  if (!ended)
    return fail(errc::bad_format, "it ends without a footer");
  content.size_bytes = reader.position();
  builder.advance_to(position.end_offset - 1, position.leader_epoch);
  content.image = builder.build().next;
  return content;
}

} // namespace

std::string snapshot_name(const election::log_position& position) {
  const auto padded = [](std::string number, std::size_t digits) {
    return std::string(digits - std::min(digits, number.size()), '0') + number;
  };
  return padded(std::to_string(position.end_offset), offset_digits) + '-' + padded(std::to_string(position.leader_epoch), epoch_digits) +
         std::string{snapshot_suffix};
}

std::optional<election::log_position> parse_snapshot_name(std::string_view name) {
  if (!name.ends_with(snapshot_suffix) || name.size() != offset_digits + 1 + epoch_digits + snapshot_suffix.size() ||
      name[offset_digits] != '-')
    return std::nullopt;
  election::log_position position;
  const auto* offset_end = name.data() + offset_digits;
  const auto* epoch_end = offset_end + 1 + epoch_digits;
  const auto offset = std::from_chars(name.data(), offset_end, position.end_offset);
  const auto epoch = std::from_chars(offset_end + 1, epoch_end, position.leader_epoch);
  if (offset.ec != std::errc{} || offset.ptr != offset_end || epoch.ec != std::errc{} || epoch.ptr != epoch_end)
    return std::nullopt;
  return position;
}

result<snapshot_file> snapshot_file::create(storage::file_system& files, std::string directory, const election::log_position& position) {
  snapshot_file made{files, std::move(directory), position};
  CAFKA_TRY(files.remove(made.unfinished_path()));
  CAFKA_TRY_ASSIGN(file, files.open(made.unfinished_path(), storage::open_mode::create_new));
  made.file_ = std::move(file);
  return made;
}

std::string snapshot_file::unfinished_path() const {
  auto name = snapshot_name(position_);
  name.resize(name.size() - snapshot_suffix.size());
  return directory_ + '/' + name + std::string{unfinished_snapshot_suffix};
}

result<void> snapshot_file::append(byte_span bytes) {
  CAFKA_TRY(file_->append({&bytes, 1}));
  size_bytes_ += bytes.size();
  return {};
}

result<void> snapshot_file::keep() {
  CAFKA_TRY(file_->sync());
  CAFKA_TRY(files_->rename(unfinished_path(), directory_ + '/' + snapshot_name(position_)));
  return files_->sync_directory(directory_);
}

result<void> write_image(snapshot_file& into, const metadata::image& from, std::int64_t last_timestamp_ms,
                         const std::function<bool()>& give_up) {
  std::int64_t offset = 0;
  election::snapshot_header_record header;
  header.last_contained_log_timestamp = last_timestamp_ms;
  CAFKA_TRY(append_control(into, header_type, header, offset++, last_timestamp_ms));
  storage::batch_builder builder;
  byte_vector value, batch;
  const auto end_batch = [&]() -> result<void> {
    if (builder.empty())
      return {};
    if (give_up())
      return fail(errc::cancelled, "the snapshot was given up");
    storage::batch_builder::fields with;
    with.base_offset = offset;
    with.leader_epoch = into.position().leader_epoch;
    offset += builder.record_count();
    batch.clear();
    CAFKA_TRY(builder.build(with, batch));
    return into.append(batch);
  };
  CAFKA_TRY(metadata::for_each_record_of(from, [&](const metadata::metadata_record& record) -> result<void> {
    value.clear();
    metadata::encode_record(record, value);
    builder.add(last_timestamp_ms, std::nullopt, byte_span{value});
    return builder.record_count() >= static_cast<std::int32_t>(max_batch_records) || builder.size_bytes() >= max_batch_bytes
               ? end_batch()
               : result<void>{};
  }));
  CAFKA_TRY(end_batch());
  return append_control(into, footer_type, election::snapshot_footer_record{}, offset, last_timestamp_ms);
}

result<snapshot_content> read_snapshot(storage::file_system& files, const std::string& path, const election::log_position& position) {
  auto content = read_all(files, path, position);
  // What a byte out of place makes of it has many names.
  if (!content && content.error().code != errc::io_error && content.error().code != errc::not_found)
    content.error().code = errc::bad_format;
  return content;
}

result<std::int64_t> read_snapshot_timestamp(storage::file_system& files, const std::string& path) {
  CAFKA_TRY_ASSIGN(file, files.open(path, storage::open_mode::read));
  byte_vector front(4'096);
  CAFKA_TRY_ASSIGN(got, file->read_at(0, front));
  const auto bytes = byte_span{front}.first(got);
  CAFKA_TRY_ASSIGN(header, storage::parse_batch_header(bytes));
  if (!header.is_control() || header.size_bytes() > bytes.size())
    return fail(errc::bad_format, path + " does not begin with a snapshot's header");
  CAFKA_TRY(storage::verify_crc(header, bytes.first(header.size_bytes())));
  return parse_header(bytes.first(header.size_bytes()));
}

} // namespace cafka::actors
