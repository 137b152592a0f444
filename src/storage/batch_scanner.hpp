// Walks the batch headers of a .log file without reading what is between them, unless batches are small.
// Every header must be plausible and follow the one before; what is checked here is structure, not the CRC.
#pragma once
#include "storage/file_system.hpp"
#include "storage/record_batch.hpp"

#include <array>
#include <optional>

namespace cafka::storage {

// A batch and where it begins in its file.
struct batch_place {
  batch_header header;
  std::uint64_t position = 0;

  [[nodiscard]] std::uint64_t end_position() const noexcept { return position + header.size_bytes(); }
  [[nodiscard]] std::int64_t next_offset() const noexcept { return header.last_offset() + 1; }
};

struct scan_range {
  std::uint64_t position = 0;         // of a batch's start
  std::uint64_t end_position = 0;     // exclusive; no batch may reach past it
  std::int64_t min_offset = 0;        // the first batch begins at or above
  std::int64_t max_offset = INT64_MAX; // exclusive; no batch may reach it
};

class batch_scanner {
public:
  // `source` outlives the scanner.
  batch_scanner(const file& source, const scan_range& range) : source_(source), range_(range) {}

  // nullopt at the end of the range. corrupt_message, naming the position, for what cannot be a batch there; io_error.
  result<std::optional<batch_place>> next();
  // Where the next batch begins; after an error, where the trouble is.
  [[nodiscard]] std::uint64_t position() const noexcept { return range_.position; }
  // The first offset that the next batch may have.
  [[nodiscard]] std::int64_t expected_offset() const noexcept { return range_.min_offset; }

private:
  static constexpr std::size_t short_read = 128;
  static constexpr std::size_t long_read = 8192;

  result<byte_span> header_bytes();

  const file& source_;
  scan_range range_;
  std::uint64_t buffered_from_ = 0;
  std::size_t buffered_ = 0;
  std::size_t read_size_ = short_read;
  std::array<std::byte, long_read> buffer_;
};

// Is `header` possible at all: counts, deltas, timestamps' type? corrupt_message with the field that is not.
result<void> check_plausible(const batch_header& header);

} // namespace cafka::storage
