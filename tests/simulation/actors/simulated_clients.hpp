// Clients of a simulated cluster: producers, idempotent and plain, and readers, each of one partition. They ask a node's gateway what a session would ask it, learn
// from its image who leads, follow the leader when it changes, and give a request up when its node dies or does not answer. Each write is one that nobody wrote
// before; what it came to is told to the history.
#pragma once
#include "simulation/actors/history.hpp"
#include "simulation/actors/simulated_node.hpp"

#include <map>
#include <memory>
#include <vector>

namespace cafka::test {

struct client_totals {
  std::size_t written = 0, acked = 0, refused = 0, unknown = 0, batches_read = 0;
};

class simulated_clients {
public:
  using nodes = std::map<node_id, std::unique_ptr<simulated_node>>;
  struct wishes {
    std::string topic = "t";
    std::int32_t partitions = 1;
    std::int16_t replication_factor = 3;
    std::int32_t producers = 3; // of which every other one is idempotent
    std::int64_t pause_ms = 50; // between two writes of a producer
    std::int64_t delay_ms = 3;
  };

  simulated_clients(simulation& of, nodes& all, history& told, wishes wanted);

  // Creates the topic, then writes and reads.
  void start();
  // No new writes but those of probe(); what was begun is brought to its end.
  void be_quiet() { quiet_ = true; }
  // One more write to each partition, which must be acknowledged.
  void probe();
  [[nodiscard]] bool has_topic() const noexcept { return topic_known_; }
  [[nodiscard]] bool is_idle() const; // every write is settled, nothing is on its way
  [[nodiscard]] const client_totals& totals() const noexcept { return totals_; }
  [[nodiscard]] const wishes& wanted() const noexcept { return wanted_; }
  [[nodiscard]] std::string describe() const; // what is not settled
  // That process has ended, and with it its connections.
  void ended(node_id id);
  // Every request whose deadline has long passed was answered, where its node runs.
  void check_answers();

private:
  friend class write_sink;
  friend class read_sink;
  struct attempt {
    bool is_write = true;
    std::size_t client = 0; // its place among the producers or the readers
    node_id to = no_node;
    std::uint32_t incarnation = 0; // of the process that was asked
    std::int64_t deadline_ms = 0; // of the simulation; what the node was told
    bool is_asked = false; // the node has it
    bool is_answered = false;
    bool is_heard = false; // the answer is on its way to the client, who does not take it for lost any more
    bool is_given_up = false; // what it came to is unknown
  };
  using attempt_ptr = std::shared_ptr<attempt>;
  struct producer {
    std::size_t partition = 0;
    bool is_idempotent = false, is_probe = false;
    net::producer_id_and_epoch identity;
    std::int32_t next_sequence = 0;
    net::required_acks acks = net::required_acks::all;
    byte_vector batch; // not settled; empty: none
    std::uint32_t crc = 0;
    std::int32_t records = 0;
    bool may_be_written = false; // of all its attempts
    attempt_ptr current; // the one that it waits for
    bool asks_for_id = false;
    node_id asks = no_node; // whom it believes to lead
  };
  struct reader {
    std::size_t partition = 0;
    std::int64_t offset = 0;
    std::int32_t leader_epoch = -1; // the greatest that it was answered from
    attempt_ptr current;
    std::shared_ptr<net::fetch_sink> sink; // a watch holds it weakly
    node_id asks = no_node;
    std::uint64_t turn = 0; // of its next read: one that was put off is not done twice
    bool is_waiting = false; // for data_available
  };

  void create_topic();
  void write_later(std::size_t client, std::int64_t ms);
  void write(std::size_t client);
  void get_identity(std::size_t client);
  void make_batch(producer& by);
  void send(std::size_t client);
  void answered(const attempt_ptr& which, const net::produce_outcome& outcome);
  void settle(std::size_t client, const char* as);
  void retry(std::size_t client);
  void read_later(std::size_t client, std::int64_t ms);
  void read(std::size_t client);
  void answered(const attempt_ptr& which, net::fetch_outcome& outcome);
  void data_available(std::size_t client);
  void give_up(const attempt_ptr& which);
  [[nodiscard]] bool is_there(const attempt& which) const;
  // Some node that serves, and whom it takes for the leader; null: nobody can be asked.
  simulated_node* find_leader(std::size_t partition, node_id& believed, topic_id_partition& which);
  // Calls `what` when the node gets to it; not if that process has ended by then.
  void at_node(const attempt_ptr& which, std::function<void(simulated_node&)> what);

  simulation& sim_;
  nodes& nodes_;
  history& history_;
  wishes wanted_;
  std::vector<producer> producers_;
  std::vector<reader> readers_;
  std::vector<std::weak_ptr<attempt>> attempts_;
  std::uint64_t next_value_ = 1;
  bool topic_known_ = false, quiet_ = false;
  client_totals totals_;
};

} // namespace cafka::test
