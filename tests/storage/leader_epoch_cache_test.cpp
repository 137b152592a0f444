#define CAF_SUITE leader_epoch_cache
#include "storage/leader_epoch_cache.hpp"

#include <caf/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace cafka;
using namespace cafka::storage;

namespace {
leader_epoch_cache with(std::initializer_list<epoch_start> entries) {
  leader_epoch_cache cache;
  for (const auto& entry : entries)
    cache.assign(entry.leader_epoch, entry.start_offset);
  return cache;
}
} // namespace

CAF_TEST(an epoch without a record gives way to the next) {
  const auto cache = with({{1, 0}, {2, 10}, {4, 10}, {3, 20}, {4, 30}});
  const std::vector<epoch_start> expected{{1, 0}, {4, 10}};
  CAF_CHECK(cache.entries() == expected);
  CAF_CHECK_EQUAL(cache.epoch_at(9), 1);
  CAF_CHECK_EQUAL(cache.epoch_at(10), 4);
  CAF_CHECK_EQUAL(with({{1, 5}}).epoch_at(4), -1);
}

CAF_TEST(where an epoch ended) {
  const auto cache = with({{2, 0}, {4, 10}, {7, 30}});
  CAF_CHECK_EQUAL(cache.end_for(1, 50).end_offset, -1);
  CAF_CHECK_EQUAL(cache.end_for(2, 50).end_offset, 10);
  CAF_CHECK_EQUAL(cache.end_for(3, 50).leader_epoch, 2);
  CAF_CHECK_EQUAL(cache.end_for(6, 50).end_offset, 30);
  CAF_CHECK_EQUAL(cache.end_for(7, 50).end_offset, 50);
  CAF_CHECK_EQUAL(cache.end_for(9, 50).leader_epoch, 7);
}

CAF_TEST(cutting at either end) {
  auto cache = with({{2, 0}, {4, 10}, {7, 30}});
  CAF_CHECK(!cache.truncate_from_end(31));
  CAF_CHECK(cache.truncate_from_end(30));
  CAF_CHECK_EQUAL(cache.latest(), 4);
  CAF_CHECK(!cache.truncate_from_start(0));
  CAF_CHECK(cache.truncate_from_start(15));
  const std::vector<epoch_start> expected{{4, 15}};
  CAF_CHECK(cache.entries() == expected);
}

CAF_TEST(the file is read back or refused) {
  const auto cache = with({{2, 0}, {4, 10}});
  CAF_CHECK_EQUAL(cache.to_text(), "0\n2\n2 0\n4 10\n");
  CAF_CHECK(leader_epoch_cache::parse(cache.to_text()).value() == cache);
  for (auto text : {"", "0", "0\n", "1\n0\n", "0\n1\n", "0\n1\n1\n", "0\n1\n1 2", "0\n1\n1 -2\n", "0\n2\n1 2\n1 3\n", "0\n2\n1 2\n2 2\n",
                    "0\n0\n1 1\n", "0\n9999999999\n"})
    CAF_CHECK(!leader_epoch_cache::parse(text));
  // Torn anywhere, it is seen.
  const auto whole = cache.to_text();
  for (std::size_t size = 0; size < whole.size(); ++size)
    CAF_CHECK(!leader_epoch_cache::parse(whole.substr(0, size)));
}

CAF_TEST(what is assigned always rises) {
  CAF_CHECK(rc::check([](const std::vector<std::pair<std::uint8_t, std::uint8_t>>& steps) {
    leader_epoch_cache cache;
    for (const auto& [epoch, offset] : steps)
      cache.assign(epoch, offset);
    RC_ASSERT(leader_epoch_cache::parse(cache.to_text()).value() == cache);
  }));
}
