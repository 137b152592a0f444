// The state behind a `producer`. Callers' threads append to open batches under the mutex; the strand takes batches that are due,
// sends them and settles them. Callbacks and compression happen outside the mutex.
//
//   accepted ─→ unresolved (topic's partitions not known yet) ─→ open batch ─→ queued ─→ in flight ─→ delivered or failed
//                                                                    ↑────── retried ──────┘
// A partition's queue is in the order of acceptance; what is retried goes back to its place.
#pragma once
#include "client/internal/core.hpp"
#include "client/producer.hpp"
#include "storage/record_batch.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <unordered_map>

namespace cafka::client {

// One per record, in the batch's order.
struct accepted_record {
  stored_handler<delivery_result> callback;
  std::int64_t timestamp = -1;
};

struct producer_batch {
  explicit producer_batch(storage::compression codec) : builder(codec) {}
  storage::batch_builder builder;
  std::shared_ptr<byte_vector> bytes; // built for the first attempt, the same for further ones
  std::vector<accepted_record> records;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> rounds; // flush round and how many records of it
  std::size_t charged_bytes = 0;
  std::uint64_t number = 0; // in the partition's order
  time_point opened;
  time_point deadline;
  bool closed = false; // takes no more records
  bool may_be_written = false;
  int failures = 0;
  error last_error;
};
using batch_ptr = std::unique_ptr<producer_batch>;

struct producer_topic;
struct partition_queue {
  producer_topic* topic = nullptr;
  std::int32_t number = 0;
  partition_route route;
  std::deque<batch_ptr> batches;
  std::size_t in_flight = 0;
  std::uint64_t next_batch = 0;
  time_point not_before{}; // back-off
  bool active = false; // listed among those that have batches
};

// A copy of a record that cannot be put into a batch yet.
struct held_record {
  held_record(const outgoing_record& from, accepted_record how, std::uint64_t in_round, std::size_t cost);
  [[nodiscard]] outgoing_record view(std::vector<header>& scratch) const;

  std::string topic;
  std::optional<std::int32_t> partition;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  accepted_record accepted;
  std::uint64_t round;
  std::size_t charged_bytes;
  time_point deadline;
};

struct producer_topic {
  std::string name;
  uuid id;
  bool resolved = false; // its partitions are known
  bool resolving = false; // and are being asked for
  std::vector<std::unique_ptr<partition_queue>> partitions;
  std::deque<held_record> unresolved;
  std::int32_t sticky = -1; // partition of records without key …
  std::size_t sticky_bytes = 0; // … until it got a batch's worth of them
};

// What is over: told, released and counted by finish() once the mutex is free.
struct settled {
  struct batch_end {
    batch_ptr batch;
    delivery_result first; // of its first record; offsets count up from there
    std::int64_t log_append_time = -1;
  };
  struct record_end {
    accepted_record record;
    delivery_error why;
    std::uint64_t round;
    std::size_t charged_bytes; // 0: was not yet charged
  };
  std::vector<batch_end> batches;
  std::vector<record_end> records;
  [[nodiscard]] bool empty() const noexcept { return batches.empty() && records.empty(); }
};

// What became of one attempt at a batch.
struct attempt_outcome {
  error why; // none: written
  bool may_be_written = false;
  delivery at;
  std::int64_t log_append_time = -1;
};

struct producer::state final : core_listener, std::enable_shared_from_this<producer::state> {
  state(std::shared_ptr<core> on, producer_config with);

  // Any thread.
  result<void> accept(const outgoing_record& record, delivery_callback& callback);
  result<void> accept_or_block(const outgoing_record& record, delivery_callback& callback);
  void accept_or_wait(const outgoing_record& record, delivery_callback callback);
  void wait_for_room(completion<void> handler);
  void flush(completion<void> handler, bool closing);
  [[nodiscard]] producer_statistics statistics() const;

  // On the strand.
  void close(milliseconds timeout, user_completion<void> handler);
  void abort(const error& why);
  void on_metadata() override;
  void on_close() override;

  std::shared_ptr<core> core_;
  producer_config config_;

private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  struct to_send {
    partition_queue* queue;
    uuid topic_id;
    std::int32_t leader_epoch;
    batch_ptr batch;
  };
  using leader_groups = std::map<node_id, std::vector<to_send>>;
  struct flush_waiter {
    std::uint64_t round;
    user_completion<void> handler;
  };

  // With the mutex held.
  result<void> check(const outgoing_record& record, std::size_t cost) const;
  [[nodiscard]] bool has_room(std::size_t cost) const { return buffered_bytes_ + cost <= config_.buffer_memory_bytes; }
  void admit_waiting();
  void place(const outgoing_record& record, accepted_record how, std::uint64_t round, std::size_t cost);
  void append(producer_topic& topic, const outgoing_record& record, accepted_record how, std::uint64_t round, std::size_t cost);
  partition_queue* choose(producer_topic& topic, const outgoing_record& record);
  void choose_sticky(producer_topic& topic);
  [[nodiscard]] bool fits(const producer_batch& batch, std::size_t cost) const {
    return !batch.closed && batch.builder.size_bytes() + cost <= config_.batch_size_bytes;
  }
  producer_batch& open_batch(partition_queue& queue, std::size_t cost);
  void activate(partition_queue& queue);
  void resolve(producer_topic& topic);
  void set_route(producer_topic& topic, const topic_route& route);
  void forget_route(producer_topic& topic);
  void drop_topic(producer_topic& topic, const error& why, settled& out);
  void add_to_round(std::uint64_t round, std::uint64_t count);
  void remove_from_round(std::uint64_t round, std::uint64_t count);
  static void fail_batch(batch_ptr batch, const error& why, settled& out);
  static void fail_held(held_record& held, const error& why, settled& out);
  [[nodiscard]] bool is_due(const partition_queue& queue, time_point now, time_point& next) const;
  void collect(time_point now, time_point& next, leader_groups& groups, settled& out);
  void expire(time_point now, time_point& next, settled& out);
  void requeue(partition_queue& queue, batch_ptr batch);
  [[nodiscard]] bool may_retry(const producer_batch& batch, const attempt_outcome& outcome) const;
  // Puts two halves into the place of a batch that is too large for the topic; false if it is one record.
  bool split(partition_queue& queue, producer_batch& whole);

  // Without it.
  void wake();
  void pump();
  void arm(time_point next);
  void send_group(node_id leader, std::vector<to_send> group);
  void send_request(node_id leader, std::vector<to_send> group);
  void on_produced(std::uint64_t request, rpc_result answer);
  void settle(to_send& one, const attempt_outcome& outcome, settled& out, bool& route_is_wrong);
  void on_resolved(const std::string& name, const result<void>& outcome);
  static void tell(settled& what);
  // Calls the callbacks, gives the memory back, admits who waits, ends flushes.
  void finish(settled what);
  std::vector<user_completion<void>> release(const settled& what);

  mutable std::mutex mutex_;
  std::condition_variable room_;
  bool accepting_ = true;
  bool aborted_ = false;
  error abort_reason_;
  std::unordered_map<std::string, std::unique_ptr<producer_topic>, text_hash, std::equal_to<>> topics_;
  std::vector<partition_queue*> active_;
  std::deque<held_record> line_; // async_send operations that wait for room
  std::vector<user_completion<void>> room_waiters_;
  std::size_t blocked_threads_ = 0;
  std::size_t buffered_bytes_ = 0;
  std::deque<std::uint64_t> rounds_{0}; // undelivered records per flush round, from first_round_ on
  std::uint64_t first_round_ = 0;
  std::int64_t flush_up_to_ = -1; // rounds up to this one do not linger
  std::vector<flush_waiter> flush_waiters_;
  settled rejected_; // to be told by the strand
  std::vector<std::string> to_resolve_;
  producer_statistics statistics_;
  std::atomic<bool> wake_posted_ = false;
  bool wake_wanted_ = false;
  prng random_;

  // Of the strand alone.
  asio::steady_timer timer_;
  time_point armed_ = time_point::max();
  asio::steady_timer close_timer_;
  std::uint64_t next_request_ = 1;
  std::unordered_map<std::uint64_t, std::vector<to_send>> in_flight_;
};

} // namespace cafka::client
