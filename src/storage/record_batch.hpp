// Record batch v2 (magic 2): the unit that producers send, disks hold and consumers get, byte for byte the same.
// Source: Kafka's message format documentation, KIP-98, KIP-392 (leader epoch). Layout, big-endian:
//
//   0 base_offset i64        17 crc u32 (of 21..end)      43 producer_id i64
//   8 batch_length i32       21 attributes i16            51 producer_epoch i16
//  12 leader_epoch i32       23 last_offset_delta i32     53 base_sequence i32
//  16 magic i8 = 2           27 base_timestamp i64        57 record_count i32
//                            35 max_timestamp i64         61 records
//
// base_offset, batch_length and leader_epoch stand before the CRC's range, so the broker sets them without recomputing it.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/compression.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cafka::storage {

inline constexpr std::size_t batch_header_size = 61;
inline constexpr std::size_t batch_prefix_size = 12; // base_offset and batch_length: what batch_length does not count
inline constexpr std::int64_t no_timestamp = -1;
inline constexpr std::int64_t no_producer_id = -1;

enum class timestamp_type : std::uint8_t { create_time = 0, log_append_time = 1 };

struct batch_header {
  std::int64_t base_offset = 0;
  std::int32_t batch_length = 0;
  std::int32_t leader_epoch = -1;
  std::int8_t magic = 2;
  std::uint32_t crc = 0;
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp = no_timestamp;
  std::int64_t max_timestamp = no_timestamp;
  std::int64_t producer_id = no_producer_id;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;

  // Wraps in a header that lies, rather than being undefined: it is then below base_offset.
  [[nodiscard]] std::int64_t offset_at(std::int32_t delta) const noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(base_offset) + static_cast<std::uint64_t>(std::int64_t{delta}));
  }
  [[nodiscard]] std::int64_t last_offset() const noexcept { return offset_at(last_offset_delta); }
  // Of the whole batch in the log, this header included.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return batch_prefix_size + static_cast<std::size_t>(batch_length); }
  [[nodiscard]] std::uint8_t codec_bits() const noexcept { return attributes & 0x7; } // 5–7 are no codec
  [[nodiscard]] compression codec() const noexcept { return static_cast<compression>(codec_bits()); }
  [[nodiscard]] timestamp_type time_type() const noexcept { return static_cast<timestamp_type>((attributes >> 3) & 1); }
  [[nodiscard]] bool is_transactional() const noexcept { return (attributes & 0x10) != 0; }
  [[nodiscard]] bool is_control() const noexcept { return (attributes & 0x20) != 0; }
  [[nodiscard]] bool has_delete_horizon() const noexcept { return (attributes & 0x40) != 0; }
};

// Reads the header at the front of `bytes`: at least batch_header_size, which need not hold the whole batch.
// corrupt_message if shorter, if batch_length is below the header's own or would overflow, or if magic is not 2.
result<batch_header> parse_batch_header(byte_span bytes);

// `batch` is exactly one batch. corrupt_message with both values on a mismatch.
result<void> verify_crc(const batch_header& header, byte_span batch);

struct record_header {
  std::string_view key = {};
  std::optional<byte_span> value = {};
};

// One record; spans point into the batch, or into the buffer it was decompressed to, and live as long as the callback runs.
struct record_view {
  std::int64_t offset = 0;
  std::int64_t timestamp = no_timestamp; // the batch's max_timestamp under LogAppendTime
  std::optional<byte_span> key = {};
  std::optional<byte_span> value = {};
  std::span<const record_header> headers = {};
};

// Calls `visit` for each record of one whole batch, in order, until it returns false. Checks counts, deltas (0,1,2,… unless `compacted`) and
// lengths: corrupt_message for codec or framing, invalid_record for what is inside. Does not check the CRC.
// `decompressed_limit_bytes` bounds the memory that a compressed batch may take.
struct walk_options {
  std::size_t decompressed_limit_bytes = 128u << 20;
  bool compacted = true; // allow gaps between offset deltas
};
result<void> for_each_record(byte_span batch, const walk_options& options, const std::function<bool(const record_view&)>& visit);

// Builds one batch. Reusable after build(). Not thread-safe.
class batch_builder {
public:
  explicit batch_builder(compression codec = compression::none) : codec_(codec) {}

  // Offsets are consecutive from base_offset. Null key or value: std::nullopt.
  void add(std::int64_t timestamp, std::optional<byte_span> key, std::optional<byte_span> value,
           std::span<const record_header> headers = {});
  // As add, at base_offset + `offset_delta` (greater than every earlier one): compacted batches.
  void add_at(std::int32_t offset_delta, std::int64_t timestamp, std::optional<byte_span> key, std::optional<byte_span> value,
              std::span<const record_header> headers = {});
  [[nodiscard]] bool empty() const noexcept { return record_count_ == 0; }
  [[nodiscard]] std::int32_t record_count() const noexcept { return record_count_; }
  // Uncompressed size of the batch so far, header included.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return batch_header_size + records_.size(); }

  struct fields {
    std::int64_t base_offset = 0;
    std::int32_t leader_epoch = -1;
    std::int64_t producer_id = no_producer_id;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    bool is_transactional = false;
    bool is_control = false;
  };
  // At least one record was added. Appends to `output`.
  result<void> build(const fields& with, byte_vector& output);

private:
  compression codec_;
  byte_vector records_;
  std::int32_t record_count_ = 0;
  std::int32_t last_offset_delta_ = -1;
  std::int64_t base_timestamp_ = no_timestamp;
  std::int64_t max_timestamp_ = no_timestamp;
};

// What a leader checks before it appends a client's batch. Answers are Kafka 4.3's: see docs/storage.md for the table.
struct produce_checks {
  std::size_t max_message_bytes = 1048588;
  timestamp_type time_type = timestamp_type::create_time;
  std::int64_t now_ms = 0;
  std::int64_t timestamp_before_max_ms = INT64_MAX; // message.timestamp.before.max.ms
  std::int64_t timestamp_after_max_ms = 3'600'000; // message.timestamp.after.max.ms
  bool requires_keys = false; // cleanup.policy has "compact"
  std::optional<compression> recompress_to = {}; // compression.type, when not "producer" and not the batch's own
  std::int32_t compression_level = 0; // 0: the codec's default
  std::size_t decompressed_limit_bytes = 128u << 20;
};

// A batch ready to append: its offsets are still relative (base 0), everything else is final.
struct checked_batch {
  batch_header header;
  mutable_byte_span bytes; // into the caller's frame, or into `rewritten`
  byte_vector rewritten; // only if recompressed
};

// `bytes` must be exactly one batch (Produce v3+): corrupt_message for a bad CRC, magic or length too short; invalid_record for lying counts or deltas,
// control batches, two batches, an empty one, base offset ≠ 0, null keys where keys are required; message_too_large; invalid_timestamp;
// unsupported_compression_type. Uncompressed records are walked; compressed ones are decompressed and walked as Kafka does.
// Under LogAppendTime the header's timestamp fields and CRC are rewritten in place.
result<checked_batch> check_produced_batch(mutable_byte_span bytes, const produce_checks& checks);

// Sets what the CRC does not cover. `batch` begins with a whole header.
void assign_offset(mutable_byte_span batch, std::int64_t base_offset, std::int32_t leader_epoch) noexcept;

} // namespace cafka::storage
