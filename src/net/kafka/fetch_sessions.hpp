// Incremental fetch sessions: a consumer names its partitions once, later requests and responses only what has changed since (KIP-227).
// A session outlives its connection, so the cache is one per node and thread-safe; both the sessions and what they remember are bounded.
#pragma once
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/prng.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace cafka::net::kafka {

// A partition by the name of its topic or by the topic's id, whichever the version of the request has.
struct fetch_key {
  std::shared_ptr<const std::string> name; // null: by id
  topic_id_partition id; // by name: the topic id is zero
  bool operator==(const fetch_key& other) const noexcept {
    return id == other.id && (name == other.name || (name && other.name && *name == *other.name));
  }
  [[nodiscard]] bool has_same_topic(const fetch_key& other) const noexcept {
    return id.topic_id == other.id.topic_id && (name == other.name || (name && other.name && *name == *other.name));
  }
};

// What is asked of one partition.
struct asked_fetch {
  fetch_key key;
  std::int32_t current_leader_epoch = -1;
  std::int64_t offset = 0;
  std::int32_t last_fetched_epoch = -1;
  std::uint32_t max_bytes = 0;
};

// What the client knows about one partition from the last response that told it something.
struct told_fetch {
  std::int64_t high_watermark = -1;
  std::int64_t log_start_offset = -1;
};

class fetch_session {
public:
  fetch_session(std::int32_t id, bool by_id, std::int64_t now_ms) : id_(id), by_id_(by_id), created_ms_(now_ms), last_used_ms_(now_ms) {}

  [[nodiscard]] std::int32_t id() const noexcept { return id_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  // The request that carries `epoch`: takes over what it changes and says what is to be asked now, beginning with who waited longest.
  // `layout` goes back into needs_telling. invalid_fetch_session_epoch, fetch_session_topic_id_error; too_many_requests if more than `at_most`
  // partitions would be remembered.
  struct turn {
    std::vector<asked_fetch> partitions;
    std::vector<std::uint32_t> places; // of each, in this session
    std::uint64_t layout = 0;
  };
  result<turn> begin(std::int32_t epoch, bool by_id, const std::vector<asked_fetch>& changed, const std::vector<fetch_key>& forgotten,
                     std::size_t at_most);

  // Answers of one turn, row by row, in its order. The lock is held as long as this lives.
  class telling {
  public:
    telling(fetch_session& of, std::uint64_t layout) : of_(of), lock_(of.mutex_), layout_(layout) {}
    // Whether the response has to have this row; remembers that it then does.
    bool needs(const fetch_key& key, std::uint32_t place, errc code, told_fetch now, bool has_records);

  private:
    fetch_session& of_;
    std::lock_guard<std::mutex> lock_;
    std::uint64_t layout_;
  };

private:
  friend class fetch_session_cache;
  struct entry {
    asked_fetch asked;
    told_fetch told;
  };
  struct key_hash {
    std::size_t operator()(const fetch_key& key) const noexcept {
      return std::hash<topic_id_partition>{}(key.id) ^ (key.name ? std::hash<std::string>{}(*key.name) : 0);
    }
  };
  void forget(const std::vector<fetch_key>& keys);

  const std::int32_t id_;
  const bool by_id_;
  const std::int64_t created_ms_;
  std::int64_t last_used_ms_; // the cache's, under its lock
  std::size_t counted_ = 0; // likewise: this session's part of what the cache remembers
  std::atomic<std::size_t> size_{0};

  std::mutex mutex_;
  std::int32_t epoch_ = 1; // that the next request must carry
  std::vector<entry> entries_;
  std::unordered_map<fetch_key, std::uint32_t, key_hash> places_;
  std::size_t first_ = 0; // where the next turn begins, so that a few busy partitions do not keep the others from being read
  std::uint64_t layout_ = 0; // changes whenever an entry changes its place
};

class fetch_session_cache {
public:
  // `slots`: max.incremental.fetch.session.cache.slots.
  explicit fetch_session_cache(std::size_t slots);

  // 0: no session, because the cache is full of ones that are worth as much. The client goes on with full requests.
  std::int32_t create(bool by_id, const std::vector<asked_fetch>& asked, const std::vector<told_fetch>& told, std::int64_t now_ms);
  // Null if there is none, or it was evicted. Counts as a use.
  std::shared_ptr<fetch_session> find(std::int32_t id, std::int64_t now_ms);
  void remove(std::int32_t id);
  // After a turn, which may have changed how much the session remembers.
  void resized(const std::shared_ptr<fetch_session>& session);

  [[nodiscard]] std::size_t sessions() const;
  [[nodiscard]] std::size_t partitions() const;
  // How many partitions one session may come to.
  [[nodiscard]] std::size_t room_for(const fetch_session& session) const;

  // As Kafka: a session is left alone for so long, unless it was not used for as long.
  static constexpr std::int64_t eviction_ms = 120'000;
  // Of all sessions together; one takes some 200 bytes.
  static constexpr std::size_t max_partitions = 200'000;

private:
  using session_map = std::unordered_map<std::int32_t, std::shared_ptr<fetch_session>>;
  bool evict_for(std::size_t size, std::int64_t now_ms);
  void erase(session_map::iterator which);

  const std::size_t slots_;
  mutable std::mutex mutex_;
  session_map sessions_;
  std::size_t partitions_ = 0;
  prng random_;
};

} // namespace cafka::net::kafka
