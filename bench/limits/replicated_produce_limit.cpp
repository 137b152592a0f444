// The least that a produce with three replicas can cost: a leader receives frames, takes their CRC-32C, appends them to a file and sends that on to two
// followers from the page cache (sendfile); each takes the CRC again, appends, and says how far it is; what both have is acknowledged.
// One thread per server, a process each. No protocol, no offsets, no checks of content. A client process keeps a window of frames in flight.
// Prints one JSON line: MB/s, CPU s/GB of the three servers together, ack latency.
#include "segment_files.hpp"

#include <isa-l/crc.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

using namespace limits;

namespace {

constexpr std::size_t read_bytes = 256u << 10;
constexpr std::size_t follower_count = 2;
constexpr std::size_t files_kept = 4; // followers are at most a window behind

std::uint32_t checksum(const std::vector<char>& of, ssize_t count, std::uint32_t before) {
  return crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(of.data())), static_cast<int>(count), before);
}

// The checksums must not be optimised away.
void use(std::uint32_t crc) {
  if (crc == 0x12345678)
    std::fputs("", stderr);
}

void follow(std::uint16_t leader, std::size_t frame_bytes, const std::string& directory, const std::string& name) {
  const int socket = connect_to(leader);
  segment_files log(directory, name);
  std::vector<char> buffer(read_bytes);
  std::uint32_t crc = 0;
  std::uint64_t told = 0;
  for (;;) {
    const auto got = recv(socket, buffer.data(), buffer.size(), 0);
    if (got <= 0)
      break;
    crc = checksum(buffer, got, crc);
    log.append(buffer.data(), static_cast<std::size_t>(got));
    if (const auto whole = log.end() / frame_bytes * frame_bytes; whole > told) {
      told = whole;
      if (!send_all(socket, &told, sizeof told))
        break;
    }
  }
  use(crc);
}

class leader {
public:
  leader(int listener, std::size_t frame_bytes, const std::string& directory)
      : frame_bytes_(frame_bytes), log_(directory, "replicated_limit.leader", files_kept), poller_(epoll_create1(EPOLL_CLOEXEC)) {
    for (auto& each : followers_)
      each.socket = accept_one(listener, &each - followers_);
    client_ = accept_one(listener, follower_count);
  }

  // Until the client goes.
  void serve() {
    std::vector<char> buffer(read_bytes);
    std::uint32_t crc = 0;
    for (bool is_open = true; is_open;) {
      epoll_event events[follower_count + 1];
      const int ready = epoll_wait(poller_, events, follower_count + 1, -1);
      for (int i = 0; i < ready && is_open; ++i) {
        const auto whose = events[i].data.u64;
        if (whose < follower_count) {
          if (events[i].events & EPOLLIN)
            hear(followers_[whose]);
          continue; // what it may be sent by now goes out below
        }
        const auto got = recv(client_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
          continue;
        is_open = got > 0;
        if (is_open) {
          crc = checksum(buffer, got, crc);
          log_.append(buffer.data(), static_cast<std::size_t>(got));
        }
      }
      for (auto& each : followers_)
        pump(each);
      acknowledge();
    }
    use(crc);
    for (auto& each : followers_)
      close(each.socket);
    close(client_);
  }
  [[nodiscard]] double bytes() const noexcept { return static_cast<double>(log_.end()); }

private:
  struct follower {
    int socket = -1;
    std::uint64_t sent = 0, has = 0;
    bool wants_room = false;
  };

  int accept_one(int listener, std::ptrdiff_t number) {
    const int socket = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.u64 = static_cast<std::uint64_t>(number);
    epoll_ctl(poller_, EPOLL_CTL_ADD, socket, &interest);
    return socket;
  }
  static void hear(follower& from) {
    std::uint64_t positions[256];
    const auto got = recv(from.socket, positions, sizeof positions, MSG_DONTWAIT);
    if (got >= static_cast<ssize_t>(sizeof positions[0]))
      from.has = positions[static_cast<std::size_t>(got) / sizeof positions[0] - 1];
    else if (got == 0)
      give_up("a follower is gone");
  }
  void pump(follower& to) {
    bool is_full = false;
    while (!is_full && to.sent < log_.end()) {
      auto at = static_cast<off_t>(to.sent % segment_files::segment_bytes);
      const auto count = std::min(log_.end() - to.sent, segment_files::segment_bytes - to.sent % segment_files::segment_bytes);
      const auto sent = sendfile(to.socket, log_.file_at(to.sent), &at, std::min<std::uint64_t>(count, 1u << 20));
      if (sent < 0 && errno != EAGAIN)
        give_up("sendfile");
      is_full = sent < 0;
      to.sent += is_full ? 0 : static_cast<std::uint64_t>(sent);
    }
    if (is_full == to.wants_room)
      return;
    to.wants_room = is_full;
    epoll_event interest{};
    interest.events = is_full ? EPOLLIN | EPOLLOUT : EPOLLIN;
    interest.data.u64 = static_cast<std::uint64_t>(&to - followers_);
    epoll_ctl(poller_, EPOLL_CTL_MOD, to.socket, &interest);
  }
  void acknowledge() {
    const auto frames = std::min({log_.end(), followers_[0].has, followers_[1].has}) / frame_bytes_;
    if (frames == acknowledged_)
      return;
    acknowledged_ = frames;
    send_all(client_, &frames, sizeof frames);
  }

  std::size_t frame_bytes_;
  segment_files log_;
  int poller_;
  follower followers_[follower_count];
  int client_ = -1;
  std::uint64_t acknowledged_ = 0;
};

struct load_outcome {
  std::uint64_t frames = 0;
  double seconds = 0;
  std::vector<std::uint64_t> latencies_ns;
};

load_outcome load(int socket, std::size_t frame_bytes, std::uint64_t window, double seconds) {
  load_outcome outcome;
  std::vector<std::uint64_t> sent_at(window);
  const std::vector<char> frame(frame_bytes, 'p');
  std::uint64_t sent = 0;
  const auto start = now_ns(), end = start + static_cast<std::uint64_t>(seconds * 1e9);
  while (now_ns() < end) {
    for (; sent - outcome.frames < window; ++sent) {
      sent_at[sent % window] = now_ns();
      if (!send_all(socket, frame.data(), frame.size()))
        give_up("send");
    }
    std::uint64_t acknowledged = 0;
    if (!receive_all(socket, &acknowledged, sizeof acknowledged))
      give_up("receive");
    for (const auto now = now_ns(); outcome.frames < acknowledged; ++outcome.frames)
      outcome.latencies_ns.push_back(now - sent_at[outcome.frames % window]);
  }
  outcome.seconds = static_cast<double>(now_ns() - start) / 1e9;
  return outcome;
}

} // namespace

int main(int argc, char** argv) {
  const arguments given(argc, argv, {{"frame_bytes", "65536"}, {"window", "32"}, {"seconds", "4"}, {"directory", "/dev/shm"}});
  const auto frame_bytes = static_cast<std::size_t>(given.number("frame_bytes"));
  auto [listener, port] = listen_anywhere();
  int report_pipe[2];
  if (pipe(report_pipe) != 0)
    give_up("pipe");
  if (fork() == 0) {
    leader leads(listener, frame_bytes, given.text("directory"));
    leads.serve();
    const double bytes = leads.bytes();
    if (write(report_pipe[1], &bytes, sizeof bytes) < 0)
      _exit(1);
    leads.~leader(); // its files
    _exit(0);
  }
  close(listener);
  for (std::size_t i = 0; i < follower_count; ++i) {
    if (fork() == 0) {
      follow(port, frame_bytes, given.text("directory"), "replicated_limit.follower");
      _exit(0);
    }
    usleep(50'000); // followers are accepted before the client
  }
  const int client = connect_to(port);
  auto outcome = load(client, frame_bytes, static_cast<std::uint64_t>(given.number("window")), given.real("seconds"));
  close(client);
  double bytes = 0;
  if (read(report_pipe[0], &bytes, sizeof bytes) != sizeof bytes)
    give_up("report");
  while (wait(nullptr) > 0) {
  }
  std::printf("{\"mb_per_s\": %.0f, \"frames_per_s\": %.0f, \"server_cpu_s_per_gb\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
              static_cast<double>(outcome.frames * frame_bytes) / 1e6 / outcome.seconds,
              static_cast<double>(outcome.frames) / outcome.seconds, cpu_seconds(RUSAGE_CHILDREN) / (bytes / 1e9),
              percentile_us(outcome.latencies_ns, .5), percentile_us(outcome.latencies_ns, .99));
}
