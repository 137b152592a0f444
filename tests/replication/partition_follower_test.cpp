#define CAF_SUITE partition_follower
#include <caf/test/dsl.hpp>

#include "replication/partition_follower.hpp"
#include "replication/partition_leader.hpp"

using namespace cafka;
using namespace cafka::replication;
using storage::durability_mode;
using storage::epoch_end;

namespace {

// A log of which only the shape is known.
struct shape {
  std::int64_t start = 0, end = 0, flushed = 0;
  storage::leader_epoch_cache epochs;

  [[nodiscard]] replica_log view() const { return {start, end, flushed, epochs.entries()}; }
  void append(std::int32_t epoch, std::int64_t count) {
    epochs.assign(epoch, end);
    end += count;
  }
  void flush() { flushed = end; }
  void cut(std::int64_t to) {
    end = std::min(end, to);
    flushed = std::min(flushed, end);
    epochs.truncate_from_end(end);
  }
  void start_over(std::int64_t at) { *this = {at, at, at, {}}; }
};

replica_fetch_response answer_to(const replica_fetch_request& request, std::int64_t high_watermark = 0) {
  replica_fetch_response response;
  response.current_leader_epoch = request.current_leader_epoch;
  response.fetch_offset = request.fetch_offset;
  response.last_fetched_epoch = request.last_fetched_epoch;
  response.high_watermark = high_watermark;
  return response;
}

struct fixture {
  follower_config config;
  partition_follower core{{}};
  shape log;
  replica_fetch_request sent;
  std::int64_t now = 1'000;

  follower_effects keep(const follower_effects& out) {
    if (out.fetch)
      sent = *out.fetch;
    return out;
  }
  follower_effects follow(std::int32_t epoch, std::int64_t high_watermark = 0) {
    return keep(core.follow({2, epoch, 77}, log.view(), high_watermark, now));
  }
  follower_effects respond(const replica_fetch_response& response) { return keep(core.on_response(response, log.view(), now)); }
  follower_effects records(std::int32_t epoch, std::int64_t count, std::int64_t leader_high_watermark) {
    auto response = answer_to(sent, leader_high_watermark);
    response.has_records = true;
    const auto out = respond(response);
    CAF_CHECK(out.append);
    CAF_CHECK(!out.high_watermark); // not before the append
    CAF_CHECK(!out.fetch);
    log.append(epoch, count);
    return keep(core.appended(log.view(), now));
  }
  follower_effects diverge(std::int32_t epoch, std::int64_t end, std::int64_t leader_high_watermark = 0) {
    auto response = answer_to(sent, leader_high_watermark);
    response.diverging = epoch_end{epoch, end};
    return respond(response);
  }
  ~fixture() { CAF_CHECK_EQUAL(core.check_invariants(log.view()).value_or(""), ""); }
};

struct pair_of_logs {
  partition_leader leader{1, {}};
  shape log;
  std::int64_t now = 1'000;

  void lead(std::int32_t epoch) {
    log.epochs.assign(epoch, log.end);
    leader.become_leader({epoch, 1, {1, 2}, {1, 2}}, log.end, log.end, 0, now);
  }
  replica_fetch_answer ask(std::int32_t epoch, std::int64_t offset, std::int32_t last_epoch, std::int64_t flushed = -1,
                           std::int64_t high_watermark = 0) {
    return answer_replica_fetch(leader, log.view(), 2, {epoch, offset, last_epoch, flushed < 0 ? offset : flushed, 50, high_watermark},
                                now);
  }
  errc code(std::int32_t epoch, std::int64_t offset, std::int32_t last_epoch) { return ask(epoch, offset, last_epoch).response.code; }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(following_a_leader, fixture)

CAF_TEST(a fetch says where the log ends) {
  CAF_CHECK(!core.follows());
  CAF_CHECK_EQUAL(core.next_deadline_ms(), INT64_MAX);
  log.append(3, 10);
  log.flushed = 6;
  const auto out = follow(5, 4);
  CAF_REQUIRE(out.fetch.has_value());
  CAF_CHECK(!out.truncate_to); // never by the high watermark (KIP-101)
  CAF_CHECK(out.flush);
  CAF_CHECK_EQUAL(sent.current_leader_epoch, 5);
  CAF_CHECK_EQUAL(sent.fetch_offset, 10);
  CAF_CHECK_EQUAL(sent.last_fetched_epoch, 3);
  CAF_CHECK_EQUAL(sent.flushed_end_offset, 6);
  CAF_CHECK_EQUAL(sent.broker_epoch, 77);
  CAF_CHECK_EQUAL(sent.high_watermark, 4);
  CAF_CHECK_EQUAL(core.leader(), 2);
}

CAF_TEST(what is known of the high watermark is kept within the log) {
  log.append(3, 10);
  follow(5, 14);
  CAF_CHECK_EQUAL(core.high_watermark(), 10);
  log.start_over(20);
  follow(6, 4);
  CAF_CHECK_EQUAL(core.high_watermark(), 20);
}

CAF_TEST(epochs never go back) {
  follow(5);
  CAF_CHECK(!follow(4).fetch);
  CAF_CHECK_EQUAL(core.leader_epoch(), 5);
  CAF_CHECK(!keep(core.follow({2, 5, 99}, log.view(), 0, now)).fetch); // the same: one fetch stays in flight
  respond(answer_to(sent));
  CAF_CHECK_EQUAL(sent.broker_epoch, 99);
  core.stop();
  CAF_CHECK(!follow(5).fetch);
  CAF_CHECK(follow(6).fetch.has_value());
}

CAF_TEST(records are appended before the high watermark moves and the next fetch is sent) {
  follow(5);
  auto out = records(5, 10, 8);
  CAF_CHECK_EQUAL(out.high_watermark.value_or(-1), 8);
  CAF_CHECK(out.flush);
  CAF_CHECK_EQUAL(sent.fetch_offset, 10);
  CAF_CHECK_EQUAL(sent.last_fetched_epoch, 5);
  CAF_CHECK_EQUAL(sent.flushed_end_offset, 0);
  CAF_CHECK_EQUAL(sent.high_watermark, 8);
  out = records(5, 1, 30);
  CAF_CHECK_EQUAL(out.high_watermark.value_or(-1), 11); // no further than the own log
  CAF_CHECK(!out.flush); // one is under way
}

CAF_TEST(an empty answer moves the high watermark and keeps the last epoch) {
  log.append(5, 10);
  log.flush();
  follow(5);
  auto out = respond(answer_to(sent, 7));
  CAF_CHECK_EQUAL(out.high_watermark.value_or(-1), 7);
  CAF_CHECK(out.fetch.has_value());
  CAF_CHECK_EQUAL(sent.last_fetched_epoch, 5); // KAFKA-15510
  CAF_CHECK_EQUAL(sent.high_watermark, 7);
  CAF_CHECK(!respond(answer_to(sent, 3)).high_watermark); // a new leader knows less: it does not fall
  CAF_CHECK_EQUAL(core.high_watermark(), 7);
}

CAF_TEST(divergence cuts to the smaller end) {
  log.append(1, 10);
  log.append(2, 10);
  log.append(4, 10);
  log.flush();
  follow(5);
  CAF_CHECK_EQUAL(sent.last_fetched_epoch, 4);
  auto out = diverge(2, 15);
  CAF_CHECK_EQUAL(out.truncate_to.value_or(-1), 15);
  CAF_CHECK(!out.fetch);
  CAF_CHECK(!out.lost);
  log.cut(15);
  out = keep(core.repaired(log.view(), now));
  CAF_REQUIRE(out.fetch.has_value()); // it is asked again, until the logs agree (KIP-279)
  CAF_CHECK_EQUAL(sent.fetch_offset, 15);
  CAF_CHECK_EQUAL(sent.last_fetched_epoch, 2);
  // The leader has an epoch 1 that is longer than the own: the own end is the smaller.
  out = diverge(1, 12);
  CAF_CHECK_EQUAL(out.truncate_to.value_or(-1), 10);
}

CAF_TEST(an epoch without a record is mended though no byte is cut) {
  log.append(3, 10);
  log.epochs.assign(4, 10); // it led, and wrote nothing
  log.flush();
  follow(5);
  CAF_CHECK_EQUAL(sent.last_fetched_epoch, 4);
  const auto out = diverge(3, 12);
  CAF_CHECK_EQUAL(out.truncate_to.value_or(-1), 10);
  log.cut(10);
  keep(core.repaired(log.view(), now));
  CAF_CHECK_EQUAL(sent.fetch_offset, 10);
  CAF_CHECK_EQUAL(sent.last_fetched_epoch, 3);
}

CAF_TEST(a log of which the leader knows no epoch is cut to its start) {
  log.append(3, 10);
  follow(5);
  CAF_CHECK_EQUAL(diverge(2, 7).truncate_to.value_or(-1), 0);
}

CAF_TEST(a divergence says nothing of the high watermark) {
  log.append(1, 10);
  log.append(2, 10);
  follow(5, 8);
  const auto out = diverge(1, 10, 20); // KAFKA-14704
  CAF_CHECK(!out.high_watermark);
  CAF_CHECK(!out.lost);
  CAF_CHECK_EQUAL(core.high_watermark(), 8);
}

CAF_TEST(a cut below the high watermark is a loss and said so) {
  log.append(1, 20);
  follow(5, 15);
  const auto out = diverge(1, 10);
  CAF_REQUIRE(out.lost.has_value());
  CAF_CHECK_EQUAL(out.lost->from, 10);
  CAF_CHECK_EQUAL(out.lost->to, 15);
  CAF_CHECK_EQUAL(out.high_watermark.value_or(-1), 10);
  CAF_CHECK_EQUAL(out.truncate_to.value_or(-1), 10);
  log.cut(10);
}

CAF_TEST(a divergence that cuts nothing is no reason to ask at once) {
  log.append(1, 20);
  follow(5);
  const auto out = diverge(1, 20);
  CAF_CHECK(!out.truncate_to);
  CAF_CHECK(!out.fetch);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 20);
}

CAF_TEST(too far behind it starts over where the leader begins) {
  log.append(1, 20);
  follow(5, 15);
  auto response = answer_to(sent);
  response.code = errc::offset_out_of_range;
  response.log_start_offset = 100;
  auto out = respond(response);
  CAF_CHECK_EQUAL(out.start_over_at.value_or(-1), 100);
  CAF_CHECK(!out.lost);
  CAF_CHECK(!out.high_watermark); // not past the end of what is there
  log.start_over(100);
  out = keep(core.repaired(log.view(), now));
  CAF_CHECK_EQUAL(out.high_watermark.value_or(-1), 100); // KAFKA-9491
  CAF_CHECK_EQUAL(sent.fetch_offset, 100);
  CAF_CHECK_EQUAL(sent.last_fetched_epoch, -1);
  response = answer_to(sent);
  response.code = errc::offset_out_of_range;
  response.log_start_offset = 100;
  CAF_CHECK(!respond(response).start_over_at); // done already: pause
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 20);
}

CAF_TEST(an error changes nothing and is asked again ever later) {
  config.fetch_backoff_ms = 100;
  core = partition_follower{config};
  log.append(3, 10);
  log.flush();
  follow(5, 4);
  const auto asked = sent;
  for (const std::int64_t pause : {20, 40, 80, 100, 100}) {
    auto response = answer_to(sent, 9);
    response.code = pause < 80 ? errc::unknown_leader_epoch : errc::fenced_leader_epoch;
    response.log_start_offset = 9;
    const auto out = respond(response);
    CAF_CHECK(!out.fetch && !out.truncate_to && !out.start_over_at && !out.high_watermark && !out.log_start_offset && !out.append);
    CAF_CHECK_EQUAL(core.high_watermark(), 4);
    CAF_CHECK_EQUAL(core.next_deadline_ms(), now + pause);
    CAF_CHECK(!keep(core.tick(log.view(), now + pause - 1)).fetch);
    now += pause;
    CAF_CHECK(keep(core.tick(log.view(), now)).fetch.has_value());
    CAF_CHECK_EQUAL(sent.fetch_offset, asked.fetch_offset);
  }
  respond(answer_to(sent));
  auto response = answer_to(sent);
  response.code = errc::unknown_leader_epoch;
  respond(response);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 20); // from the beginning again
}

CAF_TEST(late answers are dropped) {
  log.append(3, 10);
  log.flush();
  follow(5);
  auto late = answer_to(sent);
  late.diverging = epoch_end{2, 5};
  auto other_epoch = late, other_offset = late, other_last = late;
  other_epoch.current_leader_epoch = 4;
  other_offset.fetch_offset = 9;
  other_last.last_fetched_epoch = 2;
  for (const auto& one : {other_epoch, other_offset, other_last})
    CAF_CHECK(!respond(one).truncate_to);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 1'500); // still in flight
  core.stop();
  CAF_CHECK(!respond(late).truncate_to);
}

CAF_TEST(no answer and a lost link) {
  follow(5);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 500 + 1'000);
  CAF_CHECK(!keep(core.tick(log.view(), now + 1'499)).fetch);
  now += 1'500;
  CAF_CHECK(keep(core.tick(log.view(), now)).fetch.has_value());
  core.link_lost(now);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 20);
  CAF_CHECK(!respond(answer_to(sent)).fetch); // it may still come, and changes nothing
}

CAF_TEST(a flush that ends while its fetch is parked is told) {
  follow(5);
  records(5, 10, 0);
  CAF_CHECK_EQUAL(sent.flushed_end_offset, 0);
  log.flush();
  auto out = core.flushed(log.view(), now);
  CAF_REQUIRE(out.progress.has_value());
  CAF_CHECK_EQUAL(out.progress->flushed_end_offset, 10);
  CAF_CHECK_EQUAL(out.progress->fetch_offset, 10);
  CAF_CHECK_EQUAL(out.progress->last_fetched_epoch, 5);
  CAF_CHECK_EQUAL(out.progress->current_leader_epoch, 5);
  CAF_CHECK_EQUAL(out.progress->broker_epoch, 77);
  CAF_CHECK(!out.fetch);
  CAF_CHECK(!out.flush);
  CAF_CHECK(!core.flushed(log.view(), now).progress); // nothing new
  respond(answer_to(sent));
  CAF_CHECK_EQUAL(sent.flushed_end_offset, 10);
}

CAF_TEST(flushes follow each other) {
  follow(5);
  CAF_CHECK(records(5, 10, 0).flush);
  CAF_CHECK(!records(5, 10, 0).flush);
  log.flushed = 10; // what the first one covered
  const auto out = core.flushed(log.view(), now);
  CAF_CHECK(out.flush);
  CAF_REQUIRE(out.progress.has_value());
  CAF_CHECK_EQUAL(out.progress->flushed_end_offset, 10);
}

CAF_TEST(replicated asks for no flush) {
  config.durability = durability_mode::replicated;
  core = partition_follower{config};
  follow(5);
  CAF_CHECK(!records(5, 10, 0).flush);
}

CAF_TEST(an append that fails is tried again later) {
  follow(5);
  auto response = answer_to(sent, 10);
  response.has_records = true;
  CAF_CHECK(respond(response).append);
  CAF_CHECK(!core.append_failed(now).fetch);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), now + 20);
  CAF_CHECK_EQUAL(core.high_watermark(), 0);
}

CAF_TEST(the log start follows that of the leader) {
  log.append(5, 10);
  follow(5);
  auto response = answer_to(sent, 6);
  response.log_start_offset = 4;
  CAF_CHECK_EQUAL(respond(response).log_start_offset.value_or(-1), 4);
  log.start = 4;
  response = answer_to(sent, 6);
  response.log_start_offset = 4;
  CAF_CHECK(!respond(response).log_start_offset);
  response = answer_to(sent, 6);
  response.log_start_offset = 9; // never past what is known to be committed (R11)
  CAF_CHECK_EQUAL(respond(response).log_start_offset.value_or(-1), 6);
}

CAF_TEST(a new leader drops what was in flight) {
  log.append(3, 10);
  follow(5);
  const auto old = sent;
  follow(6);
  auto late = answer_to(old);
  late.diverging = epoch_end{2, 5};
  CAF_CHECK(!respond(late).truncate_to);
  CAF_CHECK_EQUAL(sent.current_leader_epoch, 6);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST_FIXTURE_SCOPE(answering_followers, pair_of_logs)

CAF_TEST(a replica names the leader epoch) {
  CAF_CHECK_EQUAL(code(5, 0, -1), errc::not_leader_or_follower);
  lead(5);
  CAF_CHECK_EQUAL(code(5, 0, -1), errc::none);
  CAF_CHECK_EQUAL(code(4, 0, -1), errc::fenced_leader_epoch);
  CAF_CHECK_EQUAL(code(-1, 0, -1), errc::fenced_leader_epoch); // KIP-320
  CAF_CHECK_EQUAL(code(6, 0, -1), errc::unknown_leader_epoch);
  CAF_CHECK_EQUAL(answer_replica_fetch(leader, log.view(), 9, {5, 0, -1, 0, 50, 0}, now).response.code, errc::replica_not_available);
}

CAF_TEST(only a prefix counts) {
  log.append(3, 10);
  log.append(4, 10);
  lead(5);
  log.append(5, 10);
  leader.on_appended(30, now);
  leader.on_flushed(30, now);
  auto diverges = [&](std::int64_t offset, std::int32_t last_epoch, std::int32_t epoch, std::int64_t end) {
    const auto answer = ask(leader.leader_epoch(), offset, last_epoch);
    CAF_REQUIRE(answer.response.diverging.has_value());
    CAF_CHECK_EQUAL(answer.response.diverging->leader_epoch, epoch);
    CAF_CHECK_EQUAL(answer.response.diverging->end_offset, end);
    CAF_CHECK(!answer.response.has_records);
    CAF_CHECK(!answer.may_park);
    CAF_CHECK_EQUAL(leader.high_watermark(), 0); // what diverges has reached nothing
  };
  diverges(25, 4, 4, 20);
  diverges(12, 3, 3, 10);
  diverges(31, 5, 5, 30);
  lead(8);
  diverges(25, 6, 5, 30); // an epoch that left no record here
  const auto answer = ask(8, 25, 5);
  CAF_CHECK(answer.response.has_records);
  CAF_CHECK(answer.high_watermark_moved);
  CAF_CHECK_EQUAL(answer.response.high_watermark, 25);
  CAF_CHECK_EQUAL(answer.response.fetch_offset, 25);
  CAF_CHECK_EQUAL(answer.response.last_fetched_epoch, 5);
}

CAF_TEST(what cannot be compared starts over) {
  log.append(3, 10);
  log.append(4, 10);
  lead(5);
  log.start = 12;
  log.epochs.truncate_from_start(12);
  CAF_CHECK_EQUAL(code(5, 11, 4), errc::offset_out_of_range);
  CAF_CHECK_EQUAL(ask(5, 15, 3).response.log_start_offset, 12);
  CAF_CHECK_EQUAL(code(5, 15, 3), errc::offset_out_of_range); // no epoch at or below 3 is left
  CAF_CHECK_EQUAL(code(5, 11, -1), errc::offset_out_of_range);
  CAF_CHECK_EQUAL(code(5, 21, -1), errc::offset_out_of_range);
  CAF_CHECK_EQUAL(code(5, 12, -1), errc::none);
  CAF_CHECK_EQUAL(code(5, 15, 4), errc::none);
}

CAF_TEST(a fetch is parked until there is news) {
  lead(5);
  log.append(5, 10);
  leader.on_appended(10, now);
  leader.on_flushed(10, now);
  CAF_CHECK(!ask(5, 0, -1).may_park);
  auto answer = ask(5, 10, 5, 4);
  CAF_CHECK_EQUAL(leader.high_watermark(), 4);
  CAF_CHECK(!answer.may_park); // it does not know that
  answer = ask(5, 10, 5, 4, 4);
  CAF_CHECK(answer.may_park);
  const replica_fetch_request parked{5, 10, 5, 4, 50, 4};
  CAF_CHECK(!is_due(leader, log.view(), parked));
  CAF_CHECK(ask(5, 10, 5, 10, 4).high_watermark_moved); // its progress
  CAF_CHECK(is_due(leader, log.view(), parked));
  const auto response = answer_parked(leader, log.view(), parked);
  CAF_CHECK_EQUAL(response.high_watermark, 10);
  CAF_CHECK(!response.has_records);
  CAF_CHECK(!is_due(leader, log.view(), {5, 10, 5, 10, 50, 10}));
  log.append(5, 1);
  CAF_CHECK(is_due(leader, log.view(), {5, 10, 5, 10, 50, 10}));
  CAF_CHECK(answer_parked(leader, log.view(), parked).has_records);
  std::vector<released_ack> released;
  leader.resign(released);
  CAF_CHECK(is_due(leader, log.view(), {5, 11, 5, 11, 50, 10}));
  CAF_CHECK_EQUAL(answer_parked(leader, log.view(), parked).code, errc::not_leader_or_follower);
}

CAF_TEST_FIXTURE_SCOPE_END()
