// What every limit program needs: time, CPU use, sockets, percentiles, `key=value` arguments. Linux only.
// A limit program does the least that the work could cost on this machine; cafka is measured against it in the same run.
#pragma once
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace limits {

inline std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

inline double cpu_seconds(int who = RUSAGE_SELF) {
  rusage usage{};
  getrusage(who, &usage);
  auto seconds = [](const timeval& v) { return static_cast<double>(v.tv_sec) + static_cast<double>(v.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Ends the program with the reason: a limit program has nothing to recover.
[[noreturn]] inline void give_up(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// `name=value` arguments; a name outside `known` is an error that lists them.
class arguments {
public:
  arguments(int count, char** values, std::map<std::string, std::string> known) : values_(std::move(known)) {
    for (int i = 1; i < count; ++i) {
      const std::string text = values[i];
      const auto equals = text.find('=');
      if (equals == std::string::npos || !values_.contains(text.substr(0, equals))) {
        std::fprintf(stderr, "unknown argument '%s'; known, with defaults:\n", text.c_str());
        for (const auto& [name, value] : values_)
          std::fprintf(stderr, "  %s=%s\n", name.c_str(), value.c_str());
        std::exit(2);
      }
      values_[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  [[nodiscard]] const std::string& text(const std::string& name) const { return values_.at(name); }
  [[nodiscard]] long number(const std::string& name) const { return std::strtol(values_.at(name).c_str(), nullptr, 10); }
  [[nodiscard]] double real(const std::string& name) const { return std::strtod(values_.at(name).c_str(), nullptr); }

private:
  std::map<std::string, std::string> values_;
};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// A listening socket on a free loopback port.
inline std::pair<int, std::uint16_t> listen_anywhere() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 512) != 0)
    give_up("listen");
  socklen_t length = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  return {listener, ntohs(address.sin_port)};
}

inline int connect_to(std::uint16_t port) {
  const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  auto address = loopback(port);
  if (s < 0 || connect(s, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    give_up("connect");
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return s;
}

inline bool send_all(int s, const void* bytes, std::size_t count) {
  const auto* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const auto sent = send(s, from, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent <= 0)
      return false;
    from += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

inline bool receive_all(int s, void* bytes, std::size_t count) {
  auto* to = static_cast<char*>(bytes);
  while (count > 0) {
    const auto got = recv(s, to, count, MSG_WAITALL);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    to += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

// The value below which `fraction` of the samples lie; sorts them.
inline double percentile_us(std::vector<std::uint64_t>& samples_ns, double fraction) {
  if (samples_ns.empty())
    return 0;
  std::sort(samples_ns.begin(), samples_ns.end());
  const auto index = std::min(samples_ns.size() - 1, static_cast<std::size_t>(fraction * static_cast<double>(samples_ns.size())));
  return static_cast<double>(samples_ns[index]) / 1e3;
}

} // namespace limits
