#define CAF_SUITE snapshot_schedule
#include "metadata/snapshot_schedule.hpp"

#include <caf/test/unit_test.hpp>

using cafka::metadata::snapshot_schedule;

CAF_TEST(by bytes) {
  snapshot_schedule due{{.record_bytes = 100, .interval_ms = 0}, 0};
  due.note_applied(99);
  CAF_CHECK(!due.is_due(1'000'000'000));
  due.note_applied(1);
  CAF_CHECK(due.is_due(1));
  due.begin(1);
  CAF_CHECK(!due.is_due(1)); // one at a time
  due.note_applied(60);
  due.succeeded();
  CAF_CHECK(!due.is_due(1));
  due.note_applied(40); // what came meanwhile counts
  CAF_CHECK(due.is_due(1));
}

CAF_TEST(by time if there is anything new) {
  snapshot_schedule due{{.record_bytes = 100, .interval_ms = 1'000}, 0};
  CAF_CHECK(!due.is_due(5'000));
  due.note_applied(1);
  CAF_CHECK(!due.is_due(999));
  CAF_CHECK(due.is_due(1'000));
  due.begin(1'000);
  due.succeeded();
  due.note_applied(1);
  CAF_CHECK(!due.is_due(1'999));
  CAF_CHECK(due.is_due(2'000));
}

CAF_TEST(a failure is not repeated at once) {
  snapshot_schedule due{{.record_bytes = 100, .interval_ms = 0}, 0};
  due.note_applied(100);
  due.begin(10);
  due.failed(20);
  CAF_CHECK(!due.is_due(20 + snapshot_schedule::retry_ms - 1));
  CAF_CHECK(due.is_due(20 + snapshot_schedule::retry_ms));
}

CAF_TEST(a snapshot of the leader counts as one of its own) {
  snapshot_schedule due{{.record_bytes = 100, .interval_ms = 0}, 0};
  due.note_applied(150);
  due.begin(5);
  due.replaced(10);
  due.succeeded();
  CAF_CHECK(!due.is_due(10));
  due.note_applied(99);
  CAF_CHECK(!due.is_due(10));
}
