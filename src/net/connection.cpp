#include "net/connection.hpp"

#include "base/log.hpp"
#include "net/peer_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/uio.h>
#include <utility>

namespace cafka::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// What was read and cannot be taken waits outside the budget.
constexpr std::size_t read_ahead_when_tight = 2048;
// Behind the rest of a frame as large as this, only the head of the next one is read ahead: then that one, too, is received where it is to lie.
constexpr std::size_t large_rest = 32 << 10;
constexpr std::size_t read_ahead_of_large = 1024;

std::string describe_peer(const tcp::socket& socket) {
  boost::system::error_code failed;
  const auto remote = socket.remote_endpoint(failed);
  if (failed)
    return "a peer that is gone";
  const auto address = remote.address().is_v6() && remote.address().to_v6().is_v4_mapped()
                           ? asio::ip::make_address_v4(asio::ip::v4_mapped, remote.address().to_v6()).to_string()
                           : remote.address().to_string();
  return address + ':' + std::to_string(remote.port());
}

} // namespace

connection::connection(tcp::socket socket, environment with)
    : socket_(std::move(socket)),
      with_(std::move(with)),
      peer_(describe_peer(socket_)),
      assembler_(with_.pool, with_.limits.max_frame_bytes) {}

connection::~connection() { close(); }

template <class F>
void connection::guarded(F&& f) noexcept {
  if (closed_)
    return;
  auto alive = shared_from_this();
  try {
    std::forward<F>(f)();
  } catch (const std::exception& thrown) {
    session_threw(thrown.what());
  } catch (...) {
    session_threw("an unknown exception");
  }
}

void connection::start() {
  guarded([&] {
    boost::system::error_code failed;
    socket_.native_non_blocking(true, failed);
    socket_.set_option(tcp::no_delay(true), failed);
    socket_.set_option(asio::socket_base::keep_alive(true), failed);
    if (with_.limits.send_buffer_bytes > 0)
      socket_.set_option(asio::socket_base::send_buffer_size(with_.limits.send_buffer_bytes), failed);
    if (with_.limits.receive_buffer_bytes > 0)
      socket_.set_option(asio::socket_base::receive_buffer_size(with_.limits.receive_buffer_bytes), failed);
    last_activity_ms_ = loop().now_ms();
    watch();
    await_readable();
  });
}

// ---- receiving ----

void connection::await_readable() {
  if (closed_ || draining_ || awaiting_readable_ || paused_ != pause_reason::none)
    return;
  awaiting_readable_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code& failed) {
    self->awaiting_readable_ = false;
    if (!failed)
      self->guarded([&] { self->on_readable(); });
  });
}

// Reads until the socket is empty or the turn is over. What goes to the frame being received goes there directly, what follows into the scratch buffer.
void connection::on_readable() {
  if (paused_ != pause_reason::none || draining_)
    return;
  std::size_t in_turn = 0;
  while (in_turn < with_.limits.turn_bytes) {
    std::size_t count = 0;
    bool filled = false;
    if (!receive(count, filled))
      return;
    if (count == 0)
      break;
    in_turn += count;
    if (closed_ || draining_ || paused_ != pause_reason::none)
      return;
    if (!filled) {
      await_readable();
      return;
    }
  }
  if (in_turn < with_.limits.turn_bytes) {
    await_readable();
    return;
  }
  loop().post([self = shared_from_this()] { self->guarded([&] { self->on_readable(); }); });
}

// False when the connection is closed. `count` 0: nothing was there. `filled`: there may be more.
bool connection::receive(std::size_t& count, bool& filled) {
  const auto rest = assembler_.wanted();
  auto scratch = loop().scratch();
  if (with_.pool->is_tight())
    scratch = scratch.first(read_ahead_when_tight);
  else if (rest.size() >= large_rest)
    scratch = scratch.first(read_ahead_of_large);
  const std::array<iovec, 2> parts{iovec{rest.data(), rest.size()}, iovec{scratch.data(), scratch.size()}};
  ssize_t result;
  do {
    result = rest.empty() ? ::readv(socket_.native_handle(), &parts[1], 1) : ::readv(socket_.native_handle(), parts.data(), 2);
  } while (result < 0 && errno == EINTR);
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return true;
  if (result <= 0) {
    close();
    return false;
  }
  count = static_cast<std::size_t>(result);
  filled = count == rest.size() + scratch.size();
  loop_counters::add(loop().counters().bytes_received, static_cast<std::uint64_t>(count));
  last_activity_ms_ = loop().now_ms();
  const auto direct = std::min(count, rest.size());
  assembler_.received(direct);
  process(scratch.first(count - direct));
  return !closed_;
}

// Hands every whole frame of `input` to the session, until the input is used up or a bound says stop.
void connection::process(byte_span input) {
  if (!session_ && !open_session(input))
    return;
  std::shared_ptr<frame_buffer> frame;
  while (!closed_ && !draining_) {
    if (is_over_bounds())
      return pause(pause_reason::in_flight, input);
    const auto state = assembler_.next(input, frame);
    if (state == frame_assembler::state::need_bytes)
      break;
    if (state == frame_assembler::state::need_budget)
      return pause(pause_reason::budget, input);
    if (state == frame_assembler::state::refused)
      return refuse(assembler_.refusal(), nullptr);
    frame_since_ms_ = no_frame;
    loop_counters::add(loop().counters().requests);
    session_->enter([&, this] {
      if (auto handled = session_->handle_frame(std::move(frame)); !handled)
        refuse(handled.error().detail, nullptr);
    });
  }
  if (!closed_ && !draining_ && frame_since_ms_ == no_frame && assembler_.in_frame()) {
    frame_since_ms_ = last_activity_ms_;
    watch();
  }
}

bool connection::open_session(byte_span& input) {
  while (true) {
    const auto found = with_.detect({opening_.data(), opening_size_}, *this);
    if (!found.refused.empty()) {
      refuse(found.refused, nullptr);
      return false;
    }
    if (found.accepted) {
      session_ = found.accepted;
      frame_since_ms_ = no_frame;
      byte_span rest{opening_.data() + found.consumed, opening_size_ - found.consumed};
      std::shared_ptr<frame_buffer> none; // the rest is at most a frame's length, whose outcome the next call repeats
      (void)assembler_.next(rest, none);
      return true;
    }
    if (input.empty())
      break;
    const auto count = std::min(input.size(), found.needs - opening_size_);
    std::memcpy(opening_.data() + opening_size_, input.data(), count);
    opening_size_ += count;
    input = input.subspan(count);
    if (opening_size_ < found.needs)
      break;
  }
  if (frame_since_ms_ == no_frame && opening_size_ != 0) {
    frame_since_ms_ = last_activity_ms_;
    watch();
  }
  return false;
}

bool connection::is_over_bounds() const noexcept {
  return requests_in_flight_ >= with_.limits.max_in_flight_requests ||
         in_flight_bytes_ + early_bytes_ + output_.queued_bytes() >= with_.limits.max_in_flight_bytes;
}

void connection::pause(pause_reason why, byte_span unread) {
  if (unread.empty()) {
    unread_.reset();
  } else if (unread_ && unread.data() >= unread_->data() && unread.data() < unread_->data() + unread_->size()) {
    unread_from_ = static_cast<std::size_t>(unread.data() - unread_->data());
  } else {
    unread_ = std::make_shared<byte_vector>(unread.begin(), unread.end());
    unread_from_ = 0;
  }
  paused_ = why;
  paused_since_ms_ = last_activity_ms_;
  loop_counters::add(loop().counters().reads_paused);
  if (why == pause_reason::budget)
    with_.pool->wait_for_budget(weak_from_this(), assembler_.wanted_capacity(), assembler_.is_growing());
}

void connection::budget_available() {
  loop().post([self = shared_from_this()] {
    if (self->paused_ == pause_reason::budget)
      self->guarded([&] { self->resume(); });
    self->with_.pool->wake_waiters();
  });
}

void connection::resume_if_possible() {
  if (paused_ != pause_reason::in_flight || resume_scheduled_ || is_over_bounds())
    return;
  resume_scheduled_ = true;
  loop().post([self = shared_from_this()] {
    self->resume_scheduled_ = false;
    self->guarded([&] {
      if (self->paused_ == pause_reason::in_flight && !self->is_over_bounds())
        self->resume();
    });
  });
}

void connection::resume() {
  paused_ = pause_reason::none;
  if (draining_)
    return;
  if (frame_since_ms_ != no_frame)
    frame_since_ms_ += loop().now_ms() - paused_since_ms_;
  const auto keep = unread_;
  process(keep ? byte_span(*keep).subspan(unread_from_) : byte_span{});
  if (closed_ || paused_ != pause_reason::none)
    return;
  unread_.reset();
  await_readable();
}

// ---- requests and responses ----

request_ticket connection::begin_request(std::size_t bytes) {
  ++requests_in_flight_;
  in_flight_bytes_ += bytes;
  return {next_sequence_++, bytes};
}

void connection::respond(request_ticket ticket, outgoing message) {
  if (closed_)
    return;
  in_flight_bytes_ -= ticket.charged_bytes;
  if (session_->order() == response_order::as_completed) {
    send(std::move(message));
  } else if (ticket.sequence != next_to_send_) {
    early_bytes_ += message.bytes.size();
    early_.emplace(ticket.sequence, std::move(message));
  } else {
    send(std::move(message));
    ++next_to_send_;
    for (auto next = early_.begin(); next != early_.end() && next->first == next_to_send_; next = early_.erase(next), ++next_to_send_) {
      early_bytes_ -= next->second.bytes.size();
      send(std::move(next->second));
    }
  }
  schedule_flush();
}

void connection::send(outgoing message) {
  if (message.empty()) {
    --requests_in_flight_;
    return;
  }
  loop_counters::add(loop().counters().responses);
  output_.push(std::move(message));
}

// Once per wake-up of the loop: whatever else is answered before it runs goes out with the same system call.
void connection::schedule_flush() {
  if (flush_scheduled_ || awaiting_writable_)
    return;
  flush_scheduled_ = true;
  loop().post([self = shared_from_this()] {
    self->flush_scheduled_ = false;
    self->guarded([&] { self->flush(); });
  });
}

void connection::flush() {
  const auto state = output_.flush(socket_.native_handle(), with_.limits.turn_bytes, loop().scratch());
  if (const auto sent = output_.take_sent_bytes(); sent != 0) {
    loop_counters::add(loop().counters().bytes_sent, static_cast<std::uint64_t>(sent));
    last_activity_ms_ = loop().now_ms();
  }
  requests_in_flight_ -= output_.take_sent_messages();
  switch (state) {
  case output_queue::flush_state::drained: break;
  case output_queue::flush_state::turn_over: schedule_flush(); break;
  case output_queue::flush_state::cold:
    flush_scheduled_ = true;
    loop().add_deadline(loop().now_ms() + 1, [weak = weak_from_this()] {
      if (auto self = weak.lock()) {
        self->flush_scheduled_ = false;
        self->guarded([&] { self->flush(); });
      }
    });
    break;
  case output_queue::flush_state::would_block:
    awaiting_writable_ = true;
    socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const boost::system::error_code& failed) {
      self->awaiting_writable_ = false;
      if (!failed)
        self->guarded([&] { self->flush(); });
    });
    break;
  case output_queue::flush_state::failed:
    if (output_.failure().code == errc::connection_closed)
      return close();
    CAFKA_LOG_ERROR("closed the connection of {}: {}", peer_, output_.failure().detail);
    return close();
  }
  after_flush();
}

void connection::after_flush() {
  if (draining_ && is_drained())
    return close();
  resume_if_possible();
}

bool connection::is_drained() const noexcept {
  if (!output_.empty())
    return false;
  return requests_in_flight_ == 0 || (session_->order() == response_order::as_requested && next_to_send_ >= refused_from_);
}

// ---- deadlines ----

std::int64_t connection::next_deadline_ms() const noexcept {
  auto next = deadline_queue::never;
  if (with_.limits.idle_ms >= 0)
    next = last_activity_ms_ + with_.limits.idle_ms;
  if (with_.limits.frame_ms >= 0 && frame_since_ms_ != no_frame && paused_ == pause_reason::none)
    next = std::min(next, frame_since_ms_ + with_.limits.frame_ms);
  return next;
}

// One entry per connection, moved only when a deadline comes nearer: activity costs nothing here, an entry that finds it was early watches on.
void connection::watch() {
  const auto next = next_deadline_ms();
  if (next == deadline_queue::never || (watch_.number != 0 && watch_.at_ms <= next))
    return;
  loop().cancel_deadline(watch_);
  watch_ = loop().add_deadline(next, [weak = weak_from_this()] {
    if (auto self = weak.lock()) {
      self->watch_ = {};
      self->guarded([&] { self->on_watch(); });
    }
  });
}

void connection::on_watch() {
  if (loop().now_ms() < next_deadline_ms())
    return watch();
  loop_counters::add(loop().counters().deadlines_missed);
  if (frame_since_ms_ != no_frame && paused_ == pause_reason::none)
    with_.log.refused(peer_, "a request was not whole after " + std::to_string(with_.limits.frame_ms) + " ms");
  else
    CAFKA_LOG_DEBUG("closed the connection of {}: idle for {} ms", peer_, with_.limits.idle_ms);
  close();
}

// ---- the end ----

void connection::refuse(std::string_view why, const request_ticket* at) {
  if (closed_)
    return;
  loop_counters::add(loop().counters().frames_refused);
  with_.log.refused(peer_, why);
  if (at == nullptr)
    refused_from_ = std::min(refused_from_, next_sequence_);
  else if (session_->order() == response_order::as_requested)
    refused_from_ = std::min(refused_from_, at->sequence);
  else
    --requests_in_flight_; // it is done
  drain(loop().now_ms() + with_.limits.refusal_ms);
}

void connection::session_threw(std::string_view what) {
  if (closed_)
    return;
  loop_counters::add(loop().counters().session_exceptions);
  CAFKA_LOG_ERROR("closed the connection of {}: its session failed: {}", peer_, what);
  close();
}

void connection::drain(std::int64_t deadline_ms) {
  guarded([&] {
    draining_ = true;
    frame_since_ms_ = no_frame; // never whole, and it is our doing
    assembler_.reset();
    unread_.reset();
    call_last(deadline_ms);
    if (session_)
      session_->enter([&] { session_->finish_parked(); });
    if (closed_)
      return;
    if (is_drained())
      close();
  });
}

void connection::call_last(std::int64_t deadline_ms) {
  if (deadline_ms >= last_call_ms_)
    return;
  loop().cancel_deadline(last_call_);
  last_call_ms_ = deadline_ms;
  last_call_ = loop().add_deadline(deadline_ms, [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->close();
  });
}

void connection::close() noexcept {
  if (std::exchange(closed_, true))
    return;
  loop().cancel_deadline(watch_);
  loop().cancel_deadline(last_call_);
  if (auto ended = std::move(session_))
    ended->closed();
  boost::system::error_code ignored;
  socket_.close(ignored);
  assembler_.reset();
  output_.clear();
  early_.clear();
  early_bytes_ = 0;
  unread_.reset();
  in_flight_bytes_ = 0;
  if (with_.on_closed)
    with_.on_closed(*this);
}

} // namespace cafka::net
