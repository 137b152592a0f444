// A server on one io_context that the test turns by hand, and raw clients on real loopback sockets. Time stands still until the test moves it.
#pragma once
#include "net/native/codec.hpp"
#include "net/server.hpp"
#include "proto/native.pb.h"
#include "support/fake_service.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <caf/test/unit_test.hpp>
#include <optional>
#include <string>

namespace cafka::test {

namespace wire = cafka::native;

struct received_frame {
  wire::ResponseHeader header;
  std::string payload;
};

class raw_client {
public:
  explicit raw_client(std::uint16_t port);
  ~raw_client();
  raw_client(raw_client&& other) noexcept;
  raw_client& operator=(raw_client&&) = delete;

  // What the socket takes now; returns how much that was.
  std::size_t send_some(byte_span bytes);
  // Takes what is there. False once the server has closed.
  bool receive_some();
  // Cuts the next whole frame off what was received.
  std::optional<received_frame> take_frame();
  // The same for a frame of any protocol: what its length announces.
  std::optional<std::string> take_bytes();
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }
  // Until something arrives or `milliseconds` pass, for tests whose server runs on threads of its own.
  void wait_readable(int milliseconds);
  void close();

private:
  int socket_ = -1;
  bool closed_ = false;
  std::string unread_;
  std::size_t taken_ = 0;
};

std::string preface();
std::string frame_of(const wire::RequestHeader& header, std::string_view payload = {});
std::string hello_frame(std::uint64_t correlation_id = 1);
void set_topic_id(wire::Uuid& to, const uuid& id);
// Requests that most tests need.
wire::RequestHeader produce_request(std::uint64_t correlation_id, const uuid& topic, std::int32_t acks,
                                    const std::vector<std::string>& batches);
wire::RequestHeader fetch_request(std::uint64_t correlation_id, const uuid& topic, const std::vector<std::int64_t>& offsets,
                                  std::uint32_t max_wait_ms = 0, std::uint32_t min_bytes = 1);

class harness {
public:
  explicit harness(net::server_options options = {}, bool start = true);
  ~harness();

  // Runs the server until nothing is ready and `done` holds; fails the test if that does not happen.
  void run_until(const std::function<bool()>& done, const char* what);
  // Everything that is ready now, several times over, so that what the kernel delivers meanwhile is seen too.
  void run_ready();
  void advance(std::int64_t ms);
  void stop();

  raw_client connect(); // the preface and hello are exchanged
  raw_client connect_plain(); // nothing is sent
  void send(raw_client& client, std::string_view bytes);
  received_frame receive(raw_client& client);
  received_frame ask(raw_client& client, const wire::RequestHeader& header, std::string_view payload = {});
  void expect_closed(raw_client& client);

  manual_clock time;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  fake_service service;
  std::optional<net::server> server;
  std::uint16_t port = 0;
};

} // namespace cafka::test
