// Ctrl-C for the clients: SIGINT and SIGTERM become a flag and a readable descriptor instead of the end of the process, so that a
// producer can flush and a consumer can finish its record. A second signal ends the process at once, as it would without this.
#pragma once

namespace cafka::cli {

class interrupt_guard {
public:
  // One at a time. Threads made inside without_signals never receive the signals, so that a blocked read of this thread is interrupted.
  interrupt_guard();
  ~interrupt_guard();
  interrupt_guard(const interrupt_guard&) = delete;
  interrupt_guard& operator=(const interrupt_guard&) = delete;

  // Runs `make`, which starts threads, with the signals blocked.
  template <class Make>
  auto without_signals(Make make) {
    const blocked for_now;
    return make();
  }

  [[nodiscard]] static bool requested() noexcept;
  // Becomes readable at the first signal.
  [[nodiscard]] static int descriptor() noexcept;

private:
  struct blocked {
    blocked();
    ~blocked();
    blocked(const blocked&) = delete;
    blocked& operator=(const blocked&) = delete;
  };
};

} // namespace cafka::cli
