#include "cli/interrupt.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
#include <utility>

namespace cafka::cli {

namespace {

volatile std::sig_atomic_t was_requested = 0;
std::array<int, 2> wake_pipe{-1, -1};
struct sigaction former_int, former_term;

extern "C" void on_signal(int number) {
  was_requested = 1;
  const char byte = 0;
  [[maybe_unused]] const auto written = ::write(wake_pipe[1], &byte, 1);
  std::signal(number, SIG_DFL); // the next one is meant seriously
}

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

} // namespace

interrupt_guard::interrupt_guard() {
  was_requested = 0;
  if (::pipe2(wake_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    wake_pipe = {-1, -1}; // the flag still works, only a blocked read is not woken
  struct sigaction handler {};
  handler.sa_handler = on_signal;
  ::sigaction(SIGINT, &handler, &former_int);
  ::sigaction(SIGTERM, &handler, &former_term);
}

interrupt_guard::~interrupt_guard() {
  ::sigaction(SIGINT, &former_int, nullptr);
  ::sigaction(SIGTERM, &former_term, nullptr);
  for (auto& descriptor : wake_pipe)
    if (descriptor >= 0)
      ::close(std::exchange(descriptor, -1));
}

bool interrupt_guard::requested() noexcept { return was_requested != 0; }
int interrupt_guard::descriptor() noexcept { return wake_pipe[0]; }

interrupt_guard::blocked::blocked() {
  const auto set = watched();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}
interrupt_guard::blocked::~blocked() {
  const auto set = watched();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

} // namespace cafka::cli
