#define CAF_SUITE messages
#include <caf/test/dsl.hpp>
#include <rapidcheck.h>

#include "net/kafka/apis.hpp"
#include "support/kafka/messages.hpp"

#include <map>

using namespace cafka;
using namespace cafka::net::kafka;

namespace {

byte_vector from_hex(std::string_view hex) {
  byte_vector bytes;
  std::string digits;
  for (const char c : hex)
    if (c != ' ')
      digits += c;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return bytes;
}

template <class T>
byte_vector encoded(const T& value, std::int16_t version) {
  byte_vector bytes;
  codec::encode(value, version, bytes);
  return bytes;
}

template <class T>
bool is_refused(std::string_view hex, std::int16_t version) {
  const auto bytes = from_hex(hex);
  return !codec::decode<T>(bytes, version).has_value();
}

} // namespace

CAF_TEST(every message survives its round trip in every version) {
  for (const auto& message : test::kafka_messages())
    CAF_CHECK(rc::check(std::string{message.info.name}, [&] {
      prng source{*rc::gen::arbitrary<std::uint64_t>()};
      for (auto version = message.info.valid.lowest; version <= message.info.valid.highest; ++version) {
        const auto fault = message.find_fault(source, version);
        RC_ASSERT(fault == "");
      }
    }));
}

CAF_TEST(requests and responses come in pairs) {
  std::map<std::int16_t, std::vector<codec::message_info>> by_key;
  for (const auto& message : test::kafka_messages())
    if (message.info.api_key >= 0)
      by_key[message.info.api_key].push_back(message.info);
  CAF_CHECK_EQUAL(by_key.size(), 33u);
  for (const auto& [key, pair] : by_key) {
    CAF_REQUIRE_EQUAL(pair.size(), 2u);
    CAF_CHECK(pair[0].valid == pair[1].valid);
    CAF_CHECK(pair[0].flexible == pair[1].flexible);
  }
}

CAF_TEST(a produce request before and after compact lengths and topic ids) {
  const auto old = from_hex("ffff ffff 000005dc 00000001 0001 74 00000001 00000007 00000003 aabbcc");
  const auto request = codec::decode<produce_request>(old, 3);
  CAF_REQUIRE(request.has_value());
  CAF_CHECK(!request->transactional_id);
  CAF_CHECK_EQUAL(request->acks, -1);
  CAF_CHECK_EQUAL(request->timeout_ms, 1500);
  CAF_REQUIRE_EQUAL(request->topic_data.size(), 1u);
  CAF_CHECK_EQUAL(request->topic_data[0].name, "t");
  const auto& partition = request->topic_data[0].partition_data.at(0);
  CAF_CHECK_EQUAL(partition.index, 7);
  CAF_CHECK(partition.records->bytes.data() == old.data() + old.size() - 3); // read in place
  CAF_CHECK(encoded(*request, 3) == old);

  CAF_CHECK(encoded(*request, 9) == from_hex("00 ffff 000005dc 02 02 74 02 00000007 04 aabbcc 00 00 00"));
  CAF_CHECK(encoded(*request, 13) == from_hex("00 ffff 000005dc 02 00000000000000000000000000000000 02 00000007 04 aabbcc 00 00 00"));
}

CAF_TEST(headers) {
  const request_header header{.request_api_key = 18, .request_api_version = 4, .correlation_id = 9, .client_id = "me"};
  CAF_CHECK(encoded(header, 1) == from_hex("0012 0004 00000009 0002 6d65"));
  CAF_CHECK(encoded(header, 2) == from_hex("0012 0004 00000009 0002 6d65 00")); // the client id's length stays long
  CAF_CHECK(encoded(response_header{9}, 0) == from_hex("00000009"));
  CAF_CHECK(encoded(response_header{9}, 1) == from_hex("00000009 00"));
  const auto read = codec::decode<request_header>(from_hex("0012 0004 00000009 ffff 00"), 2);
  CAF_REQUIRE(read.has_value());
  CAF_CHECK(!read->client_id);
}

CAF_TEST(tagged fields are sent when they differ from their defaults and skipped when unknown) {
  fetch_request request;
  CAF_CHECK(encoded(request, 18) == from_hex("00000000 00000000 7fffffff 00 00000000 ffffffff 01 01 01 00"));
  request.replica_state = {.replica_id = 5, .replica_epoch = 1};
  const auto bytes = encoded(request, 18);
  CAF_CHECK(bytes == from_hex("00000000 00000000 7fffffff 00 00000000 ffffffff 01 01 01 01 01 0d 00000005 0000000000000001 00"));
  // tag 9, two bytes, behind it
  const auto with_unknown =
      from_hex("00000000 00000000 7fffffff 00 00000000 ffffffff 01 01 01 02 01 0d 00000005 0000000000000001 00 09 02 abcd");
  const auto read = codec::decode<fetch_request>(with_unknown, 18);
  CAF_REQUIRE(read.has_value());
  CAF_CHECK(*read == request);
}

CAF_TEST(counts and lengths that lie are refused before memory is taken) {
  CAF_CHECK(is_refused<produce_request>("ffff ffff 000005dc 7fffffff", 3));      // topics
  CAF_CHECK(is_refused<produce_request>("ffff ffff 000005dc ffffffff", 3));      // null topics
  CAF_CHECK(is_refused<produce_request>("ffff ffff 000005dc fffffffe", 3));      // −2 topics
  CAF_CHECK(is_refused<produce_request>("fffe ffff 000005dc 00000000", 3));      // text of −2 bytes
  CAF_CHECK(is_refused<produce_request>("00 ffff 000005dc ffffffff0f 00", 9));   // compact count, all bits
  CAF_CHECK(is_refused<produce_request>("00 ffff 000005dc ffffffffff01 00", 9)); // a varint of six bytes
  CAF_CHECK(is_refused<produce_request>("00 ffff 000005dc 01 ffffffff0f", 9));   // tagged fields
  CAF_CHECK(is_refused<produce_request>("ffff ffff 000005dc 00000001 0001 74 00000001 00000007 7fffffff aabbcc", 3)); // records
  CAF_CHECK(is_refused<metadata_request>("00000001 ffff 01 00 00", 8)); // a null topic name before version 10

  // an element of Fetch takes 4 + 8 + … bytes at least: a count that fits the bytes but not the elements
  byte_vector many = from_hex("ffffffff 00000000 00000000 00000000 00 00000000 ffffffff 00000400");
  many.resize(many.size() + 0x400);
  CAF_CHECK(!codec::decode<fetch_request>(many, 7).has_value());
  // what arrays take in memory is bounded apart from what they take in the frame
  byte_vector empty_topics = from_hex("ffffffff 00000000 00000000 00000000 00 00000000 ffffffff 00000100");
  empty_topics.resize(empty_topics.size() + 0x100 * 6 + 4);
  CAF_CHECK(codec::decode<fetch_request>(empty_topics, 7).has_value());
  CAF_CHECK(!codec::decode<fetch_request>(empty_topics, 7, 0x100 * sizeof(fetch_request::fetch_topic) - 1).has_value());
}

CAF_TEST(text longer than Kafka reads is refused and never written) {
  byte_vector bytes = from_hex("818002"); // compact: 32768 and one
  bytes.resize(bytes.size() + 32768);
  bytes.push_back(std::byte{1});
  bytes.push_back(std::byte{0});
  byte_reader in{bytes};
  api_versions_request request;
  CAF_CHECK(!codec::decode_into(request, in, 3).has_value());

  create_partitions_response response;
  response.results.push_back({.name = "t", .error_code = 1, .error_message = std::string(40'000, 'x')});
  for (const std::int16_t version : {1, 3}) {
    const auto read = codec::decode<create_partitions_response>(encoded(response, version), version);
    CAF_REQUIRE(read.has_value());
    CAF_CHECK_EQUAL(read->results[0].error_message->size(), 32767u);
  }
}

CAF_TEST(slots of a fetch response are told with their places) {
  fetch_response response;
  auto& topic = response.responses.emplace_back();
  topic.topic = "t";
  for (std::uint32_t i = 0; i < 3; ++i) {
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = static_cast<std::int32_t>(i);
    partition.records = {.size_bytes = i * 300, .index = i};
  }
  for (const std::int16_t version : {4, 11, 12, 16}) {
    byte_vector bytes(7); // whatever stands before
    struct seen_places final : codec::slot_places {
      void place(std::size_t at, const codec::record_slot& slot) override { seen.emplace_back(7 + at, slot); }
      std::vector<std::pair<std::size_t, codec::record_slot>> seen;
    };
    seen_places places;
    codec::encode(response, version, bytes, codec::encoded_size(response, version), &places);
    CAF_REQUIRE_EQUAL(places.seen.size(), 2u); // an empty one needs no place
    CAF_CHECK_EQUAL(codec::count_encoded(response, version).slot_bytes(), 900u);

    // with the batches spliced in, a reader finds them
    byte_vector whole;
    std::size_t from = 0;
    for (const auto& [at, slot] : places.seen) {
      whole.insert(whole.end(), bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.begin() + static_cast<std::ptrdiff_t>(at));
      whole.insert(whole.end(), slot.size_bytes, static_cast<std::byte>(slot.index));
      from = at;
    }
    whole.insert(whole.end(), bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end());
    const auto read = codec::decode<fetch_response_view>(byte_span{whole}.subspan(7), version);
    CAF_REQUIRE(read.has_value());
    for (std::uint32_t i = 0; i < 3; ++i) {
      const auto records = read->responses[0].partitions[i].records->bytes;
      CAF_CHECK_EQUAL(records.size(), i * 300);
      CAF_CHECK(std::ranges::all_of(records, [&](std::byte each) { return each == static_cast<std::byte>(i); }));
    }
  }
}

CAF_TEST(served APIs) {
  CAF_CHECK_EQUAL(served_apis.size(), 21u);
  const auto* produce = find_api(0);
  CAF_REQUIRE(produce != nullptr);
  CAF_CHECK_EQUAL(produce->name, "Produce");
  CAF_CHECK(produce->served == (codec::version_range{3, 13}));
  CAF_CHECK_EQUAL(produce->lowest_advertised, 0);
  CAF_CHECK_EQUAL(produce->request_header_version(8), 1);
  CAF_CHECK_EQUAL(produce->request_header_version(9), 2);
  CAF_CHECK_EQUAL(produce->response_header_version(9), 1);
  const auto* versions = find_api(18);
  CAF_CHECK_EQUAL(versions->request_header_version(3), 2);
  CAF_CHECK_EQUAL(versions->response_header_version(3), 0);
  for (const std::int16_t key : {-1, 4, 7, 17, 36, 76, 32'767})
    CAF_CHECK(find_api(key) == nullptr);
}
