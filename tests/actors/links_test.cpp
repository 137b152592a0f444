// Nodes' links with real sockets, threads and the real middleman: what comes up, what is told when it breaks, what replaces it.
#define CAF_SUITE links
#include "actors/link_doors.hpp"
#include "actors/node.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/test/dsl.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::net::links;
using boost::asio::ip::tcp;

namespace {

caf::actor_system_config& with_middleman(caf::actor_system_config& config) {
  config.load<caf::io::middleman>();
  config.set("caf.scheduler.policy", "sharing");
  config.set("caf.scheduler.max-threads", std::size_t{1});
  return config;
}

// As much of a node as its links need.
class small_node {
public:
  explicit small_node(node_id id, std::uint8_t life = 1, std::uint16_t on_port = 0) : id_(id) {
    own_.id = id;
    own_.incarnation_id.bytes[0] = life;
    own_.directory_id.bytes[0] = static_cast<std::uint8_t>(id);
    own_.cluster_id = "cluster";
    auto with = std::make_shared<links_start>();
    with->time = &system_clock();
    with->id = id;
    with->incarnation_id = own_.incarnation_id;
    with->limits = limits();
    with->lost = [this](node_id to) { doors_->lost(to); };
    with->tell = [this](link_event event) {
      const std::lock_guard lock{mutex_};
      if (const auto* up = std::get_if<link_up>(&event.what); up && !up->may_ask) {
        ++known_;
        return;
      }
      events_.push_back(std::move(event));
      changed_.notify_all();
    };
    links_ = spawn_on<node_links>(system_, &home_, with);
    doors_ = std::make_shared<link_doors>(
        loop_, limits(), [own = own_] { return own; }, links_, with->linked);
    const auto bound = doors_->listen("127.0.0.1", on_port);
    if (!bound)
      CAF_FAIL(bound.error().to_string());
    port_ = bound->port;
    home_.start();
  }
  ~small_node() {
    doors_->stop();
    caf::scoped_actor self{system_};
    self->send_exit(links_, caf::exit_reason::user_shutdown);
    self->wait_for(links_);
    links_ = nullptr;
    loop_.post([this] { loop_.stop(); });
    home_.drain();
    home_.join();
  }
  static link_limits limits() {
    link_limits limits;
    limits.first_retry_ms = 5;
    limits.max_retry_ms = 20;
    return limits;
  }
  void start(std::vector<const small_node*> lower) {
    std::vector<link_dialler::target> to;
    for (const auto* each : lower)
      to.push_back({each->id_, "127.0.0.1", each->port_});
    doors_->start(std::move(to));
  }
  // The next event, which must be of that kind.
  template <class Event>
  Event next() {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, std::chrono::seconds(60), [&] {
          // how often a dial is refused is not foretold
          if (!std::is_same_v<Event, link_refused>)
            std::erase_if(events_, [](const link_event& each) { return std::holds_alternative<link_refused>(each.what); });
          return !events_.empty();
        }))
      CAF_FAIL("node " << id_ << " was told nothing within a minute");
    const auto event = events_.front();
    events_.erase(events_.begin());
    if (!std::holds_alternative<Event>(event.what))
      CAF_FAIL("node " << id_ << " was told something else: " << event.what.index());
    return std::get<Event>(event.what);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const hello& own() const { return own_; }

private:
  node_id id_;
  hello own_;
  caf::actor_system_config config_;
  caf::actor_system system_{with_middleman(config_)};
  shard home_{system_, 0};
  net::event_loop loop_{home_.io(), system_clock()};
  links_actor links_;
  std::shared_ptr<link_doors> doors_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<link_event> events_;
  int known_ = 0; // links that were told first as such over which nothing may be asked yet
};

// Greets as a node and then does nothing more.
struct impostor {
  impostor(const small_node& at, const hello& as) {
    peer.connect({boost::asio::ip::address_v4::loopback(), at.port()});
    boost::asio::write(peer, boost::asio::buffer(to_bytes(as)));
  }
  // Until the other side has closed it.
  byte_vector read_to_the_end() {
    byte_vector all;
    boost::system::error_code failed;
    std::array<std::byte, 512> bytes;
    while (!failed) {
      const auto size = peer.read_some(boost::asio::buffer(bytes), failed);
      all.insert(all.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    }
    return all;
  }
  boost::asio::io_context io;
  tcp::socket peer{io};
};

} // namespace

CAF_TEST(two nodes are told of each other and of an end) {
  small_node one{1};
  one.start({});
  auto two = std::make_unique<small_node>(2);
  two->start({&one});
  const auto at_one = one.next<link_up>();
  CAF_CHECK_EQUAL(at_one.id, 2);
  CAF_CHECK(at_one.incarnation_id == two->own().incarnation_id);
  CAF_CHECK(at_one.directory_id == two->own().directory_id);
  CAF_CHECK_EQUAL(two->next<link_up>().id, 1);
  two.reset();
  CAF_CHECK_EQUAL(one.next<link_down>().id, 2);
  two = std::make_unique<small_node>(2, 2);
  two->start({&one});
  CAF_CHECK(one.next<link_up>().incarnation_id == two->own().incarnation_id);
}

CAF_TEST(a node that is not there is dialled until it is) {
  auto one = std::make_unique<small_node>(1);
  const auto port = one->port();
  one->start({});
  small_node two{2};
  two.start({one.get()});
  CAF_CHECK_EQUAL(two.next<link_up>().id, 1);
  one.reset();
  CAF_CHECK_EQUAL(two.next<link_down>().id, 1);
  CAF_CHECK_EQUAL(two.next<link_refused>().id, 1);
  one = std::make_unique<small_node>(1, 2, port);
  one->start({});
  CAF_CHECK(two.next<link_up>().incarnation_id == one->own().incarnation_id);
  CAF_CHECK_EQUAL(one->next<link_up>().id, 2);
}

CAF_TEST(three nodes have a link per pair) {
  small_node one{1}, two{2}, three{3};
  three.start({&one, &two});
  two.start({&one});
  one.start({});
  for (auto* each : {&one, &two, &three}) {
    const auto first = each->next<link_up>().id, second = each->next<link_up>().id;
    CAF_CHECK(first != second);
    CAF_CHECK(first != each->own().id && second != each->own().id);
  }
}

CAF_TEST(a second process of a node is told so and the first keeps its link) {
  small_node one{1};
  one.start({});
  auto first = std::make_unique<small_node>(2);
  first->start({&one});
  CAF_CHECK(one.next<link_up>().incarnation_id == first->own().incarnation_id);
  auto twin = first->own();
  twin.incarnation_id.bytes[0] = 9;
  impostor second{one, twin};
  const auto told = second.read_to_the_end();
  const auto said = parse_body(byte_span{told}.subspan(hello_prefix_bytes));
  CAF_REQUIRE(said);
  CAF_CHECK(said->refusal.find("another process is node 2") != std::string::npos);
  first.reset(); // and whoever comes after it gets in
  CAF_CHECK_EQUAL(one.next<link_down>().id, 2); // the next thing that it was told: nothing flapped
  small_node after{2, 9};
  after.start({&one});
  CAF_CHECK(one.next<link_up>().incarnation_id == twin.incarnation_id);
}

CAF_TEST(a node that dials once more replaces its old link and one that falls silent gives way) {
  small_node one{1};
  one.start({});
  small_node two{2};
  two.start({&one});
  CAF_CHECK(one.next<link_up>().incarnation_id == two.own().incarnation_id);
  CAF_CHECK_EQUAL(two.next<link_up>().id, 1);
  impostor silent{one, two.own()};
  CAF_CHECK(one.next<link_down>().incarnation_id == two.own().incarnation_id);
  CAF_CHECK_EQUAL(two.next<link_down>().id, 1);
  (void)silent.read_to_the_end(); // it never was a link
  CAF_CHECK(one.next<link_up>().incarnation_id == two.own().incarnation_id); // which dials on
  CAF_CHECK_EQUAL(two.next<link_up>().id, 1);
}
