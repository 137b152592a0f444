// The entries of one index file: those on disk, and a tail in memory that is not written yet. Kafka's fixed-size big-endian entries.
// The tail is bounded: it is spilled to the file as it grows, and wholly when the segment is sealed or closed. Index files are derived
// from the .log and rebuilt from it whenever they are missing or wrong, so nothing here needs to survive a crash.
#pragma once
#include "storage/file_pool.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace cafka::storage {

// Entry: a value type with `static constexpr size_t size_bytes`, `void store(std::byte*) const` and `static Entry load(const std::byte*)`.
template <class Entry>
class index_entries {
public:
  // Entries that were found in a file of this size; what is after the last whole one is ignored.
  void assume_stored(std::uint64_t file_bytes) noexcept { stored_ = static_cast<std::uint32_t>(file_bytes / Entry::size_bytes); }
  [[nodiscard]] std::uint32_t size() const noexcept { return stored_ + static_cast<std::uint32_t>(tail_.size()); }
  [[nodiscard]] std::uint32_t stored() const noexcept { return stored_; }
  [[nodiscard]] const std::vector<Entry>& tail() const noexcept { return tail_; }
  void clear() noexcept {
    stored_ = 0;
    tail_ = {};
  }

  void push(const Entry& entry) { tail_.push_back(entry); }

  // The `at`-th entry, < size(). corrupt_message if the file is shorter than it was.
  result<Entry> get(file_pool& pool, const std::string& path, std::uint32_t at) const {
    if (at >= stored_)
      return tail_[at - stored_];
    CAFKA_TRY_ASSIGN(source, open_stored(pool, path));
    return read(*source, path, at);
  }
  result<std::optional<Entry>> back(file_pool& pool, const std::string& path) const {
    if (size() == 0)
      return std::optional<Entry>{};
    CAFKA_TRY_ASSIGN(entry, get(pool, path, size() - 1));
    return std::optional{entry};
  }

  // The last entry for which `holds`, which is true for a prefix of the entries.
  template <class Predicate>
  result<std::optional<Entry>> last_where(file_pool& pool, const std::string& path, Predicate holds) const {
    CAFKA_TRY_ASSIGN(count, count_where(pool, path, holds));
    if (count == 0)
      return std::optional<Entry>{};
    CAFKA_TRY_ASSIGN(entry, get(pool, path, count - 1));
    return std::optional{entry};
  }

  // How many entries the prefix has.
  template <class Predicate>
  result<std::uint32_t> count_where(file_pool& pool, const std::string& path, Predicate holds) const {
    if (stored_ == 0 || (!tail_.empty() && holds(tail_.front())))
      return stored_ + static_cast<std::uint32_t>(std::partition_point(tail_.begin(), tail_.end(), holds) - tail_.begin());
    CAFKA_TRY_ASSIGN(source, open_stored(pool, path));
    std::uint32_t low = 0;
    std::uint32_t high = stored_;
    while (high - low > block_entries) {
      const auto middle = low + (high - low) / 2;
      CAFKA_TRY_ASSIGN(entry, read(*source, path, middle));
      if (holds(entry))
        low = middle + 1;
      else
        high = middle;
    }
    std::array<std::byte, block_entries * Entry::size_bytes> block;
    const auto wanted = (high - low) * Entry::size_bytes;
    CAFKA_TRY_ASSIGN(count, source->read_at(std::uint64_t{low} * Entry::size_bytes, mutable_byte_span{block.data(), wanted}));
    if (count < wanted)
      return shorter(path);
    for (std::uint32_t i = 0; i < high - low; ++i)
      if (!holds(Entry::load(block.data() + i * Entry::size_bytes)))
        return low + i;
    return high;
  }

  // Keeps the first `count` entries. The file is cut when it is next written.
  void keep_first(std::uint32_t count) {
    if (count >= stored_) {
      tail_.resize(count - stored_);
    } else {
      stored_ = count;
      tail_ = {};
    }
  }

  // Writes the tail; the file has exactly size() entries afterwards. On an error the entries are where they were.
  result<file_handle> spill(file_pool& pool, const std::string& path) {
    CAFKA_TRY_ASSIGN(target, pool.create(path));
    const auto known = std::uint64_t{stored_} * Entry::size_bytes;
    CAFKA_TRY_ASSIGN(found, target->size());
    if (found < known)
      return shorter(path);
    if (found > known)
      CAFKA_TRY(target->truncate(known));
    if (!tail_.empty()) {
      byte_vector bytes(tail_.size() * Entry::size_bytes);
      for (std::size_t i = 0; i < tail_.size(); ++i)
        tail_[i].store(bytes.data() + i * Entry::size_bytes);
      const byte_span part = bytes;
      CAFKA_TRY(target->append({&part, 1}));
      stored_ += static_cast<std::uint32_t>(tail_.size());
      tail_ = {};
    }
    return target;
  }

private:
  static constexpr std::uint32_t block_entries = 64;

  static result<file_handle> open_stored(file_pool& pool, const std::string& path) {
    auto source = pool.acquire(path);
    if (!source && source.error().code == errc::not_found)
      source.error().code = errc::corrupt_message; // as if it were empty: to be rebuilt
    return source;
  }
  static result<Entry> read(const file& source, const std::string& path, std::uint32_t at) {
    std::array<std::byte, Entry::size_bytes> bytes;
    CAFKA_TRY_ASSIGN(count, source.read_at(std::uint64_t{at} * Entry::size_bytes, bytes));
    if (count < bytes.size())
      return shorter(path);
    return Entry::load(bytes.data());
  }
  static tl::unexpected<error> shorter(const std::string& path) { return fail(errc::corrupt_message, path + " is shorter than it was"); }

  std::uint32_t stored_ = 0;
  std::vector<Entry> tail_;
};

} // namespace cafka::storage
