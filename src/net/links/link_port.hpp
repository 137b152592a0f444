// Where links come from: a door for nodes with a higher id, which dial us, and a dialler for each voter with a lower one.
// Both end in the same: a socket over which the two have agreed who they are; from then on it is the protocol's between actors.
// Everything but the constructors, listen() and start() runs on the event loop's thread, the callbacks too. After stop() both must live on until the
// loop has run what was under way.
#pragma once
#include "net/event_loop.hpp"
#include "net/links/greeting.hpp"
#include "net/links/linked_nodes.hpp"
#include "net/listener.hpp"
#include "net/peer_log.hpp"

#include <memory>
#include <set>
#include <string>

namespace cafka::net::links {

struct link_limits {
  std::int64_t hello_ms = 1'000; // a peer that connected has so long to say who it is
  std::int64_t dial_ms = 500; // connection and exchange
  std::int64_t first_retry_ms = 50; // then twice as long each time …
  std::int64_t max_retry_ms = 250; // … up to this
  std::size_t max_strangers = 64; // connections that have not said who they are; more are closed at once
};

struct new_link {
  boost::asio::ip::tcp::socket socket;
  hello peer;
  std::int16_t wire_version = 0;
  bool dialled = false; // by us
};
using link_opened = std::function<void(new_link)>;
using own_hello = std::function<hello()>; // asked each time: the cluster id may become known meanwhile

class link_door {
public:
  // `linked`: the second process of a node is turned away; may be null.
  link_door(event_loop& loop, const link_limits& limits, own_hello own, link_opened opened,
            std::shared_ptr<const linked_nodes> linked = nullptr);
  ~link_door();
  result<bound_endpoint> listen(const std::string& host, std::uint16_t port);
  void start() { listener_.start(); }
  void stop();

private:
  bool accepted(boost::asio::ip::tcp::socket socket);
  void answer(const std::shared_ptr<greeting>& to, const std::string& from, const result<hello>& said);

  event_loop& loop_;
  link_limits limits_;
  own_hello own_;
  link_opened opened_;
  std::shared_ptr<const linked_nodes> linked_;
  peer_log log_;
  std::set<std::shared_ptr<greeting>> strangers_;
  listener listener_;
};

// Dials one node, again and again until there is a link, then waits to be told that it is gone.
class link_dialler {
public:
  struct target {
    node_id id = no_node;
    std::string host;
    std::uint16_t port = 0;
  };
  // `refused`: nobody listens there, a sign that the process is gone. Told at every such dial.
  link_dialler(event_loop& loop, const link_limits& limits, target to, own_hello own, link_opened opened, std::function<void()> refused);
  ~link_dialler();
  // At once, unless it is dialling already: at the start, and when the link it made is gone.
  void dial();
  void stop();

private:
  void resolved(const boost::asio::ip::tcp::resolver::results_type& found);
  void greet();
  void answered(const result<hello>& said);
  void failed(const error& why);

  event_loop& loop_;
  link_limits limits_;
  target to_;
  own_hello own_;
  link_opened opened_;
  std::function<void()> refused_;
  boost::asio::ip::tcp::resolver resolver_;
  std::shared_ptr<greeting> current_;
  deadline_queue::handle retry_;
  std::int64_t wait_ms_ = 0;
  std::string told_; // the last reason that was logged: the same one is not logged again
  bool dialling_ = false, stopped_ = false;
};

// Whether anybody still listens where a node should be that dials us and whose link has gone. Connects and hangs up, a few times: a process that is
// killed loses its connections a moment before its listeners.
class link_probe {
public:
  link_probe(event_loop& loop, const link_limits& limits, link_dialler::target to, std::function<void()> refused);
  ~link_probe();
  void look(); // unless it is looking already
  void stop();

private:
  void once();
  void again();

  event_loop& loop_;
  link_limits limits_;
  link_dialler::target to_;
  std::function<void()> refused_;
  boost::asio::ip::tcp::resolver resolver_;
  std::shared_ptr<greeting> current_;
  deadline_queue::handle retry_;
  int looks_left_ = 0;
  bool stopped_ = false;
};

} // namespace cafka::net::links
