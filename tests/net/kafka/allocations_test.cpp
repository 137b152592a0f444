// The two requests that matter cost no memory allocation per partition once a session has seen one of their shape. This file counts every
// allocation of its program.
#define CAF_SUITE allocations
#include <caf/test/dsl.hpp>

#include "net/kafka/messages/fetch.hpp"
#include "net/kafka/messages/produce.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> allocations{0}, allocated_bytes{0};
}

// Not inlined: optimised code would look to GCC like free() of what new gave.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes.fetch_add(size, std::memory_order_relaxed);
  if (auto* memory = std::malloc(size == 0 ? 1 : size))
    return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace cafka;
using namespace cafka::net::kafka;

namespace {

constexpr int topics = 4, partitions = 250;
const std::string long_name(200, 'n');

produce_request some_produce_request() {
  produce_request request;
  for (int i = 0; i < topics; ++i) {
    auto& topic = request.topic_data.emplace_back();
    topic.name = long_name;
    for (int k = 0; k < partitions; ++k)
      topic.partition_data.push_back({k, codec::records{as_byte_span(long_name)}});
  }
  return request;
}

fetch_request some_fetch_request() {
  fetch_request request;
  for (int i = 0; i < topics; ++i) {
    auto& topic = request.topics.emplace_back();
    topic.topic = long_name;
    for (int k = 0; k < partitions; ++k)
      topic.partitions.emplace_back().partition = k;
  }
  return request;
}

template <class T>
std::size_t allocations_of_reading(const T& message, std::int16_t version) {
  byte_vector bytes;
  codec::encode(message, version, bytes);
  T kept;
  std::size_t counted = 0;
  for (int round = 0; round < 3; ++round) {
    byte_reader in{bytes};
    const auto before = allocations.load();
    const auto read = codec::decode_into(kept, in, version);
    counted = allocations.load() - before;
    CAF_REQUIRE(read.has_value());
  }
  return counted;
}

template <class T>
std::size_t allocations_of_writing(const T& message, std::int16_t version) {
  byte_vector bytes;
  const auto before = allocations.load();
  codec::encode(message, version, bytes);
  return allocations.load() - before;
}

} // namespace

CAF_TEST(reading into a kept request allocates nothing) {
  for (auto version = produce_request::info.valid.lowest; version <= produce_request::info.valid.highest; ++version)
    CAF_CHECK_EQUAL(allocations_of_reading(some_produce_request(), version), 0u);
  for (auto version = fetch_request::info.valid.lowest; version <= fetch_request::info.valid.highest; ++version)
    CAF_CHECK_EQUAL(allocations_of_reading(some_fetch_request(), version), 0u);
}

CAF_TEST(a count that lies takes no memory) {
  byte_vector bytes;
  codec::encode(some_fetch_request(), 11, bytes);
  // the count of topics, behind replica, waits, sizes, isolation and session, and that of the first topic's partitions, behind its name
  for (const std::size_t at : {std::size_t{25}, 29 + 2 + long_name.size()})
    for (const std::int32_t count : {INT32_MAX, 1'000'000, -2}) {
      auto lying = bytes;
      store_be(lying.data() + at, count);
      fetch_request request;
      byte_reader in{lying};
      const auto before = allocated_bytes.load();
      const auto read = codec::decode_into(request, in, 11);
      const auto taken = allocated_bytes.load() - before;
      CAF_CHECK(!read.has_value());
      CAF_CHECK_LESS(taken, 2'000u); // the four topics and the error's text
    }
}

CAF_TEST(writing a response allocates once) {
  produce_response produced;
  fetch_response fetched;
  for (int i = 0; i < topics; ++i) {
    auto& to = produced.responses.emplace_back();
    auto& from = fetched.responses.emplace_back();
    to.name = from.topic = long_name;
    to.partition_responses.resize(partitions);
    from.partitions.resize(partitions);
    for (auto& partition : from.partitions)
      partition.records.size_bytes = 1'000;
  }
  for (const std::int16_t version : {3, 8, 10, 13})
    CAF_CHECK_EQUAL(allocations_of_writing(produced, version), 1u);
  for (const std::int16_t version : {4, 11, 12, 18})
    CAF_CHECK_EQUAL(allocations_of_writing(fetched, version), 1u);
}
