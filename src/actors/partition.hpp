// One replica of one partition, as an actor on a shard: a thin shell around the leader core (who may write, what is committed) and the log (bytes).
// Check, ask the core, append, acknowledge or park; reads up to the high watermark; one flush ticket in flight at a time. When it is idle, produce
// and fetch wake it on the session's shard, all else at home; while it runs it takes everything where it is. So nothing in it may belong to a thread.
// Owned by the broker actor. Nothing here survives a crash but the log; the marks survive the actor.
// When it dies, by a bug or an order, on_exit() drops its state, and with it every parked request is answered "unknown", every watcher told.
// partition.cpp: orders, flushes, maintenance; partition_produce.cpp: writes; partition_fetch.cpp: reads and queries; partition_replica.cpp: its leader
// or its followers on other nodes.
#pragma once
#include "actors/messages.hpp"
#include "actors/node_load.hpp"
#include "actors/parked_produce.hpp"
#include "actors/shard_actor.hpp"
#include "base/clock.hpp"
#include "replication/partition_follower.hpp"
#include "replication/partition_leader.hpp"
#include "replication/producer_state.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cafka::actors {

// What all partitions of one log directory share.
struct partition_environment {
  node_id node = no_node;
  std::string log_directory;
  flusher_actor flusher;
  const clock* time = nullptr;
  maintenance_board* board = nullptr;
  node_load* load = nullptr;
  std::int64_t producer_check_interval_ms = 600'000; // producer.id.expiration.check.interval.ms
  std::int64_t retention_check_interval_ms = 300'000; // log.retention.check.interval.ms
  std::int64_t checkpoint_interval_ms = 60'000; // how long data may stay unsynced where no acknowledgement depends on it
  replica_desk_actor desk; // null: no partition has other replicas
  std::function<void(isr_request)> propose; // to the controller; from any thread
  std::int64_t replica_lag_time_max_ms = 30'000; // replica.lag.time.max.ms
  std::int64_t replica_fetch_max_bytes = 1 << 20; // replica.fetch.max.bytes
  std::int64_t replica_fetch_response_max_bytes = 10 << 20; // replica.fetch.response.max.bytes
  std::int64_t replica_fetch_backoff_ms = 1'000; // replica.fetch.backoff.ms
  std::int64_t replica_socket_timeout_ms = 30'000; // replica.socket.timeout.ms
  std::size_t max_producers = 65'536; // producer.id.max.per.partition
  std::function<void(directory_failed)> report; // an append met an I/O error; from any thread
};

struct partition_start {
  topic_partition name;
  uuid topic_id;
  std::shared_ptr<const partition_environment> environment;
  std::unique_ptr<storage::partition_log> log;
  replication::producer_state producers; // as the log has them
  settings_ptr settings;
  marks_ptr marks;
};

class partition final : public shard_actor<partition_actor::base> {
public:
  partition(caf::actor_config& config, shard* home, std::shared_ptr<partition_start> start);

  behavior_type make_behavior() override;
  void on_exit() override;
  using shard_actor::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override;
  const char* name() const override { return "cafka.partition"; }

private:
  struct refusal {
    errc code = errc::none;
    std::string message;
    [[nodiscard]] explicit operator bool() const noexcept { return code != errc::none; }
  };

  // Writes.
  void produce(produce_request& request);
  [[nodiscard]] refusal refuse_write(const net::produce_task& task);
  // Answers what its producer may not send, or has sent before. True if it did.
  bool answer_by_producer(produce_request& request, const storage::batch_header& header);
  bool append(produce_request& request, storage::checked_batch& batch, std::int64_t wall_ms);
  // Now, or once everything below `end_offset` is committed.
  void acknowledge(produce_request& request, net::produce_outcome outcome, std::int64_t end_offset);
  void finish(const replication::released_ack& ack);
  void finish_all(std::vector<replication::released_ack>& released);
  void fail_parked(errc code, const std::string& message);

  // Reads.
  void fetch(fetch_request& request);
  // For people, with the numbers in it.
  [[nodiscard]] std::string explain(errc code, std::int32_t current_leader_epoch) const;
  [[nodiscard]] refusal refuse_read(std::int32_t current_leader_epoch) const;
  bool add_watch(const fetch_reply& from);
  void notify_watchers();
  void answer(list_offset_query& query);
  void answer(delete_records_query& query);
  void answer(epoch_end_query& query);
  void answer(std::monostate&) {}
  [[nodiscard]] result<storage::timestamp_and_offset> find_offset(std::int64_t timestamp);

  // Flushes.
  void flush_by_policy(std::int64_t appended_records);
  void request_flush();
  void flushed(const flush_outcome& outcome);
  void advance(); // after anything that may have moved the high watermark
  void go_offline(const std::string& reason);
  // What the log said cannot be the end of this partition alone: the whole directory is offline.
  void lose_directory(const error& cause);

  // Replicas.
  struct parked_fetch {
    node_id from = no_node;
    replication::replica_fetch_request position;
    link_load load;
    std::int64_t sent_bytes = 0; // in the last answer, until the next fetch shows that it arrived
    bool is_waiting = false;
    std::int64_t told_log_start_offset = -1; // what the follower was last told of the leader's log start, or has
    void settle(const link_load& now) const {
      if (load && load == now)
        load->fetch_sub(sent_bytes, std::memory_order_relaxed);
    }
  };
  // Of a partition that has other replicas; a partition that has none pays nothing for it.
  struct among_replicas {
    uuid topic_id;
    cluster_view_ptr brokers;
    std::vector<node_id> others;
    std::unique_ptr<replication::partition_follower> follower; // null while it leads
    replication::following whom;
    std::vector<parked_fetch> fetches; // one per follower
    std::int64_t propose_not_before_ms = 0;
    std::int64_t cut_at = -1; // where the log is to be cut once the recovery point on disk is lower; −1: nowhere
    std::uint64_t cut_number = 0;
    bool cut_starts_over = false;
  };
  [[nodiscard]] replication::replica_log log_view() const;
  [[nodiscard]] replication::follower_config follower_config() const;
  void take_part(leadership& order);
  void follow();
  void take(replica_request& request);
  void take(replica_answer& answer);
  parked_fetch& place_of(node_id follower);
  void respond(parked_fetch& fetch);
  void release_fetches();
  void refuse_fetches();
  void propose_isr();
  void append_replicated(byte_span batches);
  void remember_producer(const storage::batch_header& header, byte_span batch);
  void carry_out(replication::follower_effects effects);
  void cut_later(const replication::follower_effects& effects);
  result<void> load_producers_again();
  void arm_for_cores();
  void tick_replicas();

  // Orders.
  void obey(leadership& order);
  void obey(brokers_changed& order);
  void obey(isr_answer& answer);
  void obey(recovery_point_lowered& order);
  void obey(new_settings& order);
  void obey(went_offline& order) { go_offline(order.reason); }
  void obey(maintain&);
  void obey(start_offset_saved& order);
  void obey(close_partition& order);
  void obey(std::monostate&) {}
  [[nodiscard]] replication::leader_config core_config() const;
  void adopt_core_config();
  void save_start_offset();
  // Where the log begins on this and every other live replica; −1: of one of them that is not known.
  [[nodiscard]] std::int64_t low_watermark() const;
  void answer_deletions();
  void fail_deletions(errc code, const std::string& message);
  void update_maintenance_due();
  [[nodiscard]] result<void> apply_retention(std::int64_t wall_ms);
  void note_extent(); // after segments have gone
  void expire_producers(std::int64_t wall_ms);
  void expire();
  void arm_tick(std::int64_t deadline_ms);

  [[nodiscard]] bool is_fsync() const noexcept { return settings_->log.durability == storage::durability_mode::fsync; }
  [[nodiscard]] std::int64_t now_ms() const { return environment_->time->monotonic_ms(); }

  topic_partition name_;
  std::shared_ptr<const partition_environment> environment_;
  std::unique_ptr<storage::partition_log> log_; // null only after the end
  settings_ptr settings_;
  marks_ptr marks_;
  replication::partition_leader leader_;
  std::unique_ptr<among_replicas> replicas_; // null: it has no other
  replication::producer_state producers_; // of everything in log_
  std::int64_t producers_due_ms_ = never_ms; // wall; when to look for expired ones
  std::int64_t retention_due_ms_ = 0; // wall; when to look for old segments, not before
  std::string offline_reason_; // empty: online

  parked_produces parked_;
  std::vector<watch> watches_;
  std::size_t prune_watches_at_ = 16;
  struct pending_start_offset {
    std::int64_t log_start_offset = 0;
    std::int64_t deadline_ms = 0; // monotonic
    completion_reply<std::int64_t> done;
  };
  std::vector<pending_start_offset> saving_, waiting_to_save_;
  std::vector<pending_start_offset> deleting_; // saved here; the other replicas that are alive have not all followed yet

  bool flush_in_flight_ = false;
  std::int64_t unflushed_records_ = 0;
  std::int64_t flush_due_ms_ = never_ms; // wall; where no acknowledgement waits for it
  std::int64_t next_tick_ms_ = never_ms; // monotonic
  std::size_t segments_seen_ = 0;
  bool due_knows_append_ = false; // maintenance_due was set after an append
};

} // namespace cafka::actors
