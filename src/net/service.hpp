// What the network side asks of the node, declared here and implemented in actors/. Sessions of every protocol use this one door.
//
// Threads: every call is made from a shard's thread and returns at once. Answers come by a sink or completion, exactly once each, from any shard's
// thread (often the caller's own, possibly before the call returns); the session brings them back to its strand.
// A sink is kept alive by the node until its last answer; watches hold it weakly.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "election/quorum_description.hpp"
#include "metadata/admin.hpp"
#include "metadata/image.hpp"
#include "storage/partition_log.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cafka::net {

// Bytes that came off a socket as one request. Record batches are spans into it until they are written; whoever needs them holds the pointer.
class frame {
public:
  virtual ~frame() = default; // gives the bytes back to their pool and budget
  [[nodiscard]] mutable_byte_span bytes() const noexcept { return bytes_; }

protected:
  mutable_byte_span bytes_;
};
using frame_ptr = std::shared_ptr<const frame>;

enum class required_acks : std::int16_t { all = -1, none = 0, leader = 1 };

struct produce_task {
  topic_id_partition partition;
  std::int32_t current_leader_epoch = -1; // −1: not checked
  required_acks acks = required_acks::all;
  std::int64_t deadline_monotonic_ms = 0; // for acks=all
  frame_ptr owner; // of `batch`
  mutable_byte_span batch; // exactly one record batch as the client sent it, not checked yet
};

struct produce_outcome {
  errc code = errc::none;
  std::string message; // empty on success
  // On an error: false means certainly not written, true means unknown (it was appended, but not acknowledged).
  bool may_be_written = false;
  std::int64_t base_offset = -1;
  std::int64_t log_append_time_ms = -1; // −1 under CreateTime
  std::int64_t log_start_offset = -1;
  std::int32_t leader_epoch = -1;
};

enum class isolation : std::int8_t { read_uncommitted = 0, read_committed = 1 };

struct fetch_task {
  topic_id_partition partition;
  std::int32_t current_leader_epoch = -1; // −1: not checked
  std::int64_t offset = 0;
  std::uint32_t max_bytes = 1 << 20;
  bool at_least_one = true;
  isolation level = isolation::read_uncommitted;
  // Nothing to read now: answer empty at once, and call data_available once when the high watermark has passed what it is now.
  bool watch_when_empty = false;
};

struct fetch_outcome {
  errc code = errc::none;
  std::string message;
  std::int64_t high_watermark = -1;
  std::int64_t last_stable_offset = -1;
  std::int64_t log_start_offset = -1;
  std::int32_t leader_epoch = -1;
  storage::read_outcome records;
  bool watching = false; // data_available will follow
};

// One per request; `index` is the caller's number of the partition within its request.
class produce_sink {
public:
  virtual ~produce_sink() = default;
  virtual void produce_done(std::uint32_t index, produce_outcome outcome) = 0;
};
class fetch_sink {
public:
  virtual ~fetch_sink() = default;
  virtual void fetch_done(std::uint32_t index, fetch_outcome outcome) = 0;
  // The partition has new data, lost its leader or went away: ask again. At most once per watch.
  virtual void data_available(std::uint32_t index) = 0;
};

template <class T>
using completion = std::function<void(result<T>)>;

enum : std::int64_t {
  latest_timestamp = -1,
  earliest_timestamp = -2,
  max_timestamp = -3,
  earliest_local_timestamp = -4,
  latest_tiered_timestamp = -5
};

struct node_description {
  node_id id = no_node;
  std::string cluster_id;
  std::string version;
  std::int64_t max_frame_bytes = 0; // socket.request.max.bytes
  std::int64_t max_message_bytes = 0; // message.max.bytes
  std::int64_t max_fetch_bytes = 0; // fetch.max.bytes
};

struct log_dir_partition {
  topic_partition name;
  std::int64_t size_bytes = 0;
};

struct log_dir_description {
  std::string path;
  errc code = errc::none; // kafka_storage_error: the directory is offline, and the rest not known
  std::vector<log_dir_partition> partitions;
  std::int64_t total_bytes = -1, usable_bytes = -1; // of the volume; −1: unknown
};

struct producer_id_and_epoch {
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
};

class service {
public:
  virtual ~service() = default;

  [[nodiscard]] virtual node_description describe_node() const = 0;
  // The newest committed image; never null. Cheap: once per request.
  [[nodiscard]] virtual metadata::image_ptr image() const = 0;
  [[nodiscard]] virtual node_id controller_id() const = 0;
  // False just after the link to a broker broke: the image may name leaders that are gone. Who tells clients of leaders then waits, a moment at the most.
  // Cheap: once per request. See metadata/failover_watch.hpp.
  [[nodiscard]] virtual bool is_settled() const = 0;
  virtual void when_settled(completion<void> done) = 0;
  // Not 0: that broker was fenced lately, and this names the occasion. Each client is to be told of it once more.
  [[nodiscard]] virtual std::int64_t lately_fenced(node_id broker) const = 0;

  virtual void produce(produce_task task, std::uint32_t index, std::shared_ptr<produce_sink> sink) = 0;
  virtual void fetch(fetch_task task, std::uint32_t index, std::shared_ptr<fetch_sink> sink) = 0;
  // One of the special timestamps above, or milliseconds since 1970.
  virtual void list_offset(topic_id_partition partition, std::int32_t current_leader_epoch, std::int64_t timestamp, isolation level,
                           completion<storage::timestamp_and_offset> done) = 0;
  // Moves log_start_offset to `offset` (−1: the high watermark); answers the new log_start_offset.
  virtual void delete_records(topic_id_partition partition, std::int64_t offset, std::int64_t deadline_monotonic_ms,
                              completion<std::int64_t> done) = 0;
  virtual void end_offset_for_epoch(topic_id_partition partition, std::int32_t current_leader_epoch, std::int32_t leader_epoch,
                                    completion<storage::epoch_end> done) = 0;

  // Answered when the change is committed and this node's image shows it, so that the client's next request succeeds.
  virtual void create_topics(std::vector<metadata::new_topic> topics, bool validate_only,
                             completion<std::vector<metadata::topic_outcome>> done) = 0;
  virtual void delete_topics(std::vector<metadata::topic_ref> topics, completion<std::vector<metadata::topic_outcome>> done) = 0;
  virtual void create_partitions(std::vector<metadata::new_partitions> topics, bool validate_only,
                                 completion<std::vector<metadata::topic_outcome>> done) = 0;
  virtual void alter_configs(std::vector<metadata::alter_config> changes, bool validate_only,
                             completion<std::vector<metadata::config_outcome>> done) = 0;
  virtual void describe_configs(metadata::config_key resource, completion<std::vector<metadata::config_entry>> done) = 0;
  // What a topic that sets `own` has here, as describe_configs tells it; no matter whether there is such a topic.
  [[nodiscard]] virtual std::vector<metadata::config_entry> topic_configs(const metadata::config_map& own) const = 0;
  // Every log directory of this node with what it holds. Waits for no disk but that of the directory.
  virtual void describe_log_dirs(completion<std::vector<log_dir_description>> done) = 0;

  // In the order asked; answered when this is committed.
  virtual void elect_leaders(metadata::election_kind kind, std::vector<topic_partition> partitions,
                             completion<std::vector<metadata::election_outcome>> done) = 0;
  // As its leader sees it.
  virtual void describe_quorum(completion<election::quorum_description> done) = 0;

  // For a producer that is idempotent and not transactional: an id that nobody was given before, in this cluster's life, and epoch 0. Whatever
  // id and epoch the producer had, it gets a new one, as from Kafka: an epoch is bumped by the producer itself. Retriable errors only.
  virtual void init_producer_id(completion<producer_id_and_epoch> done) = 0;
};

} // namespace cafka::net
