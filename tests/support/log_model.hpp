// What a partition's log ought to hold: a plain list of batches. Tests do the same to a partition_log and to this, and compare.
// Also the small helpers that every test of the log needs.
#pragma once
#include "base/prng.hpp"
#include "storage/partition_log.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cafka::test {

struct model_batch {
  storage::batch_header header;
  byte_vector bytes;
  std::vector<storage::timestamp_and_offset> records; // timestamps and offsets, in order
};

struct batch_recipe {
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = 0;
  std::vector<std::int64_t> timestamps = {1'700'000'000'000}; // one record each
  std::size_t value_bytes = 10;
  storage::compression codec = storage::compression::none;
  bool log_append_time = false;
  std::int32_t gap = 0; // unused offsets before each record but the first
};
model_batch make_batch(const batch_recipe& recipe);

class log_model {
public:
  std::int64_t base_offset = 0; // where the log began, ever
  std::int64_t log_start_offset = 0;
  std::int64_t log_end_offset = 0;
  std::vector<model_batch> batches; // also below log_start_offset: a crash may bring those back

  void append(model_batch batch);
  // As partition_log: whole batches go.
  void truncate_to(std::int64_t offset);
  void start_over_at(std::int64_t offset);
  [[nodiscard]] std::int32_t latest_leader_epoch() const;
  // The offset range's bytes, from the batch that ends at or after `from` to the last that ends before `to`.
  [[nodiscard]] byte_vector bytes(std::int64_t from, std::int64_t to) const;
  [[nodiscard]] std::optional<storage::timestamp_and_offset> find_by_timestamp(std::int64_t timestamp) const;
  [[nodiscard]] std::optional<storage::timestamp_and_offset> find_max_timestamp() const;
  // Index of the first batch that ends at or after `offset`; batches.size() if none.
  [[nodiscard]] std::size_t index_of(std::int64_t offset) const;
};

// All bytes of a slice; empty if they cannot be read.
byte_vector slice_bytes(const storage::log_slice& slice);
// Why `outcome` is not what reading `model` at `offset` under `limits` may give; nullopt if it is right.
std::optional<std::string> check_read(const log_model& model, std::int64_t offset, const storage::read_limits& limits,
                                      const storage::read_outcome& outcome);
// Reads everything from the log start and compares.
std::optional<std::string> check_all(const log_model& model, storage::partition_log& log);

// "value", or the error: for messages.
template <class T>
std::string explain(const result<T>& outcome) {
  return outcome ? std::string{"success"} : outcome.error().to_string();
}

} // namespace cafka::test
