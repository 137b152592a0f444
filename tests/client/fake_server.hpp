// A cluster of a few nodes that speak the native protocol from memory, and do what a test's script says: refuse, forget, hang
// up, hold back. Written from proto/native.proto alone, so that it does not share a misunderstanding with the client.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "proto/native.pb.h"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace cafka::test {

struct fake_batch {
  std::int64_t base_offset = 0;
  std::int64_t last_offset = 0;
  byte_vector bytes;
};

struct fake_partition {
  node_id leader = 1;
  std::int32_t leader_epoch = 0;
  std::int64_t log_start_offset = 0;
  std::int64_t log_end_offset = 0;
  std::vector<fake_batch> batches;
};

struct fake_topic {
  uuid id;
  std::vector<fake_partition> partitions;
};

struct plain_record {
  std::optional<std::string> key, value;
  std::int64_t offset = 0;
  std::int64_t timestamp = 0;
  bool operator==(const plain_record&) const = default;
};

enum class fate {
  serve,
  refuse,     // answer the code, do nothing
  hang_up,    // close the connection without serving
  forget,     // serve, then close the connection instead of answering
  ignore,     // never answer
  hold,       // serve when release() is called
};
struct verdict {
  fate what = fate::serve;
  errc code = errc::none;      // of refuse
  bool may_be_written = false; // of refuse
};
// Asked for every request but hello, on that node's thread.
using script = std::function<verdict(node_id, const native::RequestHeader&)>;

class fake_node;

class fake_cluster {
public:
  explicit fake_cluster(int nodes = 1);
  ~fake_cluster();

  [[nodiscard]] std::string bootstrap(node_id node = 1) const;
  void add_topic(const std::string& name, std::int32_t partitions);
  void remove_topic(const std::string& name);
  void set_leader(const topic_partition& where, node_id leader);
  void set_log_start(const topic_partition& where, std::int64_t offset);
  // Appends a batch as it is; its base offset is set.
  void append(const topic_partition& where, byte_vector batch);
  [[nodiscard]] std::vector<plain_record> contents(const topic_partition& where);
  // Number of batches in a partition.
  [[nodiscard]] std::size_t batch_count(const topic_partition& where);

  void on_request(script what);
  void release(); // what is held
  void stop(node_id node); // closes its connections and its port
  void start(node_id node); // on the same port

private:
  friend class fake_node;
  void wake_fetches();

  mutable std::mutex mutex_;
  std::map<std::string, fake_topic> topics_;
  std::shared_ptr<script> script_; // shared, not copied: it may count
  std::map<node_id, std::unique_ptr<fake_node>> nodes_;
};

} // namespace cafka::test
