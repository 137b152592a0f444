#include "support/generate.hpp"

#include "storage/crc32c.hpp"

namespace cafka::test {

namespace {
std::optional<byte_span> span_of(const std::optional<std::string>& text) {
  return text ? std::optional{as_byte_span(*text)} : std::nullopt;
}
std::optional<std::string> text_of(const std::optional<byte_span>& bytes) {
  return bytes ? std::optional{std::string{as_text(*bytes)}} : std::nullopt;
}
} // namespace

std::string random_text(prng& chance, std::size_t longest) {
  std::string text(chance.below(longest + 1), '\0');
  const bool repetitive = chance.chance(1, 2);
  for (auto& c : text)
    c = static_cast<char>(repetitive ? 'a' + chance.below(2) : chance.below(256));
  return text;
}

std::vector<plain_record> random_records(prng& chance, std::size_t count, bool gaps) {
  std::vector<plain_record> records(count);
  std::int64_t offset = 0;
  for (auto& record : records) {
    record.offset = offset + (gaps ? static_cast<std::int64_t>(chance.below(5)) : 0);
    offset = record.offset + 1;
    record.timestamp = 1'700'000'000'000 + static_cast<std::int64_t>(chance.below(100'000));
    if (chance.chance(3, 4))
      record.key = random_text(chance, 20);
    if (chance.chance(7, 8))
      record.value = random_text(chance, chance.chance(1, 10) ? 5000 : 100);
    for (auto headers = chance.below(3); headers > 0; --headers)
      record.headers.emplace_back(random_text(chance, 10), chance.chance(3, 4) ? std::optional{random_text(chance, 80)} : std::nullopt);
  }
  return records;
}

byte_vector build_batch(const std::vector<plain_record>& records, storage::compression codec, const storage::batch_builder::fields& with) {
  storage::batch_builder builder{codec};
  for (const auto& record : records) {
    std::vector<storage::record_header> headers;
    for (const auto& [key, value] : record.headers)
      headers.push_back({key, span_of(value)});
    builder.add_at(static_cast<std::int32_t>(record.offset), record.timestamp, span_of(record.key), span_of(record.value), headers);
  }
  byte_vector bytes;
  if (!builder.build(with, bytes))
    bytes.clear();
  return bytes;
}

result<std::vector<plain_record>> walk_batch(byte_span batch, const storage::walk_options& options) {
  std::vector<plain_record> records;
  CAFKA_TRY(storage::for_each_record(batch, options, [&](const storage::record_view& view) {
    auto& record = records.emplace_back();
    record.offset = view.offset;
    record.timestamp = view.timestamp;
    record.key = text_of(view.key);
    record.value = text_of(view.value);
    for (const auto& header : view.headers)
      record.headers.emplace_back(std::string{header.key}, text_of(header.value));
    return true;
  }));
  return records;
}

void repair_crc(mutable_byte_span batch) {
  if (batch.size() > 21)
    store_be(batch.data() + 17, storage::crc32c(batch.subspan(21)));
}

} // namespace cafka::test
