// One fetch request of either protocol: asks every partition, and if that gives fewer than min_bytes, waits until the partitions that have a reader
// waiting say that there is more, and asks only those again, from where the last answer ended. Slices already found are kept, not read twice.
// Runs on the session's shard; the partitions answer from any. Owned by the session, which drops it when the peer goes away.
#pragma once
#include "net/event_loop.hpp"
#include "net/frame_pool.hpp"
#include "net/one_or_more.hpp"
#include "net/service.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace cafka::net {

// Long polls of the whole node.
struct parked_fetches {
  explicit parked_fetches(std::size_t at_most) : limit(at_most) {}
  const std::size_t limit;
  std::atomic<std::size_t> count{0};
};

struct fetch_request {
  std::int64_t max_wait_ms = 0;
  std::uint64_t min_bytes = 1;
  std::uint64_t max_bytes = 55 << 20; // of the whole answer; the first batch may exceed it
  std::vector<fetch_task> partitions; // watch_when_empty and at_least_one are set here
};

class fetch_operation final : public fetch_sink, public std::enable_shared_from_this<fetch_operation> {
public:
  // One outcome per partition, in the request's order.
  using done_handler = std::function<void(std::vector<fetch_outcome> outcomes)>;

  fetch_operation(event_loop& loop, service& node, parked_fetches& parked, fetch_request request, done_handler done);
  ~fetch_operation() override;

  // Once. `done` is called exactly once, possibly before this returns, unless cancel() comes first.
  void start();
  // Answers with what is there.
  void finish();
  // The peer is gone: `done` will not be called.
  void cancel();

  void fetch_done(std::uint32_t index, fetch_outcome outcome) override;
  void data_available(std::uint32_t index) override;

  // About what one partition of a parked fetch holds in memory.
  static constexpr std::size_t bytes_per_partition = 512;

private:
  enum class slot_state {
    to_ask, // in the next round
    asked, // its answer is under way
    watching, // empty: data_available will follow
    settled, // nothing more to get from it for this request
  };
  struct slot {
    fetch_task task;
    fetch_outcome latest; // written by the answering thread, read after the round
    fetch_outcome merged;
    slot_state state = slot_state::to_ask;
  };

  void ask();
  void ask_one(std::uint32_t index, const metadata::image& image);
  void answered() noexcept;
  void end_of_round();
  void merge(slot& from);
  void take_fired();
  void park();
  void unpark();
  [[nodiscard]] bool is_enough() const noexcept;

  event_loop& loop_;
  service& node_;
  parked_fetches& parked_;
  const std::uint64_t min_bytes_, max_bytes_;
  const std::int64_t max_wait_ms_;
  std::int64_t until_ms_ = 0;
  done_handler done_;
  one_or_more<slot> slots_;

  std::atomic<std::uint32_t> unanswered_{0};
  bool in_round_ = false;
  bool finished_ = false;
  bool finish_after_round_ = false;
  bool is_parked_ = false;
  bool has_error_ = false;
  bool may_wait_ = false;
  std::uint64_t total_bytes_ = 0;
  deadline_queue::handle deadline_;

  std::mutex fired_mutex_;
  std::vector<std::uint32_t> fired_;
};

// errc::none if `partition` exists.
errc check_partition(const metadata::image& image, const topic_id_partition& partition);

} // namespace cafka::net
