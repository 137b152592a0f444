#include "net/output_queue.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

namespace cafka::net {

namespace {

// Responses up to this size are copied behind the one before: a copy is cheaper than another buffer and another iovec.
constexpr std::size_t coalesce_up_to = 4096;
constexpr std::size_t coalesced_chunk = 64 << 10;
constexpr std::size_t gathered_parts = 64;
constexpr std::size_t kept_items = 4; // of an idle connection
constexpr std::size_t compact_after = 64;
constexpr int cold_patience = 30;

error system_error(const char* call) {
  const bool peer_is_gone = errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN || errno == ETIMEDOUT;
  return {peer_is_gone ? errc::connection_closed : errc::io_error, std::string(call) + ": " + std::strerror(errno)};
}
bool is_full() { return errno == EAGAIN || errno == EWOULDBLOCK; }

} // namespace

void output_queue::push(outgoing message) {
  if (message.empty())
    return;
  if (head_ >= compact_after && head_ * 2 >= items_.size()) {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  if (message.slices.empty()) {
    push_bytes(std::move(message.bytes));
  } else {
    std::size_t done = 0;
    auto push_until = [&](std::size_t end) {
      if (done == 0 && end == message.bytes.size())
        push_bytes(std::move(message.bytes));
      else if (done < end)
        push_bytes(byte_vector(message.bytes.begin() + static_cast<std::ptrdiff_t>(done),
                               message.bytes.begin() + static_cast<std::ptrdiff_t>(end)));
      done = end;
    };
    const auto total = message.bytes.size();
    for (auto& [at, slice] : message.slices) {
      push_until(at);
      if (slice.size_bytes != 0)
        items_.push_back({{}, std::move(slice), 0, 0});
    }
    push_until(total);
  }
  if (empty()) // nothing but slices without bytes
    ++sent_messages_;
  else
    ++items_.back().ends_messages;
}

void output_queue::push_bytes(byte_vector bytes) {
  if (bytes.empty())
    return;
  queued_bytes_ += bytes.size();
  if (bytes.size() <= coalesce_up_to && !empty() && !items_.back().is_slice() && items_.back().bytes.size() < coalesced_chunk) {
    auto& last = items_.back().bytes;
    last.insert(last.end(), bytes.begin(), bytes.end());
    return;
  }
  items_.push_back({std::move(bytes), {}, 0, 0});
}

output_queue::flush_state output_queue::flush(int socket, std::size_t turn_bytes, mutable_byte_span scratch) {
  std::size_t in_turn = 0;
  while (!empty()) {
    if (in_turn >= turn_bytes)
      return flush_state::turn_over;
    std::size_t sent = 0;
    const auto result = items_[head_].is_slice() ? send_slice(socket, turn_bytes - in_turn, scratch, sent) : send_bytes(socket, sent);
    if (result == step::would_block)
      return flush_state::would_block;
    if (result == step::cold)
      return flush_state::cold;
    if (result == step::failed)
      return flush_state::failed;
    advance(sent);
    in_turn += sent;
  }
  return flush_state::drained;
}

output_queue::step output_queue::send_bytes(int socket, std::size_t& sent) {
  std::array<iovec, gathered_parts> parts;
  std::size_t count = 0;
  auto at = head_;
  for (; at < items_.size() && !items_[at].is_slice() && count < parts.size(); ++at)
    parts[count++] = {items_[at].bytes.data() + items_[at].sent, items_[at].bytes.size() - items_[at].sent};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  // What a slice follows need not leave in a packet of its own.
  const int more = at < items_.size() ? MSG_MORE : 0;
  ssize_t result;
  do {
    result = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT | more);
  } while (result < 0 && errno == EINTR);
  if (result < 0)
    return is_full() ? step::would_block : fail_with(system_error("send"));
  sent = static_cast<std::size_t>(result);
  return step::sent;
}

output_queue::step output_queue::send_slice(int socket, std::size_t limit, mutable_byte_span scratch, std::size_t& sent) {
  const auto& [bytes, slice, done, ends] = items_[head_];
  const int file = slice.source->native_handle();
  if (file < 0)
    return send_copied(socket, limit, scratch, sent);
  const auto size = std::min(limit, slice.size_bytes - done);
  if (is_being_read(file, items_[head_], size))
    return step::cold;
  auto position = static_cast<off_t>(slice.position + done);
  ssize_t result;
  do {
    result = ::sendfile(socket, file, &position, size);
  } while (result < 0 && errno == EINTR);
  if (result < 0)
    return is_full() ? step::would_block : fail_with(system_error("sendfile"));
  if (result == 0)
    return fail_with({errc::corrupt_message, "sendfile at position " + std::to_string(slice.position + done) +
                                                 " of a log file gave no bytes, " + std::to_string(slice.size_bytes - done) +
                                                 " were promised: the file is shorter than its log"});
  sent = static_cast<std::size_t>(result);
  return step::sent;
}

// sendfile would wait for the disk, and every connection of the shard with it. So its last byte is asked for without waiting; if it is not in
// memory the kernel is told to read the whole slice meanwhile. After some tries sendfile may wait all the same: the disk is slow for everyone.
bool output_queue::is_being_read(int file, const item& from, std::size_t size) {
  std::byte last;
  const iovec into{&last, 1};
  const auto position = static_cast<off_t>(from.slice.position + from.sent);
  if (::preadv2(file, &into, 1, position + static_cast<off_t>(size) - 1, RWF_NOWAIT) >= 0 || errno != EAGAIN ||
      cold_tries_ >= cold_patience) {
    cold_tries_ = 0;
    return false;
  }
  if (cold_tries_++ == 0)
    ::posix_fadvise(file, position, static_cast<off_t>(from.slice.size_bytes - from.sent), POSIX_FADV_WILLNEED);
  return true;
}

// Reads what the socket may not take whole; the rest is read again next time, so no bytes wait in memory.
output_queue::step output_queue::send_copied(int socket, std::size_t limit, mutable_byte_span scratch, std::size_t& sent) {
  const auto& [bytes, slice, done, ends] = items_[head_];
  auto into = scratch.first(std::min({limit, slice.size_bytes - done, scratch.size()}));
  auto count = slice.source->read_at(slice.position + done, into);
  if (!count)
    return fail_with(std::move(count.error()));
  if (*count == 0)
    return fail_with({errc::corrupt_message, "a log file ends before position " + std::to_string(slice.position + done)});
  ssize_t result;
  do {
    result = ::send(socket, into.data(), *count, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (result < 0 && errno == EINTR);
  if (result < 0)
    return is_full() ? step::would_block : fail_with(system_error("send"));
  sent = static_cast<std::size_t>(result);
  return step::sent;
}

output_queue::step output_queue::fail_with(error why) {
  failure_ = std::move(why);
  return step::failed;
}

void output_queue::advance(std::size_t sent) {
  sent_bytes_ += sent;
  while (sent > 0) {
    auto& first = items_[head_];
    const auto now = std::min(sent, first.size() - first.sent);
    first.sent += now;
    sent -= now;
    if (first.sent == first.size())
      drop_head();
  }
}

void output_queue::drop_head() {
  auto& first = items_[head_];
  sent_messages_ += first.ends_messages;
  if (!first.is_slice())
    queued_bytes_ -= first.bytes.size();
  first = item{};
  if (++head_ < items_.size())
    return;
  items_.clear();
  if (items_.capacity() > kept_items)
    items_.shrink_to_fit();
  head_ = 0;
}

void output_queue::clear() {
  items_ = {};
  head_ = 0;
  queued_bytes_ = 0;
}

} // namespace cafka::net
