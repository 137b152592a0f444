// What a leader and a follower say to each other all day long costs no memory allocation. This file counts every allocation of its program.
#define CAF_SUITE fetch_allocations
#include <caf/test/dsl.hpp>

#include "replication/partition_follower.hpp"
#include "replication/partition_leader.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> allocations{0};
}

// Not inlined: optimised code would look to GCC like free() of what new gave.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (auto* memory = std::malloc(size == 0 ? 1 : size))
    return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace cafka;
using namespace cafka::replication;

CAF_TEST(a round of fetch answer append flush and progress) {
  partition_leader leader{1, {}};
  partition_follower follower{{}};
  storage::leader_epoch_cache epochs;
  epochs.assign(5, 0);
  std::int64_t end = 0, follower_end = 0, follower_flushed = 0, now = 1'000;
  const std::vector<storage::epoch_start> nothing;
  auto leader_log = [&] { return replica_log{0, end, end, epochs.entries()}; };
  auto follower_log = [&] { return replica_log{0, follower_end, follower_flushed, follower_end > 0 ? epochs.entries() : nothing}; };
  leader.become_leader({5, 1, {1, 2}, {1, 2}}, 0, 0, 0, now);
  auto request = *follower.follow({1, 5, 50}, follower_log(), 0, now).fetch;
  std::vector<released_ack> released;
  released.reserve(4);
  auto round = [&](std::uint64_t token) {
    ++now;
    end += 10;
    leader.on_appended(end, now);
    leader.on_flushed(end, now);
    const bool waits = leader.park(token, end, now + 1'000);
    const auto answer = answer_replica_fetch(leader, leader_log(), 2, request, now);
    auto out = follower.on_response(answer.response, follower_log(), now);
    follower_end = end;
    out = follower.appended(follower_log(), now);
    request = *out.fetch;
    answer_replica_fetch(leader, leader_log(), 2, request, now);
    follower_flushed = end;
    const auto progress = follower.flushed(follower_log(), now).progress;
    answer_replica_fetch(leader, leader_log(), 2, *progress, now);
    released.clear();
    leader.take_released(released);
    out = follower.on_response(answer_parked(leader, leader_log(), request), follower_log(), now);
    request = *out.fetch;
    return waits && released.size() == 1 && released[0].code == errc::none && *out.high_watermark == end;
  };
  bool all = true;
  for (std::uint64_t token = 0; token < 10; ++token)
    all = round(token) && all;
  const auto before = allocations.load();
  for (std::uint64_t token = 10; token < 1'000; ++token)
    all = round(token) && all;
  const auto made = allocations.load() - before;
  CAF_CHECK_EQUAL(made, 0u);
  CAF_CHECK(all);
  CAF_CHECK_EQUAL(leader.high_watermark(), 10'000);
}
