// One TCP connection: bytes in, frames to a session, responses out. Lives on one shard and is touched only by that shard's thread; kept alive by its
// own pending operations and by the server's list of connections.
// Reading stops while too much of this connection is in flight (requests, their bytes, unsent responses) or the node's frame budget is used up, so a
// peer is slowed by TCP instead of filling memory. Between requests it holds no buffer.
#pragma once
#include "net/frame_assembler.hpp"
#include "net/session.hpp"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace cafka::net {

class peer_log;

struct connection_limits {
  std::uint32_t max_frame_bytes = 100 << 20;
  std::size_t max_in_flight_requests = 512;
  std::size_t max_in_flight_bytes = 16 << 20;
  std::int64_t idle_ms = 600'000; // −1: never
  std::int64_t frame_ms = 30'000; // a begun frame must be whole by then, time we do not read not counted; −1: never
  std::int64_t refusal_ms = 30'000; // what was asked before a request that is refused is answered by then, or never
  std::size_t turn_bytes = 1 << 20; // received or sent before other connections get their turn
  int send_buffer_bytes = -1; // −1: the system sizes it as it sees fit
  int receive_buffer_bytes = -1;
};

class connection final : public session_host, public budget_waiter, public std::enable_shared_from_this<connection> {
public:
  struct environment {
    event_loop& loop;
    std::shared_ptr<frame_pool> pool;
    const connection_limits& limits;
    const protocol_detector& detect;
    peer_log& log;
    const std::string& listener_name;
    std::function<void(connection&)> on_closed; // on the loop's thread
  };
  connection(boost::asio::ip::tcp::socket socket, environment with);
  ~connection() override;

  void start();
  // Reads no more, lets what is in flight be answered and what waits for news answer now, then closes; at the latest when `deadline_ms` comes.
  void drain(std::int64_t deadline_ms);
  void close() noexcept;

  [[nodiscard]] event_loop& loop() noexcept override { return with_.loop; }
  [[nodiscard]] const std::shared_ptr<frame_pool>& pool() const noexcept override { return with_.pool; }
  [[nodiscard]] const std::string& peer() const noexcept override { return peer_; }
  [[nodiscard]] const std::string& listener_name() const noexcept override { return with_.listener_name; }
  request_ticket begin_request(std::size_t bytes) override;
  void respond(request_ticket ticket, outgoing message) override;
  void refuse(std::string_view why, const request_ticket* at) override;
  void session_threw(std::string_view what) override;

  void budget_available() override;

  // For tests: memory this connection is responsible for.
  [[nodiscard]] std::size_t held_bytes() const noexcept {
    return in_flight_bytes_ + early_bytes_ + output_.queued_bytes() + assembler_.capacity();
  }

private:
  static constexpr std::int64_t no_frame = -1; // none is begun
  enum class pause_reason { none, in_flight, budget };

  template <class F>
  void guarded(F&& f) noexcept;
  void await_readable();
  void on_readable();
  bool receive(std::size_t& count, bool& filled);
  void process(byte_span input);
  bool open_session(byte_span& input);
  bool is_over_bounds() const noexcept;
  void pause(pause_reason why, byte_span unread);
  void resume_if_possible();
  void resume();

  void send(outgoing message);
  void schedule_flush();
  void flush();
  void after_flush();
  [[nodiscard]] bool is_drained() const noexcept;
  void call_last(std::int64_t deadline_ms);

  void watch();
  void on_watch();
  [[nodiscard]] std::int64_t next_deadline_ms() const noexcept;

  boost::asio::ip::tcp::socket socket_;
  environment with_;
  std::string peer_;
  std::shared_ptr<session> session_;
  frame_assembler assembler_;
  output_queue output_;
  std::map<std::uint64_t, outgoing> early_; // as_requested: answered before their turn
  std::size_t early_bytes_ = 0;

  std::array<std::byte, max_opening_bytes> opening_{};
  std::size_t opening_size_ = 0;

  // Received when reading had to pause. Outside the budget, which could otherwise fill up with what only waits for it: one read's worth at most.
  std::shared_ptr<byte_vector> unread_;
  std::size_t unread_from_ = 0;

  std::size_t requests_in_flight_ = 0;
  std::size_t in_flight_bytes_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t next_to_send_ = 0;
  std::uint64_t refused_from_ = UINT64_MAX; // draining: requests from this one on get no response

  pause_reason paused_ = pause_reason::none;
  bool awaiting_readable_ = false;
  bool awaiting_writable_ = false;
  bool flush_scheduled_ = false;
  bool resume_scheduled_ = false;
  bool draining_ = false;
  bool closed_ = false;

  std::int64_t last_activity_ms_ = 0;
  std::int64_t frame_since_ms_ = no_frame;
  std::int64_t paused_since_ms_ = 0;
  deadline_queue::handle watch_;
  deadline_queue::handle last_call_; // draining: then it is closed, whatever is owed
  std::int64_t last_call_ms_ = INT64_MAX;
};

} // namespace cafka::net
