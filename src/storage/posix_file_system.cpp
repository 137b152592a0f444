// The machine's files by plain system calls: positioned reads, gathered appends, fdatasync. No mappings: one over a file that shrinks is SIGBUS.
#include "storage/file_system.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace cafka::storage {

namespace {

errc code_of(int number) noexcept {
  switch (number) {
  case ENOENT: return errc::not_found;
  case ENOSPC:
  case EDQUOT: return errc::no_space;
  case EMFILE:
  case ENFILE: return errc::too_many_files;
  default: return errc::io_error;
  }
}

tl::unexpected<error> failure(const char* call, const std::string& path, int number = errno) {
  return fail(code_of(number), std::string{call} + ' ' + path + ": " + std::generic_category().message(number));
}

class descriptor {
public:
  explicit descriptor(int value) noexcept : value_(value) {}
  ~descriptor() {
    if (value_ >= 0)
      ::close(value_); // what was synced is safe whatever close says
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return value_; }
  int release() noexcept { return std::exchange(value_, -1); }

private:
  int value_;
};

int open_retrying(const char* path, int flags, mode_t mode = 0) noexcept {
  int handle;
  do
    handle = ::open(path, flags | O_CLOEXEC, mode);
  while (handle < 0 && errno == EINTR);
  return handle;
}

class posix_file final : public file {
public:
  posix_file(int handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  result<std::size_t> read_at(std::uint64_t position, mutable_byte_span into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto count = ::pread(handle_.get(), into.data() + done, into.size() - done, static_cast<off_t>(position + done));
      if (count < 0) {
        if (errno == EINTR)
          continue;
        return failure("read", path_);
      }
      if (count == 0)
        break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  result<void> append(std::span<const byte_span> parts) override {
    std::size_t next = 0, skip = 0; // the part to write next, and how much of it is written
    std::array<iovec, 64> vectors;
    static_assert(std::tuple_size_v<decltype(vectors)> <= IOV_MAX);
    for (;;) {
      std::size_t used = 0;
      for (auto i = next; i < parts.size() && used < vectors.size(); ++i) {
        const auto part = parts[i].subspan(i == next ? skip : 0);
        if (!part.empty())
          vectors[used++] = {const_cast<std::byte*>(part.data()), part.size()};
      }
      if (used == 0)
        return {};
      const auto count = ::writev(handle_.get(), vectors.data(), static_cast<int>(used));
      if (count < 0) {
        if (errno == EINTR)
          continue;
        return failure("write", path_);
      }
      auto written = static_cast<std::size_t>(count);
      while (next < parts.size() && written >= parts[next].size() - skip) {
        written -= parts[next].size() - skip;
        skip = 0;
        ++next;
      }
      skip += written;
    }
  }

  result<void> truncate(std::uint64_t size_bytes) override {
    int status;
    do
      status = ::ftruncate(handle_.get(), static_cast<off_t>(size_bytes));
    while (status != 0 && errno == EINTR);
    if (status != 0)
      return failure("truncate", path_);
    was_cut_.store(true);
    return {};
  }

  result<void> sync() override {
    // fdatasync promises the size only as far as reading back needs it; a smaller size is metadata that nobody reads.
    const bool cut = was_cut_.exchange(false);
    int status;
    do
      status = cut ? ::fsync(handle_.get()) : ::fdatasync(handle_.get());
    while (status != 0 && errno == EINTR);
    if (status != 0)
      return failure(cut ? "fsync" : "fdatasync", path_);
    return {};
  }

  result<std::uint64_t> size() const override {
    struct stat status {};
    if (::fstat(handle_.get(), &status) != 0)
      return failure("stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  int native_handle() const noexcept override { return handle_.get(); }

private:
  descriptor handle_;
  std::string path_;
  std::atomic<bool> was_cut_{false};
};

// fcntl locks belong to the process: they neither refuse a second holder in it nor survive the close of another descriptor of the file.
// So the process's own holders are known by (device, inode) here, and asked before the file is opened.
class lock_table {
public:
  using key = std::pair<dev_t, ino_t>;

  static lock_table& instance() {
    static lock_table table;
    return table;
  }

  result<key> take(const std::string& path) {
    const std::lock_guard guard{mutex_};
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && held_.contains({status.st_dev, status.st_ino}))
      return fail(errc::already_locked, path + " is in use by this process");
    descriptor handle{open_retrying(path.c_str(), O_RDWR | O_CREAT, 0644)};
    if (handle.get() < 0)
      return failure("open", path);
    if (::fstat(handle.get(), &status) != 0)
      return failure("stat", path);
    struct flock request {};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    int answer;
    do
      answer = ::fcntl(handle.get(), F_SETLK, &request);
    while (answer != 0 && errno == EINTR);
    if (answer != 0) {
      if (errno != EACCES && errno != EAGAIN)
        return failure("lock", path);
      return fail(errc::already_locked,
                  path + " is in use by " + holder_of(handle.get()) + ": stop it, or give this node a directory of its own (log.dirs)");
    }
    const key inode{status.st_dev, status.st_ino};
    held_.emplace(inode, handle.release());
    return inode;
  }

  void drop(key inode) {
    const std::lock_guard guard{mutex_};
    if (auto found = held_.find(inode); found != held_.end()) {
      ::close(found->second);
      held_.erase(found);
    }
  }

private:
  static std::string holder_of(int handle) {
    struct flock question {};
    question.l_type = F_WRLCK;
    question.l_whence = SEEK_SET;
    if (::fcntl(handle, F_GETLK, &question) == 0 && question.l_type != F_UNLCK && question.l_pid > 0)
      return "process " + std::to_string(question.l_pid);
    return "another process";
  }

  std::mutex mutex_;
  std::map<key, int> held_;
};

class posix_lock final : public directory_lock {
public:
  explicit posix_lock(lock_table::key inode) : inode_(inode) {}
  ~posix_lock() override { lock_table::instance().drop(inode_); }
  posix_lock(const posix_lock&) = delete;
  posix_lock& operator=(const posix_lock&) = delete;

private:
  lock_table::key inode_;
};

directory_entry entry_of(std::string name, const struct stat& status) {
  const bool is_directory = S_ISDIR(status.st_mode);
  return {std::move(name), is_directory, is_directory ? 0 : static_cast<std::uint64_t>(status.st_size)};
}

class posix_files final : public file_system {
public:
  result<std::unique_ptr<file>> open(const std::string& path, open_mode mode) override {
    int flags = 0;
    switch (mode) {
    case open_mode::read: flags = O_RDONLY; break;
    case open_mode::append: flags = O_RDWR | O_APPEND; break;
    case open_mode::create: flags = O_RDWR | O_APPEND | O_CREAT; break;
    case open_mode::create_new: flags = O_RDWR | O_APPEND | O_CREAT | O_EXCL; break;
    }
    descriptor handle{open_retrying(path.c_str(), flags, 0644)};
    if (handle.get() < 0) {
      if (errno == EEXIST && mode == open_mode::create_new)
        return fail(errc::bad_format, "open " + path + ": it exists");
      return failure("open", path);
    }
    if (mode == open_mode::read) { // the other modes refuse a directory by themselves
      struct stat status {};
      if (::fstat(handle.get(), &status) != 0)
        return failure("stat", path);
      if (S_ISDIR(status.st_mode))
        return failure("open", path, EISDIR);
    }
    return std::make_unique<posix_file>(handle.release(), path);
  }

  result<directory_entry> stat(const std::string& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
      return errno == ENOTDIR ? failure("stat", path, ENOENT) : failure("stat", path);
    return entry_of(path.substr(path.rfind('/') + 1), status);
  }

  result<std::vector<directory_entry>> list(const std::string& directory) override {
    DIR* stream = ::opendir(directory.c_str());
    if (!stream)
      return failure("list", directory);
    std::vector<directory_entry> entries;
    int number = 0;
    for (;;) {
      errno = 0;
      const auto* found = ::readdir(stream);
      if (!found) {
        number = errno;
        break;
      }
      std::string name = found->d_name;
      if (name == "." || name == "..")
        continue;
      struct stat status {};
      if (::fstatat(::dirfd(stream), name.c_str(), &status, 0) == 0)
        entries.push_back(entry_of(std::move(name), status));
      else if (errno != ENOENT) // gone since readdir saw it, or a dangling link
        number = errno;
    }
    ::closedir(stream);
    if (number != 0)
      return failure("list", directory, number);
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
  }

  result<void> create_directories(const std::string& path) override {
    std::error_code problem;
    std::filesystem::create_directories(path, problem);
    if (problem)
      return failure("mkdir", path, problem.value());
    return {};
  }

  result<void> remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0 && errno != ENOENT)
      return failure("remove", path);
    return {};
  }

  result<void> remove_all(const std::string& path) override {
    std::error_code problem;
    std::filesystem::remove_all(path, problem);
    if (problem)
      return failure("remove", path, problem.value());
    return {};
  }

  result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return failure("rename", from + " to " + to);
    return {};
  }

  result<void> sync_directory(const std::string& path) override {
    descriptor handle{open_retrying(path.c_str(), O_RDONLY | O_DIRECTORY)};
    if (handle.get() < 0)
      return failure("open", path);
    int status;
    do
      status = ::fsync(handle.get());
    while (status != 0 && errno == EINTR);
    if (status != 0)
      return failure("fsync", path);
    return {};
  }

  result<std::unique_ptr<directory_lock>> lock(const std::string& path) override {
    CAFKA_TRY_ASSIGN(inode, lock_table::instance().take(path));
    return std::make_unique<posix_lock>(inode);
  }

  result<std::uint64_t> available_bytes(const std::string& path) override {
    CAFKA_TRY_ASSIGN(status, volume_of(path));
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }

  result<std::uint64_t> total_bytes(const std::string& path) override {
    CAFKA_TRY_ASSIGN(status, volume_of(path));
    return static_cast<std::uint64_t>(status.f_blocks) * status.f_frsize;
  }

private:
  static result<struct statvfs> volume_of(const std::string& path) {
    struct statvfs status {};
    int answer;
    do
      answer = ::statvfs(path.c_str(), &status);
    while (answer != 0 && errno == EINTR);
    if (answer != 0)
      return failure("statvfs", path);
    return status;
  }
};

} // namespace

file_system& posix_file_system() {
  static posix_files files;
  return files;
}

} // namespace cafka::storage
