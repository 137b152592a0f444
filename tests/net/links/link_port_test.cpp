// Doors and diallers over loopback; the clock is set by hand, so no deadline passes unless a test says so.
#define CAF_SUITE link_port
#include "net/links/link_port.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <caf/test/unit_test.hpp>

#include <optional>

using namespace cafka;
using namespace cafka::net;
using namespace cafka::net::links;
using boost::asio::ip::tcp;

namespace {

hello node(node_id id) {
  hello said;
  said.id = id;
  said.incarnation_id = {2, static_cast<std::uint8_t>(id)};
  said.cluster_id = "cluster";
  return said;
}

struct fixture {
  ~fixture() {
    for (auto& each : diallers)
      each->stop();
    if (door)
      door->stop();
    loop.stop();
    io.restart();
    io.poll();
  }
  void open_door(node_id id, std::uint16_t on_port = 0) {
    door.emplace(
        loop, rules, [id] { return node(id); }, [this](new_link made) { at_door.push_back(std::move(made)); });
    const auto bound = door->listen("127.0.0.1", on_port);
    if (!bound)
      CAF_FAIL(bound.error().to_string());
    port = bound->port;
    door->start();
  }
  void close_door() {
    door->stop();
    io.poll(); // what was under way ends before the door does
    io.restart();
    door.reset();
  }
  link_dialler& dialler(node_id from, node_id to) {
    diallers.push_back(std::make_unique<link_dialler>(
        loop, rules, link_dialler::target{to, "127.0.0.1", port}, [from] { return node(from); },
        [this](new_link made) { dialled.push_back(std::move(made)); }, [this] { ++refused; }));
    return *diallers.back();
  }
  template <class F>
  void run_until(F&& is_so) {
    for (int patience = 20'000; patience > 0 && !is_so(); --patience)
      io.run_one_for(std::chrono::milliseconds(1));
    CAF_REQUIRE(is_so());
  }
  void pass(std::int64_t ms) {
    time.advance(ms);
    loop.expire_deadlines();
  }
  tcp::socket connected() {
    tcp::socket peer{io};
    peer.connect({boost::asio::ip::address_v4::loopback(), port});
    return peer;
  }
  template <class Socket>
  static bool is_closed(Socket& peer) {
    boost::system::error_code failed;
    peer.non_blocking(true);
    std::array<char, 4096> bytes;
    while (!failed)
      (void)peer.read_some(boost::asio::buffer(bytes), failed);
    return failed == boost::asio::error::eof || failed == boost::asio::error::connection_reset;
  }

  manual_clock time;
  boost::asio::io_context io{1};
  event_loop loop{io, time};
  link_rules rules;
  std::optional<link_door> door;
  std::vector<std::unique_ptr<link_dialler>> diallers;
  std::vector<new_link> at_door, dialled;
  std::uint16_t port = 0;
  int refused = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(links, fixture)

CAF_TEST(the node with the higher id dials and both know the other) {
  open_door(1);
  dialler(2, 1).dial();
  run_until([&] { return at_door.size() == 1 && dialled.size() == 1; });
  CAF_CHECK_EQUAL(at_door[0].peer.id, 2);
  CAF_CHECK(!at_door[0].dialled);
  CAF_CHECK_EQUAL(dialled[0].peer.id, 1);
  CAF_CHECK(dialled[0].dialled);
  CAF_CHECK_EQUAL(dialled[0].wire_version, highest_wire_version);
  // from here on every byte is the next protocol's
  boost::asio::write(at_door[0].socket, boost::asio::buffer(std::string{"first"}));
  std::string text(5, '\0');
  boost::asio::read(dialled[0].socket, boost::asio::buffer(text));
  CAF_CHECK_EQUAL(text, "first");
  pass(100'000); // no deadline holds for a link
  boost::asio::write(dialled[0].socket, boost::asio::buffer(std::string{"later"}));
  boost::asio::read(at_door[0].socket, boost::asio::buffer(text));
  CAF_CHECK_EQUAL(text, "later");
}

CAF_TEST(a dialler that must not dial is told why and made no link) {
  open_door(3);
  auto& wrong = dialler(2, 3);
  wrong.dial();
  while (io.run_for(std::chrono::milliseconds(20)) != 0) {
  }
  CAF_CHECK(at_door.empty());
  CAF_CHECK(dialled.empty());
}

CAF_TEST(who does not say who it is in time is closed) {
  open_door(1);
  auto mute = connected();
  auto half = connected();
  const auto said = to_bytes(node(2));
  boost::asio::write(half, boost::asio::buffer(said, said.size() - 1));
  io.run_for(std::chrono::milliseconds(20));
  CAF_CHECK(!is_closed(mute));
  CAF_CHECK(!is_closed(half));
  pass(rules.hello_ms);
  run_until([&] { return is_closed(mute) && is_closed(half); });
  CAF_CHECK(at_door.empty());
}

CAF_TEST(strangers are few and those who know what to say still come in) {
  rules.max_strangers = 3;
  open_door(1);
  std::vector<tcp::socket> mute;
  for (int i = 0; i < 3; ++i)
    mute.push_back(connected());
  io.run_for(std::chrono::milliseconds(20));
  auto one_too_many = connected();
  run_until([&] { return is_closed(one_too_many); });
  mute.pop_back();
  run_until([&] {
    auto next = connected();
    boost::asio::write(next, boost::asio::buffer(to_bytes(node(2))));
    for (int i = 0; i < 20 && at_door.empty(); ++i)
      io.run_one_for(std::chrono::milliseconds(1));
    return at_door.size() == 1;
  });
}

CAF_TEST(garbage is closed at its first ten bytes) {
  open_door(1);
  auto browser = connected();
  boost::asio::write(browser, boost::asio::buffer(std::string{"GET / HTTP/1.1\r\n\r\n"}));
  run_until([&] { return is_closed(browser); });
  auto liar = connected();
  auto huge = to_bytes(node(2));
  store_be(huge.data() + 8, std::uint16_t{65535});
  boost::asio::write(liar, boost::asio::buffer(huge));
  run_until([&] { return is_closed(liar); });
  CAF_CHECK(at_door.empty());
}

CAF_TEST(where nobody listens is dialled again and again) {
  open_door(1);
  const auto free_port = port;
  close_door();
  dialler(2, 1).dial();
  run_until([&] { return refused == 1; });
  auto wait = rules.first_retry_ms;
  for (int again = 2; again < 8; ++again, wait = std::min(2 * wait, rules.max_retry_ms)) {
    pass(wait - 1);
    io.run_for(std::chrono::milliseconds(2));
    CAF_CHECK_EQUAL(refused, again - 1);
    pass(1);
    run_until([&] { return refused == again; });
  }
  CAF_CHECK_EQUAL(wait, rules.max_retry_ms);
  open_door(1, free_port);
  pass(wait);
  run_until([&] { return dialled.size() == 1 && at_door.size() == 1; });
  // and after a link has gone soon again
  close_door();
  diallers.back()->dial();
  run_until([&] { return refused == 8; });
  pass(rules.first_retry_ms);
  run_until([&] { return refused == 9; });
}

CAF_TEST(a socket that is joined to itself has found nobody) {
  tcp::socket alone{io, {boost::asio::ip::address_v4::loopback(), 0}};
  const auto own = alone.local_endpoint();
  const auto dialled_itself = std::make_shared<greeting>(loop, std::move(alone));
  std::optional<result<void>> connected;
  dialled_itself->connect(own, [&](const result<void>& said) { connected = said; });
  run_until([&] { return connected.has_value(); });
  CAF_REQUIRE(!*connected);
  CAF_CHECK(connected->error().code == errc::not_found);
  tcp::acceptor may_listen{io, own}; // the port is free again
}

CAF_TEST(an answer that never comes is not waited for) {
  tcp::acceptor mute{io, {boost::asio::ip::address_v4::loopback(), 0}};
  port = mute.local_endpoint().port();
  dialler(2, 1).dial();
  tcp::socket first{io};
  mute.async_accept(first, [](const boost::system::error_code&) {});
  run_until([&] { return first.is_open() && first.available() != 0; });
  pass(rules.dial_ms);
  run_until([&] { return is_closed(first); });
  CAF_CHECK_EQUAL(refused, 0); // somebody lives there
  tcp::socket second{io};
  mute.async_accept(second, [](const boost::system::error_code&) {});
  run_until([&] { return pass(rules.first_retry_ms), second.is_open(); });
}

CAF_TEST(another node than the one that was meant is no link) {
  open_door(1);
  diallers.push_back(std::make_unique<link_dialler>(
      loop, rules, link_dialler::target{0, "127.0.0.1", port}, [] { return node(2); },
      [this](new_link made) { dialled.push_back(std::move(made)); }, [this] { ++refused; }));
  diallers.back()->dial();
  run_until([&] { return at_door.size() == 1; }); // it cannot know
  auto& other = at_door[0].socket;
  run_until([&] { return is_closed(other); });
  CAF_CHECK(dialled.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
