#include "actors/shard.hpp"

#include "base/log.hpp"

#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>
#include <caf/ref_counted.hpp>

#include <exception>

namespace cafka::actors {

namespace {

// Messages an actor may take in one go before other work of the shard gets its turn: long enough to keep the actor's state in cache,
// short enough that a socket does not wait for milliseconds.
constexpr std::size_t messages_per_turn = 64;

thread_local shard* running = nullptr;

// Rounded up, so that what is due at a time is never early.
std::int64_t steady_ms() {
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

shard::shard(caf::actor_system& system, std::size_t number)
    : caf::execution_unit(&system), guard_(boost::asio::make_work_guard(io_)), number_(number) {}

shard::~shard() {
  drain();
  join();
}

shard* shard::current() noexcept { return running; }

void shard::exec_later(caf::resumable* job) {
  boost::asio::post(io_, [this, job] { resume(job); });
}

void shard::resume(caf::resumable* job) {
  switch (job->resume(this, messages_per_turn)) {
  case caf::resumable::resume_later: exec_later(job); break;
  case caf::resumable::done:
  case caf::resumable::awaiting_message: caf::intrusive_ptr_release(job); break;
  case caf::resumable::shutdown_execution_unit: break;
  }
}

void shard::after(std::chrono::milliseconds wait, std::function<void()> then) {
  const auto at_ms = steady_ms() + wait.count();
  deadlines_.add(at_ms, std::move(then));
  if (at_ms < armed_ms_)
    arm();
}

void shard::arm() {
  armed_ms_ = deadlines_.next_ms();
  if (armed_ms_ == net::deadline_queue::never)
    return;
  timer_.expires_at(std::chrono::steady_clock::time_point{std::chrono::milliseconds{armed_ms_}});
  timer_.async_wait([this](const boost::system::error_code& failed) {
    if (failed)
      return;
    armed_ms_ = net::deadline_queue::never;
    deadlines_.expire(steady_ms());
    if (deadlines_.next_ms() < armed_ms_)
      arm();
  });
}

void shard::start() {
  thread_ = std::thread{[this] { run(); }};
}

void shard::run() {
  running = this;
  for (;;) {
    try {
      io_.run();
      running = nullptr;
      return;
    } catch (const std::exception& problem) {
      // Sessions catch what they can answer for; this is the net below them.
      CAFKA_LOG_ERROR("shard {}: a handler threw: {}", number_, problem.what());
    } catch (...) {
      CAFKA_LOG_ERROR("shard {}: a handler threw something that is not an exception", number_);
    }
  }
}

void shard::drain() {
  boost::asio::post(io_, [this] {
    deadlines_.clear();
    timer_.cancel();
  });
  guard_.reset();
}

void shard::join() {
  if (thread_.joinable())
    thread_.join();
}

} // namespace cafka::actors
