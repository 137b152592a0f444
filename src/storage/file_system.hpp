// The one seam under all file access: a real implementation here (POSIX), an in-memory one with crashes and a faulting one in tests/support.
// Every failure is a result; nothing throws. All calls block; `sync` and `sync_directory` for milliseconds.
// Thread safety: a file_system is safe from any thread. A file is safe for concurrent reads and sync; appends and truncates are the owner's alone.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::storage {

// An open file. Closing (destruction) never loses what was synced and never reports an error.
class file {
public:
  virtual ~file() = default;

  // Fills `into` from `position`; fewer bytes only at the end of the file (0 at or past it).
  [[nodiscard]] virtual result<std::size_t> read_at(std::uint64_t position, mutable_byte_span into) const = 0;
  // Writes all of `parts`, in order, at the end. On error an unknown prefix may have been written past the former end:
  // the owner truncates back to the size it knows before the next append.
  [[nodiscard]] virtual result<void> append(std::span<const byte_span> parts) = 0;
  [[nodiscard]] virtual result<void> truncate(std::uint64_t size_bytes) = 0;
  // Data and size are on stable storage when this returns. After an error the state on disk is unknown and a later success proves nothing.
  [[nodiscard]] virtual result<void> sync() = 0;
  [[nodiscard]] virtual result<std::uint64_t> size() const = 0;
  // For sendfile; −1 where there is no descriptor (then read_at serves).
  [[nodiscard]] virtual int native_handle() const noexcept = 0;
};

// Held until destroyed or the process ends: fcntl record lock, which Kafka's broker sees too.
class directory_lock {
public:
  virtual ~directory_lock() = default;
};

enum class open_mode {
  read, // must exist
  append, // read and append, must exist
  create, // read and append, created if missing
  create_new, // read and append, an error (bad_format) if it exists
};

struct directory_entry {
  std::string name; // without the directory
  bool is_directory = false;
  std::uint64_t size_bytes = 0; // of a file
};

class file_system {
public:
  virtual ~file_system() = default;

  [[nodiscard]] virtual result<std::unique_ptr<file>> open(const std::string& path, open_mode mode) = 0;
  // errc::not_found if nothing is there.
  [[nodiscard]] virtual result<directory_entry> stat(const std::string& path) = 0;
  // Sorted by name; errc::not_found if the directory is missing.
  [[nodiscard]] virtual result<std::vector<directory_entry>> list(const std::string& directory) = 0;
  [[nodiscard]] virtual result<void> create_directories(const std::string& path) = 0;
  // Removing what is not there is a success.
  [[nodiscard]] virtual result<void> remove(const std::string& path) = 0;
  [[nodiscard]] virtual result<void> remove_all(const std::string& path) = 0;
  // Replaces `to` if it exists; atomic for readers; durable only after sync_directory of both parents.
  [[nodiscard]] virtual result<void> rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual result<void> sync_directory(const std::string& path) = 0;
  // errc::already_locked if another process (or another holder in this one) has it.
  [[nodiscard]] virtual result<std::unique_ptr<directory_lock>> lock(const std::string& path) = 0;
  [[nodiscard]] virtual result<std::uint64_t> available_bytes(const std::string& path) = 0;
  // Of the volume that holds `path`, used or not.
  [[nodiscard]] virtual result<std::uint64_t> total_bytes(const std::string& path) = 0;

  [[nodiscard]] result<bool> exists(const std::string& path);
  // Whole small files: checkpoints, properties. `limit_bytes` refuses anything larger with bad_format.
  [[nodiscard]] result<std::string> read_text(const std::string& path, std::size_t limit_bytes = 64 << 20);
  // Writes `path`.tmp, syncs, renames over `path`, syncs the directory: after a crash the old content or the new, never a mixture.
  [[nodiscard]] result<void> replace_text(const std::string& path, std::string_view content);
};

// The machine's file system. Lives for the whole process.
file_system& posix_file_system();

} // namespace cafka::storage
