// Collects the answers to several questions put to the service, from whatever threads, and hands them over together on the asker's loop.
#pragma once
#include "net/event_loop.hpp"
#include "net/service.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace cafka::net {

template <class T>
class gather : public std::enable_shared_from_this<gather<T>> {
public:
  using done_handler = std::function<void(std::vector<result<T>> answers)>; // in slot order

  gather(event_loop& loop, std::size_t count, done_handler done)
      : loop_(loop), done_(std::move(done)), answers_(count, fail(errc::unknown_server_error, "no answer")), unanswered_(count + 1) {}

  // To be called exactly once, by anyone.
  completion<T> slot(std::size_t index) {
    return [self = this->shared_from_this(), index](result<T> answer) { self->answer(index, std::move(answer)); };
  }
  void answer(std::size_t index, result<T> with) {
    answers_[index] = std::move(with);
    settle();
  }
  // Once, after every slot was given out or answered.
  void close() { settle(); }

private:
  void settle() {
    if (unanswered_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      loop_.dispatch([self = this->shared_from_this()] { self->done_(std::move(self->answers_)); });
  }

  event_loop& loop_;
  done_handler done_;
  std::vector<result<T>> answers_;
  std::atomic<std::size_t> unanswered_;
};

} // namespace cafka::net
