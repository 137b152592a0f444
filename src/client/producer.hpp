// Sends records. Records for one partition are collected into a batch, which leaves when it is full, has waited `linger`, or
// a flush asks for it; several partitions with the same leader share a request.
//
// Order: with max_in_flight_per_partition = 1 (the default) the records of a partition are written in the order in which the
// producer accepted them, also over retries. A record may be written twice when an attempt's outcome was unknown and it was
// tried again (at least once); retry_unknown_outcomes = false trades that for an error with may_be_written.
//
// Memory: records that are accepted but not yet delivered take at most `buffer_memory_bytes`. A call that finds no room says
// so (try_send), blocks (send) or waits in a bounded line (async_send).
//
// All members may be called from any thread; callbacks run on the cluster's thread, one at a time, and must not block.
#pragma once
#include "client/client.hpp"

namespace cafka::client {

struct producer_config {
  client::acks acks = client::acks::all;
  client::compression compression = client::compression::none;
  std::size_t batch_size_bytes = 256 * 1024;              // before compression; a larger record is a batch of its own
  milliseconds linger{5};                                 // a batch that is not full leaves after so long; 0: at once
  std::size_t buffer_memory_bytes = 64 * 1024 * 1024;
  std::size_t max_waiting_sends = 10'000;                 // async_send operations that may wait for room; more fail at once
  milliseconds max_block{60'000};                         // how long send and async_send wait for room or for metadata
  milliseconds delivery_timeout{120'000};                 // from acceptance to the last attempt's end
  milliseconds request_timeout{30'000};                   // how long the leader may wait for the in-sync replicas
  std::size_t max_request_bytes = 8 * 1024 * 1024;        // also bound by what the server takes
  // 1 keeps order over retries. More pipelines batches of a partition; one that failed is then written after later ones.
  std::size_t max_in_flight_per_partition = 1;
  // What certainly failed and may succeed later is always tried again, until delivery_timeout.
  bool retry_unknown_outcomes = true;
};

// Kafka's key hash, as Java's Utils.murmur2: keys go to the same partition from either client.
[[nodiscard]] std::int32_t murmur2(std::string_view key) noexcept;
// (murmur2(key) & 0x7fffffff) % partition_count; partition_count > 0.
[[nodiscard]] std::int32_t partition_for_key(std::string_view key, std::int32_t partition_count) noexcept;

// Runs once per accepted record, in offset order within a partition. Empty: nobody asks.
using delivery_callback = asio::any_completion_handler<void(delivery_result)>;

struct producer_statistics {
  std::uint64_t records_accepted = 0;
  std::uint64_t records_delivered = 0;
  std::uint64_t records_failed = 0;
  std::uint64_t batches_sent = 0; // attempts included
  std::uint64_t batches_retried = 0;
  std::uint64_t bytes_sent = 0;   // of batches, compressed
  std::size_t buffered_bytes = 0; // now
};

class producer {
public:
  explicit producer(const cluster& where, producer_config config = {});
  // As close() without waiting: records not yet delivered fail with errc::cancelled. flush() or close() first to keep them.
  ~producer();
  producer(producer&&) noexcept;
  producer& operator=(producer&&) noexcept;

  [[nodiscard]] const producer_config& config() const noexcept;

  // Accepts the record if there is room, or says too_many_requests. Does not block. Other errors, all meaning that the record
  // was not accepted: message_too_large (over max_request_bytes or the whole buffer), invalid_topic_exception (empty),
  // unknown_topic_or_partition (a negative partition), cancelled (closed). After an error on_delivery is not called.
  // Whether topic and partition exist shows in the delivery.
  result<void> try_send(const outgoing_record& record, delivery_callback on_delivery = {});
  // As try_send, but blocks up to max_block while the buffer is full (then request_timed_out). Fastest from one or a few
  // threads: nothing but the delivery leaves the calling thread.
  result<void> send(const outgoing_record& record, delivery_callback on_delivery = {});

  // Completes when the record is delivered or given up. Waits for room if need be.
  // Signature void(delivery_result).
  template <class CompletionToken>
  auto async_send(const outgoing_record& record, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(delivery_result)>(
        [self = impl_](auto handler, const outgoing_record& what) { start_send(self, what, std::move(handler)); }, token, record);
  }
  // Completes when try_send is worth another try, or the producer is closed (cancelled). Signature void(result<void>).
  template <class CompletionToken>
  auto async_wait_for_room(CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<void>)>(
        [self = impl_](auto handler) { start_wait_for_room(self, std::move(handler)); }, token);
  }
  // Sends what is buffered without lingering; completes when every record accepted before is delivered or given up, after
  // their callbacks were called. The result is an error only if the producer was closed meanwhile: how each record fared is
  // told to its callback. Signature void(result<void>).
  template <class CompletionToken>
  auto async_flush(CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<void>)>(
        [self = impl_](auto handler) { start_flush(self, std::move(handler)); }, token);
  }
  result<void> flush();

  // Accepts no more records and flushes up to `timeout`; what is left then fails with request_timed_out. Blocks. Idempotent.
  result<void> close(milliseconds timeout = milliseconds{30'000});
  template <class CompletionToken>
  auto async_close(milliseconds timeout, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(result<void>)>(
        [self = impl_](auto handler, milliseconds wait) { start_close(self, wait, std::move(handler)); }, token, timeout);
  }

  [[nodiscard]] producer_statistics statistics() const;

private:
  struct state;
  static void start_send(const std::shared_ptr<state>& self, const outgoing_record& record, delivery_callback handler);
  static void start_wait_for_room(const std::shared_ptr<state>& self, completion<void> handler);
  static void start_flush(const std::shared_ptr<state>& self, completion<void> handler);
  static void start_close(const std::shared_ptr<state>& self, milliseconds timeout, completion<void> handler);

  std::shared_ptr<state> impl_;
};

} // namespace cafka::client
