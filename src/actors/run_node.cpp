#include "actors/node.hpp"
#include "base/log.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace cafka::actors {

namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

bool stop_is_pending() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGINT) != 0 || sigismember(&pending, SIGTERM) != 0;
}

// Ends the process if the object is still there after the time-out: an orderly stop must not hang on a dead disk.
class stop_deadline {
public:
  explicit stop_deadline(std::int64_t timeout_ms)
      : thread_([this, timeout_ms] {
          std::unique_lock lock{mutex_};
          if (!done_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return is_done_; })) {
            CAFKA_LOG_ERROR("the stop took longer than {} ms and is cut short: the next start recovers", timeout_ms);
            ::_exit(1);
          }
        }) {}
  ~stop_deadline() {
    {
      const std::lock_guard lock{mutex_};
      is_done_ = true;
    }
    done_.notify_all();
    thread_.join();
  }
  stop_deadline(const stop_deadline&) = delete;
  stop_deadline& operator=(const stop_deadline&) = delete;

private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  std::thread thread_;
};

std::string listening_line(const node_config& config, const std::vector<net::bound_endpoint>& endpoints) {
  if (endpoints.empty()) {
    const auto& at = config.controller_listeners.front();
    return "listening on " + (at.host.empty() ? std::string{"*"} : at.host) + ':' + std::to_string(at.port) +
           ", for nodes only (controller " + std::to_string(config.id) + ")";
  }
  std::string line = "listening on ";
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    line += i == 0 ? "" : ", ";
    line += (endpoints[i].host.empty() ? std::string{"*"} : endpoints[i].host) + ':' + std::to_string(endpoints[i].port);
  }
  return line + " (node " + std::to_string(config.id) + ")";
}

} // namespace

int run_node(const node_config& config) {
  const auto began = std::chrono::steady_clock::now();
  const auto signals = stop_signals();
  // Before any thread starts, so that all inherit it: only this thread takes the signals, and takes them when it asks for them.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  register_message_types();
  std::atomic<bool> failed{false};
  node_environment environment;
  environment.give_up = [&failed] { return stop_is_pending() || failed; };
  environment.failed = [&failed] {
    failed = true;
    ::kill(::getpid(), SIGTERM);
  };
  auto running = node::start(config, environment);
  if (!running) {
    if (running.error().code == errc::cancelled)
      return failed ? 1 : 0;
    std::fprintf(stderr, "cafka: %s\n",
                 running.error().detail.empty() ? running.error().to_string().c_str() : running.error().detail.c_str());
    return 1;
  }
  const auto took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
  CAFKA_LOG_INFO("{}, started in {} ms", listening_line(config, (*running)->endpoints()), took_ms);
  int signal = 0;
  sigwait(&signals, &signal);
  // A second signal meets the default action and ends the process at once.
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  CAFKA_LOG_INFO("stopping{}", failed ? " after a failure" : "");
  const stop_deadline deadline{config.shutdown_timeout_ms};
  const auto clean = (*running)->stop();
  CAFKA_LOG_INFO("stopped{}", clean ? "" : ", not cleanly: the next start recovers");
  return clean && !failed ? 0 : 1;
}

} // namespace cafka::actors
