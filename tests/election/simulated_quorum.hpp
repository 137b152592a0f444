// Quorum cores on a simulated network and simulated disks, on one thread, from one seed. Messages are delayed, reordered, dropped and
// doubled, links are cut, processes crash between any two effects, and a power cut loses what was not synced. After every step the
// named invariants are checked; broken() tells the first that did not hold.
#pragma once
#include "support/quorum_checks.hpp"

#include <map>
#include <memory>
#include <set>

namespace cafka::test {

struct quorum_faults {
  std::uint32_t drop_percent = 0;
  std::uint32_t duplicate_percent = 0;
  std::uint32_t crash_per_mille = 0; // at each place where a process can stop
  bool power_loss = true;            // a crash loses what is not synced
  bool cuts = false;                 // links are cut and healed at random
  bool snapshots = false;
};

class simulated_quorum {
public:
  simulated_quorum(std::size_t voters, std::uint64_t seed, quorum_faults faults);

  // `count` events: timers, deliveries, syncs, appends, faults. False once an invariant is broken.
  bool run(std::size_t count);
  // No more faults: true if within `limit_ms` of simulated time a leader serves and a new record is committed everywhere.
  bool heals(std::int64_t limit_ms);

  [[nodiscard]] const std::string& broken() const noexcept { return broken_; }
  [[nodiscard]] std::size_t committed() const noexcept { return checks_.committed().size(); }
  [[nodiscard]] std::size_t elections() const noexcept { return checks_.leader_of_epoch().size(); }
  [[nodiscard]] std::size_t crashes() const noexcept { return crashes_; }
  [[nodiscard]] std::int64_t now_ms() const noexcept { return now_ms_; }
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return trace_; }

private:
  struct node {
    election::replica_key key;
    // On disk.
    election::quorum_state memory;
    std::vector<log_entry> log; // from log_start
    std::int64_t log_start = 0;
    std::int64_t flushed_end = 0;
    std::optional<election::log_position> snapshot;
    // In the process.
    std::unique_ptr<election::quorum> core;
    std::uint64_t incarnation = 0;
    std::int64_t seen_high_watermark = -1;
    std::set<node_id> refused_links;

    [[nodiscard]] std::int64_t log_end() const noexcept { return log_start + static_cast<std::int64_t>(log.size()); }
    [[nodiscard]] const log_entry& at(std::int64_t offset) const { return log[static_cast<std::size_t>(offset - log_start)]; }
    [[nodiscard]] quorum_log view() const noexcept { return {log, log_start, flushed_end}; }
  };
  struct event {
    enum kind : std::uint8_t { deliver, flush, snapshot_arrives, restart } what = deliver;
    node_id to = no_node, from = no_node;
    std::uint64_t incarnation = 0;
    election::message content{};
    std::vector<log_entry> entries{};
    std::int64_t offset = 0;
    election::log_position snapshot{};
  };

  void step();
  void perform(event one);
  void deliver(node& to, event one);
  void carry_out(node& of, election::effects out);
  void append(node& to, log_entry entry);
  void send(node& from, const election::outgoing& message);
  void schedule_flush(node& of);
  void crash(node& victim);
  void start(node& one);
  bool dies_here(node& one);
  void random_fault();
  void random_append();
  void take_snapshot(node& of);
  void at(std::int64_t when_ms, event one) { events_.emplace(when_ms, std::move(one)); }
  void check(node& of);
  void take_over_broken(); // from checks_
  void fail(const std::string& invariant, const std::string& why);
  [[nodiscard]] std::string describe(const node& of) const;

  std::size_t voters_;
  prng random_;
  quorum_faults faults_;
  std::int64_t now_ms_ = 1'000'000;
  std::map<node_id, node> nodes_;
  std::multimap<std::int64_t, event> events_;
  std::set<std::pair<node_id, node_id>> cut_; // from → to
  quorum_checks checks_;
  std::uint64_t next_value_ = 1;
  std::size_t crashes_ = 0;
  std::string broken_;
  std::vector<std::string> trace_; // the last steps, for people
};

} // namespace cafka::test
