// Quorum cores on a simulated network and simulated disks, on one thread, from one seed. Messages are delayed, reordered, dropped and
// doubled, links are cut, processes crash between any two effects, and a power cut loses what was not synced. After every step the
// named invariants are checked; broken() tells the first that did not hold. Each fault, append and snapshot is a decision of
// support/simulation_dice.hpp: some of them can be left out.
#pragma once
#include "election/quorum.hpp"
#include "support/simulation_dice.hpp"

#include <map>
#include <memory>
#include <set>

namespace cafka::test {

struct quorum_faults {
  std::uint32_t drop_percent = 0;
  std::uint32_t duplicate_percent = 0;
  std::uint32_t late_percent = 5;
  std::uint32_t crash_per_mille = 0; // at each place where a process can stop
  bool power_loss = true;            // a crash loses what is not synced
  bool cuts = false;                 // links are cut and healed at random
  bool snapshots = false;
};

struct log_entry {
  std::int32_t leader_epoch = 0;
  std::uint64_t value = 0; // 0: the leader change
  bool operator==(const log_entry&) const = default;
};

class simulated_quorum {
public:
  // `only`: which of the faults, appends and snapshots may happen; nothing: whatever the seed says.
  simulated_quorum(std::size_t voters, std::uint64_t seed, quorum_faults faults, const std::optional<std::vector<decision>>& only = {},
                   bool with_trace = false);
  virtual ~simulated_quorum() = default;
  simulated_quorum(const simulated_quorum&) = delete;
  simulated_quorum& operator=(const simulated_quorum&) = delete;

  // `count` events: timers, deliveries, syncs, appends, faults. False once an invariant is broken.
  bool run(std::size_t count);
  // No more faults: true if within `limit_ms` of simulated time a leader serves and a new record is committed everywhere.
  bool heals(std::int64_t limit_ms);

  [[nodiscard]] const std::string& broken() const noexcept { return broken_; }
  [[nodiscard]] std::size_t committed() const noexcept { return committed_.size(); }
  [[nodiscard]] std::size_t elections() const noexcept { return leader_of_epoch_.size(); }
  [[nodiscard]] std::size_t crashes() const noexcept { return crashes_; }
  [[nodiscard]] std::size_t snapshots_loaded() const noexcept { return snapshots_loaded_; }
  [[nodiscard]] std::int64_t now_ms() const noexcept { return now_ms_; }
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return trace_; }
  [[nodiscard]] const std::vector<decision>& happened() const noexcept { return dice_.happened(); }
  [[nodiscard]] std::uint64_t events() const noexcept { return dice_.step(); }

protected: // for tests/scenarios, which says itself what happens and when
  struct node {
    election::replica_key key;
    // On disk.
    election::quorum_state memory;
    std::vector<log_entry> log; // from log_start
    std::int64_t log_start = 0;
    std::int64_t flushed_end = 0;
    std::optional<election::log_position> snapshot;
    std::int64_t snapshot_bytes = 0;
    // In the process.
    std::optional<election::log_position> received; // whose pieces it has
    std::int64_t received_bytes = 0;
    std::uint64_t transfer = 0;
    std::unique_ptr<election::quorum> core;
    std::uint64_t incarnation = 0;
    std::int64_t seen_high_watermark = -1;
    std::set<node_id> refused_links;

    [[nodiscard]] std::int64_t log_end() const noexcept { return log_start + static_cast<std::int64_t>(log.size()); }
    [[nodiscard]] const log_entry& at(std::int64_t offset) const { return log[static_cast<std::size_t>(offset - log_start)]; }
  };
  struct event {
    enum kind : std::uint8_t { deliver, flush, piece_written, snapshot_checked, restart } what = deliver;
    node_id to = no_node, from = no_node;
    std::uint64_t incarnation = 0;
    election::message content{};
    std::vector<log_entry> entries{};
    std::int64_t offset = 0;
    election::log_position snapshot{};
    std::uint64_t transfer = 0;
  };

  void step();
  void perform(event one);
  void deliver(node& to, event one);
  void carry_out(node& of, election::effects out);
  void append(node& to, log_entry entry);
  void send(node& from, const election::outgoing& message);
  void schedule_flush(node& of);
  void write_piece(node& to, std::int64_t position);
  void keep_snapshot(node& to, const election::log_position& snapshot);
  void crash(node& victim);
  void start(node& one);
  bool dies_here(node& one);
  void random_fault();
  void random_cut();
  void random_append();
  void take_snapshot(node& of);
  virtual void at(std::int64_t when_ms, event one) { events_.emplace(when_ms, std::move(one)); }
  virtual void check(node& of);
  void check_commit(node& of, std::int64_t high_watermark);
  virtual void note_vote(const node& voter, const election::outgoing& message);
  virtual void fail(const std::string& invariant, const std::string& why);
  virtual void note(const std::string& text);
  [[nodiscard]] virtual std::size_t records_per_answer() { return 1 + random_.below(5); }
  [[nodiscard]] virtual std::string name_of(const log_entry& entry) const;
  [[nodiscard]] std::string describe(const node& of) const;

  std::size_t voters_;
  election::voter_set voter_set_;
  bool with_trace_;
  simulation_dice dice_;
  prng& random_ = dice_.random();
  quorum_faults faults_;
  std::int64_t now_ms_ = 1'000'000;
  std::map<node_id, node> nodes_;
  std::multimap<std::int64_t, event> events_;
  std::set<std::pair<node_id, node_id>> cut_; // from → to
  std::vector<log_entry> committed_;
  std::map<std::int32_t, node_id> leader_of_epoch_;
  std::map<std::pair<std::int32_t, node_id>, node_id> vote_of_; // (epoch, voter) → candidate
  std::uint64_t next_value_ = 1;
  std::size_t crashes_ = 0, snapshots_loaded_ = 0;
  std::string broken_;
  std::vector<std::string> trace_; // the last steps, for people; only with_trace_
};

} // namespace cafka::test
