// One produced batch from anywhere: header, CRC, records and what a leader checks. Most inputs get their length, magic and CRC put right
// first, and some are compressed, so that the search goes on behind them. What the check lets pass is held against the second decoder.
#include "storage/crc32c.hpp"
#include "support/generate.hpp"

#include <cstdlib>

using namespace cafka;
using namespace cafka::storage;

namespace {
void require(bool holds) {
  if (!holds)
    std::abort();
}

void check_accepted(const checked_batch& checked) {
  const auto header = parse_batch_header(checked.bytes);
  require(header.has_value() && header->size_bytes() == checked.bytes.size());
  require(verify_crc(*header, checked.bytes).has_value());
  const auto walked = test::walk_batch(checked.bytes, {.decompressed_limit_bytes = 1 << 20, .compacted = false});
  require(walked.has_value() && walked->size() == static_cast<std::size_t>(header->record_count));
  if (header->codec() != compression::none)
    return; // codec libraries may differ about trailing bytes
  std::string text{as_text(checked.bytes)};
  const auto plain = test::read_plain_batch(text);
  require(plain.has_value() && text.empty() && plain->records == *walked && plain->crc == plain->computed_crc);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  const auto choice = data[0];
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  byte_vector bytes{input.begin(), input.end()};
  if ((choice & 7) != 0 && bytes.size() >= batch_header_size) {
    if (const auto codec = static_cast<compression>((choice >> 3) % 5); (choice & 128) != 0) { // else no mutation gets behind a codec
      bytes.resize(batch_header_size);
      (void)compress(codec, input.subspan(batch_header_size), bytes);
      bytes[22] = static_cast<std::byte>(codec);
    }
    store_be(bytes.data() + 8, static_cast<std::int32_t>(bytes.size() - batch_prefix_size));
    bytes[16] = std::byte{2};
    test::repair_crc(bytes);
  }
  if (const auto header = parse_batch_header(bytes); header && header->size_bytes() <= bytes.size())
    (void)verify_crc(*header, byte_span{bytes}.first(header->size_bytes()));
  (void)for_each_record(bytes, {.decompressed_limit_bytes = 1 << 16, .compacted = (choice & 8) != 0},
                        [](const record_view& record) { return record.offset != 1000; });
  produce_checks checks{.now_ms = 1'700'000'000'000, .requires_keys = (choice & 16) != 0, .decompressed_limit_bytes = 1 << 16};
  if (choice & 32)
    checks.time_type = timestamp_type::log_append_time;
  if (choice & 64)
    checks.recompress_to = static_cast<compression>((choice >> 3) % 5);
  if (const auto checked = check_produced_batch(bytes, checks))
    check_accepted(*checked);
  return 0;
}
