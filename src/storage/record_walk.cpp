#include "storage/record_walk.hpp"

namespace cafka::storage {

namespace detail {

bool record_cursor::read_long_form(std::int64_t& value) noexcept {
  std::uint64_t bits = 0;
  for (int shift = 0; shift < 70 && at_ != end_; shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(*at_++);
    if (shift == 63 && byte > 1)
      return false;
    bits |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      value = zigzag_decode(bits);
      return true;
    }
  }
  return false;
}

namespace {
bool read_header(record_cursor& cursor, record_header& header) noexcept {
  std::optional<byte_span> key;
  if (!cursor.read_bytes(key) || !key || !cursor.read_bytes(header.value))
    return false;
  header.key = as_text(*key);
  return true;
}

bool check_headers(record_cursor cursor, std::int32_t count) noexcept {
  record_header header;
  for (; count > 0; --count)
    if (!read_header(cursor, header))
      return false;
  return cursor.remaining() == 0;
}
} // namespace

bool read_record(record_cursor& cursor, raw_record& record) noexcept {
  std::int32_t size = 0;
  byte_span bytes, attributes;
  if (!cursor.read_varint(size) || size < 0 || !cursor.take(static_cast<std::size_t>(size), bytes))
    return false;
  record_cursor body{bytes};
  if (!body.take(1, attributes) || !body.read_varlong(record.timestamp_delta) || !body.read_varint(record.offset_delta) ||
      !body.read_bytes(record.key) || !body.read_bytes(record.value) || !body.read_varint(record.header_count))
    return false;
  record.header_bytes = body.rest();
  if (record.header_count == 0)
    return body.remaining() == 0;
  return record.header_count > 0 && check_headers(body, record.header_count);
}

void read_headers(const raw_record& record, std::vector<record_header>& headers) {
  headers.resize(static_cast<std::size_t>(record.header_count)); // at most half of the bytes that read_record saw
  record_cursor cursor{record.header_bytes};
  for (auto& header : headers)
    read_header(cursor, header);
}

result<byte_span> plain_records(const batch_header& header, byte_span batch, std::size_t limit_bytes, byte_vector& scratch) {
  const auto records = batch.subspan(batch_header_size);
  if (header.codec_bits() == 0)
    return records;
  if (header.codec_bits() > static_cast<std::uint8_t>(compression::zstd))
    return fail(errc::corrupt_message, "codec " + std::to_string(header.codec_bits()));
  scratch.clear();
  CAFKA_TRY(decompress(header.codec(), records, limit_bytes, scratch));
  return byte_span{scratch};
}

tl::unexpected<error> bad_record(const batch_header& header, std::int32_t index, const char* what) {
  return fail(errc::invalid_record, "batch at offset " + std::to_string(header.base_offset) + ", record " + std::to_string(index) + " of " +
                                        std::to_string(header.record_count) + ": " + what);
}

} // namespace detail

result<void> for_each_record(byte_span batch, const walk_options& options, const std::function<bool(const record_view&)>& visit) {
  CAFKA_TRY_ASSIGN(header, parse_batch_header(batch));
  if (header.size_bytes() != batch.size())
    return fail(errc::corrupt_message, "a batch of " + std::to_string(header.size_bytes()) + " bytes in " + std::to_string(batch.size()));
  if (!options.compacted && header.last_offset_delta != std::int64_t{header.record_count} - 1)
    return fail(errc::invalid_record,
                std::to_string(header.record_count) + " records up to offset delta " + std::to_string(header.last_offset_delta));
  byte_vector scratch;
  CAFKA_TRY_ASSIGN(records, detail::plain_records(header, batch, options.decompressed_limit_bytes, scratch));
  std::vector<record_header> headers;
  return detail::walk(header, records, options.compacted, [&](const detail::raw_record& record) {
    detail::read_headers(record, headers);
    return visit({.offset = header.offset_at(record.offset_delta),
                  .timestamp = detail::record_timestamp(header, record),
                  .key = record.key,
                  .value = record.value,
                  .headers = headers});
  });
}

} // namespace cafka::storage
