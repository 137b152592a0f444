// One protocol's side of one connection, and what it may ask of that connection. The first bytes of a connection decide which session it gets.
// All of it belongs to the connection's shard; answers that arrive on another thread come back through event_loop::dispatch and session::enter.
#pragma once
#include "net/event_loop.hpp"
#include "net/frame_pool.hpp"
#include "net/output_queue.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cafka::net {

// In which order responses leave: native clients match them by correlation id, Kafka's expect them as they asked.
enum class response_order { as_completed, as_requested };

// A request in flight: from begin_request until the last byte of its response is with the kernel.
struct request_ticket {
  std::uint64_t sequence = 0;
  std::size_t charged_bytes = 0;
};

class session_host {
public:
  virtual ~session_host() = default;
  [[nodiscard]] virtual event_loop& loop() noexcept = 0;
  [[nodiscard]] virtual const std::shared_ptr<frame_pool>& pool() const noexcept = 0;
  // "127.0.0.1:50123", for log lines.
  [[nodiscard]] virtual const std::string& peer() const noexcept = 0;
  // "PLAINTEXT": which of a broker's addresses this peer can use.
  [[nodiscard]] virtual const std::string& listener_name() const noexcept = 0;
  // `bytes`: what the request holds until it is answered; counts against the connection's bound, past which no more is read.
  virtual request_ticket begin_request(std::size_t bytes) = 0;
  // Exactly once per ticket, unless it was refused; an empty message sends nothing (acks=0).
  virtual void respond(request_ticket ticket, outgoing message) = 0;
  // The peer did something wrong; the reason goes to the log, rate-limited. Nothing more is read; what was asked before is answered, in bounded
  // time, then the connection is closed: on return it may still be open. `at`: the request that was wrong, if it had begun: it gets no response, and
  // where they go out in order, none after it does.
  virtual void refuse(std::string_view why, const request_ticket* at) = 0;
  virtual void session_threw(std::string_view what) = 0;
};

class session : public std::enable_shared_from_this<session> {
public:
  explicit session(session_host& host) : host_(&host), loop_(host.loop()) {}
  virtual ~session() = default;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  [[nodiscard]] virtual response_order order() const noexcept = 0;
  // One whole frame. An error refuses it with that reason.
  [[nodiscard]] virtual result<void> handle_frame(std::shared_ptr<frame_buffer> request) = 0;
  // The server stops, or the peer was refused: answer now what is parked and what would be; nothing new will come.
  virtual void finish_parked() = 0;

  // The connection is gone: nothing more is sent, parked work is dropped.
  void closed() {
    host_ = nullptr;
    drop_parked();
  }
  [[nodiscard]] bool is_closed() const noexcept { return host_ == nullptr; }
  [[nodiscard]] event_loop& loop() noexcept { return loop_; }

  // Runs `f` on behalf of this session, unless it is closed. What it throws closes this session and no other.
  template <class F>
  void enter(F&& f) noexcept {
    if (!host_)
      return;
    auto alive = shared_from_this();
    try {
      std::forward<F>(f)();
    } catch (const std::exception& thrown) {
      if (host_)
        host_->session_threw(thrown.what());
    } catch (...) {
      if (host_)
        host_->session_threw("an unknown exception");
    }
  }

protected:
  virtual void drop_parked() = 0;
  // Not to be called when closed.
  [[nodiscard]] session_host& host() noexcept { return *host_; }

private:
  session_host* host_;
  event_loop& loop_;
};

// What the first bytes of a connection say.
struct detection {
  std::shared_ptr<session> accepted;
  std::size_t consumed = 0; // of the first bytes, by `accepted`; what is left is nothing, or the length of a frame that is not empty
  std::size_t needs = 0; // undecided: so many bytes in all, at most max_opening_bytes
  std::string refused; // neither: the reason
};
inline constexpr std::size_t max_opening_bytes = 8;
using protocol_detector = std::function<detection(byte_span first_bytes, session_host& host)>;

} // namespace cafka::net
