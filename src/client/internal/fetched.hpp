// Batches between the network and the records that a program sees.
#pragma once
#include "client/consumer.hpp"
#include "storage/record_batch.hpp"

namespace cafka::client {

struct fetched_batch {
  std::shared_ptr<const std::byte[]> frame; // owns what `bytes` points into
  byte_span bytes;
  storage::batch_header header;
};

// Cuts what a fetch answered into its batches, without looking inside; a torn last one is left out.
// corrupt_message for what is no batch; `out` then holds those before it.
result<void> split_batches(const std::shared_ptr<const std::byte[]>& frame, byte_span bytes, std::vector<fetched_batch>& out);

struct consumed_partition;

// A batch on its way to the program.
struct taken_batch {
  fetched_batch batch;
  std::shared_ptr<consumed_partition> from;
  std::shared_ptr<const std::string> topic;
  std::int32_t partition;
  std::uint64_t generation;
  std::int64_t first_offset; // records below it were not asked for
};

// Checks, unpacks and lists records. Not thread-safe.
struct records_builder {
  // corrupt_message or invalid_record, naming partition and offset; nothing of that batch is then listed.
  result<void> add(const taken_batch& taken, std::size_t decompressed_limit_bytes);
  // Ends the building: headers get their final place.
  records finish();

private:
  struct span_of_headers {
    std::size_t record, first, count;
  };
  records made_;
  std::vector<header> headers_;
  std::vector<span_of_headers> spans_;
  const void* last_memory_ = nullptr;
  const void* last_topic_ = nullptr;
};

} // namespace cafka::client
