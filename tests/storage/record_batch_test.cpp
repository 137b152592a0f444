#define CAF_SUITE record_batch
#include "storage/crc32c.hpp"
#include "support/generate.hpp"

#include <algorithm>
#include <caf/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace cafka;
using namespace cafka::storage;

namespace {
std::string text_of(byte_span bytes) { return std::string{as_text(bytes)}; }
std::uint64_t seed() { return *rc::gen::arbitrary<std::uint64_t>(); }
} // namespace

CAF_TEST(crc32c is Castagnoli) {
  CAF_CHECK_EQUAL(crc32c(as_byte_span("123456789")), 0xe3069283u);
  CAF_CHECK_EQUAL(crc32c({}), 0u);
  const std::string zeros(32, '\0');
  CAF_CHECK_EQUAL(crc32c(as_byte_span(zeros)), 0x8a9136aau); // RFC 3720 B.4
  CAF_CHECK(rc::check("as bit by bit, at every alignment", [] {
    prng chance{seed()};
    const auto text = test::random_text(chance, 2000);
    const auto start = chance.below(text.size() + 1);
    RC_ASSERT(crc32c(as_byte_span(text).subspan(start)) == test::plain_crc32c(text.substr(start)));
  }));
}

CAF_TEST(every codec gives back what it took) {
  for (auto codec : test::all_codecs) {
    CAF_CHECK(parse_compression(to_string(codec)) == codec);
    CAF_CHECK(rc::check(std::string{to_string(codec)}, [codec] {
      prng chance{seed()};
      const auto text = test::random_text(chance, chance.chance(1, 10) ? 300'000 : 3000);
      byte_vector packed{std::byte{1}}, plain{std::byte{2}}; // both append
      RC_ASSERT(compress(codec, as_byte_span(text), packed, chance.chance(1, 2) ? 0 : 1).has_value());
      const auto input = byte_span{packed}.subspan(1);
      RC_ASSERT(decompress(codec, input, text.size(), plain).has_value());
      RC_ASSERT(text_of(byte_span{plain}.subspan(1)) == text);
      if (!text.empty()) {
        byte_vector none;
        const auto refused = decompress(codec, input, text.size() - 1, none);
        RC_ASSERT(!refused.has_value() && refused.error().code == errc::message_too_large && none.empty());
      }
    }));
  }
  CAF_CHECK(parse_compression("uncompressed") == compression::none);
  CAF_CHECK(!parse_compression("brotli"));
}

CAF_TEST(raw snappy is read) {
  const std::string raw("\x05\x10hello", 7); // length 5, literal of 5
  byte_vector plain;
  CAF_CHECK(decompress(compression::snappy, as_byte_span(raw), 100, plain).has_value());
  CAF_CHECK_EQUAL(text_of(plain), "hello");
}

CAF_TEST(a bomb costs its limit) {
  const std::string zeros(64 << 20, '\0');
  for (auto codec : test::all_codecs) {
    if (codec == compression::none)
      continue;
    byte_vector packed, plain;
    CAF_REQUIRE(compress(codec, as_byte_span(zeros), packed).has_value());
    const auto outcome = decompress(codec, packed, 1 << 20, plain);
    CAF_CHECK(!outcome && outcome.error().code == errc::message_too_large);
    CAF_CHECK(plain.capacity() <= (2 << 20) + 2);
  }
}

CAF_TEST(damaged input of a codec is an error or other bytes but never more than the limit) {
  CAF_CHECK(rc::check([] {
    prng chance{seed()};
    const auto codec = test::all_codecs[1 + chance.below(4)];
    byte_vector packed, plain;
    RC_ASSERT(compress(codec, as_byte_span(test::random_text(chance, 3000)), packed).has_value());
    for (auto changes = 1 + chance.below(4); changes > 0 && !packed.empty(); --changes) {
      if (chance.chance(1, 3))
        packed.resize(chance.below(packed.size()));
      else
        packed[chance.below(packed.size())] = static_cast<std::byte>(chance.below(256));
    }
    if (decompress(codec, packed, 5000, plain))
      RC_ASSERT(plain.size() <= 5000u);
    else
      RC_ASSERT(plain.empty());
  }));
}

CAF_TEST(two independent readings agree on every batch that is built) {
  CAF_CHECK(rc::check([] {
    prng chance{seed()};
    auto records = test::random_records(chance, 1 + chance.below(60), chance.chance(1, 4));
    const auto codec = test::all_codecs[chance.below(5)];
    batch_builder::fields with{.base_offset = static_cast<std::int64_t>(chance.below(1ULL << 60)),
                               .leader_epoch = static_cast<std::int32_t>(chance.below(100)),
                               .producer_id = static_cast<std::int64_t>(chance.below(1000)),
                               .producer_epoch = static_cast<std::int16_t>(chance.below(100)),
                               .base_sequence = static_cast<std::int32_t>(chance.below(1000)),
                               .is_transactional = chance.chance(1, 2)};
    auto bytes = test::build_batch(records, codec, with);
    for (auto& record : records)
      record.offset += with.base_offset;

    const auto header = parse_batch_header(bytes);
    RC_ASSERT(header.has_value());
    RC_ASSERT(header->size_bytes() == bytes.size());
    RC_ASSERT(verify_crc(*header, bytes).has_value());
    RC_ASSERT(header->codec() == codec && header->is_transactional() == with.is_transactional);
    RC_ASSERT(header->last_offset() == records.back().offset);
    const auto walked = test::walk_batch(bytes);
    RC_ASSERT(walked.has_value());
    RC_ASSERT(*walked == records);

    auto text = text_of(bytes) + "next";
    const auto plain = test::read_plain_batch(text);
    RC_ASSERT(plain.has_value());
    RC_ASSERT(text == "next");
    RC_ASSERT(plain->records == records);
    RC_ASSERT(plain->crc == header->crc && plain->computed_crc == header->crc);
    RC_ASSERT(plain->base_offset == header->base_offset && plain->leader_epoch == header->leader_epoch);
    RC_ASSERT(plain->max_timestamp == header->max_timestamp && plain->base_timestamp == header->base_timestamp);
    RC_ASSERT(plain->producer_id == header->producer_id && plain->producer_epoch == header->producer_epoch);
    RC_ASSERT(plain->base_sequence == header->base_sequence && plain->attributes == header->attributes);
    RC_ASSERT(plain->last_offset_delta == header->last_offset_delta);
    RC_ASSERT(plain->max_timestamp ==
              std::max_element(records.begin(), records.end(), [](auto& a, auto& b) { return a.timestamp < b.timestamp; })->timestamp);
  }));
}

CAF_TEST(two independent readings agree on damaged batches) {
  CAF_CHECK(rc::check([] {
    prng chance{seed()};
    auto bytes = test::build_batch(test::random_records(chance, 1 + chance.below(5)), compression::none);
    for (auto changes = 1 + chance.below(3); changes > 0; --changes)
      bytes[batch_header_size + chance.below(bytes.size() - batch_header_size)] = static_cast<std::byte>(chance.below(256));
    auto text = text_of(bytes);
    const auto plain = test::read_plain_batch(text);
    const auto walked = test::walk_batch(bytes);
    if (walked) {
      RC_ASSERT(plain.has_value());
      RC_ASSERT(plain->records == *walked);
    } else if (plain) { // the plain reader does not judge deltas
      bool in_order = true;
      std::int64_t previous = -1;
      for (const auto& record : plain->records) {
        in_order = in_order && record.offset > previous && record.offset <= plain->last_offset_delta;
        previous = record.offset;
      }
      RC_ASSERT(!in_order);
    }
    const auto header = parse_batch_header(bytes);
    RC_ASSERT(header.has_value());
    RC_ASSERT(verify_crc(*header, bytes).has_value() == (test::plain_crc32c(text_of(bytes).substr(21)) == header->crc));
  }));
}

CAF_TEST(offsets and epoch are assigned outside the range of the CRC) {
  prng chance{7};
  auto bytes = test::build_batch(test::random_records(chance, 3), compression::lz4);
  assign_offset(bytes, 1'000'000'007, 42);
  const auto header = parse_batch_header(bytes).value();
  CAF_CHECK_EQUAL(header.base_offset, 1'000'000'007);
  CAF_CHECK_EQUAL(header.last_offset(), 1'000'000'009);
  CAF_CHECK_EQUAL(header.leader_epoch, 42);
  CAF_CHECK(verify_crc(header, bytes).has_value());
}

CAF_TEST(bad headers are refused) {
  prng chance{8};
  const auto good = test::build_batch(test::random_records(chance, 2), compression::none);
  CAF_CHECK(parse_batch_header(byte_span{good}.first(batch_header_size)).has_value());
  CAF_CHECK(parse_batch_header(byte_span{good}.first(batch_header_size - 1)).error().code == errc::corrupt_message);
  for (std::int32_t length : {-1, 0, 48, INT32_MAX}) {
    auto bytes = good;
    store_be(bytes.data() + 8, length);
    CAF_CHECK(parse_batch_header(bytes).error().code == errc::corrupt_message);
  }
  auto bytes = good;
  bytes[16] = std::byte{1};
  CAF_CHECK(parse_batch_header(bytes).error().code == errc::corrupt_message);
  bytes = good;
  bytes[30] ^= std::byte{1};
  CAF_CHECK(verify_crc(parse_batch_header(bytes).value(), bytes).error().code == errc::corrupt_message);
  bytes = good;
  bytes.push_back(std::byte{0});
  CAF_CHECK(test::walk_batch(bytes).error().code == errc::corrupt_message);
  bytes = good;
  bytes[22] = std::byte{6};
  CAF_CHECK(test::walk_batch(bytes).error().code == errc::corrupt_message);
}

CAF_TEST(gaps are for compacted batches only) {
  auto records = std::vector<test::plain_record>{{.offset = 0}, {.offset = 3}};
  const auto bytes = test::build_batch(records, compression::none);
  CAF_CHECK(test::walk_batch(bytes, {.compacted = true}).has_value());
  CAF_CHECK(test::walk_batch(bytes, {.compacted = false}).error().code == errc::invalid_record);
}

CAF_TEST(a visitor can stop) {
  prng chance{9};
  const auto bytes = test::build_batch(test::random_records(chance, 10), compression::zstd);
  int seen = 0;
  CAF_CHECK(for_each_record(bytes, {}, [&](const record_view&) { return ++seen < 3; }).has_value());
  CAF_CHECK_EQUAL(seen, 3);
}

CAF_TEST(a builder is fresh after build) {
  batch_builder builder;
  byte_vector first, second;
  builder.add(5, std::nullopt, std::nullopt);
  CAF_CHECK_EQUAL(builder.record_count(), 1);
  CAF_CHECK(builder.build({}, first).has_value());
  CAF_CHECK(builder.empty());
  CAF_CHECK_EQUAL(builder.size_bytes(), batch_header_size);
  builder.add(5, std::nullopt, std::nullopt);
  CAF_CHECK(builder.build({}, second).has_value());
  CAF_CHECK(first == second);
}
