// The records of a batch, one after the other, without allocating: what the append path, the cleaner and for_each_record share.
// A record: length varint, attributes i8, timestamp delta varlong, offset delta varint, key and value each varint length (−1: null) and
// bytes, header count varint, and per header the key (never null) and the value in the same way.
#pragma once
#include "storage/record_batch.hpp"

namespace cafka::storage::detail {

struct raw_record {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::int32_t header_count = 0;
  std::optional<byte_span> key;
  std::optional<byte_span> value;
  byte_span header_bytes; // checked: header_count well-formed headers and nothing else
};

class record_cursor {
public:
  explicit record_cursor(byte_span bytes) noexcept : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] byte_span rest() const noexcept { return {at_, end_}; }

  bool read_varlong(std::int64_t& value) noexcept { return read_short_form(value) || read_long_form(value); }
  bool read_varint(std::int32_t& value) noexcept {
    std::int64_t wide = 0;
    if (!read_short_form(wide)) {
      const auto* start = at_;
      if (!read_long_form(wide) || at_ - start > 5 || wide != static_cast<std::int32_t>(wide))
        return false;
    }
    value = static_cast<std::int32_t>(wide);
    return true;
  }
  // A length of −1 is null; others below 0 are malformed.
  bool read_bytes(std::optional<byte_span>& bytes) noexcept {
    std::int32_t size = 0;
    if (!read_varint(size) || size < -1)
      return false;
    if (size < 0) {
      bytes.reset();
      return true;
    }
    return take(static_cast<std::size_t>(size), bytes.emplace());
  }
  bool take(std::size_t size, byte_span& bytes) noexcept {
    if (remaining() < size)
      return false;
    bytes = {at_, size};
    at_ += size;
    return true;
  }

private:
  // One byte or two: lengths and deltas below 8192, which is nearly all there are. False: it is not one, and nothing was read.
  bool read_short_form(std::int64_t& value) noexcept {
    if (at_ == end_)
      return false;
    auto bits = std::to_integer<std::uint64_t>(at_[0]);
    std::ptrdiff_t size = 1;
    if ((bits & 0x80) != 0) {
      if (end_ - at_ < 2 || (at_[1] & std::byte{0x80}) != std::byte{0})
        return false;
      bits = (bits & 0x7f) | std::to_integer<std::uint64_t>(at_[1]) << 7;
      size = 2;
    }
    at_ += size;
    value = zigzag_decode(bits);
    return true;
  }
  bool read_long_form(std::int64_t& value) noexcept;

  const std::byte* at_;
  const std::byte* end_;
};

// Reads one record, checked up to its last byte. False: malformed.
bool read_record(record_cursor& cursor, raw_record& record) noexcept;
// The headers of a record that read_record accepted; replaces what `headers` held.
void read_headers(const raw_record& record, std::vector<record_header>& headers);

// The batch's records, plain: its own bytes, or decompressed into `scratch`. `batch` is exactly one batch.
result<byte_span> plain_records(const batch_header& header, byte_span batch, std::size_t limit_bytes, byte_vector& scratch);

// Java's arithmetic: a delta that overflows wraps.
inline std::int64_t record_timestamp(const batch_header& header, const raw_record& record) noexcept {
  if (header.time_type() == timestamp_type::log_append_time)
    return header.max_timestamp;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(header.base_timestamp) + static_cast<std::uint64_t>(record.timestamp_delta));
}

tl::unexpected<error> bad_record(const batch_header& header, std::int32_t index, const char* what);

// Calls `visit(const raw_record&)`, which returns whether to go on, for each record of `records` (the plain ones).
// invalid_record: framing, deltas that do not rise by one (`compacted`: that do not rise, or pass last_offset_delta), a wrong count, bytes left over.
template <class Visitor>
result<void> walk(const batch_header& header, byte_span records, bool compacted, Visitor&& visit) {
  record_cursor cursor{records};
  std::int32_t previous_delta = -1;
  if (header.record_count < 0)
    return bad_record(header, header.record_count, "a negative record count");
  for (std::int32_t index = 0; index < header.record_count; ++index) {
    raw_record record;
    if (!read_record(cursor, record))
      return bad_record(header, index, "it is malformed or cut");
    const bool in_order =
        compacted ? record.offset_delta > previous_delta && record.offset_delta <= header.last_offset_delta : record.offset_delta == index;
    if (!in_order)
      return bad_record(header, index, "its offset delta is out of order");
    previous_delta = record.offset_delta;
    if (!visit(static_cast<const raw_record&>(record)))
      return {};
  }
  if (cursor.remaining() != 0)
    return bad_record(header, header.record_count, "bytes are left over after the last record");
  return {};
}

} // namespace cafka::storage::detail
