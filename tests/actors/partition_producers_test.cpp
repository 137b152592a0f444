// What the partition actor does with batches of idempotent producers.
#define CAF_SUITE partition_producers
#include "actors/fixture.hpp"
#include "support/producer_batches.hpp"

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::actors::test;

namespace {

struct fixture : actors_fixture {
  fixture() { sent_at = time.wall_ms(); }

  void send(const partition_actor& to, producer_batch what, net::required_acks acks_wanted = net::required_acks::all) {
    if (what.timestamp == producer_batch{}.timestamp)
      what.timestamp = sent_at;
    produce_bytes(to, acks, build(what).bytes, acks_wanted);
  }
  // Sends, lets everything run, and tells the answer: "3" or "45", with "?" if it may be written.
  std::string ask(const partition_actor& to, const producer_batch& what) {
    const auto before = acks->count();
    send(to, what);
    sched.run();
    if (acks->count() != before + 1)
      return "no answer";
    const auto& last = acks->last();
    return last.code == errc::none ? "at " + std::to_string(last.base_offset)
                                   : std::to_string(static_cast<int>(last.code)) + (last.may_be_written ? "?" : "");
  }
  std::int64_t end_of(const partition_actor& of) {
    auto reads = std::make_shared<fetch_results>();
    fetch(of, reads, 0);
    sched.run();
    return reads->last().high_watermark;
  }
  void close(const partition_actor& what) {
    close_partition order;
    order.done = net::completion<void>{[this](const result<void>& r) { closed = r ? "" : r.error().to_string(); }};
    caf::anon_send(what, partition_order{std::move(order)});
    sched.run();
    CAF_CHECK_EQUAL(closed, "");
    clean = true;
  }
  void kill(const partition_actor& what) {
    caf::anon_send_exit(what, caf::exit_reason::kill);
    sched.run();
    clean = false;
  }
  std::vector<std::string> snapshots() {
    std::vector<std::string> found;
    const auto listed = disk.list("/data/topic-0");
    for (const auto& entry : *listed)
      if (entry.name.ends_with(".snapshot"))
        found.push_back(entry.name.substr(16, 4));
    return found;
  }

  std::shared_ptr<produce_results> acks = std::make_shared<produce_results>();
  std::int64_t sent_at = 0;
  std::string closed;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_producers_tests, fixture)

CAF_TEST(a duplicate of what is not committed waits like the original) {
  auto aut = leading_partition();
  send(aut, {.records = 2});
  run_only(aut);
  send(aut, {.records = 2}); // its client has lost patience, or its first connection
  send(aut, {.sequence = 2});
  send(aut, {.records = 2});
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 0u);
  CAF_CHECK_EQUAL(load.parked_produces.count(), 4);
  CAF_CHECK(last_frame.expired());
  run_only(environment->flusher);
  CAF_CHECK_EQUAL(acks->count(), 0u);
  step(aut); // the first flush: of the first batch alone
  CAF_REQUIRE_EQUAL(acks->count(), 3u);
  for (const auto& each : acks->outcomes) {
    CAF_CHECK_EQUAL(each.code, errc::none);
    CAF_CHECK_EQUAL(each.base_offset, 0);
  }
  sched.run();
  CAF_REQUIRE_EQUAL(acks->count(), 4u);
  CAF_CHECK_EQUAL(acks->last().base_offset, 2);
  CAF_CHECK_EQUAL(load.parked_produces.count(), 0);
  CAF_CHECK_EQUAL(end_of(aut), 3);
}

CAF_TEST(a duplicate of what is committed is answered at once with its offset and time) {
  auto aut = leading_partition();
  for (std::int32_t i = 0; i < 7; ++i)
    CAF_CHECK_EQUAL(ask(aut, {.sequence = i, .timestamp = sent_at + i}), "at " + std::to_string(i));
  CAF_CHECK_EQUAL(acks->last().log_append_time_ms, -1);
  for (std::int32_t i = 2; i < 7; ++i) {
    send(aut, {.sequence = i});
    step(aut);
    CAF_CHECK_EQUAL(acks->last().base_offset, i);
    CAF_CHECK_EQUAL(acks->last().log_append_time_ms, sent_at + i);
    CAF_CHECK_EQUAL(acks->last().log_start_offset, 0);
    CAF_CHECK_EQUAL(acks->last().leader_epoch, 0);
  }
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 1}), "45?"); // six back: forgotten, but there
  CAF_CHECK_EQUAL(end_of(aut), 7);
}

CAF_TEST(acks one is answered at once for a duplicate too) {
  auto aut = leading_partition();
  send(aut, {}, net::required_acks::leader);
  send(aut, {}, net::required_acks::leader);
  run_only(aut);
  CAF_REQUIRE_EQUAL(acks->count(), 2u);
  CAF_CHECK_EQUAL(acks->last().base_offset, 0);
  CAF_CHECK_EQUAL(load.parked_produces.count(), 0);
  sched.run();
  CAF_CHECK_EQUAL(end_of(aut), 1);
}

CAF_TEST(a gap and an old epoch are refused and nothing is appended) {
  auto aut = leading_partition();
  CAF_CHECK_EQUAL(ask(aut, {.epoch = 1}), "at 0");
  CAF_CHECK_EQUAL(ask(aut, {.epoch = 1, .sequence = 2}), "45");
  CAF_CHECK_EQUAL(ask(aut, {.epoch = 0, .sequence = 1}), "47?");
  CAF_CHECK_EQUAL(ask(aut, {.epoch = 2, .sequence = 1}), "45");
  CAF_CHECK_EQUAL(ask(aut, {.id = 9, .sequence = 5}), "at 1"); // never seen: may begin anywhere
  CAF_CHECK_EQUAL(ask(aut, {.epoch = 1, .sequence = 1, .transactional = true}), "53");
  CAF_CHECK_EQUAL(ask(aut, {.id = -1, .epoch = -1, .sequence = -1, .transactional = true}), "53");
  CAF_CHECK_EQUAL(ask(aut, {.epoch = 1, .sequence = 1}), "at 2");
  CAF_CHECK_EQUAL(end_of(aut), 3);
}

CAF_TEST(an append that failed may be sent again) {
  auto aut = leading_partition();
  CAF_CHECK_EQUAL(ask(aut, {}), "at 0");
  files.set_plan([](const operation& what) { return what.kind == operation_kind::append ? fault::no_space : fault::none; });
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 1}), "56");
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 1}), "56"); // no duplicate of what is not there
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 2}), "45");
  files.set_plan({});
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 1}), "at 1");
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 1}), "at 1");
  CAF_CHECK_EQUAL(end_of(aut), 2);
}

CAF_TEST(a duplicate whose original never reaches the disk is in doubt) {
  auto aut = leading_partition();
  break_syncs();
  send(aut, {});
  send(aut, {});
  sched.run();
  CAF_REQUIRE_EQUAL(acks->count(), 2u);
  for (const auto& each : acks->outcomes) {
    CAF_CHECK_EQUAL(each.code, errc::kafka_storage_error);
    CAF_CHECK(each.may_be_written);
  }
}

CAF_TEST(a duplicate past the node s bound is refused as unknown) {
  auto aut = leading_partition();
  send(aut, {});
  run_only(aut);
  for (int i = 0; i < 1000; ++i)
    if (!load.parked_produces.try_add())
      break;
  send(aut, {});
  run_only(aut);
  CAF_REQUIRE_EQUAL(acks->count(), 1u);
  CAF_CHECK_EQUAL(acks->last().code, errc::too_many_requests);
  CAF_CHECK(acks->last().may_be_written);
  load.parked_produces.subtract(999);
}

CAF_TEST(a clean stop leaves a snapshot and the next start knows the last five) {
  auto aut = leading_partition();
  for (std::int32_t i = 0; i < 6; ++i)
    CAF_CHECK_EQUAL(ask(aut, {.sequence = i}), "at " + std::to_string(i));
  close(aut);
  CAF_CHECK((snapshots() == std::vector<std::string>{"0006"}));
  auto again = leading_partition();
  for (std::int32_t i = 1; i < 6; ++i)
    CAF_CHECK_EQUAL(ask(again, {.sequence = i}), "at " + std::to_string(i));
  CAF_CHECK_EQUAL(ask(again, {.sequence = 0}), "45?");
  CAF_CHECK_EQUAL(ask(again, {.sequence = 6}), "at 6");
}

CAF_TEST(after a crash the last five are known from the log) {
  auto aut = leading_partition();
  for (std::int32_t i = 0; i < 6; ++i)
    CAF_CHECK_EQUAL(ask(aut, {.sequence = i}), "at " + std::to_string(i));
  kill(aut);
  CAF_CHECK(snapshots().empty());
  auto again = leading_partition();
  for (std::int32_t i = 1; i < 6; ++i)
    CAF_CHECK_EQUAL(ask(again, {.sequence = i}), "at " + std::to_string(i));
  CAF_CHECK_EQUAL(ask(again, {.sequence = 0}), "45?");
  CAF_CHECK_EQUAL(ask(again, {.sequence = 6}), "at 6");
}

CAF_TEST(a new segment begins with a snapshot of everything before it) {
  partition_settings small = *settings;
  small.log.segment_bytes = 300;
  settings = std::make_shared<const partition_settings>(small);
  auto aut = leading_partition();
  for (std::int32_t i = 0; i < 6; ++i)
    CAF_CHECK_EQUAL(ask(aut, {.sequence = i, .value_bytes = 100}), "at " + std::to_string(i));
  const auto found = snapshots();
  CAF_REQUIRE(found.size() >= 2);
  for (const auto& name : found) {
    const auto offset = std::stoll(name);
    const auto bytes = disk.content("/data/topic-0/0000000000000000" + name + ".snapshot");
    const auto entries = storage::parse_producer_snapshot(*bytes, offset);
    CAF_REQUIRE(entries && entries->size() == 1);
    CAF_CHECK_EQUAL(entries->front().last_offset, offset - 1); // the batch that made it roll is not in it
  }
  kill(aut);
  auto again = leading_partition();
  CAF_CHECK_EQUAL(ask(again, {.sequence = 5, .value_bytes = 100}), "at 5");
  CAF_CHECK_EQUAL(ask(again, {.sequence = 6, .value_bytes = 100}), "at 6");
}

CAF_TEST(the idle are forgotten when it is looked and not before) {
  producer_limits.expiration_ms = 50'000;
  environment->producer_check_interval_ms = 20'000;
  auto aut = leading_partition();
  produce(aut, acks);
  sched.run();
  CAF_CHECK_EQUAL(ask(aut, {}), "at 1");
  const auto due = marks->maintenance_due_ms.load();
  CAF_CHECK_EQUAL(due, time.wall_ms() + 20'000);
  const auto look = [&] {
    caf::anon_send(aut, partition_order{maintain{}});
    sched.run();
  };
  advance(49'999);
  look();
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 7}), "45");
  advance(1);
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 7}), "45");
  look(); // not yet due
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 7}), "45");
  advance(20'000);
  look();
  CAF_CHECK(marks->maintenance_due_ms.load() > time.wall_ms() + 20'000); // nobody is left to look for
  CAF_CHECK_EQUAL(ask(aut, {.sequence = 7}), "at 2");
}

CAF_TEST(a partition without such producers has no snapshot) {
  auto aut = leading_partition();
  close(aut);
  CAF_CHECK(snapshots().empty());
  auto again = leading_partition();
  produce(again, acks);
  sched.run();
  close(again);
  CAF_CHECK(snapshots().empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
