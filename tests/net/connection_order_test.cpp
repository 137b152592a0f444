#define CAF_SUITE connection_order
#include "net/connection.hpp"
#include "net/peer_log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::net;
using boost::asio::ip::tcp;

namespace {

// Echoes each frame, when told to: what a protocol whose clients expect answers in their own order does with answers that come in another.
class echo_session final : public session {
public:
  using session::session;
  response_order order() const noexcept override { return response_order::as_requested; }
  result<void> handle_frame(std::shared_ptr<frame_buffer> request) override {
    if (as_text(request->bytes()) == "wrong")
      return fail(errc::invalid_request, "it is wrong");
    const auto ticket = host().begin_request(request->capacity());
    waiting.emplace_back(ticket, std::string(as_text(request->bytes())));
    return {};
  }
  void answer(std::size_t index, bool with_bytes = true) {
    const auto& [ticket, text] = waiting[index];
    const auto bytes = as_byte_span(text);
    host().respond(ticket, with_bytes ? outgoing{byte_vector(bytes.begin(), bytes.end()), {}} : outgoing{});
  }
  void refuse(std::size_t index) { host().refuse("it turned out to be wrong", &waiting[index].first); }
  void finish_parked() override {}
  void drop_parked() override {}
  std::vector<std::pair<request_ticket, std::string>> waiting;
};

struct one_connection {
  one_connection() {
    detect = [this](byte_span bytes, session_host& host) -> detection {
      if (bytes.size() < 4)
        return {.accepted = {}, .consumed = 0, .needs = 4, .refused = {}};
      return {.accepted = speaker = std::make_shared<echo_session>(host), .consumed = 0, .needs = 0, .refused = {}};
    };
    tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    peer.connect(acceptor.local_endpoint());
    opened = std::make_shared<connection>(acceptor.accept(), connection::environment{loop, pool, limits, detect, log, name, {}});
    opened->start();
  }
  ~one_connection() {
    opened->close();
    loop.stop();
    io.poll();
  }
  static std::string frame_of(std::string_view text) {
    std::string frame(4, '\0');
    store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(text.size()));
    return frame.append(text);
  }
  void send(std::string_view text) { boost::asio::write(peer, boost::asio::buffer(frame_of(text))); }
  bool is_closed() {
    io.poll();
    boost::system::error_code failed;
    peer.non_blocking(true);
    char byte = 0;
    (void)peer.read_some(boost::asio::buffer(&byte, 1), failed);
    peer.non_blocking(false);
    return failed == boost::asio::error::eof;
  }
  void run_until_waiting(std::size_t count) {
    for (int patience = 20'000; patience > 0 && (!speaker || speaker->waiting.size() < count); --patience)
      io.run_one_for(std::chrono::milliseconds(1));
    CAF_REQUIRE(speaker && speaker->waiting.size() == count);
  }
  std::string receive(std::size_t count) {
    io.poll();
    std::string text(count, '\0');
    boost::asio::read(peer, boost::asio::buffer(text));
    return text;
  }

  manual_clock time;
  boost::asio::io_context io{1};
  event_loop loop{io, time};
  std::shared_ptr<frame_pool> pool = frame_pool::make({});
  connection_limits limits;
  protocol_detector detect;
  peer_log log{time};
  const std::string name = "TEST";
  tcp::socket peer{io};
  std::shared_ptr<echo_session> speaker;
  std::shared_ptr<connection> opened;
};

} // namespace

CAF_TEST(answers leave in the order of their requests) {
  one_connection c;
  for (auto text : {"one.", "two.", "three.", "four.", "five."})
    c.send(text);
  c.run_until_waiting(5);
  c.speaker->answer(4);
  c.speaker->answer(2);
  c.speaker->answer(1);
  c.io.poll();
  CAF_CHECK_EQUAL(c.peer.available(), 0u);
  c.speaker->answer(0);
  CAF_CHECK_EQUAL(c.receive(14), "one.two.three.");
  CAF_CHECK_EQUAL(c.peer.available(), 0u);
  c.speaker->answer(3);
  CAF_CHECK_EQUAL(c.receive(10), "four.five.");
  CAF_CHECK_EQUAL(c.opened->held_bytes(), 0u);
}

CAF_TEST(an answer without bytes keeps its place and sends nothing) {
  one_connection c;
  for (auto text : {"one.", "two.", "three."})
    c.send(text);
  c.run_until_waiting(3);
  c.speaker->answer(2);
  c.speaker->answer(1, false);
  c.speaker->answer(0);
  CAF_CHECK_EQUAL(c.receive(10), "one.three.");
  c.io.poll();
  CAF_CHECK_EQUAL(c.peer.available(), 0u);
}

CAF_TEST(what was asked before a wrong request is answered then the connection is closed) {
  one_connection one;
  const auto frames = one_connection::frame_of("one") + one_connection::frame_of("two") + one_connection::frame_of("wrong");
  boost::asio::write(one.peer, boost::asio::buffer(frames + one_connection::frame_of("never seen")));
  one.run_until_waiting(2);
  one.io.poll();
  CAF_CHECK_EQUAL(one.speaker->waiting.size(), 2u);
  CAF_CHECK(!one.is_closed());
  one.speaker->answer(1);
  one.speaker->answer(0);
  CAF_CHECK_EQUAL(one.receive(6), "onetwo");
  CAF_CHECK(one.is_closed());
  CAF_CHECK_EQUAL(one.opened->held_bytes(), 0u);
}

CAF_TEST(nothing from a request on that turns out to be wrong is answered) {
  one_connection one;
  for (const auto* text : {"one", "two", "three"})
    one.send(text);
  one.run_until_waiting(3);
  one.speaker->answer(2);
  one.speaker->refuse(1);
  CAF_CHECK(!one.is_closed());
  one.speaker->answer(0);
  CAF_CHECK_EQUAL(one.receive(3), "one");
  CAF_CHECK(one.is_closed());
}

CAF_TEST(what is owed at a refusal is waited for in bounds) {
  one_connection one;
  one.limits.refusal_ms = 500;
  one.send("one");
  one.send("wrong");
  one.run_until_waiting(1);
  CAF_CHECK(!one.is_closed());
  one.time.advance(499);
  one.loop.expire_deadlines();
  CAF_CHECK(!one.is_closed());
  one.time.advance(1);
  one.loop.expire_deadlines();
  CAF_CHECK(one.is_closed());
}

CAF_TEST(a refusal gives back what has come of a later request) {
  one_connection one;
  one.send("one");
  one.send("two");
  const auto later = one_connection::frame_of(std::string(100'000, 'x'));
  boost::asio::write(one.peer, boost::asio::buffer(later.data(), later.size() / 2));
  one.run_until_waiting(2);
  for (int patience = 20'000; patience > 0 && one.opened->held_bytes() < later.size() / 4; --patience)
    one.io.run_one_for(std::chrono::milliseconds(1));
  CAF_REQUIRE_GREATER_OR_EQUAL(one.opened->held_bytes(), later.size() / 4);
  one.speaker->refuse(1);
  CAF_CHECK(!one.is_closed());
  CAF_CHECK_LESS_OR_EQUAL(one.opened->held_bytes(), 1'024u); // of the two requests
}
