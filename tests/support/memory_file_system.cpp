#include "memory_file_system.hpp"

#include <algorithm>

namespace cafka::test {

using storage::directory_entry;
using storage::open_mode;

namespace {
constexpr std::size_t sector_size = 512;

struct file_change {
  bool is_truncate = false;
  std::uint64_t size_bytes = 0; // of a truncate
  byte_vector appended;
};

// Takes the first part off `path`; empty at the end.
std::string_view take_part(std::string_view& path) {
  for (;;) {
    const auto begin = std::min(path.find_first_not_of('/'), path.size());
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    path.remove_prefix(end);
    if (part != ".")
      return part;
  }
}

// As in a canonical path: "//a/./b/" is "/a/b", and the root is empty.
std::string normal(std::string_view path) {
  std::string text;
  for (auto part = take_part(path); !part.empty(); part = take_part(path))
    text.append("/").append(part);
  return text;
}

auto missing(const std::string& path) { return fail(errc::not_found, path + ": no such file or directory"); }
auto powerless(const std::string& what) { return fail(errc::io_error, what + ": the power was lost"); }
} // namespace

struct memory_file_system::node {
  bool is_directory = false;
  // A directory: what programs see, and what a crash leaves.
  entry_map entries, durable_entries;
  // A file: the same, and the steps from the second to the first.
  byte_vector bytes, durable_bytes;
  std::vector<file_change> unsynced;
};

// One step of the name space: erases `from`'s entry if it still names `target`, and then makes `to`'s name it.
struct memory_file_system::entry_change {
  place from, to; // parent null: not that half
  node_pointer target;

  [[nodiscard]] const node* directory() const { return to.parent ? to.parent.get() : from.parent.get(); }
  void apply(entry_map node::*entries) const {
    if (from.parent) {
      auto& names = from.parent.get()->*entries;
      if (auto found = names.find(from.name); found != names.end() && found->second == target)
        names.erase(found);
    }
    if (to.parent)
      (to.parent.get()->*entries)[to.name] = target;
  }
};

class memory_file_system::open_file final : public storage::file {
public:
  open_file(memory_file_system& owner, node_pointer target, std::string path, bool writable)
      : owner_(owner), node_(std::move(target)), path_(std::move(path)), writable_(writable), boot_(owner.boots_) {}

  result<std::size_t> read_at(std::uint64_t position, mutable_byte_span into) const override {
    const std::lock_guard guard{owner_.mutex_};
    if (boot_ != owner_.boots_)
      return powerless("read " + path_);
    const auto& bytes = node_->bytes;
    if (position >= bytes.size())
      return 0;
    const auto count = std::min<std::size_t>(into.size(), bytes.size() - position);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(position), count, into.begin());
    return count;
  }

  result<void> append(std::span<const byte_span> parts) override {
    const std::lock_guard guard{owner_.mutex_};
    if (boot_ != owner_.boots_)
      return powerless("append " + path_);
    if (!writable_)
      return fail(errc::io_error, "append " + path_ + ": opened for reading");
    file_change change;
    auto room = owner_.capacity_ - std::min(owner_.capacity_, owner_.used_bytes_);
    bool full = false;
    for (auto part : parts) {
      const auto count = std::min<std::uint64_t>(part.size(), room);
      full = full || count < part.size();
      change.appended.insert(change.appended.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
      room -= count;
    }
    owner_.used_bytes_ += change.appended.size();
    node_->bytes.insert(node_->bytes.end(), change.appended.begin(), change.appended.end());
    if (!change.appended.empty())
      node_->unsynced.push_back(std::move(change));
    if (full)
      return fail(errc::no_space, "append " + path_ + ": the disk is full");
    return {};
  }

  result<void> truncate(std::uint64_t size_bytes) override {
    const std::lock_guard guard{owner_.mutex_};
    if (boot_ != owner_.boots_)
      return powerless("truncate " + path_);
    if (!writable_ || size_bytes > node_->bytes.size())
      return fail(errc::io_error, "truncate " + path_ + " to " + std::to_string(size_bytes));
    if (size_bytes == node_->bytes.size())
      return {};
    owner_.used_bytes_ -= node_->bytes.size() - size_bytes;
    node_->bytes.resize(size_bytes);
    node_->unsynced.push_back({.is_truncate = true, .size_bytes = size_bytes, .appended = {}});
    return {};
  }

  result<void> sync() override {
    const std::lock_guard guard{owner_.mutex_};
    if (boot_ != owner_.boots_)
      return powerless("sync " + path_);
    for (const auto& change : node_->unsynced) {
      auto& durable = node_->durable_bytes;
      if (change.is_truncate)
        durable.resize(change.size_bytes);
      else
        durable.insert(durable.end(), change.appended.begin(), change.appended.end());
    }
    node_->unsynced.clear();
    if (owner_.model_ == crash_model::ordered)
      owner_.commit_all_entries();
    return {};
  }

  result<std::uint64_t> size() const override {
    const std::lock_guard guard{owner_.mutex_};
    if (boot_ != owner_.boots_)
      return powerless("size " + path_);
    return node_->bytes.size();
  }

  int native_handle() const noexcept override { return -1; }

private:
  memory_file_system& owner_;
  node_pointer node_;
  std::string path_;
  bool writable_;
  std::uint64_t boot_;
};

class memory_file_system::held_lock final : public storage::directory_lock {
public:
  held_lock(memory_file_system& owner, std::string path) : owner_(owner), path_(std::move(path)), boot_(owner.boots_) {}
  ~held_lock() override {
    const std::lock_guard guard{owner_.mutex_};
    if (boot_ == owner_.boots_)
      owner_.locked_.erase(path_);
  }
  held_lock(const held_lock&) = delete;
  held_lock& operator=(const held_lock&) = delete;

private:
  memory_file_system& owner_;
  std::string path_;
  std::uint64_t boot_;
};

memory_file_system::memory_file_system(crash_model model) : model_(model), root_(std::make_shared<node>()) { root_->is_directory = true; }

memory_file_system::~memory_file_system() = default;

memory_file_system::node_pointer memory_file_system::find(std::string_view path) const {
  auto here = root_;
  for (auto part = take_part(path); !part.empty(); part = take_part(path)) {
    auto found = here->entries.find(part); // a file has none
    if (found == here->entries.end())
      return nullptr;
    here = found->second;
  }
  return here;
}

std::optional<memory_file_system::place> memory_file_system::find_place(std::string_view path) const {
  const auto whole = normal(path);
  if (whole.empty())
    return std::nullopt;
  const auto slash = whole.rfind('/');
  auto directory = find(std::string_view{whole}.substr(0, slash));
  if (!directory || !directory->is_directory)
    return std::nullopt;
  return place{std::move(directory), whole.substr(slash + 1)};
}

void memory_file_system::change_entry(entry_change change) {
  change.apply(&node::entries);
  pending_.push_back(std::move(change));
}

void memory_file_system::commit_all_entries() {
  for (const auto& change : pending_)
    change.apply(&node::durable_entries);
  pending_.clear();
}

result<std::unique_ptr<storage::file>> memory_file_system::open(const std::string& path, open_mode mode) {
  const std::lock_guard guard{mutex_};
  auto target = find(path);
  if (target && target->is_directory)
    return fail(errc::io_error, "open " + path + ": is a directory");
  if (target && mode == open_mode::create_new)
    return fail(errc::bad_format, "open " + path + ": it exists");
  if (!target) {
    auto where = find_place(path);
    if (!where || mode == open_mode::read || mode == open_mode::append)
      return missing(path);
    target = std::make_shared<node>();
    change_entry({.from = {}, .to = std::move(*where), .target = target});
  }
  return std::make_unique<open_file>(*this, std::move(target), path, mode != open_mode::read);
}

result<directory_entry> memory_file_system::stat(const std::string& path) {
  const std::lock_guard guard{mutex_};
  auto target = find(path);
  if (!target)
    return missing(path);
  const auto whole = normal(path);
  return directory_entry{whole.substr(whole.rfind('/') + 1), target->is_directory, target->bytes.size()};
}

result<std::vector<directory_entry>> memory_file_system::list(const std::string& directory) {
  const std::lock_guard guard{mutex_};
  auto target = find(directory);
  if (!target)
    return missing(directory);
  if (!target->is_directory)
    return fail(errc::io_error, "list " + directory + ": not a directory");
  std::vector<directory_entry> entries;
  for (const auto& [name, child] : target->entries)
    entries.push_back({name, child->is_directory, child->bytes.size()});
  return entries;
}

result<void> memory_file_system::create_directories(const std::string& path) {
  const std::lock_guard guard{mutex_};
  if (!make_directories(path))
    return fail(errc::io_error, "mkdir " + path + ": a file is in the way");
  return {};
}

memory_file_system::node_pointer memory_file_system::make_directories(std::string_view path) {
  auto here = root_;
  for (auto part = take_part(path); !part.empty(); part = take_part(path)) {
    if (!here->is_directory)
      return nullptr;
    auto found = here->entries.find(part);
    if (found == here->entries.end()) {
      auto made = std::make_shared<node>();
      made->is_directory = true;
      change_entry({.from = {}, .to = {here, std::string{part}}, .target = made});
      here = std::move(made);
    } else {
      here = found->second;
    }
  }
  return here->is_directory ? here : nullptr;
}

namespace {
std::uint64_t size_below(const memory_file_system::node& at) {
  auto sum = static_cast<std::uint64_t>(at.bytes.size());
  for (const auto& [name, child] : at.entries)
    sum += size_below(*child);
  return sum;
}
} // namespace

result<void> memory_file_system::remove(const std::string& path) {
  const std::lock_guard guard{mutex_};
  auto target = find(path);
  if (!target)
    return {};
  auto where = find_place(path);
  if (!where || (target->is_directory && !target->entries.empty()))
    return fail(errc::io_error, "remove " + path + ": directory not empty");
  used_bytes_ -= target->bytes.size();
  change_entry({.from = std::move(*where), .to = {}, .target = target});
  return {};
}

result<void> memory_file_system::remove_all(const std::string& path) {
  {
    const std::lock_guard guard{mutex_};
    auto target = find(path);
    if (!target)
      return {};
    if (!target->is_directory) {
      used_bytes_ -= target->bytes.size();
      change_entry({.from = *find_place(path), .to = {}, .target = target});
      return {};
    }
  }
  // Entry by entry, as the real one does: a crash can leave half of it.
  CAFKA_TRY_ASSIGN(children, list(path));
  for (const auto& child : children)
    CAFKA_TRY(remove_all(path + '/' + child.name));
  return remove(path);
}

result<void> memory_file_system::rename(const std::string& from, const std::string& to) {
  const std::lock_guard guard{mutex_};
  auto target = find(from);
  auto source = find_place(from);
  auto destination = find_place(to);
  if (!target || !source || !destination)
    return missing(target ? to : from);
  if (auto replaced = find(to)) {
    if (replaced == target)
      return {};
    if (replaced->is_directory != target->is_directory || !replaced->entries.empty())
      return fail(errc::io_error, "rename " + from + " to " + to + ": the target cannot be replaced");
    used_bytes_ -= replaced->bytes.size();
  }
  change_entry({.from = std::move(*source), .to = std::move(*destination), .target = std::move(target)});
  return {};
}

result<void> memory_file_system::sync_directory(const std::string& path) {
  const std::lock_guard guard{mutex_};
  auto target = find(path);
  if (!target || !target->is_directory)
    return missing(path);
  if (model_ == crash_model::ordered) {
    commit_all_entries();
    return {};
  }
  std::vector<entry_change> later;
  for (auto& change : pending_) {
    if (change.directory() == target.get())
      change.apply(&node::durable_entries);
    else
      later.push_back(std::move(change));
  }
  pending_ = std::move(later);
  return {};
}

result<std::unique_ptr<storage::directory_lock>> memory_file_system::lock(const std::string& path) {
  {
    const std::lock_guard guard{mutex_};
    if (!find(path)) {
      auto where = find_place(path);
      if (!where)
        return missing(path);
      change_entry({.from = {}, .to = std::move(*where), .target = std::make_shared<node>()});
    }
    if (!locked_.insert(normal(path)).second)
      return fail(errc::already_locked, path + " is in use by this process");
  }
  return std::make_unique<held_lock>(*this, normal(path));
}

result<std::uint64_t> memory_file_system::available_bytes(const std::string& path) {
  const std::lock_guard guard{mutex_};
  if (!find(path))
    return missing(path);
  return capacity_ - std::min(capacity_, used_bytes_);
}

result<std::uint64_t> memory_file_system::total_bytes(const std::string& path) {
  const std::lock_guard guard{mutex_};
  if (!find(path))
    return missing(path);
  return capacity_;
}

namespace {
// Content after a power loss. Ordered: a prefix of the changes. Reordered: the same, and then sectors that the changes could have touched are
// swapped for what else the disk may hold there.
byte_vector surviving_bytes(const memory_file_system::node& from, crash_model model, prng& chance);
} // namespace

memory_file_system::node_pointer memory_file_system::copy_of(const node_pointer& from, std::map<const node*, node_pointer>& done) {
  auto& made = done[from.get()];
  if (made)
    return made;
  made = std::make_shared<node>();
  auto twin = made;
  twin->is_directory = from->is_directory;
  twin->bytes = twin->durable_bytes = from->bytes;
  for (const auto& [name, child] : from->entries)
    twin->entries[name] = copy_of(child, done);
  twin->durable_entries = twin->entries;
  return twin;
}

memory_file_system::node_pointer memory_file_system::surviving(const node_pointer& from, prng& chance,
                                                               std::map<const node*, node_pointer>& done) const {
  auto& made = done[from.get()];
  if (made)
    return made;
  made = std::make_shared<node>();
  auto twin = made;
  twin->is_directory = from->is_directory;
  if (from->is_directory) {
    // durable_entries were already extended by the changes that this crash lets through
    for (const auto& [name, child] : from->durable_entries)
      twin->entries[name] = surviving(child, chance, done);
    twin->durable_entries = twin->entries;
  } else {
    twin->bytes = surviving_bytes(*from, model_, chance);
    twin->durable_bytes = twin->bytes;
  }
  return twin;
}

std::unique_ptr<memory_file_system> memory_file_system::crashed_copy(prng& chance) const {
  const std::lock_guard guard{mutex_};
  // The changes that get through are applied to the durable entries, which are put back afterwards.
  std::map<node*, entry_map> before;
  auto remember = [&](const place& where) {
    if (where.parent)
      before.try_emplace(where.parent.get(), where.parent->durable_entries);
  };
  const auto kept = chance.below(pending_.size() + 1);
  const auto taste = chance.below(4); // of a reordered crash: nothing, everything, or each by itself
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const bool survives = model_ == crash_model::ordered ? i < kept : taste == 1 || (taste > 1 && chance.chance(1, 2));
    if (!survives)
      continue;
    remember(pending_[i].from);
    remember(pending_[i].to);
    pending_[i].apply(&node::durable_entries);
  }
  std::map<const node*, node_pointer> done;
  auto after = std::make_unique<memory_file_system>(model_);
  after->root_ = surviving(root_, chance, done);
  after->used_bytes_ = size_below(*after->root_);
  after->capacity_ = capacity_;
  for (auto& [directory, entries] : before)
    directory->durable_entries = std::move(entries);
  return after;
}

std::unique_ptr<memory_file_system> memory_file_system::copy() const {
  const std::lock_guard guard{mutex_};
  auto after = std::make_unique<memory_file_system>(model_);
  std::map<const node*, node_pointer> done;
  after->root_ = copy_of(root_, done);
  after->used_bytes_ = size_below(*after->root_);
  after->capacity_ = capacity_;
  return after;
}

void memory_file_system::crash(prng& chance) {
  auto after = crashed_copy(chance);
  const std::lock_guard guard{mutex_};
  root_ = std::move(after->root_);
  used_bytes_ = after->used_bytes_;
  pending_.clear();
  locked_.clear();
  ++boots_;
}

void memory_file_system::set_capacity(std::uint64_t bytes) {
  const std::lock_guard guard{mutex_};
  capacity_ = bytes;
}

std::optional<byte_vector> memory_file_system::content(const std::string& path) const {
  const std::lock_guard guard{mutex_};
  auto target = find(path);
  if (!target || target->is_directory)
    return std::nullopt;
  return target->bytes;
}

void memory_file_system::write(const std::string& path, byte_span bytes) {
  const std::lock_guard guard{mutex_};
  const auto slash = path.rfind('/');
  auto directory = make_directories(slash == std::string::npos ? "" : path.substr(0, slash));
  auto target = find(path);
  if (!target) {
    target = std::make_shared<node>();
    change_entry({.from = {}, .to = {directory, path.substr(slash + 1)}, .target = target});
  }
  commit_all_entries();
  used_bytes_ += bytes.size();
  used_bytes_ -= target->bytes.size();
  target->bytes.assign(bytes.begin(), bytes.end());
  target->durable_bytes = target->bytes;
  target->unsynced.clear();
}

void memory_file_system::flip(const std::string& path, std::uint64_t position, std::byte mask) {
  const std::lock_guard guard{mutex_};
  auto target = find(path);
  if (!target || position >= target->bytes.size())
    return;
  target->bytes[position] ^= mask;
  if (position < target->durable_bytes.size())
    target->durable_bytes[position] = target->bytes[position];
}

namespace {
byte_vector prefix_of_changes(const byte_vector& durable, const std::vector<file_change>& changes, prng& chance) {
  auto bytes = durable;
  const auto whole = chance.below(changes.size() + 1);
  for (std::size_t i = 0; i < whole; ++i) {
    if (changes[i].is_truncate)
      bytes.resize(changes[i].size_bytes);
    else
      bytes.insert(bytes.end(), changes[i].appended.begin(), changes[i].appended.end());
  }
  if (whole == changes.size() || changes[whole].is_truncate)
    return bytes;
  const auto& last = changes[whole].appended;
  auto end = bytes.size() + chance.below(last.size() + 1);
  if (chance.chance(1, 2)) // a whole sector of the file
    end = std::max(bytes.size(), end / sector_size * sector_size);
  bytes.insert(bytes.end(), last.begin(), last.begin() + static_cast<std::ptrdiff_t>(end - bytes.size()));
  return bytes;
}

byte_vector surviving_bytes(const memory_file_system::node& from, crash_model model, prng& chance) {
  auto bytes = prefix_of_changes(from.durable_bytes, from.unsynced, chance);
  if (model == crash_model::ordered || from.unsynced.empty())
    return bytes;
  std::size_t untouched = from.durable_bytes.size();
  for (const auto& change : from.unsynced)
    if (change.is_truncate)
      untouched = std::min<std::size_t>(untouched, change.size_bytes);
  if (chance.chance(1, 2))
    return bytes;
  for (auto begin = untouched; begin < bytes.size();) {
    const auto end = std::min(bytes.size(), (begin / sector_size + 1) * sector_size);
    const auto fate = chance.below(8);
    for (auto i = begin; i < end; ++i) {
      if (fate == 0)
        bytes[i] = std::byte{0};
      else if (fate == 1)
        bytes[i] = static_cast<std::byte>(chance.below(256));
      else if (fate == 2)
        bytes[i] = i < from.durable_bytes.size() ? from.durable_bytes[i] : std::byte{0};
    }
    begin = end;
  }
  return bytes;
}
} // namespace

} // namespace cafka::test
