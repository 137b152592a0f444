#include "client/internal/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cmath>

namespace cafka::client {

namespace {

constexpr std::size_t input_size = 16 * 1024;
constexpr std::size_t frames_per_write = 32; // below IOV_MAX together with their payload pieces
constexpr std::size_t bytes_per_write = 1024 * 1024;
constexpr std::array<std::byte, 8> preface = {std::byte{0xCA}, std::byte{'F'}, std::byte{'K'}, std::byte{'A'},
                                              std::byte{0},    std::byte{0},   std::byte{0},   std::byte{1}};

bool is_port(std::string_view text) {
  unsigned value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc{} && end == text.data() + text.size() && value > 0 && value <= 65535;
}

result<address> parse_address(std::string_view text) {
  auto colon = text.rfind(':');
  auto wrong = [&] { return fail(errc::bad_argument, "\"" + std::string(text) + "\" is not HOST:PORT or [IPV6]:PORT"); };
  if (colon == std::string_view::npos || colon == 0 || !is_port(text.substr(colon + 1)))
    return wrong();
  auto host = text.substr(0, colon);
  if (host.front() == '[') {
    if (host.size() < 3 || host.back() != ']')
      return wrong();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong();
  }
  return address{std::string(host), std::string(text.substr(colon + 1))};
}

} // namespace

std::string address::to_string() const { return host.find(':') == std::string::npos ? host + ':' + port : '[' + host + "]:" + port; }

result<std::vector<address>> parse_addresses(std::string_view list) {
  std::vector<address> all;
  while (true) {
    auto comma = list.find(',');
    auto part = list.substr(0, comma);
    while (!part.empty() && part.front() == ' ')
      part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ')
      part.remove_suffix(1);
    CAFKA_TRY_ASSIGN(one, parse_address(part));
    all.push_back(std::move(one));
    if (comma == std::string_view::npos)
      return all;
    list.remove_prefix(comma + 1);
  }
}

milliseconds backoff_after(int failures, milliseconds base, milliseconds limit, prng& jitter) {
  auto wait = base.count();
  for (int i = 1; i < failures && wait < limit.count(); ++i)
    wait *= 2;
  wait = std::min<std::int64_t>(wait, limit.count());
  auto spread = static_cast<std::uint64_t>(wait) * 2 / 5;
  return milliseconds{wait - wait / 5 + static_cast<std::int64_t>(jitter.below(spread + 1))};
}

struct connection::link {
  explicit link(const strand& on) : socket(on), resolver(on), timer(on) {}
  asio::ip::tcp::socket socket;
  asio::ip::tcp::resolver resolver;
  asio::steady_timer timer; // for TCP and hello
  bool writing = false;
  std::array<std::byte, input_size> input;
  std::size_t input_begin = 0, input_end = 0;
  std::shared_ptr<std::byte[]> body; // of the frame being read: header, then payload
  std::size_t body_size = 0, body_have = 0, header_size = 0;
};

connection::connection(strand where, address to, std::shared_ptr<const cluster_config> config)
    : strand_(std::move(where)),
      to_(std::move(to)),
      config_(std::move(config)),
      jitter_(prng::from_system()),
      retry_timer_(strand_),
      deadline_timer_(strand_) {}

void connection::send(rpc_request request, rpc_handler handler) {
  if (state_ == state::closed) {
    std::move(handler)(tl::unexpected(rpc_error{close_reason_, false}));
    return;
  }
  auto id = next_id_++;
  auto frame = encode(request, id);
  auto deadline = steady_clock::now() + request.timeout;
  pending_.emplace(id, pending{std::move(handler), deadline, false, request.answered});
  deadlines_.emplace(deadline, id);
  queue_.push_back(std::move(frame));
  arm_deadline();
  if (state_ == state::ready)
    write_more();
  else if (state_ == state::idle)
    start();
}

void connection::close(const error& why) {
  if (state_ == state::closed)
    return;
  close_reason_ = why;
  state_ = state::closed; // first: a handler that sends again is refused
  fail_link(why);
  retry_timer_.cancel();
  deadline_timer_.cancel();
}

void connection::start() {
  if (steady_clock::now() >= not_before_) {
    connect();
    return;
  }
  state_ = state::waiting;
  retry_timer_.expires_at(not_before_);
  retry_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
    if (!cancelled && self->state_ == state::waiting)
      self->connect();
  });
}

void connection::connect() {
  state_ = state::connecting;
  link_ = std::make_shared<link>(strand_);
  auto self = shared_from_this();
  auto on = link_;
  on->timer.expires_after(config_->connect_timeout);
  on->timer.async_wait([self, on](const boost::system::error_code& cancelled) {
    if (!cancelled && self->link_ == on && self->state_ == state::connecting)
      self->fail_link({errc::broker_not_available, "no connection to " + self->to_.to_string() + " within " +
                                                       std::to_string(self->config_->connect_timeout.count()) + " ms"});
  });
  on->resolver.async_resolve(to_.host, to_.port, [self, on](const boost::system::error_code& failure, auto found) {
    if (self->link_ != on)
      return;
    if (failure)
      return self->fail_link({errc::broker_not_available, "cannot resolve " + self->to_.host + ": " + failure.message()});
    asio::async_connect(on->socket, found, [self, on](const boost::system::error_code& refused, const auto&) {
      if (self->link_ != on)
        return;
      if (refused)
        return self->fail_link({errc::broker_not_available, "cannot connect to " + self->to_.to_string() + ": " + refused.message()});
      self->say_hello(on);
    });
  });
}

void connection::say_hello(const link_ptr& on) {
  boost::system::error_code ignored;
  on->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  rpc_request hello;
  hello.header.mutable_hello()->set_min_version(1);
  hello.header.mutable_hello()->set_max_version(1);
  hello.header.mutable_hello()->set_client_software("cafka-cpp");
  auto id = next_id_++;
  auto frame = encode(hello, id);
  frame.head.insert(frame.head.begin(), preface.begin(), preface.end());
  auto self = shared_from_this();
  // bounded by the link's timer
  pending_.emplace(id, pending{[self, on](rpc_result answer) { self->on_hello(on, std::move(answer)); }, time_point::max(), true, true});
  ++in_flight_;
  writing_.push_back(std::move(frame));
  on->writing = true;
  asio::async_write(on->socket, asio::buffer(writing_.front().head),
                    [self, on](const boost::system::error_code& failure, std::size_t) { self->on_written(on, failure); });
  read_more(on);
}

void connection::on_hello(const link_ptr& on, rpc_result answer) {
  if (link_ != on || !answer)
    return; // the link failed, which says it all
  const auto& header = answer->header;
  if (header.error().code() != 0 || !header.has_hello())
    return fail_link({header.error().code() != 0 ? static_cast<errc>(header.error().code()) : errc::unsupported_version,
                      to_.to_string() + " refused our hello: " + header.error().message()});
  last_failure_.clear();
  limits_ = {header.hello().node_id(), header.hello().max_frame_bytes(), header.hello().max_fetch_bytes()};
  failures_ = 0;
  on->timer.cancel();
  state_ = state::ready;
  write_more();
}

connection::outgoing connection::encode(rpc_request& request, std::uint64_t id) const {
  request.header.set_correlation_id(id);
  request.header.set_client_id(config_->client_id);
  std::size_t payload_size = 0;
  for (const auto& piece : request.payload)
    payload_size += piece->size();
  auto header_size = request.header.ByteSizeLong();
  outgoing frame{id, byte_vector(8 + header_size), std::move(request.payload)};
  store_be(frame.head.data(), static_cast<std::uint32_t>(4 + header_size + payload_size));
  store_be(frame.head.data() + 4, static_cast<std::uint32_t>(header_size));
  request.header.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(frame.head.data() + 8));
  return frame;
}

void connection::write_more() {
  if (state_ != state::ready || link_->writing)
    return;
  std::vector<asio::const_buffer> buffers;
  std::size_t bytes = 0;
  while (!queue_.empty() && in_flight_ < config_->max_requests_in_flight && writing_.size() < frames_per_write && bytes < bytes_per_write) {
    auto& frame = queue_.front();
    auto found = pending_.find(frame.id);
    if (found != pending_.end()) { // else its deadline passed in the line
      found->second.sent = true;
      if (found->second.answered)
        ++in_flight_;
      bytes += frame.head.size();
      for (const auto& piece : frame.payload)
        bytes += piece->size();
      writing_.push_back(std::move(frame));
    }
    queue_.pop_front();
  }
  if (writing_.empty())
    return;
  for (const auto& frame : writing_) {
    buffers.emplace_back(frame.head.data(), frame.head.size());
    for (const auto& piece : frame.payload)
      buffers.emplace_back(piece->data(), piece->size());
  }
  link_->writing = true;
  asio::async_write(link_->socket, buffers, [self = shared_from_this(), on = link_](const boost::system::error_code& failure, std::size_t) {
    self->on_written(on, failure);
  });
}

void connection::on_written(const link_ptr& on, const boost::system::error_code& failure) {
  if (link_ != on)
    return;
  if (failure)
    return fail_link({errc::connection_closed, "writing to " + to_.to_string() + ": " + failure.message()});
  on->writing = false;
  auto written = std::exchange(writing_, {});
  for (const auto& frame : written) {
    auto found = pending_.find(frame.id);
    if (found == pending_.end() || found->second.answered)
      continue;
    finish(frame.id, rpc_response{});
    if (link_ != on)
      return;
  }
  write_more();
}

void connection::read_more(const link_ptr& on) {
  if (on->input_begin == on->input_end)
    on->input_begin = on->input_end = 0;
  if (on->input_begin > 0 && on->input_end == input_size) { // the start of the next frame's lengths
    std::copy(on->input.begin() + static_cast<std::ptrdiff_t>(on->input_begin), on->input.end(), on->input.begin());
    on->input_end -= on->input_begin;
    on->input_begin = 0;
  }
  on->socket.async_read_some(
      asio::buffer(on->input.data() + on->input_end, input_size - on->input_end),
      [self = shared_from_this(), on](const boost::system::error_code& failure, std::size_t count) {
        if (self->link_ != on)
          return;
        if (failure)
          return self->fail_link({errc::connection_closed, "reading from " + self->to_.to_string() + ": " + failure.message()});
        on->input_end += count;
        while (self->link_ == on && self->consume_input(on)) {
        }
        if (self->link_ != on)
          return;
        if (on->body)
          self->read_rest(on);
        else
          self->read_more(on);
      });
}

// Large bodies do not pass through the input buffer.
void connection::read_rest(const link_ptr& on) {
  asio::async_read(
      on->socket, asio::buffer(on->body.get() + on->body_have, on->body_size - on->body_have),
      [self = shared_from_this(), on](const boost::system::error_code& failure, std::size_t) {
        if (self->link_ != on)
          return;
        if (failure)
          return self->fail_link({errc::connection_closed, "reading from " + self->to_.to_string() + ": " + failure.message()});
        self->on_frame(on);
        if (self->link_ == on)
          self->read_more(on);
      });
}

// Takes one frame, or what there is of it, from the input buffer; false when more must be read first.
bool connection::consume_input(const link_ptr& on) {
  auto have = on->input_end - on->input_begin;
  if (have < 8)
    return false;
  const auto* from = on->input.data() + on->input_begin;
  auto total = load_be<std::uint32_t>(from);
  auto header_size = load_be<std::uint32_t>(from + 4);
  if (total < 4 || total - 4 < header_size || total > config_->max_response_bytes) {
    fail_link({errc::connection_closed,
               to_.to_string() + " sent a frame of " + std::to_string(total) + " bytes with a header of " + std::to_string(header_size)});
    return false;
  }
  on->body_size = total - 4;
  on->header_size = header_size;
  on->body = std::make_shared_for_overwrite<std::byte[]>(on->body_size);
  on->body_have = std::min(have - 8, on->body_size);
  std::copy_n(from + 8, on->body_have, on->body.get());
  on->input_begin += 8 + on->body_have;
  if (on->body_have < on->body_size)
    return false;
  on_frame(on);
  return true;
}

void connection::on_frame(const link_ptr& on) {
  rpc_response response;
  auto body = std::exchange(on->body, nullptr);
  if (!response.header.ParseFromArray(body.get(), static_cast<int>(on->header_size)))
    return fail_link({errc::connection_closed, to_.to_string() + " sent a response header that cannot be read"});
  auto id = response.header.correlation_id();
  auto found = pending_.find(id);
  if (found == pending_.end() || !found->second.sent || !found->second.answered)
    return fail_link({errc::connection_closed, to_.to_string() + " answered a request that was not asked"});
  --in_flight_;
  response.payload = {body.get() + on->header_size, on->body_size - on->header_size};
  response.frame = std::move(body);
  finish(id, std::move(response));
  if (link_ == on)
    write_more();
}

void connection::finish(std::uint64_t id, rpc_result answer) {
  auto node = pending_.extract(id);
  deadlines_.erase({node.mapped().deadline, id});
  std::move(node.mapped().handler)(std::move(answer));
}

void connection::fail_link(error why) {
  auto self = shared_from_this();
  if (link_) {
    boost::system::error_code ignored;
    link_->socket.close(ignored);
    link_->resolver.cancel();
    link_->timer.cancel();
    link_.reset();
  }
  if (state_ != state::closed)
    state_ = state::idle;
  ++failures_;
  last_failure_ = why.detail;
  not_before_ = steady_clock::now() + backoff_after(failures_, config_->retry_backoff, config_->retry_backoff_max, jitter_);
  in_flight_ = 0;
  queue_.clear();
  writing_.clear();
  deadlines_.clear();
  // In the order asked: a producer puts its batches back in that order.
  auto all = std::exchange(pending_, {});
  std::vector<std::uint64_t> ids;
  ids.reserve(all.size());
  for (const auto& [id, request] : all)
    ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (auto id : ids) {
    auto& request = all.at(id);
    std::move(request.handler)(tl::unexpected(rpc_error{why, request.sent}));
  }
}

void connection::arm_deadline() {
  if (deadlines_.empty() || deadlines_.begin()->first >= deadline_armed_)
    return;
  deadline_armed_ = deadlines_.begin()->first;
  deadline_timer_.expires_at(deadline_armed_);
  deadline_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    auto self = weak.lock();
    if (cancelled || !self)
      return;
    self->deadline_armed_ = time_point::max();
    self->on_deadline();
    self->arm_deadline();
  });
}

void connection::on_deadline() {
  auto now = steady_clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    auto id = deadlines_.begin()->second;
    auto& late = pending_.at(id);
    auto sent = late.sent;
    auto unreachable = !sent && !last_failure_.empty();
    error why{errc::request_timed_out, unreachable ? last_failure_ : to_.to_string() + " did not answer in time"};
    finish(id, tl::unexpected(rpc_error{why, sent}));
    if (sent)
      return fail_link({errc::connection_closed, to_.to_string() + " did not answer another request in time"});
  }
}

} // namespace cafka::client
