// Open descriptors under a cap. A partition asks for a file by path each time; idle files are closed in least-recently-used order.
// A handle that someone still holds (a fetch being sent, data not yet synced) stays open until the last holder drops it, whatever the cap,
// and goes on to name the same bytes after the file was renamed or removed.
// Thread-safe: shards and flushers share one pool per node.
#pragma once
#include "storage/file_system.hpp"

#include <list>
#include <mutex>
#include <unordered_map>

namespace cafka::storage {

using file_handle = std::shared_ptr<file>;

class file_pool {
public:
  // `capacity`: idle descriptors kept open, > 0.
  file_pool(file_system& files, std::size_t capacity);

  [[nodiscard]] file_system& files() noexcept { return files_; }
  // Opens with open_mode::append unless the pool has it. errc::not_found, io_error, too_many_files.
  [[nodiscard]] result<file_handle> acquire(const std::string& path);
  // As acquire, creating the file if it is missing.
  [[nodiscard]] result<file_handle> create(const std::string& path);
  // Before a rename or remove of `path` (or of a directory: everything below it).
  void forget(const std::string& path);
  [[nodiscard]] std::size_t open_count() const;
  // Bytes of a file below this position were handed to readers by a log that is closed now, and may still be on their way to a peer.
  // Whoever opens the log again in this process must leave them as they are. Forgotten with the path.
  void remember_exposed(const std::string& path, std::uint64_t position);
  [[nodiscard]] std::uint64_t exposed(const std::string& path) const;

private:
  struct entry {
    std::string path;
    file_handle handle;
  };
  result<file_handle> open(const std::string& path, open_mode mode);
  void evict_idle(); // down to the capacity; the mutex is held
  void close_idle();

  file_system& files_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::list<entry> recent_first_;
  std::unordered_map<std::string, std::list<entry>::iterator> by_path_;
  std::unordered_map<std::string, std::uint64_t> exposed_;
};

} // namespace cafka::storage
