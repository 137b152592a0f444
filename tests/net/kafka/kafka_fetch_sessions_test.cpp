#define CAF_SUITE kafka_fetch_sessions
#include "net/kafka/fetch_sessions.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::net::kafka;

namespace {

std::vector<asked_fetch> partitions(std::int32_t from, std::int32_t count) {
  std::vector<asked_fetch> asked;
  for (std::int32_t i = 0; i < count; ++i) {
    asked.emplace_back().key.id.partition = from + i;
    asked.back().key.id.topic_id.bytes[0] = 7;
  }
  return asked;
}

std::int32_t create(fetch_session_cache& cache, std::int32_t count, std::int64_t now_ms) {
  return cache.create(true, partitions(0, count), std::vector<told_fetch>(static_cast<std::size_t>(count)), now_ms);
}

std::vector<std::int32_t> numbers(const fetch_session::turn& turn) {
  std::vector<std::int32_t> all;
  for (const auto& each : turn.partitions)
    all.push_back(each.key.id.partition);
  return all;
}

} // namespace

CAF_TEST(a full cache gives no session until one is stale or worth less) {
  fetch_session_cache cache{2};
  const auto small = create(cache, 1, 0), large = create(cache, 10, 0);
  CAF_CHECK(small > 0 && large > 0 && small != large);
  CAF_CHECK_EQUAL(create(cache, 5, 1000), 0); // both are young
  CAF_CHECK(cache.find(small, fetch_session_cache::eviction_ms) != nullptr);
  CAF_CHECK(cache.find(large, fetch_session_cache::eviction_ms) != nullptr);
  const auto later = fetch_session_cache::eviction_ms + 1;
  CAF_CHECK_EQUAL(create(cache, 1, later), 0); // worth no more than the smallest
  CAF_CHECK(create(cache, 5, later) > 0);
  CAF_CHECK(cache.find(small, later) == nullptr);
  CAF_CHECK(cache.find(large, later) != nullptr);
  CAF_CHECK_EQUAL(cache.partitions(), 15u);
  // Whatever its size, one that nobody uses goes.
  CAF_CHECK(create(cache, 1, 3 * later) > 0);
  CAF_CHECK_EQUAL(cache.sessions(), 2u);
}

CAF_TEST(what all sessions remember is bounded) {
  fetch_session_cache cache{1000};
  const auto half = static_cast<std::int32_t>(fetch_session_cache::max_partitions / 2);
  const auto first = create(cache, half, 0);
  CAF_CHECK(first > 0);
  CAF_CHECK(create(cache, half, 0) > 0);
  CAF_CHECK_EQUAL(create(cache, 1, 0), 0);
  const auto session = cache.find(first, 0);
  CAF_CHECK_EQUAL(cache.room_for(*session), static_cast<std::size_t>(half));
  CAF_CHECK(session->begin(1, true, partitions(half, 1), {}, cache.room_for(*session)).error().code == errc::too_many_requests);
  cache.remove(first);
  cache.resized(session); // is no longer one of the cache's
  CAF_CHECK_EQUAL(cache.partitions(), static_cast<std::size_t>(half));
  CAF_CHECK_EQUAL(create(cache, 0, 0), 0);
}

CAF_TEST(no slots give no sessions) {
  fetch_session_cache cache{0};
  CAF_CHECK_EQUAL(create(cache, 1, 0), 0);
}

CAF_TEST(a turn begins behind the last that had data) {
  fetch_session_cache cache{2};
  const auto session = cache.find(create(cache, 3, 0), 0);
  auto turn = session->begin(1, true, {}, {}, 100);
  CAF_REQUIRE(turn.has_value());
  CAF_CHECK(numbers(*turn) == (std::vector{0, 1, 2}));
  fetch_session::telling{*session, turn->layout}.needs(turn->partitions[0].key, turn->places[0], errc::none, {1, 0}, true);
  turn = session->begin(2, true, {}, {}, 100);
  CAF_CHECK(numbers(*turn) == (std::vector{1, 2, 0}));
  // Forgetting keeps the place.
  turn = session->begin(3, true, {}, {turn->partitions[2].key}, 100);
  CAF_CHECK(numbers(*turn) == (std::vector{1, 2}));
  turn = session->begin(4, true, partitions(9, 1), {}, 100);
  CAF_CHECK(numbers(*turn) == (std::vector{1, 2, 9}));
}

CAF_TEST(answers of an older turn find their places) {
  fetch_session_cache cache{2};
  const auto session = cache.find(create(cache, 3, 0), 0);
  const auto turn = session->begin(1, true, {}, {}, 100);
  const auto next = session->begin(2, true, {}, {turn->partitions[0].key}, 100); // pipelined
  CAF_REQUIRE(next.has_value());
  fetch_session::telling telling{*session, turn->layout};
  CAF_CHECK(telling.needs(turn->partitions[0].key, turn->places[0], errc::none, {}, false)); // forgotten: told all the same
  CAF_CHECK(!telling.needs(turn->partitions[2].key, turn->places[2], errc::none, {}, false));
  CAF_CHECK(telling.needs(turn->partitions[2].key, turn->places[2], errc::none, {4, 0}, false));
  CAF_CHECK(!telling.needs(turn->partitions[2].key, turn->places[2], errc::none, {4, 0}, false));
  CAF_CHECK(telling.needs(turn->partitions[2].key, turn->places[2], errc::offset_out_of_range, {}, false));
  CAF_CHECK(telling.needs(turn->partitions[2].key, turn->places[2], errc::none, {4, 0}, false));
}
