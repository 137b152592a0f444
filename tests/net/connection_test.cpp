#define CAF_SUITE connection
#include "harness.hpp"

#include <caf/test/unit_test.hpp>
#include <sys/resource.h>
#include <unistd.h>

using namespace cafka;
using namespace cafka::test;

namespace {

std::string raw_frame(std::string_view body) {
  std::string frame(4, '\0');
  store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(body.size()));
  return frame.append(body);
}

// The refused client is gone, the others are served, and nothing stays in memory.
void expect_refused(harness& h, std::string_view bytes) {
  auto client = h.connect_plain();
  h.send(client, bytes);
  h.expect_closed(client);
  auto healthy = h.connect();
  healthy.close();
  h.run_until([&] { return h.server->counters().connections_open() == 0; }, "all are closed");
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
}

} // namespace

CAF_TEST(garbage and malformed frames close the connection) {
  harness h;
  const auto opened = preface() + hello_frame();
  expect_refused(h, std::string_view("\xff\xff\xff\xff", 4));
  expect_refused(h, "GET / HTTP/1.1\r\n\r\n");
  expect_refused(h, std::string_view("\0\0\0\0", 4)); // a Kafka request without a byte in it
  expect_refused(h, std::string_view("\xca"
                                     "FKA\0\0\0\2",
                                     8));    // another version
  expect_refused(h, opened + "\xff\xff\xff\xff");
  expect_refused(h, opened + raw_frame(""));
  expect_refused(h, opened + raw_frame("abc"));
  expect_refused(h, opened + raw_frame(std::string_view("\0\0\0\x09xxxx", 8)));
  expect_refused(h, opened + raw_frame(std::string_view("\x80\0\0\x04xxxx", 8)));
  expect_refused(h, opened + raw_frame(std::string_view("\0\0\0\x04\xff\xff\xff\xff", 8)));
  expect_refused(h, opened + raw_frame(std::string_view("\0\0\0\x04\x12\x02\xff\xfe", 8))); // a client id that is not UTF-8
  CAF_CHECK_EQUAL(h.server->counters().frames_refused, 11u);
}

CAF_TEST(a preface may come byte by byte and share a packet with requests) {
  harness h;
  auto client = h.connect_plain();
  const auto text = preface() + hello_frame(1) + hello_frame(2) + hello_frame(3);
  for (auto each : text.substr(0, 40)) {
    h.send(client, std::string_view(&each, 1));
    h.run_ready();
  }
  h.send(client, text.substr(40));
  for (std::uint64_t id : {1, 2, 3})
    CAF_CHECK_EQUAL(h.receive(client).header.correlation_id(), id);
}

CAF_TEST(an oversize frame is refused on its length alone) {
  net::server_options options;
  options.connection.max_frame_bytes = 1000;
  harness h(options);
  auto client = h.connect();
  h.send(client, std::string_view("\0\0\x03\xe9", 4));
  h.expect_closed(client);
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
  auto healthy = h.connect();
  wire::RequestHeader header;
  header.mutable_metadata();
  const auto frame = frame_of(header);
  CAF_CHECK_EQUAL(h.ask(healthy, header, std::string(1000 - (frame.size() - 4), 'x')).header.metadata().controller_id(), 1);
}

CAF_TEST(a header too large for one request is refused) {
  harness h;
  auto client = h.connect();
  wire::RequestHeader header;
  header.set_client_id(std::string(2 << 20, 'x'));
  h.send(client, frame_of(header));
  h.expect_closed(client);
}

CAF_TEST(more partitions than one request may have are refused) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  const std::vector<std::int64_t> offsets(10'001, 0);
  CAF_CHECK_EQUAL(h.ask(client, fetch_request(2, topic, offsets)).header.error().code(), 42);
  CAF_CHECK_EQUAL(h.service.fetch_calls, 0u);
}

CAF_TEST(a peer that hangs up in the middle of a frame leaves nothing) {
  harness h;
  auto client = h.connect();
  const auto frame = frame_of(produce_request(2, uuid{}, 1, {std::string(500'000, 'x')}), std::string(500'000, 'x'));
  h.send(client, frame.substr(0, 300'000));
  h.run_until([&] { return h.server->frames().used_bytes() > 200'000; }, "the frame is being received");
  client.close();
  h.run_until([&] { return h.server->counters().connections_open() == 0; }, "the connection is closed");
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
}

CAF_TEST(idle connections hold no buffer and are closed in time) {
  net::server_options options;
  options.connection.idle_ms = 1000;
  options.backlog = 1024;
  harness h(options);
  std::vector<raw_client> clients;
  for (int i = 0; i < 500; ++i)
    clients.push_back(h.connect());
  CAF_CHECK_EQUAL(h.server->counters().connections_open(), 500u);
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
  h.advance(900);
  h.send(clients[7], hello_frame(2));
  CAF_CHECK_EQUAL(h.receive(clients[7]).header.correlation_id(), 2u);
  h.advance(100);
  h.run_until([&] { return h.server->counters().connections_open() == 1; }, "all others are closed");
  h.advance(899);
  CAF_CHECK_EQUAL(h.server->counters().connections_open(), 1u);
  h.advance(1);
  h.run_until([&] { return h.server->counters().connections_open() == 0; }, "the last one too");
  CAF_CHECK_EQUAL(h.server->counters().deadlines_missed, 500u);
}

CAF_TEST(a frame that drips in is cut off and others are served) {
  net::server_options options;
  options.connection.frame_ms = 300;
  harness h(options);
  auto healthy = h.connect();
  std::vector<raw_client> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(i % 2 == 0 ? h.connect() : h.connect_plain());
    h.send(slow.back(), i % 2 == 0 ? std::string_view("\x06\x40\0\0", 4) : std::string_view("\xca", 1));
  }
  h.run_ready();
  CAF_CHECK_LESS_OR_EQUAL(h.server->frames().used_bytes(), 25u * 8192u);
  for (int i = 0; i < 29; ++i) {
    h.advance(10);
    h.send(slow[0], "x"); // activity does not help
    h.send(healthy, hello_frame(5));
    h.receive(healthy);
  }
  CAF_CHECK_EQUAL(h.server->counters().connections_open(), 51u);
  h.advance(20);
  h.run_until([&] { return h.server->counters().connections_open() == 1; }, "the slow ones are closed");
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
  h.send(healthy, hello_frame(6));
  CAF_CHECK_EQUAL(h.receive(healthy).header.correlation_id(), 6u);
}

CAF_TEST(a client that pipelines and never reads is held by bounds) {
  net::server_options options;
  options.connection.max_in_flight_requests = 20;
  options.connection.max_in_flight_bytes = 200'000;
  harness h(options);
  const auto topic = h.service.add_topic("events", 1);
  h.service.append({topic, 0}, as_byte_span(std::string(100'000, 'x')));
  auto client = h.connect();
  std::string stream;
  for (std::uint64_t id = 10; id < 1010; ++id)
    stream += frame_of(fetch_request(id, topic, {0}));
  auto rest = as_byte_span(stream);
  for (int i = 0; i < 50; ++i) {
    rest = rest.subspan(client.send_some(rest));
    h.run_ready();
  }
  const auto before = h.server->counters();
  CAF_CHECK_GREATER(before.reads_paused, 0u);
  CAF_CHECK_LESS(before.requests, 500u); // of 1000; the kernel's buffers take what they take
  CAF_CHECK_LESS_OR_EQUAL(before.requests - before.responses, 20u);
  CAF_CHECK_LESS_OR_EQUAL(h.server->frames().used_bytes(), 200'000u);
  h.run_ready();
  CAF_CHECK_EQUAL(h.server->counters().requests, before.requests);
  // Others do not notice, and once it reads it gets all its answers.
  auto healthy = h.connect();
  for (std::uint64_t id = 10; id < 1010; ++id) {
    std::optional<received_frame> frame;
    h.run_until(
        [&] {
          rest = rest.subspan(client.send_some(rest));
          client.receive_some();
          frame = client.take_frame();
          return frame.has_value();
        },
        "the next answer");
    CAF_REQUIRE_EQUAL(frame->header.correlation_id(), id);
  }
}

CAF_TEST(requests in flight are bounded per connection) {
  net::server_options options;
  options.connection.max_in_flight_requests = 8;
  harness h(options);
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  h.service.hold_answers();
  for (std::uint64_t id = 10; id < 40; ++id)
    h.send(client, frame_of(produce_request(id, topic, 1, {"x"}), "x"));
  h.run_ready();
  CAF_CHECK_EQUAL(h.service.held(), 8u);
  h.service.release();
  for (std::uint64_t id = 10; id < 40; ++id)
    CAF_CHECK_EQUAL(h.receive(client).header.correlation_id(), id);
}

CAF_TEST(bytes in flight are bounded in the node and everybody gets a turn) {
  net::server_options options;
  options.pool.budget_bytes = 300'000;
  harness h(options);
  const auto topic = h.service.add_topic("events", 1);
  std::vector<raw_client> clients;
  for (int i = 0; i < 10; ++i)
    clients.push_back(h.connect());
  h.service.hold_answers();
  const std::string batch(60'000, 'x');
  const auto frame = frame_of(produce_request(2, topic, 1, {batch}), batch);
  std::vector<byte_span> rest(clients.size(), as_byte_span(frame));
  auto push = [&] {
    for (std::size_t i = 0; i < clients.size(); ++i)
      rest[i] = rest[i].subspan(clients[i].send_some(rest[i]));
    h.run_ready();
  };
  for (int i = 0; i < 20; ++i)
    push();
  CAF_CHECK_GREATER(h.service.held(), 0u);
  CAF_CHECK_LESS(h.service.held(), 6u);
  CAF_CHECK_LESS_OR_EQUAL(h.server->frames().used_bytes(), 300'000u + 70'000u); // one frame at a time goes over
  std::size_t answered = 0;
  h.run_until(
      [&] {
        push();
        h.service.release();
        h.service.hold_answers();
        for (auto& client : clients) {
          client.receive_some();
          answered += client.take_frame() ? 1 : 0;
        }
        return answered == clients.size();
      },
      "all are answered");
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
}

CAF_TEST(frames that are half received do not block each other for ever) {
  net::server_options options;
  options.pool.budget_bytes = 40'000;
  harness h(options);
  const auto topic = h.service.add_topic("events", 1);
  std::vector<raw_client> clients;
  for (int i = 0; i < 8; ++i)
    clients.push_back(h.connect());
  const std::string batch(500'000, 'x'); // each alone is over the budget
  const auto frame = frame_of(produce_request(2, topic, 1, {batch}), batch);
  std::vector<byte_span> rest(clients.size(), as_byte_span(frame));
  std::size_t answered = 0, most = 0;
  h.run_until(
      [&] {
        for (std::size_t i = 0; i < clients.size(); ++i) {
          rest[i] = rest[i].subspan(clients[i].send_some(rest[i]));
          clients[i].receive_some();
          answered += clients[i].take_frame() ? 1 : 0;
        }
        most = std::max(most, h.server->frames().used_bytes());
        return answered == clients.size();
      },
      "all are answered");
  CAF_CHECK_LESS_OR_EQUAL(most, 40'000u + 600'000u); // one at a time goes over
  CAF_CHECK_EQUAL(h.server->frames().used_bytes(), 0u);
}

CAF_TEST(a file shorter than its slice closes the connection) {
  for (bool has_descriptor : {true, false}) {
    harness h;
    const auto topic = h.service.add_topic("events", 1, has_descriptor);
    h.service.append({topic, 0}, as_byte_span(std::string(1000, 'x')));
    auto client = h.connect();
    CAF_REQUIRE(h.service.file_of({topic, 0}).truncate(400).has_value());
    h.send(client, frame_of(fetch_request(2, topic, {0})));
    h.expect_closed(client);
    CAF_CHECK(!client.take_frame());
  }
}

CAF_TEST(a large fetch goes out in turns to a reader of any speed) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const std::string batch(500'000, static_cast<char>('a' + i));
    h.service.append({topic, 0}, as_byte_span(batch));
    expected += batch;
  }
  auto client = h.connect();
  const auto answer = h.ask(client, fetch_request(2, topic, {0}));
  CAF_CHECK(answer.payload == expected);
}

CAF_TEST(connections beyond the limits are refused) {
  net::server_options options;
  options.max_connections_per_ip = 3;
  harness h(options);
  std::vector<raw_client> clients;
  for (int i = 0; i < 3; ++i)
    clients.push_back(h.connect());
  auto refused = h.connect_plain();
  h.expect_closed(refused);
  CAF_CHECK_EQUAL(h.server->counters().connections_refused, 1u);
  clients.pop_back();
  h.run_until([&] { return h.server->counters().connections_open() == 2; }, "one has left");
  clients.push_back(h.connect());
  h.server->limit_connections(100, 4);
  clients.push_back(h.connect());
  h.server->limit_connections(2, 100); // those that are there stay
  auto refused_too = h.connect_plain();
  h.expect_closed(refused_too);
  CAF_CHECK_EQUAL(h.server->counters().connections_open(), 4u);
}

CAF_TEST(out of descriptors new connections wait and are served later) {
  harness h;
  raw_client client(h.port); // in the backlog
  rlimit before{};
  CAF_REQUIRE_EQUAL(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  auto none_left = before;
  none_left.rlim_cur = static_cast<rlim_t>(lowest_free);
  CAF_REQUIRE_EQUAL(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  h.run_ready(); // comes to rest: it does not try over and over
  CAF_CHECK_EQUAL(h.server->counters().connections_opened, 0u);
  CAF_REQUIRE_EQUAL(::setrlimit(RLIMIT_NOFILE, &before), 0);
  h.advance(100);
  h.run_until([&] { return h.server->counters().connections_opened == 1; }, "the server accepts");
  h.send(client, preface() + hello_frame());
  CAF_CHECK_EQUAL(h.receive(client).header.hello().version(), 1u);
}

CAF_TEST(a port that is taken is named) {
  harness h;
  net::server_options options;
  options.listeners = {{"PLAINTEXT", "127.0.0.1", h.port}};
  net::server second(options, h.service, {&h.io});
  const auto failed = second.start();
  CAF_REQUIRE(!failed);
  CAF_CHECK_EQUAL(failed.error().detail, "cannot listen on 127.0.0.1:" + std::to_string(h.port) + ": Address already in use");
}

CAF_TEST(every interface and names can be listened on) {
  harness h;
  for (const std::string host : {"", "localhost", "::1"}) {
    net::server_options options;
    options.listeners = {{"PLAINTEXT", host, 0}};
    net::server other(options, h.service, {&h.io});
    const auto bound = other.start();
    if (!bound && host == "::1")
      continue; // a machine without IPv6
    CAF_REQUIRE(bound.has_value());
    CAF_CHECK_NOT_EQUAL(bound->front().port, 0);
    if (host != "::1") {
      raw_client client(bound->front().port);
      h.send(client, preface() + hello_frame());
      CAF_CHECK_EQUAL(h.receive(client).header.hello().version(), 1u);
    }
    bool stopped = false;
    other.stop([&] { stopped = true; });
    h.run_until([&] { return stopped; }, "the other server stops");
    h.io.poll();
  }
}

CAF_TEST(stopping lets answers under way out and then closes) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto idle = h.connect(), busy = h.connect();
  h.service.hold_answers();
  h.send(busy, frame_of(produce_request(2, topic, -1, {"x"}), "x"));
  h.run_until([&] { return h.service.held() == 1; }, "the batch is with its partition");
  bool stopped = false;
  h.server->stop([&] { stopped = true; });
  h.expect_closed(idle);
  CAF_CHECK(!stopped);
  h.service.release();
  CAF_CHECK_EQUAL(h.receive(busy).header.produce().partitions(0).base_offset(), 0);
  h.expect_closed(busy);
  h.run_until([&] { return stopped; }, "the server stops");
  h.io.poll();
  h.server.reset();
}

CAF_TEST(stopping does not wait for ever) {
  harness h;
  const auto topic = h.service.add_topic("events", 1);
  auto client = h.connect();
  h.service.hold_answers();
  h.send(client, frame_of(produce_request(2, topic, -1, {"x"}), "x"));
  h.run_until([&] { return h.service.held() == 1; }, "the batch is with its partition");
  bool stopped = false;
  h.server->stop([&] { stopped = true; });
  h.run_ready();
  CAF_CHECK(!stopped);
  h.advance(1000);
  CAF_CHECK(stopped);
  h.service.release(); // its answer finds nobody
  h.run_ready();
  h.server.reset();
}
