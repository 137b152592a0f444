#include "storage/record_batch.hpp"

#include "storage/crc32c.hpp"

#include <cstdio>

namespace cafka::storage {

namespace {
constexpr std::size_t leader_epoch_position = 12;
constexpr std::size_t crc_range_begin = 21;
} // namespace

result<batch_header> parse_batch_header(byte_span bytes) {
  if (bytes.size() < batch_header_size)
    return fail(errc::corrupt_message, "a batch header takes 61 bytes, " + std::to_string(bytes.size()) + " are there");
  const auto* at = bytes.data();
  batch_header header;
  header.base_offset = load_be<std::int64_t>(at);
  header.batch_length = load_be<std::int32_t>(at + 8);
  header.leader_epoch = load_be<std::int32_t>(at + leader_epoch_position);
  header.magic = load_be<std::int8_t>(at + 16);
  header.crc = load_be<std::uint32_t>(at + 17);
  header.attributes = load_be<std::int16_t>(at + crc_range_begin);
  header.last_offset_delta = load_be<std::int32_t>(at + 23);
  header.base_timestamp = load_be<std::int64_t>(at + 27);
  header.max_timestamp = load_be<std::int64_t>(at + 35);
  header.producer_id = load_be<std::int64_t>(at + 43);
  header.producer_epoch = load_be<std::int16_t>(at + 51);
  header.base_sequence = load_be<std::int32_t>(at + 53);
  header.record_count = load_be<std::int32_t>(at + 57);
  if (header.magic != 2)
    return fail(errc::corrupt_message, "batch magic " + std::to_string(header.magic) + ", 2 expected");
  constexpr auto shortest = static_cast<std::int32_t>(batch_header_size - batch_prefix_size);
  constexpr auto longest = INT32_MAX - static_cast<std::int32_t>(batch_prefix_size);
  if (header.batch_length < shortest || header.batch_length > longest)
    return fail(errc::corrupt_message, "batch length " + std::to_string(header.batch_length));
  return header;
}

result<void> verify_crc(const batch_header& header, byte_span batch) {
  const auto actual = batch.size() < batch_header_size ? ~header.crc : crc32c(batch.subspan(crc_range_begin));
  if (actual == header.crc)
    return {};
  char text[96];
  std::snprintf(text, sizeof text, "batch at offset %lld has CRC 0x%08x, its bytes have 0x%08x", static_cast<long long>(header.base_offset),
                header.crc, actual);
  return fail(errc::corrupt_message, text);
}

void assign_offset(mutable_byte_span batch, std::int64_t base_offset, std::int32_t leader_epoch) noexcept {
  store_be(batch.data(), base_offset);
  store_be(batch.data() + leader_epoch_position, leader_epoch);
}

} // namespace cafka::storage
