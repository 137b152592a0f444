// The most durable writes per second that one file can take from many writers: each writes `bytes` and waits until a flusher's
// fdatasync, begun after its write, has returned. No network, no protocol. Prints one JSON line.
#include "limit_tools.hpp"

#include <atomic>
#include <condition_variable>
#include <fcntl.h>
#include <mutex>
#include <thread>

using namespace limits;

int main(int argc, char** argv) {
  const arguments given(argc, argv, {{"writers", "64"}, {"bytes", "4096"}, {"seconds", "4"}, {"directory", "/tmp"}});
  const auto bytes = static_cast<std::size_t>(given.number("bytes"));
  const auto writers = given.number("writers");
  constexpr std::uint64_t file_bytes = 1u << 30;
  const auto path = given.text("directory") + "/group_commit_limit." + std::to_string(getpid());
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || posix_fallocate(file, 0, file_bytes) != 0)
    give_up("create file");
  unlink(path.c_str());

  std::mutex mutex;
  std::condition_variable written, durable;
  std::uint64_t written_count = 0, durable_count = 0;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> next_position{0}, completed{0}, syncs{0};
  std::vector<std::uint64_t> latencies;

  auto write_and_wait = [&] {
    const std::vector<char> data(bytes, 'z');
    std::vector<std::uint64_t> own;
    while (!stop) {
      const auto start = now_ns();
      if (pwrite(file, data.data(), bytes, static_cast<off_t>(next_position.fetch_add(bytes) % file_bytes)) < 0)
        give_up("pwrite");
      std::unique_lock lock(mutex);
      const auto mine = ++written_count;
      written.notify_one();
      durable.wait(lock, [&] { return durable_count >= mine || stop; });
      lock.unlock();
      ++completed;
      own.push_back(now_ns() - start);
    }
    const std::lock_guard lock(mutex);
    latencies.insert(latencies.end(), own.begin(), own.end());
  };
  auto flush = [&] {
    while (!stop) {
      std::unique_lock lock(mutex);
      written.wait_for(lock, std::chrono::milliseconds(50), [&] { return written_count > durable_count || stop; });
      const auto target = written_count;
      lock.unlock();
      if (fdatasync(file) != 0)
        give_up("fdatasync");
      ++syncs;
      lock.lock();
      durable_count = target;
      durable.notify_all();
    }
  };
  std::vector<std::thread> threads;
  const auto start = now_ns();
  for (long i = 0; i < writers; ++i)
    threads.emplace_back(write_and_wait);
  threads.emplace_back(flush);
  usleep(static_cast<useconds_t>(given.real("seconds") * 1e6));
  const auto count = completed.load();
  const auto elapsed = static_cast<double>(now_ns() - start) / 1e9;
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  written.notify_all();
  durable.notify_all();
  for (auto& thread : threads)
    thread.join();
  std::printf("{\"durable_per_s\": %.0f, \"syncs_per_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
              static_cast<double>(count) / elapsed, static_cast<double>(syncs) / elapsed, percentile_us(latencies, .5),
              percentile_us(latencies, .99));
}
