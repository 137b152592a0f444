// Where a request from the network is answered: exactly once, by deliver() or, when whoever held it is gone, by the destructor.
// So a request that sits in the mailbox or the parked list of an actor that dies is answered at that moment, without anyone's help.
// CAF wants message types copyable; a copy of a reply answers nobody, and no message that carries one is ever shared.
#pragma once
#include "net/service.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace cafka::actors {

// `Derived` delivers through `Sink`.
template <class Sink>
class reply_base {
public:
  reply_base() = default;
  reply_base(std::shared_ptr<Sink> sink, std::uint32_t index) : sink_(std::move(sink)), index_(index) {}
  reply_base(const reply_base&) noexcept {}
  reply_base(reply_base&& other) noexcept : sink_(std::exchange(other.sink_, nullptr)), index_(other.index_) {}
  reply_base& operator=(const reply_base&) = delete;

  [[nodiscard]] explicit operator bool() const noexcept { return sink_ != nullptr; }

protected:
  ~reply_base() = default;
  void swap_with(reply_base& other) noexcept {
    std::swap(sink_, other.sink_);
    std::swap(index_, other.index_);
  }

  std::shared_ptr<Sink> sink_;
  std::uint32_t index_ = 0;
};

class produce_reply final : public reply_base<net::produce_sink> {
public:
  using reply_base::reply_base;
  produce_reply(const produce_reply&) = default;
  produce_reply(produce_reply&&) noexcept = default;
  produce_reply& operator=(produce_reply&& other) noexcept {
    produce_reply moved{std::move(other)};
    swap_with(moved);
    std::swap(may_be_written_, moved.may_be_written_);
    return *this;
  }
  ~produce_reply() {
    if (sink_)
      fail(errc::not_leader_or_follower, "the partition's actor has ended");
  }

  // From here on no failure may say "not written", unless the log itself said so.
  void set_may_be_written(bool value) noexcept { may_be_written_ = value; }

  void deliver(net::produce_outcome outcome) {
    if (auto sink = std::exchange(sink_, nullptr))
      sink->produce_done(index_, std::move(outcome));
  }
  void fail(errc code, std::string message) {
    net::produce_outcome outcome;
    outcome.code = code;
    outcome.message = std::move(message);
    outcome.may_be_written = may_be_written_;
    deliver(std::move(outcome));
  }

private:
  bool may_be_written_ = false;
};

class fetch_reply final : public reply_base<net::fetch_sink> {
public:
  using reply_base::reply_base;
  fetch_reply(const fetch_reply&) = default;
  fetch_reply(fetch_reply&&) noexcept = default;
  fetch_reply& operator=(fetch_reply&& other) noexcept {
    fetch_reply moved{std::move(other)};
    swap_with(moved);
    return *this;
  }
  ~fetch_reply() {
    if (sink_)
      fail(errc::not_leader_or_follower, "the partition's actor has ended");
  }

  [[nodiscard]] const std::shared_ptr<net::fetch_sink>& sink() const noexcept { return sink_; }
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }

  void deliver(net::fetch_outcome outcome) {
    if (auto sink = std::exchange(sink_, nullptr))
      sink->fetch_done(index_, std::move(outcome));
  }
  void fail(errc code, std::string message) {
    net::fetch_outcome outcome;
    outcome.code = code;
    outcome.message = std::move(message);
    deliver(std::move(outcome));
  }
};

// A completion that is called exactly once.
template <class T>
class completion_reply final {
public:
  completion_reply() = default;
  completion_reply(net::completion<T> done) : done_(std::move(done)) {} // NOLINT(google-explicit-constructor)
  completion_reply(const completion_reply&) noexcept {}
  completion_reply(completion_reply&& other) noexcept : done_(std::exchange(other.done_, nullptr)) {}
  completion_reply& operator=(completion_reply&& other) noexcept {
    completion_reply moved{std::move(other)};
    std::swap(done_, moved.done_);
    return *this;
  }
  completion_reply& operator=(const completion_reply&) = delete;
  ~completion_reply() {
    if (done_)
      deliver(fail(errc::not_leader_or_follower, "the actor that was asked has ended"));
  }

  [[nodiscard]] explicit operator bool() const noexcept { return done_ != nullptr; }
  void deliver(result<T> value) {
    if (auto done = std::exchange(done_, nullptr))
      done(std::move(value));
  }

private:
  net::completion<T> done_;
};

// One data_available, if its session still waits. Told by the destructor too: a watcher of a dead partition must ask again.
class watch final {
public:
  watch(const fetch_reply& from) : sink_(from.sink()), index_(from.index()) {} // NOLINT(google-explicit-constructor)
  watch(const watch&) = delete;
  watch(watch&& other) noexcept : sink_(std::move(other.sink_)), index_(other.index_) { other.sink_.reset(); }
  watch& operator=(watch&& other) noexcept {
    std::swap(sink_, other.sink_);
    std::swap(index_, other.index_);
    return *this;
  }
  watch& operator=(const watch&) = delete;
  ~watch() { notify(); }

  [[nodiscard]] bool is_abandoned() const noexcept { return sink_.expired(); }
  void notify() {
    auto sink = sink_.lock();
    sink_.reset();
    if (sink)
      sink->data_available(index_);
  }

private:
  std::weak_ptr<net::fetch_sink> sink_;
  std::uint32_t index_ = 0;
};

} // namespace cafka::actors
