#define CAF_SUITE net_harness
#include "harness.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace cafka::test {

namespace {
// A real-time bound on waits for the kernel: only a failing test ever gets there.
constexpr std::int64_t patience_ms = 20'000;
} // namespace

// ---- raw_client ----

raw_client::raw_client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    CAF_FAIL("cannot connect: " << std::strerror(errno));
  const int one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::fcntl(socket_, F_SETFL, O_NONBLOCK);
}

raw_client::~raw_client() { close(); }

raw_client::raw_client(raw_client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), closed_(other.closed_), unread_(std::move(other.unread_)) {}

std::size_t raw_client::send_some(byte_span bytes) {
  const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN)
    closed_ = true;
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

bool raw_client::receive_some() {
  char buffer[65536];
  while (!closed_) {
    const auto count = ::recv(socket_, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EAGAIN)
      break;
    if (count <= 0)
      closed_ = true;
    else
      unread_.append(buffer, static_cast<std::size_t>(count));
  }
  return !closed_;
}

std::optional<std::string> raw_client::take_bytes() {
  const auto rest = std::string_view(unread_).substr(taken_);
  if (rest.size() < 4)
    return std::nullopt;
  const std::size_t length = load_be<std::uint32_t>(as_byte_span(rest).data());
  if (rest.size() < 4 + length)
    return std::nullopt;
  std::string content{rest.substr(4, length)};
  taken_ += 4 + length;
  if (taken_ == unread_.size()) {
    unread_.clear();
    taken_ = 0;
  }
  return content;
}

std::optional<received_frame> raw_client::take_frame() {
  const auto content = take_bytes();
  if (!content)
    return std::nullopt;
  received_frame frame;
  const std::size_t header_size = content->size() < 4 ? 0 : load_be<std::uint32_t>(as_byte_span(*content).data());
  if (content->size() < 4 + header_size || !frame.header.ParseFromArray(content->data() + 4, static_cast<int>(header_size)))
    CAF_FAIL("the server sent a malformed frame");
  frame.payload = content->substr(4 + header_size);
  return frame;
}

void raw_client::wait_readable(int milliseconds) {
  pollfd entry{socket_, POLLIN, 0};
  ::poll(&entry, 1, milliseconds);
}

void raw_client::close() {
  if (socket_ >= 0)
    ::close(std::exchange(socket_, -1));
}

// ---- requests ----

std::string preface() {
  return std::string("\xCA"
                     "FKA\0\0\0\1",
                     8);
}

std::string frame_of(const wire::RequestHeader& header, std::string_view payload) {
  const auto text = header.SerializeAsString();
  std::string frame(8, '\0');
  store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(4 + text.size() + payload.size()));
  store_be(reinterpret_cast<std::byte*>(frame.data()) + 4, static_cast<std::uint32_t>(text.size()));
  frame += text;
  frame += payload;
  return frame;
}

std::string hello_frame(std::uint64_t correlation_id) {
  wire::RequestHeader header;
  header.set_correlation_id(correlation_id);
  header.mutable_hello()->set_min_version(1);
  header.mutable_hello()->set_max_version(1);
  return frame_of(header);
}

void set_topic_id(wire::Uuid& to, const uuid& id) {
  to.set_high(load_be<std::uint64_t>(reinterpret_cast<const std::byte*>(id.bytes.data())));
  to.set_low(load_be<std::uint64_t>(reinterpret_cast<const std::byte*>(id.bytes.data()) + 8));
}

wire::RequestHeader produce_request(std::uint64_t correlation_id, const uuid& topic, std::int32_t acks,
                                    const std::vector<std::string>& batches) {
  wire::RequestHeader header;
  header.set_correlation_id(correlation_id);
  header.mutable_produce()->set_acks(acks);
  header.mutable_produce()->set_timeout_ms(1000);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    auto& each = *header.mutable_produce()->add_partitions();
    set_topic_id(*each.mutable_topic_id(), topic);
    each.set_partition(static_cast<std::int32_t>(i));
    each.set_payload_bytes(static_cast<std::uint32_t>(batches[i].size()));
    each.set_current_leader_epoch(-1);
  }
  return header;
}

wire::RequestHeader fetch_request(std::uint64_t correlation_id, const uuid& topic, const std::vector<std::int64_t>& offsets,
                                  std::uint32_t max_wait_ms, std::uint32_t min_bytes) {
  wire::RequestHeader header;
  header.set_correlation_id(correlation_id);
  auto& fetch = *header.mutable_fetch();
  fetch.set_max_wait_ms(max_wait_ms);
  fetch.set_min_bytes(min_bytes);
  fetch.set_max_bytes(50 << 20);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    auto& each = *fetch.add_partitions();
    set_topic_id(*each.mutable_topic_id(), topic);
    each.set_partition(static_cast<std::int32_t>(i));
    each.set_offset(offsets[i]);
    each.set_max_bytes(10 << 20);
    each.set_current_leader_epoch(-1);
  }
  return header;
}

// ---- harness ----

harness::harness(net::server_options options, bool start) {
  spdlog::set_level(spdlog::level::off);
  options.time = &time;
  options.listeners = {{"PLAINTEXT", "127.0.0.1", 0}};
  server.emplace(std::move(options), service, std::vector{&io});
  if (!start)
    return;
  auto bound = server->start();
  if (!bound)
    CAF_FAIL("cannot start: " << bound.error().to_string());
  port = bound->front().port;
}

harness::~harness() {
  if (server)
    stop();
}

void harness::stop() {
  bool stopped = false;
  server->stop([&] { stopped = true; });
  run_until([&] { return stopped; }, "the server stops");
  io.poll();
  server.reset();
}

void harness::run_until(const std::function<bool()>& done, const char* what) {
  const auto give_up = system_clock().monotonic_ms() + patience_ms;
  while (true) {
    io.poll();
    if (done())
      return;
    if (system_clock().monotonic_ms() > give_up)
      CAF_FAIL("never happened: " << what);
    io.run_one_for(std::chrono::milliseconds(1));
  }
}

void harness::run_ready() {
  for (int quiet = 0; quiet < 3;)
    quiet = io.poll() + io.run_one_for(std::chrono::milliseconds(1)) == 0 ? quiet + 1 : 0;
}

void harness::advance(std::int64_t ms) {
  time.advance(ms);
  server->expire_deadlines();
  run_ready();
}

raw_client harness::connect_plain() {
  const auto before = server->counters().connections_opened + server->counters().connections_refused;
  raw_client client(port);
  run_until([&] { return server->counters().connections_opened + server->counters().connections_refused > before; }, "the server accepts");
  return client;
}

raw_client harness::connect() {
  auto client = connect_plain();
  send(client, preface() + hello_frame());
  const auto answer = receive(client);
  CAF_CHECK_EQUAL(answer.header.correlation_id(), 1u);
  CAF_CHECK_EQUAL(answer.header.hello().version(), 1u);
  return client;
}

void harness::send(raw_client& client, std::string_view bytes) {
  auto rest = as_byte_span(bytes);
  run_until(
      [&] {
        rest = rest.subspan(client.send_some(rest));
        return rest.empty() || client.is_closed();
      },
      "the server takes what was sent");
}

received_frame harness::receive(raw_client& client) {
  std::optional<received_frame> frame;
  run_until(
      [&] {
        client.receive_some();
        frame = client.take_frame();
        return frame.has_value() || client.is_closed();
      },
      "the server answers");
  if (!frame)
    CAF_FAIL("the server closed instead of answering");
  return std::move(*frame);
}

received_frame harness::ask(raw_client& client, const wire::RequestHeader& header, std::string_view payload) {
  send(client, frame_of(header, payload));
  return receive(client);
}

void harness::expect_closed(raw_client& client) {
  run_until([&] { return !client.receive_some(); }, "the server closes the connection");
}

} // namespace cafka::test
