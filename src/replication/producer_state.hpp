// What one partition knows of its idempotent and transactional producers: epoch, sequences, the last five batches of each with their offsets.
// A leader asks check() before it appends and tells append() after; whoever replays a log tells only. Pure; owned by the partition actor.
// What survives a crash is the log and the snapshots beside it: Kafka's, which have the last batch of each, and ours with those before it.
// Bounded by expiry and by max_producers: past it the sixteenth part that wrote the longest ago is forgotten, as if expired; never one with an
// open transaction. A producer that was forgotten, or never known, may begin with any sequence: Kafka's answer (KIP-360).
// Sequences go from 0 to 2^31 − 1 and round to 0. Source: KIP-98, KIP-360, Kafka 4.3's ProducerStateManager and ProducerAppendInfo.
#pragma once
#include "base/error.hpp"
#include "storage/producer_snapshot.hpp"
#include "storage/record_batch.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace cafka::replication {

inline constexpr std::size_t remembered_batches = 5;

struct producer_limits {
  std::int64_t expiration_ms = 86'400'000; // producer.id.expiration.ms
  std::size_t max_producers = 65'536;
};

enum class producer_verdict : std::uint8_t {
  fresh, // append it
  duplicate, // it lies in the log already; see offsets and timestamp
  refused, // see code
};

struct producer_check {
  producer_verdict verdict = producer_verdict::fresh;
  // Of the batch that lies there already.
  std::int64_t base_offset = -1;
  std::int64_t last_offset = -1;
  std::int64_t timestamp = -1; // its max_timestamp
  // out_of_order_sequence_number, invalid_producer_epoch or invalid_txn_state.
  errc code = errc::none;
  // An earlier attempt of the refused batch may have been appended: it does not lie ahead of what is known.
  bool may_be_written = false;
  std::string detail;
};

class producer_state {
public:
  explicit producer_state(const producer_limits& limits = {}) : limits_(limits) {}

  // A client's batch with a producer id, not a control batch, before it is appended. Changes nothing.
  [[nodiscard]] producer_check check(const storage::batch_header& header) const;

  // `header` was appended, or is met in the log again: taken as it is, like Kafka's followers do. Batches without producer id say nothing.
  void append(const storage::batch_header& header);
  // The same for a control batch that ends a transaction.
  void append_marker(const storage::batch_header& header, const storage::transaction_marker& marker);

  void set_expiration(std::int64_t expiration_ms) noexcept { limits_.expiration_ms = expiration_ms; }
  // Forgets those whose last batch is older than the limit by its own timestamp, unless their transaction is open.
  void expire(std::int64_t now_ms);

  // Adds what a snapshot says, except of those that have expired since, and of earlier batches those that can be true beside it.
  void load(const std::vector<storage::producer_snapshot_entry>& entries, const std::vector<storage::earlier_batch>& earlier,
            std::int64_t now_ms);
  // By rising producer id.
  [[nodiscard]] std::vector<storage::producer_snapshot_entry> to_snapshot() const;
  // All but the last of each, which is in the snapshot: of each the oldest first.
  [[nodiscard]] std::vector<storage::earlier_batch> earlier_batches() const;

  void clear() noexcept { producers_.clear(); }
  [[nodiscard]] bool empty() const noexcept { return producers_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return producers_.size(); }

  [[nodiscard]] std::optional<std::string> check_invariants() const;

private:
  struct batch {
    std::int32_t last_sequence = -1;
    std::int32_t offset_delta = 0;
    std::int64_t last_offset = -1;
    std::int64_t timestamp = -1;
  };
  struct producer {
    std::int16_t epoch = -1;
    std::uint8_t count = 0;
    std::int32_t coordinator_epoch = -1;
    std::int64_t last_timestamp = -1;
    std::int64_t last_written_offset = -1; // of a batch or a marker: who wrote the longest ago
    std::int64_t open_since = -1; // first offset of the transaction that is open
    std::array<batch, remembered_batches> batches; // [0, count), oldest first

    void add_earlier(const batch& before) noexcept;
    [[nodiscard]] std::int32_t last_sequence() const noexcept { return count == 0 ? -1 : batches[count - 1u].last_sequence; }
  };

  producer& entry_of(std::int64_t producer_id);
  void forget_oldest();
  [[nodiscard]] bool has_expired(const producer& who, std::int64_t now_ms) const noexcept;
  static void take_epoch(producer& who, std::int16_t epoch) noexcept;

  producer_limits limits_;
  std::unordered_map<std::int64_t, producer> producers_; // holds no memory while empty
};

} // namespace cafka::replication
