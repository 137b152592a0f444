#include "cli/line_source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <unistd.h>

namespace cafka::cli {

namespace {
constexpr std::size_t read_bytes = 256 * 1024;
}

line_source::line_source(int descriptor, std::string name, std::string delimiter, std::size_t max_bytes)
    : descriptor_(descriptor), name_(std::move(name)), delimiter_(std::move(delimiter)), max_bytes_(max_bytes) {}

line_source::~line_source() {
  if (descriptor_ > 0)
    ::close(descriptor_);
}

result<bool> line_source::fill(int interrupt_descriptor) {
  if (at_end_)
    return false;
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < read_bytes)
    buffer_.resize(std::max(buffer_.size() * 2, end_ + read_bytes));
  for (;;) {
    pollfd ready[] = {{descriptor_, POLLIN, 0}, {interrupt_descriptor, POLLIN, 0}};
    if (::poll(ready, interrupt_descriptor >= 0 ? 2 : 1, -1) < 0 && errno != EINTR)
      return fail(errc::io_error, name_ + ": " + std::strerror(errno));
    if (ready[1].revents != 0)
      return false;
    if (ready[0].revents == 0)
      continue;
    const auto count = ::read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (count < 0)
      return fail(errc::io_error, name_ + ": " + std::strerror(errno));
    at_end_ = count == 0;
    end_ += static_cast<std::size_t>(count);
    return count != 0;
  }
}

result<std::optional<std::string_view>> line_source::next(int interrupt_descriptor) {
  for (;;) {
    const std::string_view unread{buffer_.data(), end_};
    const auto found = delimiter_.size() == 1 ? unread.find(delimiter_.front(), scanned_) : unread.find(delimiter_, scanned_);
    if (found != std::string_view::npos) {
      const auto piece = unread.substr(begin_, found - begin_);
      begin_ = scanned_ = found + delimiter_.size();
      ++line_;
      return piece;
    }
    scanned_ = std::max(begin_, end_ - std::min(end_, delimiter_.size() - 1));
    if (end_ - begin_ > max_bytes_)
      return fail(errc::message_too_large,
                  name_ + ':' + std::to_string(line_ + 1) + ": longer than " + std::to_string(max_bytes_) + " bytes");
    CAFKA_TRY_ASSIGN(more, fill(interrupt_descriptor));
    if (more)
      continue;
    if (!at_end_ || begin_ == end_)
      return std::nullopt;
    const auto piece = std::string_view{buffer_.data(), end_}.substr(begin_);
    begin_ = scanned_ = end_;
    ++line_;
    return piece;
  }
}

result<std::string> line_source::rest(int interrupt_descriptor) {
  for (;;) {
    if (end_ - begin_ > max_bytes_)
      return fail(errc::message_too_large, name_ + ": longer than " + std::to_string(max_bytes_) + " bytes");
    CAFKA_TRY_ASSIGN(more, fill(interrupt_descriptor));
    if (!more)
      break;
  }
  line_ = 1;
  auto all = buffer_.substr(begin_, end_ - begin_);
  begin_ = scanned_ = end_;
  return all;
}

} // namespace cafka::cli
