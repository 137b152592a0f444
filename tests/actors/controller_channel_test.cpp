#define CAF_SUITE controller_channel
#include "actors/controller_channel.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::actors;

namespace {

struct fixture {
  fixture() : channel(2, [this] { return now_ms; }) { channel.set_reason(" (test)"); }
  void ask(std::int64_t deadline_ms = 1'000) {
    const auto n = ++asked;
    channel.ask(producer_ids_call{n, -1}, deadline_ms, [this, n](const result<controller_reply>& reply) {
      outcomes[n] = reply ? errc::none : reply.error().code;
      words[n] = reply ? "" : reply.error().detail;
    });
  }
  // A leader that keeps what it is asked.
  void lead() {
    channel.leader_is([this](const controller_question& what, std::function<void(const controller_answer*)> then) {
      put.emplace_back(std::get<producer_ids_call>(what).broker, std::move(then));
    });
  }
  void answer(errc code) {
    auto [number, then] = std::move(put.front());
    put.erase(put.begin());
    const controller_answer said{code, "so", metadata::producer_id_block{}};
    then(&said);
  }
  controller_channel channel;
  std::int64_t now_ms = 0;
  node_id asked = 0;
  std::map<node_id, errc> outcomes;
  std::map<node_id, std::string> words;
  std::vector<std::pair<node_id, std::function<void(const controller_answer*)>>> put;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(controller_channel_tests, fixture)

CAF_TEST(questions wait for a leader in their order) {
  ask();
  ask();
  CAF_CHECK(outcomes.empty());
  lead();
  CAF_REQUIRE_EQUAL(put.size(), 2u);
  CAF_CHECK_EQUAL(put[0].first, 1);
  answer(errc::none);
  answer(errc::none);
  CAF_CHECK((outcomes == std::map<node_id, errc>{{1, errc::none}, {2, errc::none}}));
}

CAF_TEST(not longer than they want and not more than there is room for) {
  ask(100);
  ask(200);
  ask(300);
  CAF_CHECK_EQUAL(outcomes.at(3), errc::request_timed_out); // no room
  CAF_CHECK_EQUAL(channel.next_deadline_ms(), 100);
  now_ms = 100;
  channel.tick(now_ms);
  CAF_CHECK_EQUAL(outcomes.at(1), errc::request_timed_out);
  CAF_CHECK_EQUAL(words.at(1), "not done: no controller (test)");
  CAF_CHECK(!outcomes.contains(2));
  CAF_CHECK_EQUAL(channel.next_deadline_ms(), 200);
}

CAF_TEST(who does not lead has done nothing and the next one is asked) {
  lead();
  ask();
  answer(errc::not_controller);
  CAF_CHECK(!channel.has_leader());
  CAF_CHECK(outcomes.empty());
  ask();
  CAF_CHECK(put.empty()); // waits behind the first
  lead();
  CAF_REQUIRE_EQUAL(put.size(), 2u);
  CAF_CHECK_EQUAL(put[0].first, 1);
}

CAF_TEST(an answer of an older leader says nothing of the newer) {
  lead();
  ask();
  lead();
  answer(errc::not_controller);
  CAF_CHECK(channel.has_leader());
  CAF_CHECK_EQUAL(put.size(), 1u); // put again
}

CAF_TEST(what may have been done is not put twice) {
  lead();
  ask();
  auto then = std::move(put.front().second);
  put.clear();
  then(nullptr);
  CAF_CHECK_EQUAL(outcomes.at(1), errc::request_timed_out);
  CAF_CHECK(words.at(1).find("unknown") != std::string::npos);
  CAF_CHECK(put.empty());
}

CAF_TEST(a refusal is passed on) {
  lead();
  ask();
  answer(errc::kafka_storage_error);
  CAF_CHECK_EQUAL(outcomes.at(1), errc::kafka_storage_error);
}

CAF_TEST(a leader may be replaced while it is asked) {
  channel.leader_is([this](const controller_question&, const std::function<void(const controller_answer*)>& then) {
    channel.leader_is(nullptr);
    then(nullptr);
  });
  ask();
  CAF_CHECK_EQUAL(outcomes.at(1), errc::request_timed_out);
}

CAF_TEST(at the end everything is answered) {
  ask();
  channel.close();
  ask();
  CAF_CHECK_EQUAL(outcomes.at(1), errc::not_controller);
  CAF_CHECK_EQUAL(outcomes.at(2), errc::not_controller);
}

CAF_TEST_FIXTURE_SCOPE_END()
