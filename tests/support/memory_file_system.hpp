// A file system in memory that knows what a power loss may take: the ground of the crash campaigns.
//
// What is promised after crash(): file content as of its last sync(), and the entries of a directory as of its last sync_directory().
// What may happen to everything later depends on the model:
//  - ordered: ext4 with data=ordered. The metadata journal keeps one order for the whole file system: a random prefix of the pending entry
//    changes survives, and any sync() commits every entry change before it. A file keeps a prefix of its later appends and truncates,
//    the last append cut at any byte: data reaches the disk before the size that covers it does.
//  - reordered: what POSIX allows and other file systems do. Each pending entry change survives or not by itself, sync() of a file says
//    nothing about its name, sectors of 512 bytes past the synced part may hold the new bytes, old ones, zeros or garbage.
//    A rename is one change, durable with its target's directory: no journalling file system tears it in two.
// A log that survives both survives the disks in between. Handles and locks from before a crash fail with io_error or are void.
#pragma once
#include "base/prng.hpp"
#include "storage/file_system.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace cafka::test {

enum class crash_model { ordered, reordered };

class memory_file_system : public storage::file_system {
public:
  explicit memory_file_system(crash_model model = crash_model::reordered);
  ~memory_file_system() override;

  result<std::unique_ptr<storage::file>> open(const std::string& path, storage::open_mode mode) override;
  result<storage::directory_entry> stat(const std::string& path) override;
  result<std::vector<storage::directory_entry>> list(const std::string& directory) override;
  result<void> create_directories(const std::string& path) override;
  result<void> remove(const std::string& path) override;
  result<void> remove_all(const std::string& path) override;
  result<void> rename(const std::string& from, const std::string& to) override;
  result<void> sync_directory(const std::string& path) override;
  result<std::unique_ptr<storage::directory_lock>> lock(const std::string& path) override;
  result<std::uint64_t> available_bytes(const std::string& path) override;
  result<std::uint64_t> total_bytes(const std::string& path) override;

  // The power fails. What was not synced is lost, kept or torn as `chance` has it; open handles and locks are void.
  void crash(prng& chance);
  // The state after such a failure, leaving this one as it is: many losses from one moment.
  [[nodiscard]] std::unique_ptr<memory_file_system> crashed_copy(prng& chance) const;
  // The disk as it is (nothing lost) with everything durable: the state after an orderly stop or kill -9.
  [[nodiscard]] std::unique_ptr<memory_file_system> copy() const;

  // Appends past this many bytes in total fail with no_space, having written what fits.
  void set_capacity(std::uint64_t bytes);

  // For tests that damage or inspect files. The path exists (or is created by write); all of it durable at once.
  [[nodiscard]] std::optional<byte_vector> content(const std::string& path) const;
  void write(const std::string& path, byte_span bytes);
  void flip(const std::string& path, std::uint64_t position, std::byte mask);

  struct node;
  struct entry_change;

private:
  class open_file;
  class held_lock;
  using node_pointer = std::shared_ptr<node>;
  using entry_map = std::map<std::string, node_pointer, std::less<>>;

  struct place {
    node_pointer parent;
    std::string name;
  };
  [[nodiscard]] node_pointer find(std::string_view path) const;
  [[nodiscard]] std::optional<place> find_place(std::string_view path) const;
  node_pointer make_directories(std::string_view path);
  void change_entry(entry_change change);
  void commit_all_entries();
  node_pointer surviving(const node_pointer& from, prng& chance, std::map<const node*, node_pointer>& done) const;
  static node_pointer copy_of(const node_pointer& from, std::map<const node*, node_pointer>& done);

  mutable std::mutex mutex_;
  const crash_model model_;
  node_pointer root_;
  std::vector<entry_change> pending_; // in the order they were made
  std::set<std::string> locked_;
  std::uint64_t boots_ = 0; // crashes so far: handles of earlier ones are void
  std::uint64_t used_bytes_ = 0;
  std::uint64_t capacity_ = UINT64_MAX;
};

} // namespace cafka::test
