// The least that a produce can cost: one thread receives frames, takes their CRC-32C, appends them to a file and acknowledges.
// No protocol, no offsets, no checks of content. A client process keeps a window of frames in flight.
// Prints one JSON line: MB/s, CPU s/GB of the server, ack latency.
#include "segment_files.hpp"

#include <isa-l/crc.h>
#include <sys/epoll.h>
#include <sys/wait.h>

using namespace limits;

namespace {

struct server_report {
  double cpu_seconds = 0;
  double bytes = 0;
};

struct client_connection {
  int socket;
  std::uint64_t received_bytes = 0;
  std::uint64_t acknowledged_frames = 0;
};

server_report serve(int listener, long connections, std::size_t frame_bytes, const std::string& directory) {
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  std::vector<client_connection> clients;
  for (long i = 0; i < connections; ++i) {
    const int s = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int on = 1;
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.u64 = clients.size();
    epoll_ctl(poller, EPOLL_CTL_ADD, s, &interest);
    clients.push_back({s});
  }
  segment_files files(directory, "produce_limit");
  std::vector<char> buffer(256u << 10);
  std::uint32_t crc = 0;
  server_report report;
  const double cpu_before = cpu_seconds();
  for (long open_clients = connections; open_clients > 0;) {
    epoll_event events[64];
    const int ready = epoll_wait(poller, events, 64, -1);
    for (int i = 0; i < ready; ++i) {
      auto& client = clients[events[i].data.u64];
      const auto got = recv(client.socket, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EAGAIN)
        continue;
      if (got <= 0) {
        close(client.socket);
        --open_clients;
        continue;
      }
      crc = crc32_iscsi(reinterpret_cast<unsigned char*>(buffer.data()), static_cast<int>(got), crc);
      files.append(buffer.data(), static_cast<std::size_t>(got));
      report.bytes += static_cast<double>(got);
      client.received_bytes += static_cast<std::uint64_t>(got);
      if (const auto frames = client.received_bytes / frame_bytes; frames > client.acknowledged_frames) {
        client.acknowledged_frames = frames;
        send_all(client.socket, &frames, sizeof frames);
      }
    }
  }
  report.cpu_seconds = cpu_seconds() - cpu_before;
  if (crc == 0x12345678) // the checksum must not be optimised away
    std::fputs("", stderr);
  return report;
}

} // namespace

int main(int argc, char** argv) {
  const arguments given(argc, argv,
                        {{"frame_bytes", "65536"}, {"window", "32"}, {"seconds", "4"}, {"connections", "1"}, {"directory", "/dev/shm"}});
  const auto frame_bytes = static_cast<std::size_t>(given.number("frame_bytes"));
  const auto window = static_cast<std::uint64_t>(given.number("window"));
  const auto connections = given.number("connections");
  auto [listener, port] = listen_anywhere();
  int report_pipe[2];
  if (pipe(report_pipe) != 0)
    give_up("pipe");
  const pid_t server = fork();
  if (server == 0) {
    const auto report = serve(listener, connections, frame_bytes, given.text("directory"));
    if (write(report_pipe[1], &report, sizeof report) < 0)
      _exit(1);
    _exit(0);
  }
  close(listener);

  struct sender {
    int socket;
    std::uint64_t sent = 0, acknowledged = 0;
    std::vector<std::uint64_t> sent_at;
  };
  std::vector<sender> senders;
  for (long i = 0; i < connections; ++i)
    senders.push_back({connect_to(port), 0, 0, std::vector<std::uint64_t>(window)});
  std::vector<char> frame(frame_bytes, 'p');
  std::vector<std::uint64_t> latencies;
  const auto start = now_ns();
  const auto end = start + static_cast<std::uint64_t>(given.real("seconds") * 1e9);
  while (now_ns() < end) {
    for (auto& s : senders) {
      while (s.sent - s.acknowledged < window) {
        s.sent_at[s.sent % window] = now_ns();
        if (!send_all(s.socket, frame.data(), frame.size()))
          give_up("send");
        ++s.sent;
      }
      std::uint64_t acknowledged = 0;
      if (!receive_all(s.socket, &acknowledged, sizeof acknowledged))
        give_up("receive");
      const auto now = now_ns();
      for (; s.acknowledged < acknowledged; ++s.acknowledged)
        latencies.push_back(now - s.sent_at[s.acknowledged % window]);
    }
  }
  const auto elapsed = static_cast<double>(now_ns() - start) / 1e9;
  std::uint64_t frames = 0;
  for (auto& s : senders) {
    frames += s.acknowledged;
    close(s.socket);
  }
  server_report report;
  if (read(report_pipe[0], &report, sizeof report) != sizeof report)
    give_up("report");
  waitpid(server, nullptr, 0);
  std::printf("{\"mb_per_s\": %.0f, \"frames_per_s\": %.0f, \"server_cpu_s_per_gb\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
              static_cast<double>(frames * frame_bytes) / 1e6 / elapsed, static_cast<double>(frames) / elapsed,
              report.cpu_seconds / (report.bytes / 1e9), percentile_us(latencies, .5), percentile_us(latencies, .99));
}
