// One partition on three to five brokers, made of the real cores (partition_leader, partition_follower, controller) on simulated logs, network
// and time, on one thread, from one seed. The seed also chooses the cluster and which faults there are: messages are delayed, overtake each
// other and get lost, links are cut one way or both, processes are killed, lose power or hang, disks stall or are replaced, directories fail, controllers change. Deciding
// code is the cores'; what is here is what the actors will do: carry out. After every step the invariants that it could break are checked;
// broken() tells the first that did not hold.
//
// The link between a broker and the controller keeps its order, as TCP does and as partition_leader::on_isr_refused() relies on.
#pragma once
#include "base/prng.hpp"
#include "replication/partition_follower.hpp"
#include "simulation/simulated_log.hpp"
#include "simulation/simulated_metadata.hpp"

#include <queue>
#include <unordered_map>

namespace cafka::test {

struct simulation_totals {
  std::size_t events = 0, acked = 0, refused = 0, unknown = 0, elections = 0, crashes = 0, power_cuts = 0, lost_disks = 0, truncations = 0,
              starts_over = 0, isr_changes = 0, fail_overs = 0, failed_directories = 0, moves = 0;
  std::int64_t simulated_ms = 0;
};

class simulated_partition {
public:
  explicit simulated_partition(std::uint64_t seed, bool with_trace = false);

  // `count` events. False once an invariant is broken.
  bool run(std::size_t count);
  // No more faults: true if within `limit_ms` everybody is unfenced, in sync and the same, and a new write was acknowledged.
  bool heals(std::int64_t limit_ms);
  // Neither faults nor starts, only load: for what a healthy cluster must not do.
  void be_quiet();

  [[nodiscard]] const std::string& broken() const noexcept { return broken_; }
  [[nodiscard]] const simulation_totals& totals() const noexcept { return totals_; }
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return trace_; }
  [[nodiscard]] std::string describe() const;

private:
  struct waiting_write {
    std::uint64_t token = 0, value = 0;
    std::int64_t offset = 0;
  };
  struct parked_fetch {
    bool present = false;
    replication::replica_fetch_request request;
    std::int64_t deadline_ms = 0;
  };
  struct node {
    node_id id = no_node;
    // On disk.
    simulated_log log;
    std::int64_t checkpoint = 0; // of the high watermark: any that it once had
    std::uint8_t disk = 0, directory = 1; // which it is by now, and in which of the two directories on it the replica is
    // In the process.
    bool up = true;
    std::uint32_t incarnation = 1;
    bool page_cache_survived = false;
    bool directory_lost = false;
    bool failed = false, moved = false; // the directory, and to the other one since
    std::int32_t failed_in_epoch = -1;
    std::int64_t paused_until_ms = 0;
    std::int64_t broker_epoch = -1; // −1: not registered yet
    std::size_t known = 0; // metadata batch
    std::int32_t leader_epoch = -1; // of the metadata that it acted upon
    std::int64_t high_watermark = 0;
    std::optional<replication::partition_leader> leader;
    std::optional<replication::partition_follower> follower;
    std::array<parked_fetch, most_nodes + 1> parked;
    std::vector<waiting_write> writes;
    bool flushing = false;
    std::uint64_t alter_id = 0; // of the proposal that waits for its answer; 0: none does
    std::int64_t alter_deadline_ms = 0;
    std::int64_t next_beat_ms = 0; // heartbeat, or the next try to register
    std::int64_t deadline_ms = 0;
    bool may_lack_acked = false; // lost its disk, or power under `replicated`, and is not in sync again: such may be min_isr − 1 at most
  };
  struct event {
    enum kind : std::uint8_t {
      fetch,
      progress,
      fetch_answer,
      write,
      flush_done,
      stop,
      power_cut,
      restart,
      metadata, // at a broker
      alter_answer,
      registered, // at a broker, from the controller
      alter,
      registration,
      heartbeat,
      failure,
      commit // at the controller
    } what = fetch;
    node_id to = no_node, from = no_node;
    std::uint32_t incarnation = 0;
    replication::replica_fetch_request request{};
    replication::replica_fetch_response response{};
    std::array<simulated_record, 4> records{};
    std::size_t count = 0;
    std::uint64_t id = 0;
    std::int64_t offset = 0;
    std::size_t batch = 0;
    errc code = errc::none;
    std::uint64_t hash = 0;
    bool flag = false;
    replication::isr_proposal proposal{};
  };
  struct due {
    std::int64_t at_ms;
    std::uint64_t number; // of two at the same time the earlier made goes first
    std::size_t slot;
    bool operator<(const due& other) const noexcept { return at_ms != other.at_ms ? at_ms > other.at_ms : number > other.number; }
  };

  // simulated_partition.cpp: time, network, faults, clients, the controller's shell
  void step();
  void perform(event& one);
  void at(std::int64_t when_ms, event one);
  void send(event one);
  void send_to_controller(event one);
  void send_to_broker(event one);
  [[nodiscard]] std::int64_t delay() { return delay(chances_.late); }
  [[nodiscard]] std::int64_t delay(std::uint64_t late);
  [[nodiscard]] bool chance(std::uint64_t per_ten_thousand) { return random_.chance(per_ten_thousand, 10'000); }
  [[nodiscard]] node& any_node() { return nodes_[1 + random_.below(count_)]; }
  void random_fault();
  void random_cut();
  void random_write();
  void random_read();
  void crash(node& victim, bool power, std::int64_t restart_within_ms = 0);
  void lose_disk(node& victim);
  void fail_directory(node& victim);
  void report_failure(const node& of);
  [[nodiscard]] bool may_lose_acked(const node& victim) const noexcept;
  [[nodiscard]] bool may_lose_power(const node& victim) const noexcept;
  [[nodiscard]] bool may_stop(const node& victim) const noexcept;
  void perform_at_controller(event& one);
  void decided(std::size_t batch);
  void commit(std::size_t batch);
  void expire_sessions();
  // simulated_broker.cpp: what the partition actor does with its cores
  void perform_at_broker(node& of, event& one);
  void start(node& of);
  void start_over(node& of);
  [[nodiscard]] static bool is_granted(const node& of, const metadata::partition_registration& partition);
  void obey(node& of, std::size_t batch);
  void on_fetch(node& of, event& one);
  void on_fetch_answer(node& of, event& one);
  void on_write(node& of, event& one);
  void on_flush_done(node& of, const event& one);
  void on_alter_answer(node& of, const event& one);
  void carry_out(node& of, const replication::follower_effects& effects, const event* records);
  void request_flush(node& of);
  void pump(node& of);
  void answer_fetch(node& of, node_id to, const replication::replica_fetch_response& response);
  void finish(node& of, const std::vector<replication::released_ack>& released);
  void abandon_writes(node& of);
  void tick(node& of);
  void update_deadline(node& of);
  // simulated_checks.cpp: the invariants
  void fail(const std::string& invariant, const std::string& why);
  void set_high_watermark(node& of, std::int64_t offset);
  void check_commit(node& of);
  void check_holds(const node& of, const char* why);
  void check_in_sync(const char* why);
  void check_metadata();
  void check_new_leader(node& of);
  void check_record(const node& of, const simulated_record& record, std::int64_t offset);
  void check_cut(const node& of, std::int64_t to);
  void check_placed(const node& of, const event& one);
  void check_acked(const node& of, const waiting_write& write);
  void check_read(const node& of);
  void check_core(const node& of);
  [[nodiscard]] std::int64_t counted(const node& of) const noexcept;
  [[nodiscard]] bool holds(const node& of, std::int64_t end) const;
  [[nodiscard]] bool must_hold(const node& of, const metadata_view& view) const;
  [[nodiscard]] std::int64_t committed_end() const noexcept { return static_cast<std::int64_t>(committed_.size()); }
  [[nodiscard]] std::string describe(const node& of) const;
  template <class... Parts>
  void note(const Parts&... parts) {
    if (with_trace_)
      note_text((... + text_of(parts)));
  }
  static std::string text_of(const std::string& text) { return text; }
  static std::string text_of(std::int64_t number) { return std::to_string(number); }
  void note_text(const std::string& text);

  prng random_;
  bool with_trace_;
  // What the seed chose.
  std::size_t count_ = 3;
  std::int32_t min_isr_ = 2;
  storage::durability_mode durability_ = storage::durability_mode::fsync;
  struct {
    std::uint64_t drop = 0, late = 0, control_drop = 0, control_late = 0, kill = 0, power = 0, disk = 0, directory = 0, pause = 0, cut = 0,
                  heal = 0, fail_over = 0, elect = 0, shut_down = 0, stall = 0, retention = 0,
                  write = 0; // per 10,000
    std::int64_t usual_delay_ms = 1, late_ms = 1, flush_ms = 1, restart_ms = 1;
  } chances_;
  replication::leader_config leader_config_;
  replication::follower_config follower_config_;

  std::int64_t now_ms_ = 1'000'000;
  std::array<node, most_nodes + 1> nodes_; // by id
  simulated_metadata metadata_;
  std::priority_queue<due> due_;
  std::vector<event> slots_;
  std::vector<std::size_t> free_slots_;
  std::uint64_t next_number_ = 0;
  std::array<std::array<bool, most_nodes + 1>, most_nodes + 1> cut_{}; // from → to; 0 is the controller
  std::array<std::int64_t, most_nodes + 1> last_to_controller_ms_{};
  std::vector<std::pair<std::size_t, event>> waiting_answers_; // until that batch is committed
  std::vector<replication::released_ack> released_;

  // What is true, for the checks.
  std::vector<simulated_record> committed_;
  std::unordered_map<std::uint64_t, std::uint64_t> written_; // (leader epoch, offset) → hash of the log up to there (log matching)
  std::vector<node_id> leader_of_epoch_;
  std::vector<std::int64_t> high_watermark_of_epoch_;
  std::uint64_t next_value_ = 1, next_token_ = 1, next_alter_ = 1;
  std::uint64_t acked_value_ = 0; // the greatest
  bool quiet_ = false;

  simulation_totals totals_;
  std::string broken_;
  std::vector<std::string> trace_;
};

} // namespace cafka::test
