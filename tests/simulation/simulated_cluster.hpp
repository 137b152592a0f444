// A whole cluster of the real cores on one thread, from one seed: three to seven nodes, one, three or five of them voters of the metadata quorum
// (election/quorum), the controller on whoever leads that (metadata/controller), each node's broker standing (metadata/broker_lifecycle) and its
// replicas of several topics (partition_leader, partition_follower), over simulated disks, links and clocks. The seed chooses the cluster, what
// administrators do to its topics, and the faults. What is here is what the actors do: carry out. After every step the invariants that it could
// break are checked; broken() tells the first that did not hold.
//
//   cluster_metadata.cpp    each node's part in the quorum, and what follows from a commit
//   cluster_controller.cpp  questions to the active controller: sessions, in-sync sets, what administrators want
//   cluster_replicas.cpp    each node's replicas
//   cluster_faults.cpp      faults, administrators, clients
//   cluster_checks.cpp      the invariants
//
// Messages of the quorum and questions to the controller keep their order on a link, as TCP does; those between replicas need not.
#pragma once
#include "metadata/broker_lifecycle.hpp"
#include "metadata/controller.hpp"
#include "replication/partition_follower.hpp"
#include "replication/partition_leader.hpp"
#include "simulation/event_queue.hpp"
#include "simulation/fault_source.hpp"
#include "simulation/node_clock.hpp"
#include "simulation/partition_truth.hpp"
#include "support/quorum_checks.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cafka::test {

struct cluster_totals {
  std::size_t events = 0, acked = 0, refused = 0, unknown = 0, lost_to_unclean = 0, elections = 0, unclean_elections = 0, isr_changes = 0,
              topics = 0, controllers = 0, registrations = 0, fencings = 0, crashes = 0, power_cuts = 0, lost_disks = 0, truncations = 0,
              faults = 0;
  std::int64_t simulated_ms = 0;
  cluster_totals& operator+=(const cluster_totals& other) noexcept;
};

class simulated_cluster {
public:
  explicit simulated_cluster(std::uint64_t seed, bool with_trace = false, std::set<std::uint64_t> faults_left_out = {});

  // `count` events. False once an invariant is broken.
  bool run(std::size_t count);
  // No more faults: true if within `limit_ms` a controller serves, every broker is unfenced, every partition led, all of its replicas in sync and the
  // same, and a new write to each was acknowledged.
  bool heals(std::int64_t limit_ms);
  // Neither faults nor administrators: for what a healthy cluster must not do. Before run().
  void be_quiet();

  [[nodiscard]] const std::string& broken() const noexcept { return broken_; }
  [[nodiscard]] cluster_totals totals() const;
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return trace_; }
  // Of all that happened: the same seed gives the same.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return trace_hash_; }
  [[nodiscard]] std::string describe() const;

private:
  static constexpr std::size_t most_nodes = 7; // ids 1 to 7
  template <class T>
  using by_node = std::array<T, most_nodes + 1>;

  struct waiting_write {
    std::uint64_t token = 0, value = 0;
    std::int64_t offset = 0;
  };
  struct parked_fetch {
    bool present = false;
    replication::replica_fetch_request request;
    std::int64_t deadline_ms = 0; // of the node's clock
  };
  struct replica {
    std::size_t partition = 0; // in partitions_
    // On disk.
    simulated_log log;
    std::int64_t checkpoint = 0; // of the high watermark: any that it once had
    // In the process.
    bool serves = false; // there are cores
    std::int32_t leader_epoch = -1; // of the metadata that it acted upon
    std::int64_t high_watermark = 0;
    std::optional<replication::partition_leader> leader;
    std::optional<replication::partition_follower> follower;
    by_node<parked_fetch> parked;
    std::vector<waiting_write> writes;
    bool flushing = false;
    std::int64_t propose_not_before_ms = 0;
    std::int64_t deadline_ms = INT64_MAX; // of the node's clock
    // What the checks know: it lost its disk, or power under `replicated`, and is not in sync again.
    bool may_lack_acked = false;

    [[nodiscard]] bool leads() const noexcept { return serves && leader->leads(); }
    // Of its leader, or its own.
    [[nodiscard]] std::int32_t line() const noexcept { return leads() ? leader->leader_epoch() : follower->leader_epoch(); }
  };
  using proposed_isr = std::pair<std::size_t, replication::isr_proposal>; // of which partition

  struct question {
    std::uint64_t number = 0;
    std::variant<metadata::broker_registration_request, metadata::broker_heartbeat, std::vector<metadata::alter_partition_request>> what;
  };
  struct answer {
    std::uint64_t number = 0;
    errc code = errc::none; // not_controller: not done; anything else but none: unknown
    std::variant<std::monostate, metadata::broker_registration_outcome, metadata::broker_heartbeat_outcome,
                 std::vector<metadata::alter_partition_outcome>>
        what;
  };
  // What waits at the active controller until its offset is committed.
  struct parked_answer {
    std::int64_t offset = 0; // inclusive
    node_id to = no_node; // nobody: an administrator
    answer said;
    log_entry last; // what was appended there
  };
  // To the controller, one at a time: until it is answered, given up or refused.
  struct pending_call {
    bool present = false, sent = false;
    std::uint64_t number = 0;
    node_id to = no_node;
    std::int64_t deadline_ms = 0, send_at_ms = 0;
    std::unique_ptr<question> asked;
    std::vector<proposed_isr> proposals;
  };

  struct node {
    node_id id = no_node;
    std::size_t index = 0;
    node_clock clock;
    // On disk.
    election::replica_key key; // its id, and that of the directory which holds the log
    election::quorum_state memory;
    std::vector<log_entry> log;
    std::int64_t flushed_end = 0;
    std::vector<std::unique_ptr<replica>> replicas; // by partition
    std::vector<uuid> directories;
    std::int64_t clean_broker_epoch = -1; // −1: not stopped cleanly
    // In the process.
    bool up = false;
    std::uint32_t incarnation = 0;
    bool page_cache_survived = false;
    bool directory_lost = false;
    std::int64_t paused_until_ms = 0; // true time, as the next two
    std::int64_t full_until_ms = 0;
    std::int64_t deadline_ms = 0;
    std::unique_ptr<election::quorum> core;
    std::int64_t seen_high_watermark = -1;
    std::uint32_t cuts = 0;
    bool flushing = false;
    bool serve_when_applied = false;
    metadata::image_builder committed; // replayed here
    std::int64_t applied_end = 0; // everything below is in `committed` …
    std::int64_t acted_end = 0; // … and its replicas have acted on it
    bool acting = false; // they will
    bool acts = false; // its own registration is in it: before that, what the metadata says of this node is about the process before
    std::vector<std::size_t> changed; // partitions to act upon
    bool all_changed = false;
    std::vector<replication::partition_leader::eligible_broker> eligible;
    std::optional<metadata::controller> controller;
    std::vector<parked_answer> parked;
    std::int64_t looked_at_sessions_ms = 0;
    uuid lifecycle_incarnation;
    std::optional<metadata::broker_lifecycle> lifecycle;
    std::int64_t leave_by_ms = INT64_MAX; // it stops then, whatever the controller says
    pending_call standing, isr_call;
    std::vector<proposed_isr> proposals; // for the next call
  };

  struct quorum_mail {
    election::message content;
    std::vector<log_entry> entries;
  };
  struct fetch_mail {
    replication::replica_fetch_request request;
    bool is_progress = false;
  };
  struct fetch_answer_mail {
    replication::replica_fetch_response response;
    std::array<simulated_record, 4> records{};
    std::size_t count = 0;
  };
  struct write_mail {
    std::uint64_t value = 0;
    bool acks_all = true;
  };
  struct log_flushed {
    std::uint32_t cuts = 0;
  };
  struct replica_flushed {
    std::uint32_t cuts = 0;
  };
  struct refused_link {
    node_id other = no_node;
  };
  struct act_now {};
  struct restart_now {};
  struct event {
    node_id to = no_node, from = no_node;
    std::uint32_t incarnation = 0; // of the receiver: another one has other links
    std::uint32_t link = 0;
    std::size_t partition = 0;
    std::int64_t offset = 0;
    std::variant<quorum_mail, std::unique_ptr<question>, std::unique_ptr<answer>, fetch_mail, fetch_answer_mail, write_mail, log_flushed,
                 replica_flushed, refused_link, act_now, restart_now>
        what;
  };

  // simulated_cluster.cpp: time, network, a node's life
  void step();
  void perform(event& one);
  void at(std::int64_t when_ms, event one) { events_.push(when_ms, std::move(one)); }
  void at_own(node& of, std::int64_t after_ms, event one);
  void send(event one, bool in_order);
  void reset_link(node_id a, node_id b);
  void start(node& of);
  void tick(node& of);
  void update_deadline(node& of);
  void crash(node& victim, bool power, std::int64_t restart_within_ms = 0);
  void go_down(node& victim);
  void stop_cleanly(node& of);
  [[nodiscard]] std::int64_t now(const node& of) const noexcept { return of.clock.at(now_ms_); }
  [[nodiscard]] std::int64_t delay(std::uint64_t late);
  [[nodiscard]] node& any_node() { return nodes_[1 + random_.below(count_)]; }
  [[nodiscard]] bool is_cut(node_id from, node_id to) const noexcept {
    return cut_[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
  }
  [[nodiscard]] node& of(node_id id) noexcept { return nodes_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const node& of(node_id id) const noexcept { return nodes_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] bool is_voter(const node& one) const noexcept { return voters_.contains(one.key); }

  // cluster_metadata.cpp
  void carry_out(node& of, election::effects out);
  void deliver(node& to, node_id from, quorum_mail& mail);
  void append_entries(node& of, std::span<const log_entry> batch);
  void request_log_flush(node& of);
  void on_log_flushed(node& of, const event& one);
  bool append(node& of, const std::vector<metadata::metadata_record>& records);
  void apply_committed(node& of, std::int64_t high_watermark);
  void begin_serving(node& of);
  void lose_controller(node& of);
  void act(node& of);
  void look_up_eligible(node& of);
  [[nodiscard]] quorum_log log_of(const node& of) const noexcept { return {of.log, 0, of.flushed_end}; }
  [[nodiscard]] std::size_t batch_end(const std::vector<log_entry>& log, std::size_t from) const;

  // cluster_controller.cpp
  void report_standing(node& of);
  void propose_isrs(node& of);
  void put(node& of, pending_call& call);
  void give_up_calls(node& of, node_id to);
  void give_up(node& of, pending_call& call);
  void on_answer(node& of, answer& said);
  void serve(node& of, node_id from, question& asked);
  void conclude(node& of, node_id to, const std::vector<metadata::metadata_record>& records, answer said);
  void tell(node& from, node_id to, answer said);
  void fence_if_gone(node& of, node_id other);
  void expire_sessions(node& of);
  void administer(node& of, prng random);
  void elect_where_nothing_can_be_lost();
  [[nodiscard]] metadata::broker_registration_request registration(node& of);
  [[nodiscard]] node* newest_controller();

  // cluster_replicas.cpp
  void obey(node& of, std::size_t partition);
  void obey_partition(node& of, replica& mine, const metadata::partition_registration& said);
  void drop_replica(node& of, std::size_t partition);
  void on_fetch(node& of, replica& mine, const event& one);
  void on_fetch_answer(node& of, replica& mine, const fetch_answer_mail& mail);
  void on_write(node& of, replica& mine, const write_mail& write);
  void on_replica_flushed(node& of, replica& mine, const event& one);
  void on_isr_answer(node& of, replica& mine, const replication::isr_proposal& asked, errc code,
                     const metadata::partition_registration& partition);
  void carry_out(node& of, replica& mine, const replication::follower_effects& effects, const fetch_answer_mail* records);
  void request_flush(node& of, replica& mine);
  void pump(node& of, replica& mine);
  void resign(node& of, replica& mine);
  void answer_fetch(node& of, replica& mine, node_id to, const replication::replica_fetch_response& response);
  void finish(node& of, replica& mine);
  void tick(node& of, replica& mine);
  void update_deadline(node& of, replica& mine);
  [[nodiscard]] replica* serving_replica(node& of, std::size_t partition);
  [[nodiscard]] replication::leader_config leader_config_of(const metadata::image& image, const partition_truth& partition) const;
  [[nodiscard]] replication::follower_config follower_config_of(const partition_truth& partition) const;

  // cluster_faults.cpp
  void random_faults();
  void random_cut(prng& random);
  void lose_disk(node& victim);
  [[nodiscard]] bool may_lose(const node& victim, bool disk) const;
  [[nodiscard]] bool may_lose_voter(const node& victim) const;
  void random_write();
  void random_look();

  // cluster_checks.cpp
  void fail(const std::string& invariant, const std::string& why);
  void take_over_broken();
  void note_committed(std::size_t from); // entries of the metadata log
  void note_change(std::size_t partition);
  void check_decision(node& of, const std::vector<metadata::metadata_record>& records);
  void check_in_sync(std::size_t partition, const metadata::image& image, const metadata::partition_registration& view, const char* why);
  void check_everywhere(std::size_t partition, const char* why);
  void check_holds(const node& of, const replica& mine, const char* why);
  void set_high_watermark(node& of, replica& mine, std::int64_t offset);
  void check_commit(node& of, replica& mine);
  void check_new_leader(node& of, replica& mine);
  void check_record(const node& of, const replica& mine, const simulated_record& record);
  void check_placed(const node& of, const replica& mine, const event& one);
  void check_acked(const node& of, const replica& mine, const waiting_write& write);
  void check_read(const node& of, const replica& mine);
  void check_core(const node& of, const replica& mine);
  void check_quorum(const node& of);
  [[nodiscard]] bool holds(const partition_truth& truth, const replica& mine, std::int64_t end) const;
  [[nodiscard]] bool must_hold(const node& of, const replica& mine, const metadata::image& image,
                               const metadata::partition_registration& view) const;
  [[nodiscard]] std::int32_t needed_in_sync(const metadata::image& image, const partition_truth& truth) const;
  [[nodiscard]] std::size_t partition_of(const uuid& topic, std::int32_t number) const; // no_partition
  [[nodiscard]] std::string describe(const node& one) const;
  [[nodiscard]] std::string describe(const node& of, const replica& mine) const;
  [[nodiscard]] std::string describe(std::size_t partition) const;
  [[nodiscard]] bool is_whole();
  template <class Say>
  void note(const Say& say) {
    if (with_trace_)
      note_text(say());
  }
  void note_text(const std::string& text);
  void mix(std::uint64_t value) noexcept { trace_hash_ = (trace_hash_ ^ value) * 0x100000001b3ULL; }

  static constexpr std::size_t no_partition = SIZE_MAX;

  prng random_;
  fault_source faults_;
  bool with_trace_;
  // What the seed chose.
  std::size_t count_ = 3;
  election::voter_set voters_;
  struct {
    std::uint64_t drop = 0, late = 0, replica_drop = 0, kill = 0, kill_between = 0, power = 0, joins = 0, disk = 0, pause = 0, cut = 0,
                  heal = 0, reset = 0, resign = 0, shut_down = 0, stall = 0, full = 0, failing = 0, clock = 0, retention = 0,
                  administer = 0; // per 10,000 steps, messages or flushes
    std::uint64_t write = 0;
    std::int64_t usual_delay_ms = 1, late_ms = 1, flush_ms = 1, restart_ms = 1;
    bool unclean = false, drifts = false;
    std::int32_t least_min_isr = 1;
  } chances_;
  std::int64_t replica_lag_ms_ = 1'000, fetch_wait_ms_ = 1'000, fetch_backoff_ms_ = 200;
  std::int64_t session_ms_ = 1'500;

  std::int64_t now_ms_ = 1'000'000;
  by_node<node> nodes_;
  event_queue<event> events_;
  by_node<by_node<bool>> cut_{}; // from → to
  by_node<by_node<std::uint32_t>> link_{}; // how often it was reset
  by_node<by_node<std::int64_t>> last_in_order_ms_{};
  std::vector<replication::released_ack> released_;
  bool quiet_ = false;

  // What is true, for the checks.
  quorum_checks quorum_;
  struct stored_record {
    std::optional<metadata::metadata_record> record; // nothing: a leader change
    bool ends_batch = true;
  };
  std::vector<stored_record> records_; // by log_entry::value
  metadata::image_builder truth_; // of all that is committed
  std::vector<std::pair<std::int64_t, metadata::image_ptr>> images_; // of it, now and then: by the offset behind it
  std::vector<partition_truth> partitions_;
  std::map<topic_id_partition, std::size_t> partition_numbers_;
  std::vector<std::size_t> existing_; // partitions
  std::size_t lost_voters_ = 0;
  std::uint64_t next_value_ = 1, next_token_ = 1, next_number_ = 1, next_topic_ = 1;

  cluster_totals totals_;
  std::string broken_;
  std::vector<std::string> trace_;
  std::uint64_t trace_hash_ = 0xcbf29ce484222325ULL;
};

} // namespace cafka::test
