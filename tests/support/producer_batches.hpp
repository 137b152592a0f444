// Batches of idempotent and transactional producers, with offsets assigned.
#pragma once
#include "storage/record_batch.hpp"

namespace cafka::test {

struct producer_batch {
  std::int64_t id = 1;
  std::int16_t epoch = 0;
  std::int32_t sequence = 0;
  std::int32_t records = 1;
  std::int64_t timestamp = 1'700'000'000'000;
  bool transactional = false;
  std::size_t value_bytes = 10;
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = 0;
};

struct built_batch {
  storage::batch_header header;
  byte_vector bytes;
};

inline built_batch finish(storage::batch_builder& builder, const storage::batch_builder::fields& with) {
  built_batch made;
  (void)builder.build(with, made.bytes);
  made.header = *storage::parse_batch_header(made.bytes);
  return made;
}

inline built_batch build(const producer_batch& what) {
  storage::batch_builder builder;
  const std::string value(what.value_bytes, 'v');
  for (std::int32_t i = 0; i < what.records; ++i)
    builder.add(what.timestamp, as_byte_span("k"), as_byte_span(value));
  return finish(builder, {.base_offset = what.base_offset,
                          .leader_epoch = what.leader_epoch,
                          .producer_id = what.id,
                          .producer_epoch = what.epoch,
                          .base_sequence = what.sequence,
                          .is_transactional = what.transactional});
}

// What a transaction's coordinator writes at its end.
inline built_batch build_marker(std::int64_t id, std::int16_t epoch, std::int32_t coordinator_epoch, std::int64_t timestamp, bool commits,
                                std::int64_t base_offset) {
  storage::batch_builder builder;
  byte_vector key(4);
  store_be(key.data() + 2, static_cast<std::int16_t>(commits ? 1 : 0));
  byte_vector value(6);
  store_be(value.data() + 2, coordinator_epoch);
  builder.add(timestamp, byte_span{key}, byte_span{value});
  return finish(builder, {.base_offset = base_offset,
                          .leader_epoch = 0,
                          .producer_id = id,
                          .producer_epoch = epoch,
                          .base_sequence = -1,
                          .is_transactional = true,
                          .is_control = true});
}

} // namespace cafka::test
