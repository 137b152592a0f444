#include "cli/output.hpp"

#include "cli/command.hpp"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <unistd.h>

namespace cafka::cli {

bool output::write(std::string_view bytes) {
  buffer_ += bytes;
  return spill();
}

bool output::flush() {
  std::string_view left{buffer_};
  while (errno_ == 0 && !left.empty()) {
    const auto written = ::write(descriptor_, left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) { // somebody made the descriptor non-blocking
      pollfd waiting{descriptor_, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      errno_ = errno;
    }
  }
  buffer_.clear();
  return errno_ == 0;
}

int output::failure_code() const {
  if (errno_ == EPIPE)
    return broken_pipe;
  return report(std::string{"cannot write the output: "} + std::strerror(errno_));
}

} // namespace cafka::cli
