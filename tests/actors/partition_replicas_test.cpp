#define CAF_SUITE partition_replicas
#include "actors/fixture.hpp"

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::actors::test;

namespace {

// The partition leads; what it says to the others is kept.
struct fixture : actors_fixture {
  fixture() {
    environment->desk = sys.spawn([this](replica_desk_actor::pointer) -> replica_desk_actor::behavior_type {
      return {[](link_event&) {}, [](replica_message&) {}, [this](replica_outgoing& out) { sent.push_back(std::move(out)); }};
    });
    environment->propose = [](const isr_request&) {};
    aut = spawn_partition();
    auto registration = actors_fixture::registration(0);
    registration.replicas = registration.isr = {1, 2, 3};
    caf::anon_send(aut, partition_order{leadership{topic_id_of(1), registration, alive({1, 2, 3})}});
    sched.run();
  }
  ~fixture() {
    caf::anon_send_exit(environment->desk, caf::exit_reason::user_shutdown);
    sched.run();
    environment->desk = nullptr;
  }
  static cluster_view_ptr alive(std::initializer_list<node_id> ids) {
    auto view = std::make_shared<cluster_view>();
    view->broker_epoch = 10;
    for (const auto id : ids)
      view->eligible.push_back({id, 10 * id});
    return view;
  }
  void follower_asks(node_id id, std::int64_t log_start_offset, std::int64_t log_end_offset = 3, std::int64_t high_watermark = 3) {
    replica_request request;
    request.from = id;
    request.position = {0, log_end_offset, 0, log_end_offset, 10 * id, high_watermark, log_start_offset};
    caf::anon_send(aut, std::move(request));
    sched.run();
  }
  // How often `id` was told that the log begins at `log_start_offset`.
  std::ptrdiff_t told(node_id id, std::int64_t log_start_offset) const {
    return std::ranges::count_if(sent, [&](const replica_outgoing& out) {
      const auto* said = std::get_if<replication::replica_fetch_response>(&out.content);
      return out.to == id && said && said->log_start_offset == log_start_offset;
    });
  }
  void delete_before(std::int64_t offset) {
    outcome.reset();
    delete_records_query query{offset, time.monotonic_ms() + 1'000,
                               net::completion<std::int64_t>{[this](result<std::int64_t> low) { outcome = std::move(low); }}};
    caf::anon_send(aut, partition_query{std::move(query)});
    sched.run();
  }

  partition_actor aut;
  std::vector<replica_outgoing> sent;
  std::optional<result<std::int64_t>> outcome;
  std::shared_ptr<produce_results> acks = std::make_shared<produce_results>();
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_replicas_tests, fixture)

CAF_TEST(deleted records are gone on every live replica before the answer) {
  for (int i = 0; i < 3; ++i)
    produce(aut, acks);
  sched.run();
  for (const node_id id : {2, 3}) {
    follower_asks(id, 0, 3, 0);
    follower_asks(id, 0);
  }
  CAF_REQUIRE_EQUAL(acks->count(), 3u);
  delete_before(2);
  CAF_CHECK(!outcome);
  CAF_CHECK_EQUAL(told(2, 2), 1); // at once: its fetch was parked
  CAF_CHECK_EQUAL(told(3, 2), 1);
  follower_asks(2, 0); // it could not follow; it is not told again and again
  CAF_CHECK_EQUAL(told(2, 2), 1);
  follower_asks(2, 2);
  CAF_CHECK(!outcome);
  follower_asks(3, 2);
  CAF_REQUIRE(outcome);
  CAF_CHECK_EQUAL(outcome->value_or(-1), 2);

  // One that is down is not waited for, one that is alive until the deadline.
  delete_before(3);
  follower_asks(2, 3);
  CAF_CHECK(!outcome);
  caf::anon_send(aut, partition_order{brokers_changed{alive({1, 2})}});
  sched.run();
  CAF_REQUIRE(outcome);
  CAF_CHECK_EQUAL(outcome->value_or(-1), 3);
  caf::anon_send(aut, partition_order{brokers_changed{alive({1, 2, 3})}});
  sched.run();
  delete_before(3);
  advance(999);
  CAF_CHECK(!outcome);
  advance(1);
  CAF_REQUIRE(outcome && !*outcome);
  CAF_CHECK(outcome->error().code == errc::request_timed_out);

  delete_before(3);
  auto taken = actors_fixture::registration(1);
  taken.replicas = taken.isr = {1, 2, 3};
  taken.leader = 2;
  caf::anon_send(aut, partition_order{leadership{topic_id_of(1), taken, alive({1, 2, 3})}});
  sched.run();
  CAF_REQUIRE(outcome && !*outcome);
  CAF_CHECK(outcome->error().code == errc::not_leader_or_follower);
}

CAF_TEST(past the session only what waits for the in sync set is taken) {
  std::int64_t end = 0;
  const auto write = [&](net::required_acks how) {
    const auto before = acks->count();
    produce(aut, acks, "value", how);
    sched.run();
    if (acks->count() == before) // it waits for the others
      for (const node_id id : {2, 3})
        follower_asks(id, 0, end + 1, 0);
    CAF_REQUIRE_EQUAL(acks->count(), before + 1);
    if (acks->last().code == errc::none)
      ++end;
    return acks->last().code;
  };
  load.session_ends_ms = time.monotonic_ms() + 1'000;
  CAF_CHECK(write(net::required_acks::leader) == errc::none);
  advance(1'000);
  CAF_CHECK(write(net::required_acks::leader) == errc::not_leader_or_follower);
  CAF_CHECK(!acks->last().may_be_written);
  CAF_CHECK(write(net::required_acks::none) == errc::not_leader_or_follower);
  CAF_CHECK(write(net::required_acks::all) == errc::none);
  const auto reads = std::make_shared<fetch_results>();
  fetch(aut, reads, 0);
  sched.run();
  CAF_CHECK(reads->last().code == errc::none);
  CAF_CHECK_EQUAL(reads->last().records.next_offset, 2);
  load.session_ends_ms = time.monotonic_ms() + 1'000; // the controller has answered
  CAF_CHECK(write(net::required_acks::leader) == errc::none);
}

CAF_TEST_FIXTURE_SCOPE_END()
