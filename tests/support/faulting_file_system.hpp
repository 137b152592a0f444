// Wraps a file system and makes chosen operations fail: EIO, a full disk, a write cut short, a power loss at operation N.
// Operations that change something are numbered from 1, so that a test can run a script once to count them and then again with a
// failure at each. After a power loss every call fails with io_error; the test then lets go of everything, calls crash() on the
// memory file system below and opens again. The faulting file system outlives the handles that it gave out.
#pragma once
#include "storage/file_system.hpp"

#include <atomic>
#include <functional>
#include <mutex>

namespace cafka::test {

enum class operation_kind { open, create, read, append, truncate, sync, remove, rename, sync_directory, make_directory, list, stat, lock };

struct operation {
  operation_kind kind;
  std::string path;         // a rename's source
  std::uint64_t number = 0; // of changing operations, from 1; 0: it changes nothing
};

enum class fault {
  none,
  io_error,    // not done
  no_space,    // not done; an append writes half
  short_write, // an append writes half and fails with io_error
  too_many_files,
  power_off,   // not done, and nothing after it
};

class faulting_file_system final : public storage::file_system {
public:
  using plan = std::function<fault(const operation&)>;

  explicit faulting_file_system(storage::file_system& below, plan decide = {});

  // Before the operations that it is asked about; from any thread.
  void set_plan(plan decide);
  // Changing operations so far, failed ones included.
  [[nodiscard]] std::uint64_t operation_count() const noexcept { return changes_.load(); }
  [[nodiscard]] bool powered() const noexcept { return powered_.load(); }
  void power_off() noexcept { powered_.store(false); }

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

private:
  class open_file;
  fault decide(operation_kind kind, const std::string& path);
  result<void> admit(operation_kind kind, const std::string& path);

  storage::file_system& below_;
  std::mutex mutex_;
  plan plan_;
  std::atomic<std::uint64_t> changes_{0};
  std::atomic<bool> powered_{true};
};

// A plan: power fails at changing operation `number`.
faulting_file_system::plan power_off_at(std::uint64_t number);
// A plan: the changing operation `number` fails with `what`; all others pass.
faulting_file_system::plan fail_at(std::uint64_t number, fault what);

} // namespace cafka::test
