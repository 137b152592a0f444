// Snapshots of the metadata as files: `<end offset>-<leader epoch>.checkpoint` in the metadata log's directory, batches of records between a header and a
// footer, as Kafka writes them (KIP-630). Blocks for file I/O; takes no more memory than a batch at a time. No CAF.
#pragma once
#include "election/messages.hpp"
#include "metadata/image.hpp"
#include "metadata/records.hpp"
#include "storage/file_system.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cafka::actors {

inline constexpr std::string_view snapshot_suffix = ".checkpoint";
inline constexpr std::string_view unfinished_snapshot_suffix = ".checkpoint.part"; // void: removed at the next start

std::string snapshot_name(const election::log_position& position);
std::optional<election::log_position> parse_snapshot_name(std::string_view name);

// A snapshot that comes to be under its unfinished name.
class snapshot_file {
public:
  // What was there under that name is void.
  static result<snapshot_file> create(storage::file_system& files, std::string directory, const election::log_position& position);

  result<void> append(byte_span bytes);
  // Syncs, renames, syncs the directory: from here on it counts, also after a crash.
  result<void> keep();
  [[nodiscard]] const election::log_position& position() const noexcept { return position_; }
  [[nodiscard]] std::string unfinished_path() const;
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }

private:
  snapshot_file(storage::file_system& files, std::string directory, const election::log_position& position)
      : files_(&files), directory_(std::move(directory)), position_(position) {}

  storage::file_system* files_;
  std::string directory_;
  election::log_position position_;
  std::unique_ptr<storage::file> file_;
  std::uint64_t size_bytes_ = 0;
};

// Writes what `from` holds. Asks `give_up` before each batch: cancelled.
result<void> write_image(snapshot_file& into, const metadata::image& from, std::int64_t last_timestamp_ms,
                         const std::function<bool()>& give_up);

struct snapshot_content {
  metadata::image_ptr image;
  std::int64_t last_timestamp_ms = 0;
  std::uint64_t size_bytes = 0;
};
// All of it, from header to footer. bad_format if anything is missing, damaged or behind the end.
result<snapshot_content> read_snapshot(storage::file_system& files, const std::string& path, const election::log_position& position);
// Only what its header says of the log that it stands for: milliseconds. bad_format if there is no header.
result<std::int64_t> read_snapshot_timestamp(storage::file_system& files, const std::string& path);

} // namespace cafka::actors
