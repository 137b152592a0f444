#include "cli/progress.hpp"

#include "cli/command.hpp"

#include <cstdio>

namespace cafka::cli {

progress::progress(std::string_view verb, bool wanted) : verb_(verb), wanted_(wanted && is_terminal(2)) {}
progress::~progress() { finish(); }

void progress::tick() {
  if (!wanted_)
    return;
  if (const auto now = steady::now(); now - last_ >= std::chrono::seconds{1}) {
    last_ = now;
    write_line();
  }
}

void progress::finish() {
  if (!wanted_)
    return;
  wanted_ = false;
  if (line_is_open_) {
    write_line();
    std::fputc('\n', stderr);
  }
}

void progress::write_line() {
  const double seconds = std::chrono::duration<double>(steady::now() - start_).count();
  const double megabytes = static_cast<double>(bytes_) / 1e6;
  std::fprintf(stderr, "\r%.*s %llu records, %.1f MB, %.1f MB/s ", static_cast<int>(verb_.size()), verb_.data(),
               static_cast<unsigned long long>(records_), megabytes, seconds > 0 ? megabytes / seconds : 0.0);
  std::fflush(stderr);
  line_is_open_ = true;
}

} // namespace cafka::cli
