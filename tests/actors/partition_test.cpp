#define CAF_SUITE partition
#include "actors/fixture.hpp"

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::actors::test;

namespace {
struct fixture : actors_fixture {
  std::shared_ptr<produce_results> acks = std::make_shared<produce_results>();
  std::shared_ptr<fetch_results> reads = std::make_shared<fetch_results>();
};
} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_tests, fixture)

CAF_TEST(acks all is answered after the flush and not before) {
  auto aut = leading_partition();
  produce(aut, acks);
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 0u);
  CAF_CHECK_EQUAL(marks->high_watermark.load(), 0);
  run_only(environment->flusher);
  CAF_CHECK_EQUAL(acks->count(), 0u);
  run_only(aut);
  CAF_REQUIRE_EQUAL(acks->count(), 1u);
  CAF_CHECK(acks->last().code == errc::none);
  CAF_CHECK_EQUAL(acks->last().base_offset, 0);
  CAF_CHECK_EQUAL(marks->high_watermark.load(), 1);
  CAF_CHECK_EQUAL(marks->recovery_point.load(), 1);
}

CAF_TEST(acks one is answered after the append and readable only after the flush) {
  auto aut = leading_partition();
  produce(aut, acks, "v", net::required_acks::leader);
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 1u);
  fetch(aut, reads, 0);
  run_only(aut);
  CAF_REQUIRE_EQUAL(reads->outcomes.size(), 1u);
  CAF_CHECK(reads->last().records.slices.empty());
  sched.run();
  fetch(aut, reads, 0);
  sched.run();
  CAF_CHECK_EQUAL(reads->last().high_watermark, 1);
  CAF_CHECK_EQUAL(reads->last().records.next_offset, 1);
}

CAF_TEST(the replicated mode answers without a flush) {
  settings = with_durability(storage::durability_mode::replicated);
  auto aut = leading_partition();
  produce(aut, acks);
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 1u);
  CAF_CHECK_EQUAL(marks->high_watermark.load(), 1);
  CAF_CHECK_EQUAL(marks->recovery_point.load(), 0);
}

CAF_TEST(one ticket is in flight and the next takes all that gathered) {
  auto aut = leading_partition();
  for (int i = 0; i < 5; ++i)
    produce(aut, acks);
  run_only(aut);
  run_only(environment->flusher);
  step(aut); // the first ticket covers the first append
  CAF_CHECK_EQUAL(acks->count(), 1u);
  run_only(environment->flusher);
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 5u);
  for (std::size_t i = 0; i < 5; ++i)
    CAF_CHECK_EQUAL(acks->outcomes[i].base_offset, static_cast<std::int64_t>(i));
}

CAF_TEST(the request bytes are given back once appended) {
  auto aut = leading_partition();
  produce(aut, acks);
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 0u);
  CAF_CHECK(last_frame.expired());
  sched.run();
}

CAF_TEST(a failed flush leaves what was parked in doubt and is never tried again) {
  auto aut = leading_partition();
  produce(aut, acks);
  sched.run();
  break_syncs();
  produce(aut, acks);
  produce(aut, acks);
  sched.run();
  CAF_REQUIRE_EQUAL(acks->count(), 3u);
  for (std::size_t i = 1; i < 3; ++i) {
    CAF_CHECK(acks->outcomes[i].code == errc::kafka_storage_error);
    CAF_CHECK(acks->outcomes[i].may_be_written);
  }
  CAF_CHECK_EQUAL(failed_syncs, 1);
  CAF_CHECK_EQUAL(failures.size(), 1u);
  files.set_plan({}); // the disk seems well again: a later success proves nothing
  produce(aut, acks);
  sched.run();
  CAF_CHECK(acks->last().code == errc::kafka_storage_error);
  CAF_CHECK(!acks->last().may_be_written);
  CAF_CHECK_EQUAL(marks->high_watermark.load(), 1);
  fetch(aut, reads, 0);
  sched.run();
  CAF_CHECK(reads->last().code == errc::none);
  CAF_CHECK_EQUAL(reads->last().records.next_offset, 1);
}

CAF_TEST(a full disk is told as not written and writing goes on when there is room) {
  auto aut = leading_partition();
  files.set_plan([](const operation& what) { return what.kind == operation_kind::append ? fault::no_space : fault::none; });
  produce(aut, acks);
  sched.run();
  CAF_REQUIRE_EQUAL(acks->count(), 1u);
  CAF_CHECK(acks->last().code == errc::kafka_storage_error);
  CAF_CHECK(!acks->last().may_be_written);
  CAF_CHECK(failures.empty());
  files.set_plan({});
  produce(aut, acks);
  sched.run();
  CAF_CHECK(acks->last().code == errc::none);
  CAF_CHECK_EQUAL(acks->last().base_offset, 0);
}

CAF_TEST(an append that meets an I O error takes the directory offline) {
  auto aut = leading_partition();
  files.set_plan([](const operation& what) { return what.kind == operation_kind::append ? fault::io_error : fault::none; });
  produce(aut, acks);
  sched.run();
  CAF_CHECK(!acks->last().may_be_written);
  CAF_CHECK_EQUAL(failures.size(), 1u);
  files.set_plan({});
  produce(aut, acks);
  sched.run();
  CAF_CHECK(acks->last().code == errc::kafka_storage_error);
}

CAF_TEST(what is parked expires as unknown by the virtual clock) {
  auto aut = leading_partition();
  produce(aut, acks, "v", net::required_acks::all, 100);
  run_only(aut);
  time.advance(99);
  sched.clock().advance_time(std::chrono::milliseconds(99));
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 0u);
  time.advance(2);
  sched.clock().advance_time(std::chrono::milliseconds(2));
  run_only(aut);
  CAF_REQUIRE_EQUAL(acks->count(), 1u);
  CAF_CHECK(acks->last().code == errc::request_timed_out);
  CAF_CHECK(acks->last().may_be_written);
  sched.run();
  CAF_CHECK_EQUAL(acks->count(), 1u);
  CAF_CHECK_EQUAL(load.parked_produces.count(), 0);
}

CAF_TEST(death answers what was parked and what lay in the mailbox) {
  auto aut = leading_partition();
  produce(aut, acks);
  run_only(aut); // parked
  fetch(aut, reads, 0, true);
  run_only(aut); // watching
  caf::anon_send_exit(aut, caf::exit_reason::kill);
  produce(aut, acks); // behind it in the mailbox
  step(aut);
  CAF_REQUIRE_EQUAL(acks->count(), 2u);
  auto unknown = 0, not_written = 0;
  for (const auto& each : acks->outcomes) {
    CAF_CHECK(each.code == errc::not_leader_or_follower);
    ++(each.may_be_written ? unknown : not_written);
  }
  CAF_CHECK_EQUAL(unknown, 1);
  CAF_CHECK_EQUAL(not_written, 1);
  CAF_CHECK_EQUAL(reads->available.size(), 1u);
  CAF_CHECK_EQUAL(load.parked_produces.count(), 0);
  CAF_CHECK_EQUAL(load.watches.count(), 0);
  produce(aut, acks); // nobody is there
  CAF_CHECK_EQUAL(acks->count(), 3u);
  CAF_CHECK(!acks->last().may_be_written);
}

CAF_TEST(lost leadership fails what is parked and tells the watchers) {
  auto aut = leading_partition();
  fetch(aut, reads, 0, true);
  produce(aut, acks);
  run_only(aut);
  auto other = registration(1);
  other.leader = 2;
  caf::anon_send(aut, partition_order{leadership{topic_id_of(1), other, nullptr}});
  run_only(aut);
  CAF_REQUIRE_EQUAL(acks->count(), 1u);
  CAF_CHECK(acks->last().code == errc::not_leader_or_follower);
  CAF_CHECK(acks->last().may_be_written);
  CAF_CHECK_EQUAL(reads->available.size(), 1u);
  produce(aut, acks);
  sched.run();
  CAF_CHECK(acks->last().code == errc::not_leader_or_follower);
  CAF_CHECK(!acks->last().may_be_written);
}

// After a power cut this replica may lack what its followers have; they would cut their logs to its.
CAF_TEST(what the process before led is not led before this one is registered) {
  auto aut = spawn_partition();
  auto led = registration(3);
  led.replicas = {1, 2};
  const auto order = [&](std::int64_t broker_epoch) {
    auto brokers = std::make_shared<cluster_view>();
    brokers->broker_epoch = broker_epoch;
    caf::anon_send(aut, partition_order{leadership{topic_id_of(1), led, brokers}});
    produce(aut, acks);
    sched.run();
  };
  order(-1);
  CAF_CHECK_EQUAL(acks->last().code, errc::not_leader_or_follower);
  CAF_CHECK(!acks->last().may_be_written);
  led.leader_epoch = led.partition_epoch = 4;
  order(17);
  CAF_CHECK_EQUAL(acks->last().code, errc::none);
  CAF_CHECK_EQUAL(acks->last().base_offset, 0);
}

CAF_TEST(overload is refused before anything is written) {
  node_load small{2, 1};
  environment->load = &small;
  auto aut = leading_partition();
  for (int i = 0; i < 4; ++i)
    produce(aut, acks);
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 2u);
  for (const auto& each : acks->outcomes) {
    CAF_CHECK(each.code == errc::too_many_requests);
    CAF_CHECK(!each.may_be_written);
  }
  sched.run();
  CAF_CHECK_EQUAL(acks->count(), 4u);
  fetch(aut, reads, 2, true);
  fetch(aut, reads, 2, true);
  sched.run();
  CAF_CHECK(reads->outcomes[0].watching);
  CAF_CHECK(!reads->outcomes[1].watching);
  caf::anon_send_exit(aut, caf::exit_reason::user_shutdown);
  sched.run();
  environment->load = &load;
}

CAF_TEST(a watch is told once when the high watermark moves) {
  auto aut = leading_partition();
  fetch(aut, reads, 0, true);
  sched.run();
  CAF_REQUIRE(reads->last().watching);
  produce(aut, acks);
  run_only(aut);
  CAF_CHECK(reads->available.empty()); // appended, not committed
  sched.run();
  CAF_CHECK_EQUAL(reads->available.size(), 1u);
  produce(aut, acks);
  sched.run();
  CAF_CHECK_EQUAL(reads->available.size(), 1u);
}

CAF_TEST(watches of sessions that have gone do not pile up) {
  auto aut = leading_partition();
  for (int i = 0; i < 500; ++i) {
    auto gone = std::make_shared<fetch_results>();
    fetch(aut, gone, 0, true);
    sched.run();
  }
  CAF_CHECK_LESS(load.watches.count(), 40);
}

CAF_TEST(requests of another leader epoch are refused) {
  auto aut = spawn_partition();
  lead(aut, 5);
  fetch(aut, reads, 0, false, 4);
  sched.run();
  CAF_CHECK(reads->last().code == errc::fenced_leader_epoch);
  fetch(aut, reads, 0, false, 6);
  sched.run();
  CAF_CHECK(reads->last().code == errc::unknown_leader_epoch);
  fetch(aut, reads, 0, false, 5);
  sched.run();
  CAF_CHECK(reads->last().code == errc::none);
  fetch(aut, reads, 1);
  sched.run();
  CAF_CHECK(reads->last().code == errc::offset_out_of_range);
}

CAF_TEST(a batch that is not sound is refused and nothing is appended) {
  auto aut = leading_partition();
  auto bytes = make_batch("value", time.wall_ms());
  bytes[bytes.size() - 2] ^= std::byte{1};
  produce_bytes(aut, acks, bytes);
  sched.run();
  CAF_CHECK(acks->last().code == errc::corrupt_message);
  CAF_CHECK(!acks->last().may_be_written);
  produce(aut, acks);
  sched.run();
  CAF_CHECK_EQUAL(acks->last().base_offset, 0);
}

CAF_TEST(deleted records are gone for good before the answer) {
  auto aut = leading_partition();
  for (int i = 0; i < 3; ++i)
    produce(aut, acks);
  sched.run();
  caf::anon_send(environment->flusher, directory_order{track_partition{{"topic", 0}, marks}});
  std::vector<result<std::int64_t>> answers;
  const auto ask = [&](std::int64_t offset) {
    caf::anon_send(aut, partition_query{delete_records_query{
                            offset, 0, net::completion<std::int64_t>{[&](result<std::int64_t> r) { answers.push_back(std::move(r)); }}}});
  };
  ask(2);
  run_only(aut);
  CAF_CHECK(answers.empty()); // not in the checkpoint yet
  sched.run();
  CAF_REQUIRE_EQUAL(answers.size(), 1u);
  CAF_CHECK_EQUAL(answers[0].value(), 2);
  CAF_CHECK(disk.content("/data/log-start-offset-checkpoint").has_value());
  ask(4);
  ask(-1);
  sched.run();
  CAF_REQUIRE_EQUAL(answers.size(), 3u);
  CAF_CHECK(answers[1].error().code == errc::offset_out_of_range);
  CAF_CHECK_EQUAL(answers[2].value(), 3);
  fetch(aut, reads, 1);
  sched.run();
  CAF_CHECK(reads->last().code == errc::offset_out_of_range);
  CAF_CHECK_EQUAL(reads->last().log_start_offset, 3);
}

CAF_TEST(offsets by time end at the high watermark) {
  auto aut = leading_partition();
  produce(aut, acks);
  sched.run();
  produce(aut, acks, "later");
  run_only(aut); // appended, not committed
  std::vector<std::int64_t> offsets;
  const auto ask = [&](std::int64_t timestamp) {
    list_offset_query query;
    query.timestamp = timestamp;
    query.done = net::completion<storage::timestamp_and_offset>{
        [&](const result<storage::timestamp_and_offset>& r) { offsets.push_back(r ? r->offset : -100); }};
    caf::anon_send(aut, partition_query{std::move(query)});
    run_only(aut);
  };
  ask(net::latest_timestamp);
  ask(net::earliest_timestamp);
  ask(time.wall_ms() + 1);
  ask(time.wall_ms());
  ask(-77);
  CAF_CHECK_EQUAL(offsets, (std::vector<std::int64_t>{1, 0, -1, 0, -100}));
  sched.run();
}

CAF_TEST(a switch to fsync flushes before it promises) {
  settings = with_durability(storage::durability_mode::replicated);
  auto aut = leading_partition();
  produce(aut, acks);
  sched.run();
  CAF_CHECK_EQUAL(marks->recovery_point.load(), 0);
  caf::anon_send(aut, partition_order{new_settings{with_durability(storage::durability_mode::fsync)}});
  run_only(aut);
  produce(aut, acks);
  run_only(aut);
  CAF_CHECK_EQUAL(acks->count(), 1u);
  sched.run();
  CAF_CHECK_EQUAL(acks->count(), 2u);
  CAF_CHECK_EQUAL(marks->recovery_point.load(), 2);
}

CAF_TEST(an orderly close flushes and acknowledges what it can) {
  auto aut = leading_partition();
  produce(aut, acks);
  run_only(aut); // parked; its ticket waits at the flusher
  auto closed = false;
  caf::anon_send(aut,
                 partition_order{close_partition{true, net::completion<void>{[&](const result<void>& r) { closed = r.has_value(); }}}});
  run_only(aut);
  CAF_CHECK(closed);
  CAF_REQUIRE_EQUAL(acks->count(), 1u);
  CAF_CHECK(acks->last().code == errc::none);
  CAF_CHECK_EQUAL(marks->recovery_point.load(), 1);
  sched.run();
}

CAF_TEST(old records stay until it is time to look for them) {
  partition_settings made;
  made.log.retention_ms = 1000;
  settings = std::make_shared<const partition_settings>(made);
  environment->retention_check_interval_ms = 60'000;
  const auto made_ms = time.wall_ms();
  auto aut = leading_partition();
  produce(aut, acks, "v");
  sched.run();
  const auto look_after = [&](std::int64_t ms) {
    time.advance(ms);
    caf::anon_send(aut, partition_order{maintain{}}); // whatever for
    sched.run();
    return marks->log_start_offset.load();
  };
  CAF_CHECK_EQUAL(look_after(59'999), 0);
  CAF_CHECK_EQUAL(marks->maintenance_due_ms.load(), time.wall_ms() + 1000); // not at once again
  CAF_CHECK_EQUAL(look_after(1), 1);
  produce(aut, acks, "w");
  sched.run();
  CAF_CHECK_EQUAL(look_after(59'999), 1);
  CAF_CHECK_EQUAL(look_after(1), 2);
  CAF_CHECK_EQUAL(time.wall_ms(), made_ms + 120'000);
}

CAF_TEST(old records that could not be removed are tried again soon) {
  partition_settings made;
  made.log.retention_ms = 1000;
  settings = std::make_shared<const partition_settings>(made);
  environment->retention_check_interval_ms = 60'000;
  auto aut = leading_partition();
  produce(aut, acks, "v");
  sched.run();
  int tries = 0;
  files.set_plan([&](const operation& what) {
    if (what.kind != operation_kind::create || !what.path.ends_with(".log"))
      return fault::none;
    ++tries;
    return fault::too_many_files;
  });
  const auto look_after = [&](std::int64_t ms) {
    time.advance(ms);
    caf::anon_send(aut, partition_order{maintain{}});
    sched.run();
    return marks->log_start_offset.load();
  };
  CAF_CHECK_EQUAL(look_after(60'000), 0);
  const auto per_look = tries; // closing other files is tried as well
  CAF_CHECK_GREATER(per_look, 0);
  CAF_CHECK_EQUAL(marks->maintenance_due_ms.load(), time.wall_ms() + 1000);
  CAF_CHECK_EQUAL(look_after(999), 0);
  CAF_CHECK_EQUAL(tries, per_look);
  CAF_CHECK_EQUAL(look_after(1), 0);
  CAF_CHECK_EQUAL(tries, 2 * per_look);
  files.set_plan({});
  CAF_CHECK_EQUAL(look_after(1000), 1);
  CAF_CHECK(failures.empty());
}

CAF_TEST(data that no acknowledgement waits for is flushed in time) {
  settings = with_durability(storage::durability_mode::replicated);
  auto aut = leading_partition();
  produce(aut, acks, "v", net::required_acks::leader);
  sched.run();
  CAF_CHECK_EQUAL(marks->recovery_point.load(), 0);
  const auto due_ms = marks->maintenance_due_ms.load();
  CAF_CHECK_LESS_OR_EQUAL(due_ms, time.wall_ms() + environment->checkpoint_interval_ms);
  CAF_CHECK_LESS_OR_EQUAL(board.earliest_ms(), due_ms);
  time.advance(environment->checkpoint_interval_ms);
  caf::anon_send(aut, partition_order{maintain{}});
  sched.run();
  CAF_CHECK_EQUAL(marks->recovery_point.load(), 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
