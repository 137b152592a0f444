#define CAF_SUITE failover_watch
#include "metadata/failover_watch.hpp"
#include "metadata/image_builder.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::metadata;

namespace {

struct fixture {
  fixture() {
    for (const node_id id : {1, 2, 3})
      set_fenced(id, false);
  }
  void set_fenced(node_id id, bool fenced) {
    register_broker_record record;
    record.broker_id = id;
    record.broker_epoch = offset;
    record.fenced = fenced;
    replay(record);
  }
  void replay(const metadata_record& record) {
    if (!builder.replay(offset++, 1, record))
      CAF_FAIL("not replayed");
    const auto before = std::exchange(now_known, builder.build().next);
    watch.replayed(*before, *now_known, now_ms);
  }
  void lose(node_id id) { watch.link_lost(id, *now_known, now_ms); }
  bool is_settled() { return watch.view()->is_settled(now_ms); }
  bool is_listed(node_id id) { return watch.view()->lately_fenced(id, now_ms) != 0; }

  image_builder builder;
  image_ptr now_known = std::make_shared<image>();
  failover_watch watch{{250, 5'000}};
  std::int64_t offset = 0, now_ms = 1'000;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(failover_watch_tests, fixture)

CAF_TEST(whoever asks waits until the broker that is gone is fenced) {
  CAF_CHECK(is_settled());
  CAF_CHECK_EQUAL(watch.next_deadline_ms(now_ms), INT64_MAX);
  lose(2);
  CAF_CHECK(!is_settled());
  CAF_CHECK_EQUAL(watch.next_deadline_ms(now_ms), 1'250);
  now_ms += 30;
  set_fenced(3, true); // another
  CAF_CHECK(!is_settled());
  set_fenced(2, true);
  CAF_CHECK(is_settled());
}

CAF_TEST(nobody waits longer than the bound whatever the link does) {
  lose(2);
  now_ms += 249;
  lose(2);
  CAF_CHECK(!is_settled());
  now_ms += 1;
  CAF_CHECK(is_settled());
  lose(2);
  CAF_CHECK(is_settled());
  watch.link_made(2);
  lose(2); // it was there again: another end
  CAF_CHECK(!is_settled());
}

CAF_TEST(the link that comes back ends the waiting) {
  lose(2);
  watch.link_made(2);
  CAF_CHECK(is_settled());
}

CAF_TEST(nobody waits for who leads nothing) {
  set_fenced(2, true);
  lose(2);
  lose(9); // no broker
  CAF_CHECK(is_settled());
  failover_watch never{{0, 0}};
  never.link_lost(1, *now_known, now_ms);
  CAF_CHECK(never.view()->is_settled(now_ms));
}

CAF_TEST(of a fenced broker is told for a while) {
  CAF_CHECK(!is_listed(2));
  set_fenced(2, true);
  now_ms += 4'999;
  CAF_CHECK(is_listed(2));
  CAF_CHECK(!is_listed(1));
  now_ms += 1;
  CAF_CHECK(!is_listed(2));
  const auto first = now_ms;
  set_fenced(2, false);
  set_fenced(2, true);
  CAF_CHECK(is_listed(2));
  CAF_CHECK_NOT_EQUAL(watch.view()->lately_fenced(2, now_ms), first);
  unregister_broker_record gone;
  gone.broker_id = 2;
  gone.broker_epoch = offset - 1;
  replay(gone);
  CAF_CHECK(!is_listed(2));
}

CAF_TEST(who was fenced when this node came is not listed) {
  image_builder later;
  register_broker_record record;
  record.broker_id = 7;
  record.fenced = true;
  CAF_REQUIRE(later.replay(0, 1, record));
  watch.replayed(*now_known, *later.build().next, now_ms);
  CAF_CHECK(!is_listed(7));
}

CAF_TEST_FIXTURE_SCOPE_END()
