#define CAF_SUITE broker_lifecycle
#include "metadata/broker_lifecycle.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::metadata;
using state = broker_lifecycle::state;

namespace {

struct fixture {
  fixture() : broker(registration(), {300, 100}) {}
  static broker_registration_request registration() {
    broker_registration_request request;
    request.id = 7;
    return request;
  }
  // What it asks at this moment; there must be something.
  template <class Question>
  Question asked(std::int64_t replayed = -1) {
    const auto question = broker.due(now_ms, replayed);
    if (!question || !std::holds_alternative<Question>(*question))
      CAF_FAIL("asks nothing, or something else, at " << now_ms);
    return std::get<Question>(*question);
  }
  void register_it() {
    CAF_CHECK_EQUAL(asked<broker_registration_request>().id, 7);
    broker_registration_outcome outcome;
    outcome.broker_epoch = 12;
    broker.answered(outcome, now_ms);
  }
  broker_heartbeat beat(bool caught_up, bool fenced, bool should_shut_down = false) {
    const auto said = asked<broker_heartbeat>(40);
    broker.answered(broker_heartbeat_outcome{errc::none, {}, caught_up, fenced, should_shut_down}, now_ms);
    return said;
  }
  void serve() {
    register_it();
    beat(true, false);
  }
  broker_lifecycle broker;
  std::int64_t now_ms = 1'000;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(broker_lifecycle_tests, fixture)

CAF_TEST(it registers and serves when the controller says so) {
  CAF_CHECK(broker.current() == state::registering);
  register_it();
  CAF_CHECK(broker.current() == state::fenced);
  CAF_CHECK_EQUAL(broker.broker_epoch(), 12);
  const auto first = beat(false, true); // it has not replayed its own registration yet
  CAF_CHECK_EQUAL(first.broker_epoch, 12);
  CAF_CHECK_EQUAL(first.metadata_offset, 40);
  CAF_CHECK(broker.current() == state::fenced);
  CAF_CHECK(!broker.due(now_ms + 99, 40));
  now_ms += 100;
  beat(true, false);
  CAF_CHECK(broker.current() == state::serving);
  CAF_CHECK_EQUAL(broker.next_deadline_ms(), now_ms + 300);
}

CAF_TEST(one question at a time) {
  asked<broker_registration_request>();
  CAF_CHECK(!broker.due(now_ms + 100'000, -1));
  CAF_CHECK_EQUAL(broker.next_deadline_ms(), INT64_MAX);
  broker.unanswered(now_ms);
  CAF_CHECK(!broker.due(now_ms, -1));
  now_ms += 100;
  register_it();
}

CAF_TEST(a refused registration is tried again and told) {
  asked<broker_registration_request>();
  broker_registration_outcome outcome;
  outcome.code = errc::duplicate_broker_registration;
  outcome.message = "another process";
  broker.answered(outcome, now_ms);
  CAF_CHECK_EQUAL(broker.refusal(), "another process");
  CAF_CHECK(broker.current() == state::registering);
  now_ms += 100;
  register_it();
  beat(true, false);
  CAF_CHECK(broker.refusal().empty());
}

CAF_TEST(a fenced one is heard again sooner) {
  serve();
  now_ms += 300;
  beat(true, true);
  CAF_CHECK(broker.current() == state::fenced);
  CAF_CHECK_EQUAL(broker.next_deadline_ms(), now_ms + 100);
  broker.hurry();
  beat(true, false);
  CAF_CHECK(broker.current() == state::serving);
}

CAF_TEST(one whose id somebody else has is gone) {
  serve();
  now_ms += 300;
  asked<broker_heartbeat>();
  broker.answered(broker_heartbeat_outcome{errc::stale_broker_epoch, "epoch 13 now", false, true, false}, now_ms);
  CAF_CHECK(broker.current() == state::gone);
  CAF_CHECK(!broker.due(now_ms + 1'000'000, 40));
}

CAF_TEST(any other refusal of a heartbeat is only that) {
  serve();
  now_ms += 300;
  asked<broker_heartbeat>();
  broker.answered(broker_heartbeat_outcome{errc::not_controller, {}, false, true, false}, now_ms);
  CAF_CHECK(broker.current() == state::serving);
  now_ms += 100;
  beat(true, false);
}

CAF_TEST(it leaves when the controller says that it may) {
  serve();
  broker.leave();
  CAF_CHECK(beat(true, false).want_shutdown);
  CAF_CHECK(broker.current() == state::leaving);
  now_ms += 100;
  CAF_CHECK(beat(true, true, true).want_shutdown);
  CAF_CHECK(broker.current() == state::gone);
}

CAF_TEST(one that never registered just goes) {
  broker.leave();
  CAF_CHECK(broker.current() == state::gone);
}

CAF_TEST_FIXTURE_SCOPE_END()
