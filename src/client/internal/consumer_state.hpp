// The state behind a `consumer`. The strand fetches; the thread or handler that polls unpacks. Both meet under the mutex, which
// is never held over unpacking, a callback or a request.
//
//   resolving (asks where "latest" is) ─→ fetching ⇄ back-off after an error
//        ↑ seek, out of range                 └─→ stopped (an error that only seek or assign mends)
//
// A partition has at most one fetch under way; each seek and each assignment opens a new generation of it, and answers to
// an older one are dropped. `position` is what poll delivers next, `fetch_offset` what is fetched next.
#pragma once
#include "client/consumer.hpp"
#include "client/internal/by_leader.hpp"
#include "client/internal/fetched.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

namespace cafka::client {

struct consumed_partition {
  enum class phase { resolving, fetching, stopped };
  topic_partition where;
  std::shared_ptr<const std::string> topic; // shared with the records that were handed out
  uuid topic_id;
  phase now = phase::resolving;
  std::uint64_t generation = 0;
  std::int64_t position = 0;
  std::int64_t fetch_offset = 0;
  std::deque<fetched_batch> buffered;
  std::size_t buffered_bytes = 0;
  bool in_flight = false;
  bool paused = false;
  int failures = 0;
  time_point not_before{};
  partition_ends ends;
  std::optional<error> trouble; // of the last fetch, if it passes by itself
};
using partition_ptr = std::shared_ptr<consumed_partition>;

struct consumer::state final : core_listener, std::enable_shared_from_this<consumer::state> {
  state(std::shared_ptr<core> on, consumer_config with);

  // Any thread.
  result<records> poll(milliseconds timeout);
  void pause(const std::vector<topic_partition>& partitions, bool paused);
  [[nodiscard]] std::vector<topic_partition> assignment() const;
  [[nodiscard]] std::optional<std::int64_t> position(const topic_partition& where) const;
  [[nodiscard]] std::optional<partition_ends> ends(const topic_partition& where) const;
  [[nodiscard]] std::optional<error> trouble() const;
  void close(const error& why);

  // On the strand.
  asio::awaitable<result<void>> assign(std::vector<partition_start> list);
  asio::awaitable<result<void>> assign_topic(std::string topic, start_position from);
  asio::awaitable<result<void>> seek(topic_partition where, start_position to);
  asio::awaitable<result<std::vector<std::int64_t>>> end_offsets(std::vector<topic_partition> list);
  void start_poll(milliseconds timeout, user_completion<records> handler);
  void on_metadata() override;
  void on_close() override { close(closed_error()); }

  std::shared_ptr<core> core_;
  consumer_config config_;

private:
  struct asked_partition {
    partition_ptr from;
    std::uint64_t generation;
    std::int64_t offset;
  };

  asio::awaitable<result<std::vector<std::int64_t>>> find_positions(std::vector<partition_start> list);
  asio::awaitable<void> reset_position(std::shared_ptr<state> self, partition_ptr which, std::uint64_t generation, start_position to);

  // With the mutex held.
  [[nodiscard]] partition_ptr find(const topic_partition& where) const;
  void drop_buffered(consumed_partition& which);
  void move_to(consumed_partition& which, std::int64_t offset);
  bool has_news() const;
  std::optional<error> take(std::vector<taken_batch>& out);
  void take_from(consumed_partition& from, const partition_ptr& self, std::vector<taken_batch>& out, std::size_t& bytes,
                 std::size_t& count);
  bool accept_batches(consumed_partition& to, const std::shared_ptr<const std::byte[]>& frame, byte_span bytes);
  void on_partition_error(const partition_ptr& which, error why, bool& route_is_wrong);
  void back_off(consumed_partition& which);

  // Without it.
  void wake();
  void pump();
  void collect(time_point now, time_point& next, std::map<node_id, std::vector<asked_partition>>& groups, bool& leaderless);
  void send_fetch(node_id leader, std::vector<asked_partition> group);
  void on_fetched(node_id leader, std::size_t reserved, std::vector<asked_partition> group, rpc_result answer);
  void arm(time_point next);
  void on_asked_again(const std::string& topic, const result<void>& outcome);
  void serve_poll();
  void notify();
  // What of a poll could be unpacked; what could not is fetched again.
  result<records> unpack(std::vector<taken_batch> taken);

  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::vector<partition_ptr> partitions_; // in the order in which poll looks at them next
  std::deque<error> errors_;
  bool closed_ = false;
  error close_reason_;
  bool polling_ = false;
  bool blocked_in_poll_ = false;
  std::size_t buffered_bytes_ = 0;
  std::size_t reserved_bytes_ = 0; // of fetches under way
  std::atomic<bool> wake_posted_ = false;
  std::uint64_t next_generation_ = 1;

  // Of the strand alone.
  asio::steady_timer timer_;
  time_point armed_ = time_point::max();
  asio::steady_timer poll_timer_;
  std::uint64_t poll_number_ = 0;
  time_point poll_deadline_{};
  user_completion<records> poll_handler_;
  std::map<node_id, std::size_t> fetches_in_flight_;
  std::set<std::string> asked_again_; // topics that were missing once
};

} // namespace cafka::client
