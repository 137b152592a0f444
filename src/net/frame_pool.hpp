// Where the bytes of requests live: buffers in size classes, reused, counted against one budget per node (queued.max.request.bytes).
// A frame's buffer grows as its bytes arrive, so an announced size costs nothing until the bytes are there. Past the budget no new frame begins and
// readers wait; one frame at a time may still grow beyond it (the overdraft), so that frames half received cannot block each other for ever.
// Thread-safe: one pool per node.
#pragma once
#include "net/service.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace cafka::net {

class frame_pool;

// A buffer out of the pool. Owned by one connection while it fills; from then on shared, and read-only but for produce_task::batch.
class frame_buffer final : public frame {
public:
  frame_buffer(std::shared_ptr<frame_pool> pool, std::byte* memory, std::size_t capacity) noexcept;
  ~frame_buffer() override;
  frame_buffer(const frame_buffer&) = delete;
  frame_buffer& operator=(const frame_buffer&) = delete;

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  // All of the memory, whatever bytes() says.
  [[nodiscard]] mutable_byte_span memory() noexcept { return {memory_, capacity_}; }
  // bytes() is the first `size` of memory(). size ≤ capacity().
  void set_size(std::size_t size) noexcept { bytes_ = {memory_, size}; }

private:
  friend class frame_pool;
  std::shared_ptr<frame_pool> pool_;
  std::byte* memory_;
  std::size_t capacity_;
};

// Memory that belongs to a request but is not a frame (a parked fetch), counted in the same budget.
class budget_charge {
public:
  budget_charge() = default;
  budget_charge(std::shared_ptr<frame_pool> pool, std::size_t bytes);
  ~budget_charge();
  budget_charge(budget_charge&& other) noexcept;
  budget_charge& operator=(budget_charge&& other) noexcept;

private:
  std::shared_ptr<frame_pool> pool_;
  std::size_t bytes_ = 0;
};

// Someone who could not get memory and wants to try again.
class budget_waiter {
public:
  virtual ~budget_waiter() = default;
  // From any thread, once per wait_for_budget. The waiter tries again and then calls frame_pool::wake_waiters, so that the next one gets its turn.
  virtual void budget_available() = 0;
};

class frame_pool : public std::enable_shared_from_this<frame_pool> {
public:
  struct options {
    std::size_t budget_bytes = 256 << 20;
    std::size_t cached_bytes = 16 << 20; // unused buffers kept for the next frames
  };
  static std::shared_ptr<frame_pool> make(const options& with);
  ~frame_pool();
  frame_pool(const frame_pool&) = delete;
  frame_pool& operator=(const frame_pool&) = delete;

  // At least `capacity` bytes; null past the budget (unless nothing else is in use).
  std::shared_ptr<frame_buffer> try_allocate(std::size_t capacity);
  // Gives `buffer` at least `capacity`, keeping its first `used` bytes. False past the budget, when another frame has the overdraft.
  bool try_grow(frame_buffer& buffer, std::size_t capacity, std::size_t used);

  // After a refusal. `bytes`: by how much the waiter's memory is to grow; `growing`: a frame's rest, for which a free overdraft will do.
  void wait_for_budget(std::weak_ptr<budget_waiter> waiter, std::size_t bytes, bool growing);
  // Lets some waiters try, if there is room.
  void wake_waiters();

  // Most of the budget is used up: a time to read little ahead, and not to let requests wait for what may come.
  [[nodiscard]] bool is_tight() const noexcept { return used_bytes() > options_.budget_bytes / 4 * 3; }
  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t cached_bytes() const noexcept { return cached_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t budget_bytes() const noexcept { return options_.budget_bytes; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

private:
  friend class frame_buffer;
  friend class budget_charge;
  struct size_class {
    std::mutex mutex;
    std::vector<std::byte*> unused;
  };
  // A little over the powers of two: a batch of 64 KiB comes with a header. Larger frames are allocated as they are.
  static constexpr std::array<std::size_t, 9> class_sizes{
      512, 2048, 8192, 32768, (64 << 10) + 4096, (256 << 10) + 4096, (1 << 20) + 16384, (2 << 20) + 16384, (4 << 20) + 16384};
  struct waiting_entry {
    std::weak_ptr<budget_waiter> waiter;
    std::size_t bytes;
    bool growing;
  };

  explicit frame_pool(const options& with) : options_(with) {}
  static std::size_t rounded(std::size_t capacity) noexcept;
  static std::size_t class_of(std::size_t rounded_capacity) noexcept;
  bool reserve(std::size_t bytes) noexcept;
  void add_used(std::size_t bytes) noexcept { used_bytes_.fetch_add(bytes); }
  void give_back(std::size_t bytes) noexcept;
  std::byte* take_memory(std::size_t rounded_capacity);
  void return_memory(std::byte* memory, std::size_t capacity) noexcept;

  const options options_;
  std::atomic<std::size_t> used_bytes_{0};
  std::atomic<std::size_t> cached_bytes_{0};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<const frame_buffer*> overdraft_{nullptr};
  std::array<size_class, class_sizes.size()> classes_;
  std::mutex waiters_mutex_;
  std::deque<waiting_entry> waiters_;
};

} // namespace cafka::net
