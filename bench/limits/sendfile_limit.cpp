// How fast this machine sends a cached file to a reader on loopback: sendfile in `chunk_bytes` pieces, a thread for each of
// `connections`; the reader discards. Prints one JSON line.
#include "limit_tools.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace limits;

int main(int argc, char** argv) {
  const arguments given(
      argc, argv, {{"seconds", "4"}, {"connections", "1"}, {"chunk_bytes", "1048576"}, {"file_mib", "1024"}, {"directory", "/dev/shm"}});
  const auto chunk = static_cast<std::size_t>(given.number("chunk_bytes"));
  const auto size = static_cast<std::size_t>(given.number("file_mib")) << 20;
  const auto path = given.text("directory") + "/sendfile_limit." + std::to_string(getpid());
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0)
    give_up("create file");
  unlink(path.c_str());
  const std::vector<char> data(1u << 20, 'q');
  for (std::size_t written = 0; written < size; written += data.size())
    if (write(file, data.data(), data.size()) < 0)
      give_up("write");

  const auto connections = static_cast<std::size_t>(given.number("connections"));
  auto [listener, port] = listen_anywhere();
  const pid_t reader = fork();
  if (reader == 0) {
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < connections; ++i)
      readers.emplace_back([port = port] {
        std::vector<char> sink(256u << 10);
        const int s = connect_to(port);
        while (recv(s, sink.data(), sink.size(), 0) > 0) {
        }
      });
    for (auto& each : readers)
      each.join();
    _exit(0);
  }
  std::vector<int> sockets;
  for (std::size_t i = 0; i < connections; ++i)
    sockets.push_back(accept(listener, nullptr, nullptr));
  const auto start = now_ns();
  const auto end = start + static_cast<std::uint64_t>(given.real("seconds") * 1e9);
  const double cpu_before = cpu_seconds();
  std::atomic<std::uint64_t> sent{0};
  std::vector<std::thread> senders;
  for (const int s : sockets)
    senders.emplace_back([&, s] {
      off_t position = 0;
      while (now_ns() < end) {
        if (static_cast<std::size_t>(position) + chunk > size)
          position = 0;
        const auto count = sendfile(s, file, &position, chunk);
        if (count <= 0)
          give_up("sendfile");
        sent += static_cast<std::uint64_t>(count);
      }
    });
  for (auto& each : senders)
    each.join();
  const auto elapsed = static_cast<double>(now_ns() - start) / 1e9;
  const auto gigabytes = static_cast<double>(sent) / 1e9;
  std::printf("{\"mb_per_s\": %.0f, \"server_cpu_s_per_gb\": %.3f}\n", gigabytes * 1e3 / elapsed, (cpu_seconds() - cpu_before) / gigabytes);
  for (const int s : sockets)
    close(s);
  waitpid(reader, nullptr, 0);
}
