// The active controller's rules: decides on every change of metadata. Owned by the controller actor of the quorum's leader; pure.
// handle_…(request) answers {outcome, records} and changes nothing; the shell appends the records as ONE batch and calls replay() for each,
// so that the next request is judged against the working image, then parks the outcome until its offset is committed (see answer_after).
// Losing leadership: deactivate(), every parked outcome fails as NOT_CONTROLLER (unknown whether done), the working image is gone.
// Nothing survives a crash but the log. Source: KIP-631, 746, 841, 858, 903, 966.
#pragma once
#include "base/prng.hpp"
#include "metadata/admin.hpp"
#include "metadata/controller_config.hpp"
#include "metadata/image_builder.hpp"
#include "metadata/partition_change.hpp"
#include "metadata/placement.hpp"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace cafka::metadata {

struct broker_registration_request {
  node_id id = no_node;
  uuid incarnation_id;
  std::vector<endpoint> endpoints;
  std::string rack;
  std::vector<uuid> directories;
  std::map<std::string, std::pair<std::int16_t, std::int16_t>> features; // levels that it supports, inclusive
  // From the clean-shutdown marker; −1: there was none. Equal to the registered broker_epoch: nothing was lost.
  std::int64_t previous_broker_epoch = -1;
  // A mere process crash (same boot, same mounts, start-up fsync succeeded): nothing was lost either.
  bool page_cache_survived = false;
  // A directory of the last registration is new, empty or missing: what it held is gone.
  bool directory_lost = false;
};
struct broker_registration_outcome {
  errc code = errc::none;
  std::string message;
  std::int64_t broker_epoch = -1;
};

struct broker_heartbeat {
  node_id id = no_node;
  std::int64_t broker_epoch = -1;
  std::int64_t metadata_offset = -1; // last record that the broker replayed, inclusive
  bool want_fence = false;
  bool want_shutdown = false;
};
struct broker_heartbeat_outcome {
  errc code = errc::none;
  std::string message;
  bool caught_up = false; // has replayed its own registration
  bool fenced = true;
  bool should_shut_down = false;
};

// A leader proposes a new ISR (KIP-497, KIP-903). One in flight per partition.
struct isr_member {
  node_id id = no_node;
  std::int64_t broker_epoch = -1; // −1: not checked
};
struct alter_partition_request {
  node_id leader = no_node;
  std::int64_t broker_epoch = -1;
  topic_id_partition partition;
  std::int32_t leader_epoch = -1;
  std::int32_t partition_epoch = -1;
  std::vector<isr_member> isr;
  recovery_state leader_recovery = recovery_state::recovered;
};
// On success the partition as it will be once committed.
struct alter_partition_outcome {
  errc code = errc::none;
  std::string message;
  partition_registration partition;
};

// What cannot go on where it is: replicas in a directory that failed, or whose log is damaged (KIP-112, KIP-858).
struct failed_replica {
  topic_id_partition partition;
  uuid directory; // where its files are; they stay
  uuid anew_in; // where it would start over with nothing; zero: nowhere
};
struct failed_replicas_report {
  node_id id = no_node;
  std::int64_t broker_epoch = -1;
  std::vector<uuid> directories; // that failed since it registered, all of them
  std::vector<failed_replica> replicas;
};
// Whether a replica may start over stands in the image, not here.
struct failed_replicas_outcome {
  errc code = errc::none;
  std::string message;
};

struct producer_id_block {
  errc code = errc::none;
  std::string message;
  std::int64_t first = -1;
  std::int32_t count = 0;
};

template <class Outcome>
struct decision {
  Outcome outcome;
  std::vector<metadata_record> records; // to be appended as one atomic batch; empty: nothing to write
};

class controller {
public:
  controller(controller_config config, std::shared_ptr<const config_rules> rules, prng source);

  // This node leads the quorum in `controller_epoch`, has committed a record of that epoch, and `committed` shows everything up to it.
  void activate(image_ptr committed, std::int32_t controller_epoch, std::int64_t now_ms);
  void deactivate();
  [[nodiscard]] bool active() const noexcept { return working_ != nullptr; }

  // After the batch was appended: each record with the offset it got. bad_format: a bug, or someone else wrote.
  result<void> replay(std::int64_t offset, const metadata_record& record);
  // The quorum's own records (leader change) move the offset too.
  void advance_to(std::int64_t offset);
  // What the node publishes. Once nothing is appended that it lacks, the working image becomes it, so that the two do not each hold every partition.
  void on_published(const image_ptr& committed);
  // An outcome without records was still judged by what is appended, not committed: it is answered once this offset is committed.
  [[nodiscard]] std::int64_t answer_after() const noexcept;
  // The working image: appended, perhaps not committed. active() only.
  [[nodiscard]] const image& working() const noexcept { return working_->current(); }

  // What a new cluster's log begins with (features). Empty if the working image has it already.
  [[nodiscard]] std::vector<metadata_record> bootstrap_records() const;

  // Every call below answers not_controller when !active(). `log_end_offset` is that of the metadata log: it becomes the broker_epoch.
  decision<broker_registration_outcome> register_broker(const broker_registration_request& request, std::int64_t log_end_offset,
                                                        std::int64_t now_ms);
  decision<broker_heartbeat_outcome> heartbeat(const broker_heartbeat& request, std::int64_t now_ms);
  // Brokers whose session ended; call it when next_deadline_ms() has come, and again while it yields records.
  decision<std::vector<node_id>> expire_sessions(std::int64_t now_ms);
  // This node was stopped for so long, and heard nobody.
  void extend_sessions(std::int64_t by_ms);
  // A closed link whose re-dial was refused (replication.md, Failure detection): fences that incarnation at once.
  decision<bool> fence_broker(node_id id, std::int64_t broker_epoch);
  [[nodiscard]] std::int64_t next_deadline_ms() const noexcept; // INT64_MAX: none

  // validate_only is the caller's: it drops the records.
  decision<std::vector<topic_outcome>> create_topics(const std::vector<new_topic>& topics);
  decision<std::vector<topic_outcome>> delete_topics(const std::vector<topic_ref>& topics);
  decision<std::vector<topic_outcome>> create_partitions(const std::vector<new_partitions>& topics);
  decision<std::vector<config_outcome>> alter_configs(const std::vector<alter_config>& changes);
  decision<alter_partition_outcome> alter_partition(const alter_partition_request& request);
  // Takes the replicas from leadership and in-sync sets where somebody else can lead. Such a one may start over at once: it is in `anew_in`
  // from then on, not eligible, and in a new leader epoch, so that nothing its predecessor fetched counts for it (R8). Where nobody else
  // can lead all stays as it is: an empty replica would be worse than one that is read only, or not served.
  decision<failed_replicas_outcome> replicas_failed(const failed_replicas_report& report) const;
  decision<producer_id_block> allocate_producer_ids(node_id broker, std::int64_t broker_epoch);
  decision<std::vector<election_outcome>> elect_leaders(election_kind kind, const std::vector<topic_partition>& partitions);

  [[nodiscard]] std::optional<std::string> check_invariants() const;

private:
  // controller_topics.cpp
  result<void> check_new_name(std::string_view name, const std::map<std::string, std::string>& also_new) const;
  topic_outcome plan_topic(const new_topic& topic, std::int32_t& budget, std::vector<metadata_record>& records);
  result<std::vector<std::vector<node_id>>> replicas_for(const new_topic& topic, std::int32_t budget);
  topic_outcome plan_partitions(const new_partitions& topic, std::int32_t& budget, std::vector<metadata_record>& records);
  result<void> check_assignment(const std::vector<std::vector<node_id>>& assignment, std::size_t replication_factor) const;
  [[nodiscard]] std::vector<usable_broker> usable_brokers() const;
  result<partition_record> new_partition(const uuid& topic, std::int32_t number, const std::vector<node_id>& replicas) const;
  // controller_configs.cpp
  using next_configs = std::map<config_key, config_map>;
  config_outcome plan_configs(const alter_config& change, next_configs& next, std::vector<metadata_record>& records) const;
  result<config_map> changed_configs(const alter_config& wanted) const;
  void add_eligibility_changes(const next_configs& next, std::vector<metadata_record>& records) const;
  // controller_brokers.cpp
  result<const broker_registration*> find_broker(node_id id, std::int64_t broker_epoch) const;
  // `restarted`: as what it comes back; `lossy`: it may lack what it had acked.
  void add_fencing(node_id id, const broker_registration_request* restarted, bool lossy, std::vector<metadata_record>& records) const;
  void add_unfencing(node_id id, std::vector<metadata_record>& records) const;
  void add_moved_leaders(node_id id, std::vector<metadata_record>& records) const;
  std::optional<partition_change_record> change_of_failed(node_id id, const failed_replica& failed, const topic_image& topic,
                                                          const std::vector<uuid>& online) const;
  // controller_partitions.cpp
  result<void> check_isr_change(const alter_partition_request& request, const partition_registration& now) const;
  // What is set on the topic, else for all brokers, else statically.
  [[nodiscard]] std::int32_t min_isr_of(const config_map& topic_configs, const config_map& everywhere) const;
  [[nodiscard]] static bool flag_of(const config_map& topic_configs, const config_map& everywhere, std::string_view key,
                                    std::string_view yes, bool otherwise);
  [[nodiscard]] partition_rules rules_of(const config_map& topic_configs, const config_map& everywhere) const;
  [[nodiscard]] partition_rules rules_of(const config_map& topic_configs) const { return rules_of(topic_configs, cluster_configs()); }
  [[nodiscard]] const config_map& cluster_configs() const { return working().configs(config_resource::broker, ""); }
  [[nodiscard]] bool can_lead(node_id id) const;

  controller_config config_;
  std::shared_ptr<const config_rules> rules_;
  prng source_;
  std::unique_ptr<image_builder> working_;
  std::int32_t controller_epoch_ = -1;
  // Names that differ only in '.' and '_' would collide in metrics: the normalized form of each such topic's name, and the name.
  std::map<std::string, std::string> collision_keys_;
  struct broker_session {
    std::int64_t deadline_ms = 0;
    bool heard = false; // by this controller: a new one gives each broker a whole session
  };
  std::map<node_id, broker_session> sessions_; // of every broker that is unfenced, and others; volatile
};

// Kafka's rule, as invalid_topic_exception: 1 to 249 of [a-zA-Z0-9._-], and neither "." nor "..".
result<void> check_topic_name(std::string_view name);
// Topics that Kafka makes itself and does not let be deleted.
bool is_internal_topic(std::string_view name) noexcept;
// How the name looks in metrics: '.' becomes '_'.
std::string collision_key(std::string_view name);

} // namespace cafka::metadata
