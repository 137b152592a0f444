// The whole way of a request without a socket: bytes in pieces of any size → detection → frames → session → service, and the response's bytes.
// Checked: no request is answered twice, none that was accepted is forgotten, no frame's memory stays behind.
#pragma once
#include "net/frame_assembler.hpp"
#include "net/kafka/session.hpp"
#include "net/native/session.hpp"
#include "support/fake_service.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>

namespace cafka::fuzz {

// Cuts the fuzzer's bytes into what the target needs. Zeros at the end.
class source {
public:
  source(const std::uint8_t* data, std::size_t size) : data_(reinterpret_cast<const char*>(data), size) {}
  [[nodiscard]] bool empty() const noexcept { return data_.empty(); }
  template <std::integral T>
  T take() {
    T value{};
    const auto count = std::min(sizeof value, data_.size());
    std::memcpy(&value, data_.data(), count);
    data_.remove_prefix(count);
    return value;
  }
  std::string_view take_text(std::size_t count) {
    const auto text = data_.substr(0, count);
    data_.remove_prefix(text.size());
    return text;
  }

private:
  std::string_view data_;
};

inline void require(bool holds) {
  if (!holds)
    std::abort();
}

class host final : public net::session_host {
public:
  using check = std::function<void(const net::outgoing& response)>;

  host(net::event_loop& loop, std::shared_ptr<net::frame_pool> pool, check response)
      : loop_(loop), pool_(std::move(pool)), check_(std::move(response)) {}
  net::event_loop& loop() noexcept override { return loop_; }
  const std::shared_ptr<net::frame_pool>& pool() const noexcept override { return pool_; }
  const std::string& peer() const noexcept override { return name_; }
  const std::string& listener_name() const noexcept override { return name_; }
  net::request_ticket begin_request(std::size_t bytes) override {
    open_.insert(next_);
    return {next_++, bytes};
  }
  void respond(net::request_ticket ticket, net::outgoing message) override {
    require(open_.erase(ticket.sequence) == 1);
    std::size_t length = message.bytes.size();
    for (const auto& each : message.slices) {
      require(each.at <= message.bytes.size());
      length += each.slice.size_bytes;
    }
    if (message.empty())
      return;
    require(load_be<std::uint32_t>(message.bytes.data()) == length - 4);
    check_(message);
  }
  void refuse(std::string_view, const net::request_ticket*) override { close(); }
  void session_threw(std::string_view) override { std::abort(); }

  void close() {
    closed = true;
    open_.clear();
    if (auto ended = std::move(session))
      ended->closed();
  }
  [[nodiscard]] std::size_t unanswered() const noexcept { return open_.size(); }

  std::shared_ptr<net::session> session;
  bool closed = false;

private:
  net::event_loop& loop_;
  std::shared_ptr<net::frame_pool> pool_;
  const check check_;
  const std::string name_ = "fuzz";
  std::set<std::uint64_t> open_;
  std::uint64_t next_ = 0;
};

// A node with topics "one" (two partitions) and "two" (one), made anew now and then so that it does not fill up.
struct world {
  manual_clock time;
  boost::asio::io_context io{1};
  net::event_loop loop{io, time};
  std::shared_ptr<net::frame_pool> pool = net::frame_pool::make({.budget_bytes = 1 << 20, .cached_bytes = 1 << 20});
  net::parked_fetches parked{100};
  std::unique_ptr<test::fake_service> service;
  int runs = 0;

  void refresh() {
    if (runs++ % 500 != 0)
      return;
    service = std::make_unique<test::fake_service>();
    service->add_topic("one", 2);
    service->add_topic("two", 1, false);
  }
  void poll() {
    io.poll();
    io.restart();
  }
  void run(const std::string& stream, std::uint32_t cuts, const net::protocol_detector& detect, host::check response);
};

inline void world::run(const std::string& stream, std::uint32_t cuts, const net::protocol_detector& detect, host::check response) {
  host client(loop, pool, std::move(response));
  net::frame_assembler assembler(pool, 1 << 20);
  std::string opening;
  auto rest = as_byte_span(stream);
  while (!client.closed && !rest.empty()) {
    cuts = cuts * 1664525 + 1013904223;
    auto piece = rest.first(std::min<std::size_t>(rest.size(), 1 + (cuts >> 16) % 200));
    rest = rest.subspan(piece.size());
    std::shared_ptr<net::frame_buffer> frame;
    while (!client.closed && !client.session) {
      auto found = detect(as_byte_span(opening), client);
      require(found.needs <= net::max_opening_bytes);
      if (!found.refused.empty()) {
        client.close();
      } else if (found.accepted) {
        client.session = std::move(found.accepted);
        auto left = as_byte_span(opening).subspan(found.consumed);
        (void)assembler.next(left, frame);
      } else if (piece.empty()) {
        break;
      } else {
        const auto count = std::min(piece.size(), found.needs - opening.size());
        opening += as_text(piece.first(count));
        piece = piece.subspan(count);
      }
    }
    while (!client.closed && client.session) {
      const auto state = assembler.next(piece, frame);
      if (state == net::frame_assembler::state::refused || state == net::frame_assembler::state::need_budget)
        client.close();
      if (state != net::frame_assembler::state::frame)
        break;
      auto session = client.session;
      session->enter([&] {
        if (!session->handle_frame(std::move(frame)))
          client.close();
      });
    }
    poll();
  }
  if (client.session) {
    client.session->finish_parked();
    poll();
    require(client.closed || client.unanswered() == 0);
  }
  client.close();
  poll();
}

} // namespace cafka::fuzz
