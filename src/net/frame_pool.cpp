#include "net/frame_pool.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace cafka::net {

namespace {
// So many waiters try at once: enough to use the room that was made, few enough not to stampede.
constexpr std::size_t woken_at_once = 16;
constexpr std::size_t large_step = 64 << 10;
} // namespace

frame_buffer::frame_buffer(std::shared_ptr<frame_pool> pool, std::byte* memory, std::size_t capacity) noexcept
    : pool_(std::move(pool)), memory_(memory), capacity_(capacity) {
  set_size(0);
}

frame_buffer::~frame_buffer() {
  const frame_buffer* self = this;
  pool_->overdraft_.compare_exchange_strong(self, nullptr);
  pool_->return_memory(memory_, capacity_);
  pool_->give_back(capacity_);
}

budget_charge::budget_charge(std::shared_ptr<frame_pool> pool, std::size_t bytes) : pool_(std::move(pool)), bytes_(bytes) {
  pool_->add_used(bytes_);
}

budget_charge::~budget_charge() {
  if (pool_)
    pool_->give_back(bytes_);
}

budget_charge::budget_charge(budget_charge&& other) noexcept : pool_(std::move(other.pool_)), bytes_(std::exchange(other.bytes_, 0)) {}

budget_charge& budget_charge::operator=(budget_charge&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

std::shared_ptr<frame_pool> frame_pool::make(const options& with) { return std::shared_ptr<frame_pool>(new frame_pool(with)); }

frame_pool::~frame_pool() {
  for (auto& each : classes_)
    for (auto* memory : each.unused)
      std::free(memory);
}

std::size_t frame_pool::rounded(std::size_t capacity) noexcept {
  for (auto size : class_sizes)
    if (capacity <= size)
      return size;
  return (capacity + large_step - 1) / large_step * large_step;
}

std::size_t frame_pool::class_of(std::size_t rounded_capacity) noexcept {
  auto found = std::find(class_sizes.begin(), class_sizes.end(), rounded_capacity);
  return static_cast<std::size_t>(found - class_sizes.begin());
}

bool frame_pool::reserve(std::size_t bytes) noexcept {
  auto used = used_bytes_.load(std::memory_order_relaxed);
  do {
    if (used != 0 && used + bytes > options_.budget_bytes)
      return false;
  } while (!used_bytes_.compare_exchange_weak(used, used + bytes));
  return true;
}

std::byte* frame_pool::take_memory(std::size_t rounded_capacity) {
  if (auto index = class_of(rounded_capacity); index < classes_.size()) {
    std::lock_guard lock(classes_[index].mutex);
    auto& unused = classes_[index].unused;
    if (!unused.empty()) {
      auto* memory = unused.back();
      unused.pop_back();
      cached_bytes_.fetch_sub(rounded_capacity, std::memory_order_relaxed);
      return memory;
    }
  }
  auto* memory = static_cast<std::byte*>(std::malloc(rounded_capacity));
  if (memory == nullptr)
    throw std::bad_alloc();
  return memory;
}

void frame_pool::return_memory(std::byte* memory, std::size_t capacity) noexcept {
  auto index = class_of(capacity);
  if (index < classes_.size() && cached_bytes_.fetch_add(capacity, std::memory_order_relaxed) + capacity <= options_.cached_bytes) {
    try {
      std::lock_guard lock(classes_[index].mutex);
      classes_[index].unused.push_back(memory);
      return;
    } catch (const std::bad_alloc&) { // then it is not kept
    }
  }
  if (index < classes_.size())
    cached_bytes_.fetch_sub(capacity, std::memory_order_relaxed);
  std::free(memory);
}

void frame_pool::give_back(std::size_t bytes) noexcept {
  used_bytes_.fetch_sub(bytes);
  if (waiting_.load() != 0)
    wake_waiters();
}

std::shared_ptr<frame_buffer> frame_pool::try_allocate(std::size_t capacity) {
  const auto size = rounded(capacity);
  if (!reserve(size))
    return nullptr;
  return std::make_shared<frame_buffer>(shared_from_this(), take_memory(size), size);
}

bool frame_pool::try_grow(frame_buffer& buffer, std::size_t capacity, std::size_t used) {
  const auto size = rounded(capacity);
  if (size <= buffer.capacity_)
    return true;
  if (!reserve(size - buffer.capacity_)) {
    const frame_buffer* holder = nullptr;
    if (!overdraft_.compare_exchange_strong(holder, &buffer) && holder != &buffer)
      return false;
    add_used(size - buffer.capacity_);
  }
  auto* memory = take_memory(size);
  std::memcpy(memory, buffer.memory_, used);
  return_memory(buffer.memory_, buffer.capacity_);
  buffer.memory_ = memory;
  buffer.capacity_ = size;
  buffer.set_size(0);
  return true;
}

void frame_pool::wait_for_budget(std::weak_ptr<budget_waiter> waiter, std::size_t bytes, bool growing) {
  {
    std::lock_guard lock(waiters_mutex_);
    waiters_.push_back({std::move(waiter), rounded(bytes), growing});
    waiting_.store(waiters_.size());
  }
  wake_waiters(); // room may have been made between the refusal and now
}

void frame_pool::wake_waiters() {
  std::vector<std::shared_ptr<budget_waiter>> woken;
  {
    std::lock_guard lock(waiters_mutex_);
    auto used = used_bytes_.load(); // with what the woken ones are going to take
    bool overdraft_is_free = overdraft_.load() == nullptr;
    while (!waiters_.empty() && woken.size() < woken_at_once) {
      auto& [waiter, bytes, growing] = waiters_.front();
      if (auto alive = waiter.lock()) {
        if (used == 0 || used + bytes <= options_.budget_bytes)
          used += bytes;
        else if (growing && overdraft_is_free)
          overdraft_is_free = false;
        else
          break;
        woken.push_back(std::move(alive));
      }
      waiters_.pop_front();
    }
    waiting_.store(waiters_.size());
  }
  for (auto& waiter : woken)
    waiter->budget_available();
}

} // namespace cafka::net
