// Reads records from assigned partitions, in offset order within each. Batches are fetched ahead of poll within bounds, by long
// polls: an idle partition costs one request per `max_fetch_wait`.
//
// Delivered are records from the position on, of batches whose CRC is right; control batches and records below the position
// are left out. poll hands out whole batches. Members may be called from any thread; at most one poll may be outstanding.
#pragma once
#include "client/client.hpp"

namespace cafka::client {

// What to do when a position is no longer, or not yet, in the log (retention, delete records, a log cut by a failover).
enum class offset_reset : std::uint8_t { earliest, latest, fail };

struct consumer_config {
  client::isolation isolation = client::isolation::read_uncommitted;
  offset_reset on_out_of_range = offset_reset::earliest;
  milliseconds max_fetch_wait{500};                          // how long a leader may hold a fetch that finds nothing …
  std::uint32_t min_fetch_bytes = 1;                         // … or less than this
  std::uint32_t max_partition_fetch_bytes = 1024 * 1024;     // per partition and fetch; a larger batch comes alone and whole
  std::uint32_t max_fetch_bytes = 16 * 1024 * 1024;          // per fetch
  std::size_t prefetch_partition_bytes = 2 * 1024 * 1024;    // a partition with more than that buffered is not fetched
  std::size_t prefetch_bytes = 64 * 1024 * 1024;             // of all partitions, requests under way included
  std::size_t max_decompressed_batch_bytes = 128 * 1024 * 1024; // a batch that unpacks to more is corrupt_message
  std::size_t max_poll_records = 10'000;                     // poll adds no further batch once it has so many records …
  std::size_t max_poll_bytes = 4 * 1024 * 1024;              // … or so many bytes, as fetched
};

// The records of one poll, and the memory their views point into: views stay valid until this object is destroyed or
// assigned to, also when it is moved. Records of one partition stand together and in offset order.
class records {
public:
  records();
  ~records();
  records(records&&) noexcept;
  records& operator=(records&&) noexcept;

  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] const record& operator[](std::size_t index) const noexcept { return all_[index]; }
  [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
  [[nodiscard]] auto end() const noexcept { return all_.end(); }

private:
  friend struct records_builder;
  std::vector<record> all_;
  std::vector<std::shared_ptr<const void>> memory_;
};

// Ends of a partition as the leader last told with a fetch; −1 before the first answer.
struct partition_ends {
  std::int64_t log_start_offset = -1;
  std::int64_t high_watermark = -1;
  std::int64_t last_stable_offset = -1;
};

class consumer {
public:
  explicit consumer(const cluster& where, consumer_config config = {});
  // As close().
  ~consumer();
  consumer(consumer&&) noexcept;
  consumer& operator=(consumer&&) noexcept;

  [[nodiscard]] const consumer_config& config() const noexcept;

  // Replaces the assignment: finds the topics, resolves the start positions, begins to fetch. On an error
  // (unknown_topic_or_partition, bad_argument for a partition named twice or a negative offset, request_timed_out when no
  // leader answered within the request timeout) the former assignment stays. An empty list assigns nothing.
  // A partition that was and stays assigned is started over. Signature void(result<void>).
  template <class CompletionToken>
  auto async_assign(std::vector<partition_start> partitions, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<void>)>(
        [self = impl_](auto handler, std::vector<partition_start> list) { start_assign(self, std::move(list), std::move(handler)); }, token,
        std::move(partitions));
  }
  result<void> assign(std::vector<partition_start> partitions);
  // Every partition of the topic, from the same place.
  template <class CompletionToken>
  auto async_assign_topic(std::string topic, start_position from, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<void>)>(
        [self = impl_](auto handler, std::string name, start_position at) {
          start_assign_topic(self, std::move(name), at, std::move(handler));
        },
        token, std::move(topic), from);
  }
  result<void> assign_topic(std::string topic, start_position from = start_position::earliest());

  // The next records, as soon as there are any; none after `timeout`. An error tells of one partition (its detail names it)
  // and is told once: offset_out_of_range under offset_reset::fail and unknown_topic_id (the topic was deleted) stop that
  // partition until seek or assign; after corrupt_message it is read again from the same position. invalid_request: another
  // poll is outstanding. cancelled: closed. Signature void(result<records>).
  template <class CompletionToken>
  auto async_poll(milliseconds timeout, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<records>)>(
        [self = impl_](auto handler, milliseconds wait) { start_poll(self, wait, std::move(handler)); }, token, timeout);
  }
  // Unpacks in the calling thread, beside the fetching: the fast way to read much.
  result<records> poll(milliseconds timeout);

  // The next poll reads `where` from `to`; what was fetched is dropped. unknown_topic_or_partition if it is not assigned.
  // Signature void(result<void>).
  template <class CompletionToken>
  auto async_seek(topic_partition where, start_position to, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<void>)>(
        [self = impl_](auto handler, topic_partition what, start_position at) {
          start_seek(self, std::move(what), at, std::move(handler));
        },
        token, std::move(where), to);
  }
  result<void> seek(const topic_partition& where, start_position to);

  // A paused partition is not fetched and not delivered; what was fetched is kept. Unknown partitions are passed over.
  void pause(const std::vector<topic_partition>& partitions);
  void resume(const std::vector<topic_partition>& partitions);

  [[nodiscard]] std::vector<topic_partition> assignment() const;
  // The offset that poll will deliver from next; nullopt if not assigned.
  [[nodiscard]] std::optional<std::int64_t> position(const topic_partition& where) const;
  // From the last fetch, asks nobody; nullopt if not assigned.
  [[nodiscard]] std::optional<partition_ends> cached_ends(const topic_partition& where) const;
  // Why some partition has not been read lately, though it is tried again all the time: its node is down, it has no leader, its log
  // is offline. nullopt once it is read again. poll says nothing of this.
  [[nodiscard]] std::optional<error> trouble() const;
  // Where each partition ends for this consumer's isolation, freshly asked: the offset after the last record that may be read.
  // Parallel to `partitions`, which need not be assigned. Signature void(result<std::vector<std::int64_t>>).
  template <class CompletionToken>
  auto async_end_offsets(std::vector<topic_partition> partitions, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<std::vector<std::int64_t>>)>(
        [self = impl_](auto handler, std::vector<topic_partition> list) { start_end_offsets(self, std::move(list), std::move(handler)); },
        token, std::move(partitions));
  }
  result<std::vector<std::int64_t>> end_offsets(std::vector<topic_partition> partitions);

  // Ends an outstanding poll with cancelled and drops what was fetched. Idempotent, does not block.
  void close();

private:
  struct state;
  static void start_assign(const std::shared_ptr<state>& self, std::vector<partition_start> list, completion<void> handler);
  static void start_assign_topic(const std::shared_ptr<state>& self, std::string topic, start_position from, completion<void> handler);
  static void start_poll(const std::shared_ptr<state>& self, milliseconds timeout, completion<records> handler);
  static void start_seek(const std::shared_ptr<state>& self, topic_partition where, start_position to, completion<void> handler);
  static void start_end_offsets(const std::shared_ptr<state>& self, std::vector<topic_partition> list,
                                completion<std::vector<std::int64_t>> handler);

  std::shared_ptr<state> impl_;
};

} // namespace cafka::client
