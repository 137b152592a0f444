// What Kafka 4.3 answers to a produced batch: its ProduceRequest, UnifiedLog and LogValidator in the order in which they look.
// Stricter than Kafka in two places: bytes after the batch are refused (Kafka drops what is not a whole batch), and so are compressed
// records whose offset deltas are not 0,1,2,… (Kafka renumbers them for clients older than this format).
#include "storage/crc32c.hpp"
#include "storage/record_walk.hpp"

#include <algorithm>

namespace cafka::storage {

namespace {

constexpr std::int32_t shortest_length_of_any_format = 14;
constexpr std::int16_t known_attributes = 0x7f;
constexpr std::int16_t log_append_time_bit = 0x8;
constexpr std::int16_t codec_mask = 0x7;

auto invalid(std::string detail) { return fail(errc::invalid_record, std::move(detail)); }

// The size of the batch, of any format, that `bytes` begin with; nullopt if they are too few for one.
result<std::optional<std::size_t>> first_batch_size(byte_span bytes) {
  if (bytes.size() < batch_prefix_size)
    return std::nullopt;
  const auto length = load_be<std::int32_t>(bytes.data() + 8);
  if (length < shortest_length_of_any_format)
    return fail(errc::corrupt_message, "batch length " + std::to_string(length));
  if (bytes.size() < batch_prefix_size + 5)
    return std::nullopt;
  const auto magic = load_be<std::int8_t>(bytes.data() + 16);
  if (magic < 0 || magic > 2)
    return fail(errc::corrupt_message, "batch magic " + std::to_string(magic));
  const auto size = batch_prefix_size + static_cast<std::size_t>(length);
  return bytes.size() < size ? std::nullopt : std::optional{size};
}

// Is there one batch of version 2 here, and no second one? What is no batch behind it is left to the end, as the first may be what is wrong.
result<batch_header> frame_of(byte_span bytes, std::size_t max_message_bytes) {
  CAFKA_TRY_ASSIGN(first, first_batch_size(bytes));
  if (!first)
    return invalid("no whole record batch in " + std::to_string(bytes.size()) + " bytes");
  const auto size = *first;
  if (const auto magic = load_be<std::int8_t>(bytes.data() + 16); magic != 2)
    return invalid("batch magic " + std::to_string(magic) + ", 2 expected");
  CAFKA_TRY_ASSIGN(second, first_batch_size(bytes.subspan(size)));
  if (second)
    return invalid("exactly one batch expected, " + std::to_string(bytes.size() - size) + " bytes follow the first");
  if (const auto base_offset = load_be<std::int64_t>(bytes.data()); base_offset != 0)
    return invalid("base offset " + std::to_string(base_offset) + ", 0 expected");
  if (size > max_message_bytes)
    return fail(errc::message_too_large,
                "a batch of " + std::to_string(size) + " bytes, max.message.bytes is " + std::to_string(max_message_bytes));
  return parse_batch_header(bytes);
}

result<void> check_header(const batch_header& header) {
  if (header.codec_bits() > static_cast<std::uint8_t>(compression::zstd))
    return fail(errc::unsupported_compression_type, "codec " + std::to_string(header.codec_bits()));
  if (header.last_offset_delta < 0)
    return invalid("last offset delta " + std::to_string(header.last_offset_delta));
  if (header.record_count <= 0)
    return invalid("record count " + std::to_string(header.record_count));
  if (header.last_offset_delta != header.record_count - 1)
    return invalid(std::to_string(header.record_count) + " records up to offset delta " + std::to_string(header.last_offset_delta));
  if (header.is_control())
    return invalid("clients are not allowed to write control records");
  if (header.producer_id > no_producer_id && header.base_sequence < 0)
    return invalid("producer " + std::to_string(header.producer_id) + " with sequence " + std::to_string(header.base_sequence));
  return {};
}

bool is_outside(std::int64_t timestamp, const produce_checks& checks) noexcept {
  std::int64_t age = 0;
  if (__builtin_sub_overflow(checks.now_ms, timestamp, &age))
    return true; // some hundred million years off
  return age > checks.timestamp_before_max_ms || (age < 0 && age < -checks.timestamp_after_max_ms);
}

struct findings {
  std::int64_t max_timestamp = no_timestamp;
  std::int32_t first_without_key = -1;
  std::int32_t first_bad_timestamp = -1;
};

result<findings> check_records(const batch_header& header, byte_span records, const produce_checks& checks) {
  findings found;
  const bool stamped_by_client = header.time_type() == timestamp_type::log_append_time;
  CAFKA_TRY(detail::walk(header, records, false, [&](const detail::raw_record& record) {
    const auto timestamp = detail::record_timestamp(header, record);
    found.max_timestamp = std::max(found.max_timestamp, timestamp);
    if (checks.requires_keys && !record.key) {
      if (found.first_without_key < 0)
        found.first_without_key = record.offset_delta;
      return true;
    }
    const bool is_bad =
        checks.time_type == timestamp_type::create_time && timestamp != no_timestamp ? is_outside(timestamp, checks) : stamped_by_client;
    if (is_bad && found.first_bad_timestamp < 0)
      found.first_bad_timestamp = record.offset_delta;
    return true;
  }));
  if (found.first_bad_timestamp >= 0)
    return fail(errc::invalid_timestamp, "record " + std::to_string(found.first_bad_timestamp) + ": its timestamp is out of range");
  if (found.first_without_key >= 0)
    return invalid("record " + std::to_string(found.first_without_key) + " has no key, which a compacted topic needs");
  return found;
}

void seal(mutable_byte_span batch, batch_header& header) noexcept {
  store_be(batch.data() + 8, header.batch_length);
  store_be(batch.data() + 21, header.attributes);
  store_be(batch.data() + 35, header.max_timestamp);
  header.crc = crc32c(byte_span{batch}.subspan(21));
  store_be(batch.data() + 17, header.crc);
}

// The header's time fields as the leader wants them; true if something changed.
bool settle_time(batch_header& header, const produce_checks& checks, std::int64_t max_of_records) noexcept {
  const bool by_us = checks.time_type == timestamp_type::log_append_time;
  const auto max_timestamp = by_us ? checks.now_ms : max_of_records;
  if (header.time_type() == checks.time_type && header.max_timestamp == max_timestamp)
    return false;
  header.max_timestamp = max_timestamp;
  header.attributes =
      static_cast<std::int16_t>((header.attributes & known_attributes & ~log_append_time_bit) | (by_us ? log_append_time_bit : 0));
  return true;
}

result<void> recompress(checked_batch& batch, byte_span records, const produce_checks& checks) {
  auto& output = batch.rewritten;
  output.assign(batch.bytes.begin(), batch.bytes.begin() + batch_header_size);
  CAFKA_TRY(compress(*checks.recompress_to, records, output, checks.compression_level));
  if (output.size() > checks.max_message_bytes)
    return fail(errc::message_too_large, "a batch of " + std::to_string(output.size()) + " bytes once recompressed, max.message.bytes is " +
                                             std::to_string(checks.max_message_bytes));
  batch.header.batch_length = static_cast<std::int32_t>(output.size() - batch_prefix_size);
  batch.header.attributes =
      static_cast<std::int16_t>((batch.header.attributes & known_attributes & ~codec_mask) | static_cast<int>(*checks.recompress_to));
  batch.bytes = output;
  return {};
}

// Decompressed records, kept from call to call so that a busy thread does not allocate for each batch.
class scratch_guard {
public:
  scratch_guard() noexcept = default;
  ~scratch_guard() {
    constexpr std::size_t kept_size = 1 << 20;
    if (bytes().capacity() > kept_size)
      byte_vector{}.swap(bytes());
  }
  scratch_guard(const scratch_guard&) = delete;
  scratch_guard& operator=(const scratch_guard&) = delete;
  static byte_vector& bytes() noexcept {
    thread_local byte_vector kept;
    return kept;
  }
};

} // namespace

result<checked_batch> check_produced_batch(mutable_byte_span bytes, const produce_checks& checks) {
  CAFKA_TRY_ASSIGN(header, frame_of(bytes, checks.max_message_bytes));
  CAFKA_TRY(verify_crc(header, bytes.first(header.size_bytes())));
  if (bytes.size() > header.size_bytes())
    return invalid(std::to_string(bytes.size() - header.size_bytes()) + " bytes follow the batch");
  CAFKA_TRY(check_header(header));
  scratch_guard scratch;
  CAFKA_TRY_ASSIGN(records, detail::plain_records(header, bytes, checks.decompressed_limit_bytes, scratch.bytes()));
  CAFKA_TRY_ASSIGN(found, check_records(header, records, checks));
  checked_batch batch{.header = header, .bytes = bytes, .rewritten = {}};
  bool changed = settle_time(batch.header, checks, found.max_timestamp);
  if (checks.recompress_to && static_cast<std::uint8_t>(*checks.recompress_to) != header.codec_bits()) {
    CAFKA_TRY(recompress(batch, records, checks));
    changed = true;
  }
  if (changed)
    seal(batch.bytes, batch.header);
  return batch;
}

} // namespace cafka::storage
