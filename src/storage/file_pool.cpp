#include "storage/file_pool.hpp"

#include <algorithm>
#include <utility>

namespace cafka::storage {

namespace {
// Entries looked at by one eviction. Held ones that it meets move to the front, so a pool full of held handles costs a
// bounded step per open instead of a walk over all of them.
constexpr std::size_t eviction_steps = 16;
} // namespace

file_pool::file_pool(file_system& files, std::size_t capacity) : files_(files), capacity_(capacity ? capacity : 1) {}

result<file_handle> file_pool::acquire(const std::string& path) { return open(path, open_mode::append); }

result<file_handle> file_pool::create(const std::string& path) { return open(path, open_mode::create); }

result<file_handle> file_pool::open(const std::string& path, open_mode mode) {
  {
    const std::lock_guard guard{mutex_};
    if (auto found = by_path_.find(path); found != by_path_.end()) {
      recent_first_.splice(recent_first_.begin(), recent_first_, found->second);
      return found->second->handle;
    }
  }
  // Outside the mutex: a slow disk delays only who asks for a file on it.
  auto opened = files_.open(path, mode);
  if (!opened && opened.error().code == errc::too_many_files) {
    close_idle();
    opened = files_.open(path, mode);
  }
  if (!opened)
    return tl::unexpected<error>(std::move(opened.error()));
  const std::lock_guard guard{mutex_};
  if (auto found = by_path_.find(path); found != by_path_.end())
    return found->second->handle; // someone else was quicker; one handle per file, so that a sync covers every append
  recent_first_.push_front({path, file_handle{std::move(*opened)}});
  by_path_.emplace(path, recent_first_.begin());
  auto handle = recent_first_.front().handle;
  evict_idle();
  return handle;
}

void file_pool::evict_idle() {
  for (std::size_t step = 0; step < eviction_steps && recent_first_.size() > capacity_; ++step) {
    auto oldest = std::prev(recent_first_.end());
    if (oldest->handle.use_count() > 1) {
      recent_first_.splice(recent_first_.begin(), recent_first_, oldest);
    } else {
      by_path_.erase(oldest->path);
      recent_first_.erase(oldest);
    }
  }
}

void file_pool::close_idle() {
  const std::lock_guard guard{mutex_};
  for (auto at = recent_first_.begin(); at != recent_first_.end();) {
    if (at->handle.use_count() > 1) {
      ++at;
    } else {
      by_path_.erase(at->path);
      at = recent_first_.erase(at);
    }
  }
}

void file_pool::forget(const std::string& path) {
  const std::lock_guard guard{mutex_};
  if (!exposed_.empty() && exposed_.erase(path) == 0)
    std::erase_if(exposed_, [below = path + '/'](const auto& e) { return e.first.starts_with(below); });
  if (auto found = by_path_.find(path); found != by_path_.end()) { // a file: nothing is below it
    recent_first_.erase(found->second);
    by_path_.erase(found);
    return;
  }
  const auto below = path + '/';
  for (auto at = recent_first_.begin(); at != recent_first_.end();) {
    if (at->path.starts_with(below)) {
      by_path_.erase(at->path);
      at = recent_first_.erase(at);
    } else {
      ++at;
    }
  }
}

void file_pool::remember_exposed(const std::string& path, std::uint64_t position) {
  const std::lock_guard guard{mutex_};
  auto& known = exposed_[path];
  known = std::max(known, position);
}

std::uint64_t file_pool::exposed(const std::string& path) const {
  const std::lock_guard guard{mutex_};
  const auto found = exposed_.find(path);
  return found == exposed_.end() ? 0 : found->second;
}

std::size_t file_pool::open_count() const {
  const std::lock_guard guard{mutex_};
  return recent_first_.size();
}

} // namespace cafka::storage
