// Shards with real threads: what asan and tsan should see.
#define CAF_SUITE shard
#include "actors/messages.hpp"
#include "actors/node.hpp"
#include "actors/shard_actor.hpp"

#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/test/dsl.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <future>
#include <optional>

using namespace cafka;
using namespace cafka::actors;

namespace {

// Counts what it gets, remembers on which thread, and can be told to throw.
struct seen {
  std::atomic<int> count{0};
  std::atomic<bool> one_thread{true};
  std::optional<std::thread::id> thread;
  std::atomic<int> ended{0};
};

class counter final : public shard_actor<flush_listener::base> {
public:
  counter(caf::actor_config& config, shard* home, std::shared_ptr<seen> into) : shard_actor(config, home), into_(std::move(into)) {}
  behavior_type make_behavior() override {
    return {[this](const flush_outcome& outcome) {
      if (!into_->thread)
        into_->thread = std::this_thread::get_id();
      if (*into_->thread != std::this_thread::get_id())
        into_->one_thread = false;
      if (outcome.end_offset < 0)
        throw std::runtime_error("told to");
      ++into_->count;
    }};
  }
  void on_exit() override { ++into_->ended; }

private:
  std::shared_ptr<seen> into_;
};

// Counts on the shard of whoever sends.
class guest final : public shard_actor<flush_listener::base> {
public:
  guest(caf::actor_config& config, shard* home, std::function<void()> then) : shard_actor(config, home), then_(std::move(then)) {}
  using shard_actor::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override { return enqueue_here(std::move(element), unit); }
  behavior_type make_behavior() override {
    return {[this](const flush_outcome&) { then_(); }};
  }

private:
  std::function<void()> then_;
};

class counting_sink final : public net::produce_sink {
public:
  void produce_done(std::uint32_t, net::produce_outcome) override { ++answered; }
  std::atomic<int> answered{0};
};

// Holds produce requests in its mailbox; takes none.
class sleepy final : public shard_actor<partition_actor::base> {
public:
  using shard_actor::shard_actor;
  behavior_type make_behavior() override {
    return {[](produce_request&) {}, [](fetch_request&) {}, [](const flush_outcome&) {}, [](partition_query&) {},
            [](partition_order&) {}, [](caf::tick_atom) {}, [](replica_request&) {},     [](replica_answer&) {}};
  }
};

struct fixture {
  static caf::actor_system_config make_config() {
    caf::actor_system_config made;
    made.set("caf.scheduler.policy", "sharing");
    made.set("caf.scheduler.max-threads", std::size_t{2});
    return made;
  }
  caf::actor_system_config config = make_config();
  caf::actor_system sys{config};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(shard_tests, fixture)

CAF_TEST(an actor stays on its shard whoever sends) {
  shard first{sys, 0}, second{sys, 1};
  first.start();
  second.start();
  const auto into = std::make_shared<seen>();
  auto actor = spawn_on<counter>(sys, &first, into);
  constexpr int each = 5000;
  std::promise<void> sent;
  boost::asio::post(second.io(), [&] {
    for (int i = 0; i < each; ++i)
      caf::anon_send(actor, flush_outcome{i, errc::none, {}});
    sent.set_value();
  });
  for (int i = 0; i < each; ++i)
    caf::anon_send(actor, flush_outcome{i, errc::none, {}});
  sent.get_future().wait();
  caf::scoped_actor self{sys};
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  self->wait_for(actor);
  CAF_CHECK(into->one_thread);
  CAF_CHECK_EQUAL(into->ended, 1);
}

CAF_TEST(an idle actor that asks for it is resumed where it is woken) {
  shard first{sys, 0}, second{sys, 1};
  first.start();
  second.start();
  std::promise<shard*> ran;
  auto actor = spawn_on<guest>(sys, &first, [&] { ran.set_value(shard::current()); });
  const auto where = [&] {
    auto* found = ran.get_future().get();
    ran = {};
    std::promise<void> idle; // what is posted behind the actor's turn runs when that is over
    boost::asio::post(found->io(), [&] { idle.set_value(); });
    idle.get_future().wait();
    return found->number();
  };
  caf::anon_send(actor, flush_outcome{});
  CAF_CHECK_EQUAL(where(), 0u); // no shard's thread sent it
  boost::asio::post(second.io(), [&] { caf::anon_send(actor, flush_outcome{}); });
  CAF_CHECK_EQUAL(where(), 1u);
  boost::asio::post(first.io(), [&] { caf::anon_send(actor, flush_outcome{}); });
  CAF_CHECK_EQUAL(where(), 0u);
  CAF_CHECK(shard::current() == nullptr);
  caf::scoped_actor self{sys};
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  self->wait_for(actor);
}

CAF_TEST(a shard is drained with its queues full) {
  for (int round = 0; round < 20; ++round) {
    shard first{sys, 0}, second{sys, 1};
    const auto into_first = std::make_shared<seen>(), into_second = std::make_shared<seen>();
    std::vector<flush_listener> actors;
    for (int i = 0; i < 5; ++i) {
      actors.push_back(spawn_on<counter>(sys, &first, into_first));
      actors.push_back(spawn_on<counter>(sys, &second, into_second));
    }
    for (int i = 0; i < 2000; ++i)
      caf::anon_send(actors[static_cast<std::size_t>(i) % actors.size()], flush_outcome{i, errc::none, {}});
    first.start(); // only now, with everything queued
    second.start();
    caf::scoped_actor self{sys};
    for (auto& actor : actors) {
      for (int i = 0; i < 100; ++i)
        caf::anon_send(actor, flush_outcome{i, errc::none, {}});
      self->send_exit(actor, caf::exit_reason::user_shutdown);
    }
    for (auto& actor : actors)
      self->wait_for(actor);
    CAF_CHECK(into_first->one_thread && into_second->one_thread);
    CAF_CHECK_EQUAL(into_first->ended + into_second->ended, 10);
  }
}

CAF_TEST(requests in the mailbox of an actor that ends are answered) {
  shard home{sys, 0};
  const auto sink = std::make_shared<counting_sink>();
  auto actor = spawn_on<sleepy>(sys, &home);
  for (std::uint32_t i = 0; i < 1000; ++i)
    caf::anon_send(actor, produce_request{{}, produce_reply{sink, i}});
  caf::scoped_actor self{sys};
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  home.start();
  self->wait_for(actor);
  for (std::uint32_t i = 0; i < 10; ++i)
    caf::anon_send(actor, produce_request{{}, produce_reply{sink, i}});
  home.drain();
  home.join();
  CAF_CHECK_EQUAL(sink->answered, 1010);
}

CAF_TEST(what is due later runs in order of time and not after the end) {
  using std::chrono::milliseconds;
  shard home{sys, 0};
  home.start();
  std::promise<std::vector<int>> done;
  auto ran = std::make_shared<std::vector<int>>();
  auto forgotten = std::make_shared<bool>(false);
  boost::asio::post(home.io(), [&, ran, forgotten] {
    home.after(milliseconds{3'600'000}, [forgotten] { *forgotten = true; });
    home.after(milliseconds{30}, [&, ran] {
      ran->push_back(3);
      done.set_value(*ran);
    });
    home.after(milliseconds{2}, [&, ran] {
      ran->push_back(1);
      home.after(milliseconds{1}, [ran] { ran->push_back(2); });
    });
  });
  CAF_CHECK((done.get_future().get() == std::vector<int>{1, 2, 3}));
  home.drain();
  home.join(); // does not wait for what is due in an hour
  CAF_CHECK(!*forgotten);
}

CAF_TEST(an actor that throws dies alone) {
  shard home{sys, 0};
  home.start();
  const auto into = std::make_shared<seen>();
  auto bad = spawn_on<counter>(sys, &home, into);
  auto good = spawn_on<counter>(sys, &home, into);
  caf::scoped_actor self{sys};
  self->monitor(bad);
  caf::anon_send(bad, flush_outcome{-1, errc::none, {}});
  self->receive([&](const caf::down_msg& down) { CAF_CHECK(down.source == bad.address()); });
  caf::anon_send(good, flush_outcome{1, errc::none, {}});
  self->send_exit(good, caf::exit_reason::user_shutdown);
  self->wait_for(good);
  CAF_CHECK_EQUAL(into->count, 1);
}

CAF_TEST(a handler that throws does not stop its shard) {
  shard home{sys, 0};
  home.start();
  boost::asio::post(home.io(), [] { throw std::runtime_error("boom"); });
  std::promise<void> after;
  boost::asio::post(home.io(), [&] { after.set_value(); });
  after.get_future().wait();
  CAF_CHECK(true);
}

CAF_TEST_FIXTURE_SCOPE_END()
