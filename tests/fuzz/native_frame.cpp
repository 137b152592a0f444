// The whole way of a native request without a socket: bytes in pieces of any size → detection → frames → Protobuf → dispatch → service, and
// the response's bytes. Checked: no request is answered twice, none that was accepted is forgotten, no frame's memory stays behind.
#include "net/frame_assembler.hpp"
#include "net/native/session.hpp"
#include "proto/native.pb.h"
#include "support/fake_service.hpp"

#include <cstdlib>
#include <set>

using namespace cafka;
namespace wire = cafka::native;

namespace {

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

void require(bool holds) {
  if (!holds)
    std::abort();
}

class fuzz_host final : public net::session_host {
public:
  fuzz_host(net::event_loop& loop, std::shared_ptr<net::frame_pool> pool) : loop_(loop), pool_(std::move(pool)) {}
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
    const byte_span bytes(message.bytes);
    require(load_be<std::uint32_t>(bytes.data()) == length - 4);
    const auto header_size = load_be<std::uint32_t>(bytes.data() + 4);
    wire::ResponseHeader header;
    require(header.ParseFromArray(bytes.data() + 8, static_cast<int>(header_size)));
  }
  void refuse(std::string_view) override { close(); }
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
  const std::string name_ = "fuzz";
  std::set<std::uint64_t> open_;
  std::uint64_t next_ = 0;
};

std::string frame_of(std::string_view header, std::string_view payload) {
  std::string frame(8, '\0');
  store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(4 + header.size() + payload.size()));
  store_be(reinterpret_cast<std::byte*>(frame.data()) + 4, static_cast<std::uint32_t>(header.size()));
  return frame.append(header).append(payload);
}

// A request with plausible ids, so that the paths behind the checks are reached too.
std::string plausible_request(source& input) {
  wire::RequestHeader header;
  header.set_correlation_id(input.take<std::uint8_t>());
  std::string payload;
  auto set_topic = [&](wire::Uuid& to) {
    to.set_high(std::uint64_t{7} << 56);
    to.set_low(input.take<std::uint8_t>() % 3);
  };
  const auto count = input.take<std::uint8_t>() % 5;
  switch (input.take<std::uint8_t>() % 4) {
  case 0:
    header.mutable_produce()->set_acks(static_cast<std::int8_t>(input.take<std::uint8_t>() % 4) - 1);
    for (int i = 0; i < count; ++i) {
      auto& each = *header.mutable_produce()->add_partitions();
      set_topic(*each.mutable_topic_id());
      each.set_partition(static_cast<std::int8_t>(input.take<std::uint8_t>()) % 3);
      const auto batch = input.take_text(input.take<std::uint8_t>());
      each.set_payload_bytes(static_cast<std::uint32_t>(batch.size() + input.take<std::uint8_t>() / 255));
      payload += batch;
    }
    break;
  case 1: {
    auto& fetch = *header.mutable_fetch();
    fetch.set_max_wait_ms(input.take<std::uint8_t>());
    fetch.set_min_bytes(input.take<std::uint16_t>());
    fetch.set_max_bytes(input.take<std::uint32_t>());
    fetch.set_isolation(input.take<std::uint8_t>() % 3);
    for (int i = 0; i < count; ++i) {
      auto& each = *fetch.add_partitions();
      set_topic(*each.mutable_topic_id());
      each.set_partition(static_cast<std::int8_t>(input.take<std::uint8_t>()) % 3);
      each.set_offset(static_cast<std::int8_t>(input.take<std::uint8_t>()));
      each.set_max_bytes(input.take<std::uint16_t>());
    }
    break;
  }
  case 2:
    for (int i = 0; i < count; ++i) {
      auto& each = *header.mutable_list_offsets()->add_partitions();
      set_topic(*each.mutable_topic_id());
      each.set_partition(static_cast<std::int8_t>(input.take<std::uint8_t>()) % 3);
      each.set_timestamp(static_cast<std::int8_t>(input.take<std::uint8_t>()));
    }
    break;
  default:
    for (int i = 0; i < count; ++i) {
      auto& each = *header.mutable_delete_records()->add_partitions();
      set_topic(*each.mutable_topic_id());
      each.set_before_offset(static_cast<std::int8_t>(input.take<std::uint8_t>()));
    }
  }
  return frame_of(header.SerializeAsString(), payload);
}

std::string make_stream(source& input) {
  const auto kind = input.take<std::uint8_t>() % 4;
  if (kind == 0)
    return std::string(input.take_text(SIZE_MAX));
  std::string stream("\xca"
                     "FKA\0\0\0\1\0\0\0\x0c\0\0\0\x08\x08\x07\x52\x04\x08\1\x10\1",
                     24);
  if (kind == 1) {
    stream += input.take_text(SIZE_MAX);
    return stream;
  }
  while (!input.empty()) {
    if (kind == 2) {
      const auto header = input.take_text(input.take<std::uint8_t>());
      stream += frame_of(header, input.take_text(input.take<std::uint8_t>()));
    } else {
      stream += plausible_request(input);
    }
  }
  return stream;
}

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
};

void run(world& with, const std::string& stream, std::uint32_t cuts) {
  fuzz_host host(with.loop, with.pool);
  net::frame_assembler assembler(with.pool, 1 << 20);
  std::string opening;
  auto rest = as_byte_span(stream);
  while (!host.closed && !rest.empty()) {
    cuts = cuts * 1664525 + 1013904223;
    auto piece = rest.first(std::min<std::size_t>(rest.size(), 1 + (cuts >> 16) % 200));
    rest = rest.subspan(piece.size());
    while (!host.closed && !host.session) {
      auto found = net::native::detect(as_byte_span(opening), host, {*with.service, with.parked});
      require(found.needs <= net::max_opening_bytes);
      if (!found.refused.empty())
        host.close();
      else if (found.accepted)
        host.session = std::move(found.accepted);
      else if (piece.empty())
        break;
      else {
        const auto count = std::min(piece.size(), found.needs - opening.size());
        opening += as_text(piece.first(count));
        piece = piece.subspan(count);
      }
    }
    std::shared_ptr<net::frame_buffer> frame;
    while (!host.closed && host.session) {
      const auto state = assembler.next(piece, frame);
      if (state == net::frame_assembler::state::refused || state == net::frame_assembler::state::need_budget)
        host.close();
      if (state != net::frame_assembler::state::frame)
        break;
      auto session = host.session;
      session->enter([&] {
        if (!session->handle_frame(std::move(frame)))
          host.close();
      });
    }
    with.io.poll();
    with.io.restart();
  }
  if (host.session) {
    host.session->finish_parked();
    with.io.poll();
    with.io.restart();
    require(host.closed || host.unanswered() == 0);
  }
  host.close();
  with.io.poll();
  with.io.restart();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static world with;
  with.refresh();
  source input(data, size);
  const auto cuts = input.take<std::uint32_t>();
  const auto stream = make_stream(input);
  run(with, stream, cuts);
  require(with.pool->used_bytes() == 0);
  require(with.parked.count == 0);
  return 0;
}
