// Makes images by replaying metadata records: live, at restart, and from snapshots, always by this one path (KIP-631, KIP-868).
// Owned by one actor. Starts from an image (or none), changes its own copy, and gives a new immutable image on build(); topics that did
// not change are shared with the image before. Records between BeginTransaction and EndTransaction show only when they end.
#pragma once
#include "metadata/image.hpp"
#include "metadata/records.hpp"

#include <optional>
#include <set>

namespace cafka::metadata {

// What changed from one build() to the next: what the node must act upon.
struct metadata_delta {
  std::map<uuid, std::string> created_topics;
  std::map<uuid, std::string> removed_topics;                     // with the name they had
  std::set<topic_id_partition> changed_partitions; // new ones, those of created topics, and changed ones; of removed topics none
  std::set<config_key> changed_configs;
  std::set<node_id> changed_brokers; // registered, unfenced, fenced, gone
  std::set<std::string> changed_features;
  bool producer_ids_changed = false;
  [[nodiscard]] bool empty() const noexcept;
};

class image_builder {
public:
  // Null: from nothing.
  explicit image_builder(image_ptr from = nullptr);

  // The record at `offset`, which is above every earlier one, written in leader epoch `epoch`. Records that contradict the image (a change
  // to an unknown partition) are refused with bad_format: the log is damaged, or not ours, and nothing more is replayed.
  // Unknown types count as replayed; unknown_types() names them.
  result<void> replay(std::int64_t offset, std::int32_t epoch, const metadata_record& record);
  // A control batch, or the end of a snapshot whose records hold offsets of their own: moves offset and epoch only.
  void advance_to(std::int64_t offset, std::int32_t epoch) noexcept;

  // As replayed so far, an open transaction not included. Valid until the next non-const call.
  [[nodiscard]] const image& current() const noexcept { return current_; }
  [[nodiscard]] bool in_transaction() const noexcept { return transaction_.has_value(); }
  // Whether current() holds topics that no image shares yet.
  [[nodiscard]] bool has_own_topics() const noexcept { return !writable_.empty(); }
  // What changed since the last build().
  [[nodiscard]] const metadata_delta& delta() const noexcept { return delta_; }
  // Type number → how many were replayed and not understood.
  [[nodiscard]] const std::map<std::uint32_t, std::uint64_t>& unknown_types() const noexcept { return unknown_types_; }

  struct built {
    image_ptr next;
    metadata_delta delta;
  };
  // Costs a copy of the name and id tables, not of the topics.
  built build();

  // The first invariant that does not hold, explained.
  [[nodiscard]] std::optional<std::string> check_invariants() const;

private:
  struct pending {
    std::int64_t offset;
    std::int32_t epoch;
    metadata_record record;
  };

  result<void> apply(const metadata_record& record);
  result<void> apply_one(const topic_record& record);
  result<void> apply_one(const partition_record& record);
  result<void> apply_one(const partition_change_record& record);
  result<void> apply_one(const remove_topic_record& record);
  result<void> apply_one(const clear_elr_record& record);
  result<void> apply_one(const config_record& record);
  result<void> apply_one(const register_broker_record& record);
  result<void> apply_one(const unregister_broker_record& record);
  result<void> apply_one(const broker_registration_change_record& record);
  result<void> apply_one(const fence_broker_record& record);
  result<void> apply_one(const unfence_broker_record& record);
  result<void> apply_one(const feature_level_record& record);
  result<void> apply_one(const producer_ids_record& record);
  void keep(const metadata_record& record);
  result<void> set_fenced(node_id id, std::int64_t broker_epoch, bool fenced);
  result<topic_image*> writable_topic(const uuid& id);
  void clear_elr(topic_image& topic);

  image current_;
  // Topics that this builder made since the last build(), so nobody else holds them.
  std::unordered_map<uuid, std::shared_ptr<topic_image>> writable_;
  metadata_delta delta_;
  std::optional<std::vector<pending>> transaction_;
  std::vector<std::vector<std::byte>> newly_kept_;
  std::map<std::uint32_t, std::uint64_t> unknown_types_;
};

// What one change makes of a partition: replay's own rule, for those who must know the outcome before it is committed.
void apply_change(const partition_change_record& change, partition_registration& into);

// The records that rebuild `from`, in an order that replay() accepts, until `visit` fails: what a snapshot holds between its header and footer.
result<void> for_each_record_of(const image& from, const std::function<result<void>(metadata_record)>& visit);
// All of them at once.
std::vector<metadata_record> records_of(const image& from);

} // namespace cafka::metadata
