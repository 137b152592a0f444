// What the parked acks of a partition are told in the end. The leader core decides when and how each is answered, and knows it by a token;
// here the token finds the reply. A slab, so that parking allocates nothing once warm and an idle partition holds nothing.
#pragma once
#include "actors/replies.hpp"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace cafka::actors {

struct parked_produce {
  net::produce_outcome outcome; // if all goes well
  produce_reply reply;
};

class parked_produces {
public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  // The token is never used for another entry.
  std::uint64_t add(parked_produce entry) {
    auto place = static_cast<std::uint32_t>(slots_.size());
    if (free_.empty()) {
      slots_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    auto& taken = slots_[place];
    taken.number = ++last_number_;
    taken.entry.emplace(std::move(entry));
    ++size_;
    return (static_cast<std::uint64_t>(taken.number) << 32) | place;
  }

  // nullopt if it was taken before.
  std::optional<parked_produce> take(std::uint64_t token) {
    const auto place = static_cast<std::uint32_t>(token);
    if (place >= slots_.size() || !slots_[place].entry || slots_[place].number != static_cast<std::uint32_t>(token >> 32))
      return std::nullopt;
    std::optional<parked_produce> taken{std::move(*slots_[place].entry)};
    slots_[place].entry.reset();
    free_.push_back(place);
    if (--size_ == 0 && slots_.capacity() > kept_when_empty)
      release_memory();
    return taken;
  }

  [[nodiscard]] std::vector<parked_produce> take_all() {
    std::vector<parked_produce> all;
    all.reserve(size_);
    for (auto& each : slots_)
      if (each.entry)
        all.push_back(std::move(*each.entry));
    size_ = 0;
    release_memory();
    return all;
  }

private:
  static constexpr std::size_t kept_when_empty = 64;
  struct slot {
    std::uint32_t number = 0;
    std::optional<parked_produce> entry;
  };
  void release_memory() {
    std::vector<slot>{}.swap(slots_);
    std::vector<std::uint32_t>{}.swap(free_);
  }

  std::vector<slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
  std::uint32_t last_number_ = 0;
};

} // namespace cafka::actors
