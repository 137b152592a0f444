// What is known of each producer when a log ends at some offset, in Kafka's `<offset>.snapshot` files, version 1. Big-endian:
//
//   0 version i16 = 1     2 crc u32 (CRC-32C of 6..end)     6 count i32     10 entries, 46 bytes each:
//
//   0 producer_id i64     10 last_sequence i32    22 offset_delta i32     34 coordinator_epoch i32
//   8 producer_epoch i16  14 last_offset i64      26 timestamp i64        38 current_txn_first_offset i64
//
// Kafka's file has the last batch of each producer. Those before it lie in a file of ours beside it, `<offset>.sequences`, where there are any:
//
//   0 version i16 = 1     6 offset i64                            18 count i32     22 rows, 32 bytes each:
//   2 crc u32 (of 6..end) 14 snapshot's crc u32
//
//   0 producer_id i64     8 last_sequence i32     12 offset_delta i32     16 last_offset i64     24 timestamp i64
//
// It is true only beside the very bytes it was written for, which its copy of their CRC tells; without it the snapshot holds alone.
//
// Value types and bytes only; who keeps such a state is in replication/producer_state.hpp. Source: KIP-98, Kafka's ProducerStateManager.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cafka::storage {

struct producer_snapshot_entry {
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  // Of the last batch; −1, −1, 0 where only a transaction's end is known.
  std::int32_t last_sequence = -1;
  std::int64_t last_offset = -1;
  std::int32_t offset_delta = 0; // last offset − base offset
  std::int64_t timestamp = -1; // greatest of the last batch, or of the transaction's end
  std::int32_t coordinator_epoch = -1; // of the last transaction's end
  std::int64_t current_txn_first_offset = -1; // −1: no transaction is open

  bool operator==(const producer_snapshot_entry&) const = default;
};

byte_vector producer_snapshot_bytes(std::span<const producer_snapshot_entry> entries);

// `offset`: the one in the file's name. bad_format for another version, a wrong CRC, a count that the bytes do not bear out, and entries that
// cannot be true there: batches at or past `offset`, negative ids, an id twice.
result<std::vector<producer_snapshot_entry>> parse_producer_snapshot(byte_span bytes, std::int64_t offset);

// A batch of a producer that is in a snapshot, of the same epoch, before the one that is there.
struct earlier_batch {
  std::int64_t producer_id = -1;
  std::int32_t last_sequence = -1;
  std::int32_t offset_delta = 0;
  std::int64_t last_offset = -1;
  std::int64_t timestamp = -1;

  bool operator==(const earlier_batch&) const = default;
};

// `snapshot`: the file beside it.
byte_vector earlier_batches_bytes(std::span<const earlier_batch> batches, std::int64_t offset, byte_span snapshot);

// bad_format for another version, a wrong CRC, a count that the bytes do not bear out, and for one that belongs to another offset or snapshot.
result<std::vector<earlier_batch>> parse_earlier_batches(byte_span bytes, std::int64_t offset, byte_span snapshot);

// A transaction's end as a control batch tells it.
struct transaction_marker {
  std::int32_t coordinator_epoch = -1;
  std::int64_t timestamp = -1;
  bool commits = false;
};
// nullopt: it is another kind of control batch, empty (compaction took the marker), or not understood.
std::optional<transaction_marker> find_transaction_marker(byte_span batch);

} // namespace cafka::storage
