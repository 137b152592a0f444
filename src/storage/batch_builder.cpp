#include "storage/crc32c.hpp"
#include "storage/record_batch.hpp"

namespace cafka::storage {

namespace {

std::size_t size_of(const std::optional<byte_span>& bytes) {
  if (!bytes)
    return 1; // −1
  return unsigned_varlong_size(zigzag_encode(static_cast<std::int64_t>(bytes->size()))) + bytes->size();
}

void write(byte_writer& writer, const std::optional<byte_span>& bytes) {
  writer.write_varint(bytes ? static_cast<std::int32_t>(bytes->size()) : -1);
  if (bytes)
    writer.write_bytes(*bytes);
}

} // namespace

void batch_builder::add(std::int64_t timestamp, std::optional<byte_span> key, std::optional<byte_span> value,
                        std::span<const record_header> headers) {
  add_at(last_offset_delta_ + 1, timestamp, key, value, headers);
}

void batch_builder::add_at(std::int32_t offset_delta, std::int64_t timestamp, std::optional<byte_span> key, std::optional<byte_span> value,
                           std::span<const record_header> headers) {
  if (record_count_ == 0)
    base_timestamp_ = max_timestamp_ = timestamp;
  max_timestamp_ = std::max(max_timestamp_, timestamp);
  const auto timestamp_delta =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(timestamp) - static_cast<std::uint64_t>(base_timestamp_));
  auto size = 1 + unsigned_varlong_size(zigzag_encode(timestamp_delta)) + unsigned_varlong_size(zigzag_encode(offset_delta)) +
              size_of(key) + size_of(value) + unsigned_varlong_size(zigzag_encode(static_cast<std::int64_t>(headers.size())));
  for (const auto& header : headers)
    size += size_of(as_byte_span(header.key)) + size_of(header.value);

  byte_writer writer{records_};
  writer.write_varint(static_cast<std::int32_t>(size));
  writer.write_be<std::int8_t>(0);
  writer.write_varlong(timestamp_delta);
  writer.write_varint(offset_delta);
  write(writer, key);
  write(writer, value);
  writer.write_varint(static_cast<std::int32_t>(headers.size()));
  for (const auto& header : headers) {
    write(writer, as_byte_span(header.key));
    write(writer, header.value);
  }
  last_offset_delta_ = offset_delta;
  ++record_count_;
}

result<void> batch_builder::build(const fields& with, byte_vector& output) {
  const auto start = output.size();
  output.resize(start + batch_header_size);
  auto compressed = compress(codec_, records_, output);
  const auto size = output.size() - start;
  if (compressed && size > INT32_MAX)
    compressed = fail(errc::message_too_large, "a batch of " + std::to_string(size) + " bytes");
  if (!compressed) {
    output.resize(start);
    return compressed;
  }
  auto* at = output.data() + start;
  const auto attributes = static_cast<int>(codec_) | (with.is_transactional ? 0x10 : 0) | (with.is_control ? 0x20 : 0);
  store_be(at + 8, static_cast<std::int32_t>(size - batch_prefix_size));
  store_be(at + 16, std::int8_t{2});
  store_be(at + 21, static_cast<std::int16_t>(attributes));
  store_be(at + 23, last_offset_delta_);
  store_be(at + 27, base_timestamp_);
  store_be(at + 35, max_timestamp_);
  store_be(at + 43, with.producer_id);
  store_be(at + 51, with.producer_epoch);
  store_be(at + 53, with.base_sequence);
  store_be(at + 57, record_count_);
  store_be(at + 17, crc32c(byte_span{output}.subspan(start + 21)));
  assign_offset(mutable_byte_span{output}.subspan(start), with.base_offset, with.leader_epoch);
  records_.clear();
  record_count_ = 0;
  last_offset_delta_ = -1;
  base_timestamp_ = max_timestamp_ = no_timestamp;
  return {};
}

} // namespace cafka::storage
