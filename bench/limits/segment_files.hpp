// A log for limit programs: 256 MiB a file, all but the newest few unlinked, so that no run fills the disk.
#pragma once
#include "limit_tools.hpp"

#include <deque>
#include <fcntl.h>
#include <string>

namespace limits {

class segment_files {
public:
  static constexpr std::uint64_t segment_bytes = 256u << 20;

  // `name` tells the logs of one process apart; `kept` files may be read.
  segment_files(std::string directory, const std::string& name, std::size_t kept = 2)
      : prefix_(std::move(directory) + "/" + name + "." + std::to_string(getpid()) + "."), kept_(kept) {}
  ~segment_files() {
    while (!files_.empty())
      drop_oldest();
  }
  segment_files(const segment_files&) = delete;
  segment_files& operator=(const segment_files&) = delete;

  // What does not fit goes into the next file.
  void append(const char* bytes, std::size_t count) {
    while (count > 0) {
      if (end_ % segment_bytes == 0)
        roll();
      const auto part = std::min<std::uint64_t>(count, segment_bytes - end_ % segment_bytes);
      if (write(files_.back(), bytes, part) != static_cast<ssize_t>(part))
        give_up("write");
      bytes += part;
      count -= part;
      end_ += part;
    }
  }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  // The file that holds the byte at `position`, which lies in one of those kept.
  [[nodiscard]] int file_at(std::uint64_t position) const { return files_.at(position / segment_bytes - dropped_); }

private:
  [[nodiscard]] std::string name(std::size_t index) const { return prefix_ + std::to_string(index); }
  void roll() {
    files_.push_back(open(name(dropped_ + files_.size()).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (files_.back() < 0)
      give_up("open segment");
    if (files_.size() > kept_)
      drop_oldest();
  }
  void drop_oldest() {
    close(files_.front());
    files_.pop_front();
    unlink(name(dropped_++).c_str());
  }

  std::string prefix_;
  std::size_t kept_;
  std::size_t dropped_ = 0;
  std::uint64_t end_ = 0;
  std::deque<int> files_;
};

} // namespace limits
