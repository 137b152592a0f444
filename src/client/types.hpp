// The values that the client library takes and gives. Nothing here talks to a cluster.
// Keys and values are bytes: a std::string_view says where they are, not that they are text. Times are milliseconds since
// 1970 UTC unless a std::chrono type says otherwise.
#pragma once
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/uuid.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::client {

using std::chrono::milliseconds;

// How the records of a batch are packed.
enum class compression : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };
// "none", "gzip", "snappy", "lz4", "zstd"; nullopt for anything else.
std::optional<compression> parse_compression(std::string_view name) noexcept;
std::string_view to_string(compression codec) noexcept;

// When the cluster counts a batch as delivered.
enum class acks : std::int8_t {
  none = 0,   // never asked: delivered once it is handed to the socket; no offset is known
  leader = 1, // in the leader's log
  all = -1,   // committed: in the log of every in-sync replica, and as durable as the cluster's `durability` says
};

enum class isolation : std::int8_t {
  read_uncommitted = 0,
  read_committed = 1, // only up to the last stable offset
};

// A key beside a record's value. The value may be absent.
struct header {
  std::string_view key = {};
  std::optional<std::string_view> value = {};
};

// A record to be sent. The views need to live only until the call that takes the record has returned or, for an operation
// started lazily (use_awaitable, deferred), until it has been started.
struct outgoing_record {
  std::string_view topic = {};
  std::optional<std::int32_t> partition = {};   // nullopt: by the key's hash, or sticky when there is no key
  std::optional<std::string_view> key = {};     // nullopt: none, which is not the same as an empty one
  std::optional<std::string_view> value = {};   // nullopt: a tombstone
  std::span<const header> headers = {};
  std::optional<std::int64_t> timestamp = {};   // nullopt: now
};

// Where a record went.
struct delivery {
  std::int32_t partition = -1;
  std::int64_t offset = -1;    // −1 with acks::none
  std::int64_t timestamp = -1; // the record's, or the broker's under LogAppendTime
};

// Why a record was not delivered, and what is known about it. Converts to cafka::error by slicing.
struct delivery_error : error {
  // false: certainly not in the log, and never will be. true: unknown; it may be there, or may still arrive.
  bool may_be_written = false;
  [[nodiscard]] const error& cause() const noexcept { return *this; }
};
using delivery_result = tl::expected<delivery, delivery_error>;

// A record that was read. Its views point into the `records` object that it came from.
struct record {
  std::string_view topic = {};
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp = -1;
  std::optional<std::string_view> key = {};
  std::optional<std::string_view> value = {};
  std::span<const header> headers = {};
};

// Where to begin reading a partition.
struct start_position {
  enum class kind : std::uint8_t { earliest, latest, offset, timestamp };
  kind at = kind::earliest;
  std::int64_t value = 0; // the offset, or the time: then the earliest record at or after it, or the end if there is none

  static constexpr start_position earliest() noexcept { return {kind::earliest, 0}; }
  static constexpr start_position latest() noexcept { return {kind::latest, 0}; }
  static constexpr start_position offset(std::int64_t offset) noexcept { return {kind::offset, offset}; }
  static constexpr start_position timestamp(std::int64_t ms) noexcept { return {kind::timestamp, ms}; }
  bool operator==(const start_position&) const = default;
};

struct partition_start {
  topic_partition where = {};
  start_position from = {};
};

struct broker {
  node_id id = no_node;
  std::string host = {};
  std::uint16_t port = 0;
  std::string rack = {}; // empty: none
};

struct partition_description {
  std::int32_t partition = 0;
  node_id leader = no_node;
  std::int32_t leader_epoch = -1;
  std::vector<node_id> replicas = {};
  std::vector<node_id> isr = {};
  std::vector<node_id> elr = {};
  std::vector<node_id> last_known_elr = {};
};

struct topic_description {
  std::string name = {};
  uuid topic_id = {};
  bool internal = false;
  std::vector<partition_description> partitions = {}; // by number: partitions[i].partition == i
  std::map<std::string, std::string> configs = {};    // what was set on the topic itself; only describe_topics fills it
  std::int32_t min_insync_replicas = 0;               // that holds for it; 0: not told. Only describe_topics fills it
};

struct cluster_description {
  std::string cluster_id = {};
  node_id controller = no_node;
  std::vector<broker> brokers = {}; // by id
};

} // namespace cafka::client
