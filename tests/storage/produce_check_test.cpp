#define CAF_SUITE produce_check
#include "support/generate.hpp"

#include <algorithm>
#include <caf/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace cafka;
using namespace cafka::storage;
using test::build_batch;
using test::plain_record;

namespace {
constexpr std::int64_t now = 1'700'000'100'000;
const std::vector<plain_record> three = {{.offset = 0, .timestamp = now - 5, .key = "k", .value = "v"},
                                         {.offset = 1, .timestamp = now - 1, .key = "k", .value = std::nullopt},
                                         {.offset = 2, .timestamp = now - 9, .key = std::nullopt, .value = "w"}};

errc answer_to(byte_vector bytes, const produce_checks& checks = {.now_ms = now}) {
  const auto outcome = check_produced_batch(bytes, checks);
  return outcome ? errc::none : outcome.error().code;
}

// A batch of three with something changed and the CRC made right again.
template <class T>
byte_vector with(std::size_t position, T value, compression codec = compression::none) {
  auto bytes = build_batch(three, codec);
  store_be(bytes.data() + position, value);
  test::repair_crc(bytes);
  return bytes;
}

std::vector<plain_record> records_of(byte_span batch) {
  auto records = test::walk_batch(batch);
  return records ? *records : std::vector<plain_record>{};
}
} // namespace

#define CHECK_ANSWER(bytes, code) CAF_CHECK_EQUAL(to_string(answer_to(bytes)), to_string(errc::code))

CAF_TEST(good batches pass unchanged) {
  for (auto codec : test::all_codecs) {
    auto bytes = build_batch(three, codec);
    const auto before = bytes;
    const auto checked = check_produced_batch(bytes, {.now_ms = now});
    CAF_REQUIRE(checked.has_value());
    CAF_CHECK(bytes == before);
    CAF_CHECK(checked->bytes.data() == bytes.data() && checked->bytes.size() == bytes.size());
    CAF_CHECK_EQUAL(checked->header.record_count, 3);
  }
}

CAF_TEST(damage is a corrupt message) {
  auto bytes = build_batch(three, compression::none);
  bytes.back() ^= std::byte{1};
  CHECK_ANSWER(bytes, corrupt_message);
  CHECK_ANSWER(with<std::int8_t>(16, 9), corrupt_message);
  CHECK_ANSWER(with<std::int8_t>(16, -1), corrupt_message);
  CHECK_ANSWER(with<std::int32_t>(8, 13), corrupt_message);
  CHECK_ANSWER(with<std::int32_t>(8, -5), corrupt_message);
  auto cut = build_batch(three, compression::none);
  cut.resize(60);
  store_be(cut.data() + 8, std::int32_t{48});
  CHECK_ANSWER(cut, corrupt_message);
  for (auto codec : test::all_codecs) {
    if (codec == compression::none)
      continue;
    auto packed = build_batch(three, codec);
    packed[batch_header_size] ^= std::byte{0xff};
    packed[batch_header_size + 9] ^= std::byte{0xff};
    test::repair_crc(packed);
    CHECK_ANSWER(packed, corrupt_message);
  }
}

CAF_TEST(what lies is an invalid record) {
  CHECK_ANSWER(with<std::int32_t>(57, 2), invalid_record); // count
  CHECK_ANSWER(with<std::int32_t>(57, 4), invalid_record);
  CHECK_ANSWER(with<std::int32_t>(57, 0), invalid_record);
  CHECK_ANSWER(with<std::int32_t>(57, -3), invalid_record);
  CHECK_ANSWER(with<std::int32_t>(23, 1), invalid_record); // last offset delta
  CHECK_ANSWER(with<std::int32_t>(23, -1), invalid_record);
  CHECK_ANSWER(with<std::int16_t>(21, 0x20), invalid_record); // control
  CHECK_ANSWER(with<std::int64_t>(0, 7), invalid_record);     // base offset
  CHECK_ANSWER(with<std::int64_t>(43, 7), invalid_record);    // producer id without a sequence
  CHECK_ANSWER(with<std::int8_t>(16, 1), invalid_record);
  CHECK_ANSWER(with<std::int8_t>(16, 0), invalid_record);
  CHECK_ANSWER(with<std::int32_t>(8, 5000), invalid_record);
  CHECK_ANSWER(byte_vector{}, invalid_record);
  CHECK_ANSWER(byte_vector(11), invalid_record);
  auto two = build_batch(three, compression::none);
  const auto one = two;
  two.insert(two.end(), one.begin(), one.end());
  CHECK_ANSWER(two, invalid_record);
  for (auto codec : test::all_codecs) { // counts that agree with each other but not with the records
    for (int lie : {2, 4}) {
      auto bytes = with<std::int32_t>(57, lie, codec);
      store_be(bytes.data() + 23, lie - 1);
      test::repair_crc(bytes);
      CHECK_ANSWER(bytes, invalid_record);
    }
    CHECK_ANSWER(build_batch({{.offset = 1}}, codec), invalid_record);
    auto gap = build_batch({{.offset = 0}, {.offset = 2}}, codec);
    store_be(gap.data() + 23, std::int32_t{1});
    test::repair_crc(gap);
    CHECK_ANSWER(gap, invalid_record);
  }
}

CAF_TEST(sizes and codecs have their own errors) {
  const auto bytes = build_batch(three, compression::none);
  CAF_CHECK(answer_to(bytes, {.max_message_bytes = bytes.size(), .now_ms = now}) == errc::none);
  CAF_CHECK(answer_to(bytes, {.max_message_bytes = bytes.size() - 1, .now_ms = now}) == errc::message_too_large);
  CHECK_ANSWER(with<std::int16_t>(21, 5), unsupported_compression_type);
  const auto bomb = build_batch({{.offset = 0, .timestamp = now, .value = std::string(1 << 20, 'x')}}, compression::gzip);
  CAF_CHECK(answer_to(bomb, {.now_ms = now, .decompressed_limit_bytes = 1 << 16}) == errc::message_too_large);
}

CAF_TEST(keys are asked for where a topic is compacted) {
  CAF_CHECK(answer_to(build_batch(three, compression::none), {.now_ms = now, .requires_keys = true}) == errc::invalid_record);
  const auto keyed = build_batch({three[0], three[1]}, compression::zstd);
  CAF_CHECK(answer_to(keyed, {.now_ms = now, .requires_keys = true}) == errc::none);
}

CAF_TEST(timestamps have bounds) {
  const auto at = [](std::int64_t timestamp) { return build_batch({{.offset = 0, .timestamp = timestamp}}, compression::none); };
  const produce_checks checks{.now_ms = now, .timestamp_before_max_ms = 100, .timestamp_after_max_ms = 50};
  CAF_CHECK(answer_to(at(now - 100), checks) == errc::none);
  CAF_CHECK(answer_to(at(now - 101), checks) == errc::invalid_timestamp);
  CAF_CHECK(answer_to(at(now + 50), checks) == errc::none);
  CAF_CHECK(answer_to(at(now + 51), checks) == errc::invalid_timestamp);
  CAF_CHECK(answer_to(at(no_timestamp), checks) == errc::none);
  CAF_CHECK(answer_to(at(0)) == errc::none); // no bound on the past by default
  CAF_CHECK(answer_to(at(now + 3'600'001)) == errc::invalid_timestamp);
  CAF_CHECK(answer_to(at(INT64_MIN)) == errc::invalid_timestamp);
  auto both = build_batch({{.offset = 0, .timestamp = now}, {.offset = 1, .timestamp = now + 99, .key = "k"}}, compression::none);
  auto keyed = checks;
  keyed.requires_keys = true;
  CAF_CHECK(answer_to(both, keyed) == errc::invalid_timestamp); // beats the missing key, as in Kafka
}

CAF_TEST(log append time is written over the batch) {
  for (auto codec : test::all_codecs) {
    auto bytes = build_batch(three, codec);
    const auto checked = check_produced_batch(bytes, {.time_type = timestamp_type::log_append_time, .now_ms = now});
    CAF_REQUIRE(checked.has_value());
    const auto header = parse_batch_header(bytes).value();
    CAF_CHECK(header.time_type() == timestamp_type::log_append_time);
    CAF_CHECK(header.codec() == codec);
    CAF_CHECK_EQUAL(header.max_timestamp, now);
    CAF_CHECK_EQUAL(header.crc, checked->header.crc);
    CAF_CHECK(verify_crc(header, bytes).has_value());
    for (const auto& record : records_of(bytes))
      CAF_CHECK_EQUAL(record.timestamp, now);
    // and a producer must not do it itself
    CAF_CHECK(answer_to(bytes, {.time_type = timestamp_type::log_append_time, .now_ms = now}) == errc::invalid_timestamp);
  }
}

CAF_TEST(a lying max timestamp is put right) {
  auto bytes = with<std::int64_t>(35, now + 1'000'000'000);
  const auto checked = check_produced_batch(bytes, {.now_ms = now});
  CAF_REQUIRE(checked.has_value());
  CAF_CHECK_EQUAL(checked->header.max_timestamp, now - 1);
  const auto header = parse_batch_header(bytes).value();
  CAF_CHECK_EQUAL(header.max_timestamp, now - 1);
  CAF_CHECK(verify_crc(header, bytes).has_value());
}

CAF_TEST(recompression keeps the records) {
  CAF_CHECK(rc::check([] {
    prng chance{*rc::gen::arbitrary<std::uint64_t>()};
    const auto records = test::random_records(chance, 1 + chance.below(30));
    const auto from = test::all_codecs[chance.below(5)];
    const auto to = test::all_codecs[chance.below(5)];
    auto bytes = build_batch(records, from, {.producer_id = 5, .producer_epoch = 1, .base_sequence = 9});
    const auto checked = check_produced_batch(bytes, {.now_ms = now, .recompress_to = to});
    RC_ASSERT(checked.has_value());
    RC_ASSERT(checked->rewritten.empty() == (from == to));
    const auto header = parse_batch_header(checked->bytes);
    RC_ASSERT(header.has_value());
    RC_ASSERT(header->codec() == to && header->producer_id == 5 && header->base_sequence == 9);
    RC_ASSERT(header->size_bytes() == checked->bytes.size());
    RC_ASSERT(verify_crc(*header, checked->bytes).has_value());
    RC_ASSERT(records_of(checked->bytes) == records);
  }));
}

CAF_TEST(what passes can be read by the other decoder) {
  CAF_CHECK(rc::check([] {
    prng chance{*rc::gen::arbitrary<std::uint64_t>()};
    auto bytes = build_batch(test::random_records(chance, 1 + chance.below(5)), test::all_codecs[chance.below(5)]);
    for (auto changes = chance.below(4); changes > 0; --changes)
      bytes[21 + chance.below(bytes.size() - 21)] = static_cast<std::byte>(chance.below(256));
    test::repair_crc(bytes);
    const auto checked = check_produced_batch(bytes, {.now_ms = now, .decompressed_limit_bytes = 1 << 20});
    if (!checked)
      return;
    std::string text{as_text(checked->bytes)};
    const auto plain = test::read_plain_batch(text);
    RC_ASSERT(plain.has_value());
    RC_ASSERT(text.empty());
    RC_ASSERT(plain->crc == plain->computed_crc);
    RC_ASSERT(plain->records.size() == static_cast<std::size_t>(checked->header.record_count));
    std::int64_t latest = no_timestamp;
    for (std::size_t i = 0; i < plain->records.size(); ++i) {
      RC_ASSERT(plain->records[i].offset == static_cast<std::int64_t>(i));
      latest = std::max(latest, plain->records[i].timestamp);
    }
    if (checked->header.record_count > 0 && (plain->attributes & 8) == 0)
      RC_ASSERT(latest <= plain->max_timestamp || latest == no_timestamp);
  }));
}
