#define CAF_SUITE deadline_queue
#include "net/deadline_queue.hpp"

#include <caf/test/unit_test.hpp>
#include <string>

using cafka::net::deadline_queue;

CAF_TEST(due entries run in order of time and then of arrival) {
  deadline_queue queue;
  std::string order;
  queue.add(20, [&] { order += 'c'; });
  queue.add(10, [&] { order += 'a'; });
  queue.add(10, [&] { order += 'b'; });
  queue.add(30, [&] { order += 'd'; });
  CAF_CHECK_EQUAL(queue.next_ms(), 10);
  CAF_CHECK_EQUAL(queue.expire(9), 0u);
  CAF_CHECK_EQUAL(queue.expire(20), 3u);
  CAF_CHECK_EQUAL(order, "abc");
  CAF_CHECK_EQUAL(queue.next_ms(), 30);
}

CAF_TEST(what was cancelled does not run and actions may change the queue) {
  deadline_queue queue;
  std::string order;
  const auto late = queue.add(15, [&] { order += 'x'; });
  queue.add(10, [&] {
    order += 'a';
    CAF_CHECK(queue.cancel(late));
    queue.add(12, [&] { order += 'b'; });
    queue.add(99, [&] { order += 'y'; });
  });
  CAF_CHECK_EQUAL(queue.expire(20), 2u);
  CAF_CHECK_EQUAL(order, "ab");
  CAF_CHECK(!queue.cancel(late));
  CAF_CHECK(!queue.cancel({}));
  CAF_CHECK_EQUAL(queue.size(), 1u);
}
