// What one connection still has to send: owned bytes, gathered into few system calls, and slices of log files, sent by sendfile(2) from the page
// cache without passing through this process. Works on a non-blocking socket's descriptor; knows nothing of event loops.
// sendfile raises SIGPIPE on a closed peer: the process ignores that signal (net::server sees to it).
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/partition_log.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cafka::net {

// One response. Slices are sent where they are spliced in: after the first `at` bytes. Empty: nothing is sent.
struct outgoing {
  struct splice {
    std::size_t at = 0;
    storage::log_slice slice;
  };
  byte_vector bytes;
  std::vector<splice> slices; // `at` ascending

  [[nodiscard]] bool empty() const noexcept { return bytes.empty() && slices.empty(); }
};

class output_queue {
public:
  void push(outgoing message);

  enum class flush_state {
    drained, // all is with the kernel
    would_block, // wait until the socket is writable
    cold, // the next bytes come from the disk and are being read: try again in a moment
    turn_over, // `turn_bytes` were sent and there is more
    failed, // the connection is beyond repair: see failure()
  };
  // Sends up to about `turn_bytes`. `scratch` is used for slices of files without a descriptor; it may be empty otherwise.
  flush_state flush(int socket, std::size_t turn_bytes, mutable_byte_span scratch);

  [[nodiscard]] bool empty() const noexcept { return head_ == items_.size(); }
  // Memory that waits: bytes owned here, not those of slices.
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queued_bytes_; }
  // Messages whose last byte went to the kernel, and bytes sent, since the last call.
  [[nodiscard]] std::size_t take_sent_messages() noexcept { return std::exchange(sent_messages_, 0); }
  [[nodiscard]] std::size_t take_sent_bytes() noexcept { return std::exchange(sent_bytes_, 0); }
  [[nodiscard]] const error& failure() const noexcept { return failure_; }
  void clear();

private:
  struct item {
    byte_vector bytes; // or, if empty,
    storage::log_slice slice; // this
    std::size_t sent = 0;
    std::uint32_t ends_messages = 0;
    [[nodiscard]] bool is_slice() const noexcept { return bytes.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return is_slice() ? slice.size_bytes : bytes.size(); }
  };
  enum class step { sent, would_block, cold, failed };

  void push_bytes(byte_vector bytes);
  step send_bytes(int socket, std::size_t& sent);
  step send_slice(int socket, std::size_t limit, mutable_byte_span scratch, std::size_t& sent);
  bool is_being_read(int file, const item& from, std::size_t size);
  step send_copied(int socket, std::size_t limit, mutable_byte_span scratch, std::size_t& sent);
  step fail_with(error why);
  void advance(std::size_t sent);
  void drop_head();

  std::vector<item> items_;
  std::size_t head_ = 0;
  std::size_t queued_bytes_ = 0;
  std::size_t sent_messages_ = 0;
  std::size_t sent_bytes_ = 0;
  int cold_tries_ = 0;
  error failure_;
};

} // namespace cafka::net
