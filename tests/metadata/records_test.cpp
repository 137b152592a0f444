#define CAF_SUITE records
#include <caf/test/dsl.hpp>
#include <rapidcheck.h>

#include "election/control_records.hpp"
#include "metadata/records.hpp"
#include "support/random_message.hpp"

#include <fstream>

using namespace cafka;
using namespace cafka::metadata;

namespace {

template <class Visit>
void for_each_record_type(Visit&& visit) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (visit.template operator()<std::variant_alternative_t<I, metadata_record>>(), ...);
  }(std::make_index_sequence<std::variant_size_v<metadata_record> - 1>{});
}

byte_vector from_hex(std::string_view hex) {
  byte_vector bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16)));
  return bytes;
}

// Every message in every version, random content: reading gives what was written, and no cut of it reads as a whole.
template <class T>
void check_round_trips(prng& source) {
  for (auto version = T::info.valid.lowest; version <= T::info.valid.highest; ++version) {
    T value;
    test::random_filler{source, version, T::info.flexible.contains(version)}.fill(value);
    byte_vector bytes;
    codec::encode(value, version, bytes);
    RC_ASSERT(bytes.size() == codec::encoded_size(value, version));
    const auto read = codec::decode<T>(bytes, version);
    RC_ASSERT(read.has_value());
    RC_ASSERT((*read == value));
    const auto cut = static_cast<std::size_t>(source.below(bytes.size() + 1));
    if (cut < bytes.size())
      RC_ASSERT(!codec::decode<T>(byte_span{bytes}.first(cut), version).has_value());
    // Any flipped bit is read or refused; what is read can be written.
    auto damaged = bytes;
    if (!damaged.empty())
      damaged[source.below(damaged.size())] ^= static_cast<std::byte>(1u << source.below(8));
    if (const auto other = codec::decode<T>(damaged, version)) {
      byte_vector again;
      codec::encode(*other, version, again);
      const auto twice = codec::decode<T>(again, version);
      RC_ASSERT(twice.has_value());
      byte_vector third; // by bytes: not a number is not equal to itself
      codec::encode(*twice, version, third);
      RC_ASSERT((third == again));
    }
  }
}

// One line of what Kafka wrote: type, version, hex, JSON.
struct golden_line {
  std::string type, hex, json;
  std::int16_t version = 0;
};

std::vector<golden_line> golden_lines() {
  std::vector<golden_line> lines;
  std::ifstream file{CAFKA_TEST_DATA "/metadata/kafka_4_3_1_records.txt"};
  for (golden_line line; file >> line.type >> line.version >> line.hex && std::getline(file >> std::ws, line.json);)
    lines.push_back(line);
  return lines;
}

template <class T>
bool check_golden_control(const golden_line& line) {
  if (line.type != T::info.name)
    return false;
  const auto bytes = from_hex(line.hex);
  const auto read = codec::decode<T>(bytes, line.version);
  CAF_REQUIRE(read.has_value());
  byte_vector again;
  codec::encode(*read, line.version, again);
  CAF_CHECK(again == bytes);
  CAF_CHECK_EQUAL(codec::to_json(*read, line.version), line.json);
  return true;
}

} // namespace

CAF_TEST(every record in every version reads back) {
  const bool holds = rc::check([](std::uint64_t seed) {
    prng source{seed};
    for_each_record_type([&]<class T>() { check_round_trips<T>(source); });
    check_round_trips<election::leader_change_message>(source);
    check_round_trips<election::voters_record>(source);
    check_round_trips<election::kraft_version_record>(source);
    check_round_trips<election::snapshot_header_record>(source);
    check_round_trips<election::snapshot_footer_record>(source);
  });
  CAF_CHECK(holds);
}

CAF_TEST(bytes that Kafka wrote) {
  const auto lines = golden_lines();
  CAF_REQUIRE_EQUAL(lines.size(), 129u);
  for (const auto& line : lines) {
    if (check_golden_control<election::leader_change_message>(line) || check_golden_control<election::voters_record>(line) ||
        check_golden_control<election::kraft_version_record>(line) || check_golden_control<election::snapshot_header_record>(line) ||
        check_golden_control<election::snapshot_footer_record>(line))
      continue;
    const auto bytes = from_hex(line.hex);
    const auto read = decode_record(bytes);
    CAF_REQUIRE(read.has_value());
    CAF_CHECK_EQUAL(read->version, line.version);
    byte_vector again;
    encode_record(read->record, read->version, again);
    CAF_CHECK(again == bytes);
    CAF_CHECK_EQUAL(to_json(read->record, read->version),
                    "{\"type\":\"" + line.type + "\",\"version\":" + std::to_string(line.version) + ",\"data\":" + line.json + "}");
  }
}

CAF_TEST(what is not known is kept) {
  for (const auto* hex : {"01c8010007ff00", "0102630102030405"}) { // type 200; version 99 of TopicRecord
    const auto bytes = from_hex(hex);
    const auto read = decode_record(bytes);
    CAF_REQUIRE(read.has_value());
    CAF_CHECK(std::holds_alternative<unknown_record>(read->record));
    byte_vector again;
    encode_record(read->record, again);
    CAF_CHECK(again == bytes);
  }
  CAF_CHECK_EQUAL(type_name(decode_record(from_hex("01c8010007ff00"))->record), "record type 200");
  CAF_CHECK_EQUAL(type_name(decode_record(from_hex("0102630102030405"))->record), "TopicRecord version 99");
}

CAF_TEST(broken frames) {
  for (const auto* hex : {"", "00", "02020000", "0102", "010200", "01020003616200", "01ffffffffff00"}) {
    const auto read = decode_record(from_hex(hex));
    CAF_CHECK(!read.has_value());
    if (!read)
      CAF_CHECK_EQUAL(read.error().code, errc::bad_format);
  }
}

CAF_TEST(a count larger than what follows allocates nothing) {
  // A PartitionRecord whose replicas claim 2^31 entries, and a tagged field that claims 2^31 bytes.
  byte_vector bytes;
  byte_writer out{bytes};
  out.write_be(std::int32_t{0});
  out.write_bytes(byte_vector(16));
  out.write_unsigned_varint(0x7fffffff);
  CAF_CHECK(!codec::decode<partition_record>(bytes, 0).has_value());
  bytes.clear();
  out.write_unsigned_varint(1);
  out.write_unsigned_varint(0);
  out.write_unsigned_varint(0x7fffffff);
  CAF_CHECK(!codec::decode<abort_transaction_record>(bytes, 0).has_value());
  // The bound on memory holds although the bytes are there.
  bytes.clear();
  out.write_be(std::int32_t{0});
  out.write_bytes(byte_vector(16));
  out.write_unsigned_varint(1'001);
  bytes.resize(bytes.size() + 8'000);
  byte_reader in{bytes};
  CAF_CHECK(!codec::decode_from<partition_record>(in, 0, 1'000).has_value());
}

CAF_TEST(the lowest version that carries what is set) {
  CAF_CHECK_EQUAL(version_to_write(partition_record{}), 1);
  partition_record with_elr;
  with_elr.eligible_leader_replicas.emplace();
  CAF_CHECK_EQUAL(version_to_write(with_elr), 2);
  CAF_CHECK_EQUAL(version_to_write(register_broker_record{}), 3);
  CAF_CHECK_EQUAL(version_to_write(topic_record{}), 0);
}

CAF_TEST(a batch of records) {
  const std::vector<metadata_record> records{topic_record{"a", uuid{{1}}, {}}, no_op_record{}, config_record{2, "a", "k", "v", {}}};
  const auto batch = build_record_batch(records, 70, 3, 1'700'000'000'000);
  CAF_REQUIRE(batch.has_value());
  std::vector<metadata_record> read;
  CAF_CHECK(for_each_metadata_record(*batch, [&](std::int64_t offset, framed_record record) {
    CAF_CHECK_EQUAL(offset, 70 + static_cast<std::int64_t>(read.size()));
    read.push_back(std::move(record.record));
  }));
  CAF_CHECK(read == records);
}
