// What lies between the nodes of a simulated cluster. An actor on another node is a sim_link here: what is sent to it is serialised as for the wire, travels on a
// connection that keeps its order, and is read and delivered at the other end, if that still is the same process. Connections are dialled by the node with the
// higher id, greet each other by net/links/hello, exchange cards and tell their nodes as actors/node_links does; they fall silent when a way is cut, are given
// up after three seconds of silence, by each end for itself, are reset, and end with their process.
#pragma once
#include "simulation/actors/simulated_node.hpp"

#include <caf/byte_buffer.hpp>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>

namespace cafka::test {

struct network_totals {
  std::size_t messages = 0, bytes = 0, connections = 0, resets = 0, silences = 0, refused = 0;
};

class simulated_network {
public:
  using nodes = std::map<node_id, std::unique_ptr<simulated_node>>;

  simulated_network(simulation& of, nodes& all);
  ~simulated_network();

  // A message takes up to `usual_ms`; of ten thousand `late` take up to `late_ms`, and what follows on its connection waits behind it.
  struct delays {
    std::int64_t usual_ms = 2, late_ms = 500;
    std::uint64_t late = 0;
  };
  void set_delays(const delays& now) noexcept { delays_ = now; }

  void started(node_id id);
  // Its process has ended. By power: nothing says so, and nobody refuses a dial until the machine is back.
  void ended(node_id id, bool by_power);
  void cut(node_id from, node_id to) { cut_.insert({from, to}); }
  void heal() { cut_.clear(); }
  [[nodiscard]] bool is_cut(node_id from, node_id to) const { return cut_.contains({from, to}); }
  // Every connection between the two is reset: what is on its way is lost.
  void reset(node_id a, node_id b);
  [[nodiscard]] std::int64_t delay();
  [[nodiscard]] const network_totals& totals() const noexcept { return totals_; }

private:
  friend class sim_link;
  struct packet {
    enum kind : std::uint8_t { card, message, end } what = message;
    std::int64_t at_ms = 0;
    caf::actor_id sender = 0, receiver = 0;
    caf::message_id id{};
    caf::byte_buffer bytes{};
  };
  // End 0 dialled.
  struct connection {
    std::uint64_t number = 0;
    std::int64_t made_ms = 0;
    struct one_end {
      node_id id = no_node;
      std::uint32_t incarnation = 0;
      uuid incarnation_id, directory_id;
      std::int16_t wire_version = 0;
      bool is_open = true, is_known = false, is_up = false;
      std::int64_t heard_ms = 0;
      std::deque<packet> incoming;
      bool is_pumped = false;
      std::map<caf::actor_id, caf::strong_actor_ptr> links; // to actors at the other end
    };
    std::array<one_end, 2> ends;
  };
  using connection_ptr = std::shared_ptr<connection>;

  [[nodiscard]] simulated_node& node_of(const connection::one_end& end) const { return *nodes_.at(end.id); }
  // The process that this end belonged to runs.
  [[nodiscard]] bool is_alive(const connection::one_end& end) const;
  [[nodiscard]] connection_ptr find_open(node_id at, node_id other) const;

  void dial_later(node_id from, node_id to, std::int64_t ms);
  void dial(node_id from, node_id to);
  void look(node_id from, node_id to, int times);
  bool tell_if_refused(node_id from, node_id to);
  void connect(node_id from, node_id to, std::int16_t wire_version);
  void send(connection& on, std::size_t from_end, packet what);
  bool send_from_actor(std::uint64_t number, std::size_t from_end, caf::actor_id to, caf::mailbox_element& element);
  void pump_later(const connection_ptr& on, std::size_t end, std::int64_t ms);
  void pump(const connection_ptr& on, std::size_t end);
  void deliver(const connection_ptr& on, std::size_t end, packet& what);
  void card_came(const connection_ptr& on, std::size_t end);
  void close(const connection_ptr& on, std::size_t end, const char* why);
  caf::strong_actor_ptr link_to(connection& on, std::size_t end, caf::actor_id actor);
  void beat();

  simulation& sim_;
  [[nodiscard]] std::vector<node_id> voters() const;

  nodes& nodes_;
  delays delays_;
  std::map<std::uint64_t, connection_ptr> connections_; // with an end that is open
  std::uint64_t next_number_ = 1;
  std::set<std::pair<node_id, node_id>> cut_; // from, to
  std::set<node_id> without_power_;
  std::set<std::pair<node_id, node_id>> dialling_;
  network_totals totals_;
};

} // namespace cafka::test
