#include "faulting_file_system.hpp"

namespace cafka::test {

namespace {
bool changes_something(operation_kind kind) {
  switch (kind) {
  case operation_kind::open:
  case operation_kind::read:
  case operation_kind::list:
  case operation_kind::stat:
  case operation_kind::lock: return false;
  default: return true;
  }
}

result<void> as_result(fault what, const std::string& path) {
  switch (what) {
  case fault::none: return {};
  case fault::no_space: return fail(errc::no_space, path + ": planted ENOSPC");
  case fault::too_many_files: return fail(errc::too_many_files, path + ": planted EMFILE");
  case fault::power_off: return fail(errc::io_error, path + ": the power is off");
  case fault::io_error:
  case fault::short_write: break;
  }
  return fail(errc::io_error, path + ": planted EIO");
}
} // namespace

class faulting_file_system::open_file final : public storage::file {
public:
  open_file(faulting_file_system& owner, std::unique_ptr<storage::file> below, std::string path)
      : owner_(owner), below_(std::move(below)), path_(std::move(path)) {}

  result<std::size_t> read_at(std::uint64_t position, mutable_byte_span into) const override {
    CAFKA_TRY(owner_.admit(operation_kind::read, path_));
    return below_->read_at(position, into);
  }
  result<void> append(std::span<const byte_span> parts) override {
    const auto what = owner_.decide(operation_kind::append, path_);
    if (what == fault::no_space || what == fault::short_write)
      CAFKA_TRY(append_half(parts));
    CAFKA_TRY(as_result(what, path_));
    return below_->append(parts);
  }
  result<void> truncate(std::uint64_t size_bytes) override {
    CAFKA_TRY(owner_.admit(operation_kind::truncate, path_));
    return below_->truncate(size_bytes);
  }
  result<void> sync() override {
    CAFKA_TRY(owner_.admit(operation_kind::sync, path_));
    return below_->sync();
  }
  result<std::uint64_t> size() const override {
    CAFKA_TRY(owner_.admit(operation_kind::stat, path_));
    return below_->size();
  }
  int native_handle() const noexcept override { return below_->native_handle(); }

private:
  result<void> append_half(std::span<const byte_span> parts) {
    std::size_t total = 0;
    for (auto part : parts)
      total += part.size();
    auto left = total / 2;
    std::vector<byte_span> half;
    for (auto part : parts) {
      const auto count = std::min(left, part.size());
      half.push_back(part.first(count));
      left -= count;
    }
    return below_->append(half);
  }

  faulting_file_system& owner_;
  std::unique_ptr<storage::file> below_;
  std::string path_;
};

faulting_file_system::faulting_file_system(storage::file_system& below, plan decide) : below_(below), plan_(std::move(decide)) {}

void faulting_file_system::set_plan(plan decide) {
  const std::lock_guard guard{mutex_};
  plan_ = std::move(decide);
}

fault faulting_file_system::decide(operation_kind kind, const std::string& path) {
  const std::lock_guard guard{mutex_};
  if (!powered_)
    return fault::power_off;
  operation what{kind, path, changes_something(kind) ? ++changes_ : 0};
  const auto answer = plan_ ? plan_(what) : fault::none;
  if (answer == fault::power_off)
    powered_ = false;
  return answer;
}

result<void> faulting_file_system::admit(operation_kind kind, const std::string& path) { return as_result(decide(kind, path), path); }

result<std::unique_ptr<storage::file>> faulting_file_system::open(const std::string& path, storage::open_mode mode) {
  using storage::open_mode;
  auto kind = operation_kind::open;
  if (mode == open_mode::create || mode == open_mode::create_new) {
    const auto there = below_.exists(path);
    if (there && !*there)
      kind = operation_kind::create;
  }
  CAFKA_TRY(admit(kind, path));
  CAFKA_TRY_ASSIGN(opened, below_.open(path, mode));
  return std::make_unique<open_file>(*this, std::move(opened), path);
}

result<storage::directory_entry> faulting_file_system::stat(const std::string& path) {
  CAFKA_TRY(admit(operation_kind::stat, path));
  return below_.stat(path);
}

result<std::vector<storage::directory_entry>> faulting_file_system::list(const std::string& directory) {
  CAFKA_TRY(admit(operation_kind::list, directory));
  return below_.list(directory);
}

result<void> faulting_file_system::create_directories(const std::string& path) {
  const auto there = below_.exists(path);
  CAFKA_TRY(admit(there && *there ? operation_kind::stat : operation_kind::make_directory, path));
  return below_.create_directories(path);
}

result<void> faulting_file_system::remove(const std::string& path) {
  CAFKA_TRY(admit(operation_kind::remove, path));
  return below_.remove(path);
}

result<void> faulting_file_system::remove_all(const std::string& path) {
  const auto entry = stat(path);
  if (!entry)
    return entry.error().code == errc::not_found ? result<void>{} : tl::unexpected<error>(entry.error());
  if (entry->is_directory) {
    CAFKA_TRY_ASSIGN(children, list(path));
    for (const auto& child : children)
      CAFKA_TRY(remove_all(path + '/' + child.name));
  }
  return remove(path);
}

result<void> faulting_file_system::rename(const std::string& from, const std::string& to) {
  CAFKA_TRY(admit(operation_kind::rename, from));
  return below_.rename(from, to);
}

result<void> faulting_file_system::sync_directory(const std::string& path) {
  CAFKA_TRY(admit(operation_kind::sync_directory, path));
  return below_.sync_directory(path);
}

result<std::unique_ptr<storage::directory_lock>> faulting_file_system::lock(const std::string& path) {
  CAFKA_TRY(admit(operation_kind::lock, path));
  return below_.lock(path);
}

result<std::uint64_t> faulting_file_system::available_bytes(const std::string& path) {
  CAFKA_TRY(admit(operation_kind::stat, path));
  return below_.available_bytes(path);
}

result<std::uint64_t> faulting_file_system::total_bytes(const std::string& path) {
  CAFKA_TRY(admit(operation_kind::stat, path));
  return below_.total_bytes(path);
}

faulting_file_system::plan power_off_at(std::uint64_t number) {
  return [number](const operation& what) { return what.number == number ? fault::power_off : fault::none; };
}

faulting_file_system::plan fail_at(std::uint64_t number, fault what) {
  return [number, what](const operation& op) { return op.number == number ? what : fault::none; };
}

} // namespace cafka::test
