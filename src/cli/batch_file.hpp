// Batches of a .log (or metadata .checkpoint) file, read one after the other without the log's own machinery: a second opinion on the files.
// Memory: one batch. A damaged header ends the walk, a bad CRC does not: the length still says where the next batch is.
#pragma once
#include "storage/file_system.hpp"
#include "storage/record_batch.hpp"

#include <optional>

namespace cafka::cli {

struct batch_in_file {
  std::uint64_t position = 0;
  storage::batch_header header;
  byte_span bytes; // the whole batch; until the next call
};

class batch_file {
public:
  // The file outlives this object.
  explicit batch_file(const storage::file& source) : source_(source) {}

  // nullopt at the end of the file. corrupt_message, with the position, for a header that cannot be or a batch that reaches past the end.
  result<std::optional<batch_in_file>> next();
  // Where the next batch begins; after an error, where the damage is.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

private:
  // At least `count` bytes from position_, fewer at the end of the file.
  result<byte_span> window(std::size_t count);

  const storage::file& source_;
  std::uint64_t position_ = 0;
  std::uint64_t buffer_from_ = 0;
  std::size_t buffered_ = 0;
  byte_vector buffer_;
};

} // namespace cafka::cli
