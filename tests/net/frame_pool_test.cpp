#define CAF_SUITE frame_pool
#include "net/frame_pool.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::net;

namespace {

struct counting_waiter : budget_waiter {
  void budget_available() override { ++woken; }
  int woken = 0;
};

} // namespace

CAF_TEST(buffers are reused and counted) {
  auto pool = frame_pool::make({.budget_bytes = 1 << 20, .cached_bytes = 1 << 20});
  const std::byte* memory = nullptr;
  {
    auto buffer = pool->try_allocate(1000);
    CAF_REQUIRE(buffer != nullptr);
    CAF_CHECK_EQUAL(buffer->capacity(), 2048u);
    CAF_CHECK_EQUAL(pool->used_bytes(), 2048u);
    memory = buffer->memory().data();
  }
  CAF_CHECK_EQUAL(pool->used_bytes(), 0u);
  CAF_CHECK_EQUAL(pool->cached_bytes(), 2048u);
  auto again = pool->try_allocate(2000);
  CAF_CHECK(again->memory().data() == memory);
  CAF_CHECK_EQUAL(pool->cached_bytes(), 0u);
}

CAF_TEST(what is kept for reuse is bounded) {
  auto pool = frame_pool::make({.budget_bytes = 64 << 20, .cached_bytes = 100'000});
  std::vector<std::shared_ptr<frame_buffer>> buffers;
  for (int i = 0; i < 100; ++i)
    buffers.push_back(pool->try_allocate(8000));
  auto large = pool->try_allocate(20 << 20);
  buffers.clear();
  large.reset();
  CAF_CHECK_LESS_OR_EQUAL(pool->cached_bytes(), 100'000u);
  CAF_CHECK_EQUAL(pool->used_bytes(), 0u);
}

CAF_TEST(past the budget nothing begins and the first in line is woken when there is room) {
  auto pool = frame_pool::make({.budget_bytes = 100'000, .cached_bytes = 0});
  auto first = pool->try_allocate(60'000);
  CAF_REQUIRE(first != nullptr);
  CAF_CHECK(pool->try_allocate(60'000) == nullptr);
  auto waiter = std::make_shared<counting_waiter>();
  auto second = std::make_shared<counting_waiter>();
  pool->wait_for_budget(waiter, 60'000, false);
  pool->wait_for_budget(second, 60'000, false);
  CAF_CHECK_EQUAL(waiter->woken, 0);
  first.reset();
  CAF_CHECK_EQUAL(waiter->woken, 1);
  CAF_CHECK_EQUAL(second->woken, 0); // there is room for one
  pool->wake_waiters();              // the first did not take it
  CAF_CHECK_EQUAL(second->woken, 1);
  CAF_CHECK_EQUAL(pool->waiting(), 0u);
}

CAF_TEST(a waiter that went away is passed over) {
  auto pool = frame_pool::make({.budget_bytes = 10'000, .cached_bytes = 0});
  auto first = pool->try_allocate(8000);
  auto gone = std::make_shared<counting_waiter>();
  auto waiter = std::make_shared<counting_waiter>();
  pool->wait_for_budget(gone, 8000, false);
  pool->wait_for_budget(waiter, 8000, false);
  gone.reset();
  first.reset();
  CAF_CHECK_EQUAL(waiter->woken, 1);
}

CAF_TEST(a frame larger than the budget is let through when it is alone) {
  auto pool = frame_pool::make({.budget_bytes = 1000, .cached_bytes = 0});
  auto large = pool->try_allocate(50'000);
  CAF_CHECK(large != nullptr);
  CAF_CHECK(pool->try_allocate(10) == nullptr);
}

CAF_TEST(one frame at a time grows beyond the budget) {
  auto pool = frame_pool::make({.budget_bytes = 20'000, .cached_bytes = 0});
  auto one = pool->try_allocate(8192), other = pool->try_allocate(8192);
  CAF_REQUIRE(one && other);
  std::memset(one->memory().data(), 42, 8192);
  CAF_CHECK(pool->try_grow(*one, 32'768, 8192));
  CAF_CHECK_EQUAL(one->capacity(), 32'768u);
  CAF_CHECK_EQUAL(static_cast<int>(one->memory()[8191]), 42);
  CAF_CHECK(!pool->try_grow(*other, 32'768, 8192));
  CAF_CHECK(pool->try_grow(*one, 60'000, 32'768)); // it holds the overdraft already
  auto waiter = std::make_shared<counting_waiter>();
  pool->wait_for_budget(waiter, 32'768, true);
  CAF_CHECK_EQUAL(waiter->woken, 0);
  one.reset();
  CAF_CHECK_EQUAL(waiter->woken, 1);
  CAF_CHECK(pool->try_grow(*other, 32'768, 8192));
  other.reset();
  CAF_CHECK_EQUAL(pool->used_bytes(), 0u);
}

CAF_TEST(charges for other memory count too) {
  auto pool = frame_pool::make({.budget_bytes = 10'000, .cached_bytes = 0});
  {
    budget_charge charge(pool, 9000);
    CAF_CHECK(pool->try_allocate(2000) == nullptr);
    auto moved = std::move(charge);
    CAF_CHECK_EQUAL(pool->used_bytes(), 9000u);
  }
  CAF_CHECK_EQUAL(pool->used_bytes(), 0u);
}
