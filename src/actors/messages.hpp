// The messages between this node's actors, and the typed interfaces that take them. All of these stay inside the process: they carry
// sinks, files and buffers, which is why they are "unsafe" for CAF, i.e. not serializable. What crosses to other nodes is in wire.hpp.
// One message goes in and one call comes out per partition and request; rare orders share one variant, so that matching stays short.
#pragma once
#include "actors/partition_marks.hpp"
#include "actors/partition_settings.hpp"
#include "actors/replies.hpp"
#include "actors/wire.hpp"
#include "metadata/controller.hpp"
#include "metadata/image.hpp"
#include "replication/partition_leader.hpp"
#include "replication/producer_state.hpp"
#include "storage/partition_log.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/result.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace cafka::net::links {
struct new_link;
}

namespace cafka::actors {

// -- what is told of links, to whoever talks with other nodes -----------------------------------------------------------

// Told twice where the other node dialled: first that it may ask, then that it may be asked. Once where it was dialled.
struct link_up {
  node_id id = no_node;
  uuid incarnation_id;
  uuid directory_id;
  std::int16_t wire_version = 0;
  bool may_ask = true;
  caf::actor former, metadata, replicas; // its own
};
struct link_down {
  node_id id = no_node;
  uuid incarnation_id;
};
// Nobody listens where that node should be: its process is gone.
struct link_refused {
  node_id id = no_node;
};
struct link_event {
  std::variant<link_up, link_down, link_refused> what;
};

// -- to a partition ---------------------------------------------------------------------------------------------------

struct produce_request {
  net::produce_task task;
  produce_reply reply;
};

struct fetch_request {
  net::fetch_task task;
  fetch_reply reply;
};

struct list_offset_query {
  std::int32_t current_leader_epoch = -1;
  std::int64_t timestamp = 0;
  net::isolation level = net::isolation::read_uncommitted;
  completion_reply<storage::timestamp_and_offset> done;
};

struct delete_records_query {
  std::int64_t offset = -1;
  std::int64_t deadline_monotonic_ms = 0;
  completion_reply<std::int64_t> done;
};

struct epoch_end_query {
  std::int32_t current_leader_epoch = -1;
  std::int32_t leader_epoch = -1;
  completion_reply<storage::epoch_end> done;
};

struct partition_query {
  std::variant<std::monostate, list_offset_query, delete_records_query, epoch_end_query> what;
};

// The answer to a flush_request. `code` is none if everything below end_offset is on stable storage.
struct flush_outcome {
  std::int64_t end_offset = 0;
  errc code = errc::none;
  std::string message;
};

// What a partition must know of the cluster's brokers.
struct cluster_view {
  std::int64_t broker_epoch = -1; // this node's; −1: not registered yet
  std::vector<replication::partition_leader::eligible_broker> eligible; // who may join an in-sync set
};
using cluster_view_ptr = std::shared_ptr<const cluster_view>;

// This replica's part as the newest committed metadata has it.
struct leadership {
  uuid topic_id;
  metadata::partition_registration registration;
  cluster_view_ptr brokers;
};
struct brokers_changed {
  cluster_view_ptr brokers;
};
// What the controller said to a proposal of an in-sync set.
struct isr_answer {
  errc code = errc::none;
  std::string message;
  metadata::partition_registration partition; // on none: as it is now
};
// The recovery point on disk is no longer above where the log is to be cut; or that could not be written.
struct recovery_point_lowered {
  std::uint64_t number = 0; // of the cut that it is for
  result<void> outcome;
};
struct new_settings {
  settings_ptr settings;
};
// The log directory took damage: no more writes; reads go on.
struct went_offline {
  std::string reason;
};
// Something the marks said is due: roll, retention, removal of retired files, a flush by time.
struct maintain {};
// What log_start_offset was when the checkpoint was asked for is durable, or not.
struct start_offset_saved {
  result<void> outcome;
};
// Fails what is parked, then flushes and closes the log (or only drops it), answers, and ends.
struct close_partition {
  bool flush = true;
  completion_reply<void> done;
};

struct partition_order {
  std::variant<std::monostate, leadership, brokers_changed, isr_answer, recovery_point_lowered, new_settings, went_offline, maintain,
               start_offset_saved, close_partition>
      what;
};

// Bytes of records on the way to one node; of one life of the link to it.
using link_load = std::shared_ptr<std::atomic<std::int64_t>>;

// A follower's fetch, or word of its progress, from another node.
struct replica_request {
  node_id from = no_node;
  bool is_progress = false;
  replication::replica_fetch_request position;
  link_load load;
};
// A leader's answer to this node's.
struct replica_answer {
  replication::replica_fetch_response response;
  std::string batches;
};

using partition_actor =
    caf::typed_actor<caf::result<void>(produce_request), caf::result<void>(fetch_request), caf::result<void>(flush_outcome),
                     caf::result<void>(partition_query), caf::result<void>(partition_order), caf::result<void>(caf::tick_atom),
                     caf::result<void>(replica_request), caf::result<void>(replica_answer)>;

// -- to the desk at which replicas of other nodes are spoken to ---------------------------------------------------------

struct replica_outgoing {
  node_id to = no_node;
  topic_id_partition partition;
  std::variant<replication::replica_fetch_request, replica_progress, replication::replica_fetch_response> content;
  std::string batches;
};

using replica_desk_actor =
    caf::typed_actor<caf::result<void>(link_event), caf::result<void>(replica_message), caf::result<void>(replica_outgoing)>;

// -- to a log directory's flusher -------------------------------------------------------------------------------------

using flush_listener = caf::typed_actor<caf::result<void>(flush_outcome)>;

struct flush_request {
  storage::flush_ticket ticket;
  flush_listener answer_to;
};

// Files and directories that nobody will open again.
struct remove_files {
  std::vector<std::string> paths;
  std::int64_t delay_ms = 0;
};
// Renames the partition's directory to "…-delete", durably, answers, and removes it after `delay_ms`.
struct retire_partition {
  topic_partition name;
  uuid tag;
  marks_ptr marks; // as tracked; a successor of the same name may be tracked already
  std::int64_t delay_ms = 0;
  completion_reply<void> done;
};
// What lies under the partition's name, if anything does, is renamed to "…-stray", durably, and stays. From then on the checkpoints hold the
// partition as `marks` have it, and do so before the answer; null: no longer.
struct set_aside {
  topic_partition name;
  uuid tag;
  marks_ptr marks;
  completion_reply<void> done; // may be empty
};
// From now on the checkpoints hold this partition, or no longer do (null marks).
struct track_partition {
  topic_partition name;
  marks_ptr marks;
};
struct write_checkpoints {
  bool recovery_points = false;
  bool log_start_offsets = false;
  bool high_watermarks = false;
  completion_reply<void> done; // may be empty
};
// The last order of a clean stop: every checkpoint, then the marker. Refused after a failure: such a stop is not clean.
struct write_clean_marker {
  std::int64_t broker_epoch = -1;
  uuid incarnation_id;
  completion_reply<void> done;
};

// A directory of this node failed: whatever starts next here may lack what was in the page cache, even in this boot of the machine.
struct forget_boot {};

// Someone else met the damage first: nothing more is written or synced here.
struct take_offline {
  std::string reason;
};

struct volume_space {
  std::int64_t total_bytes = -1, usable_bytes = -1;
};
// Refused with log_dir_offline after a failure.
struct measure_volume {
  completion_reply<volume_space> done;
};

struct directory_order {
  std::variant<std::monostate, remove_files, retire_partition, track_partition, write_checkpoints, write_clean_marker, take_offline,
               measure_volume, set_aside, forget_boot>
      what;
};

using flusher_actor =
    caf::typed_actor<caf::result<void>(flush_request), caf::result<void>(directory_order), caf::result<void>(caf::tick_atom)>;

// -- to an opener -----------------------------------------------------------------------------------------------------

struct open_job {
  std::string directory;
  storage::log_open_options options;
  replication::producer_limits producers;
};

// Order of the jobs is kept. Opening blocks: recovery may read gigabytes.
struct open_request {
  std::vector<open_job> jobs;
};

// A log, and what it says of producers, in transit from the opener to its partition's actor.
struct open_partition {
  std::unique_ptr<storage::partition_log> log;
  replication::producer_state producers;
};
using log_box = std::shared_ptr<open_partition>;

struct opened_log {
  topic_partition name;
  uuid topic_id;
  result<log_box> log;
};
struct open_outcome {
  std::vector<opened_log> logs;
};

using opener_actor = caf::typed_actor<caf::result<open_outcome>(open_request)>;

// -- to the broker ----------------------------------------------------------------------------------------------------

// A new committed image. Answered when every partition of this node in it is open and leading, or known not to be.
struct image_update {
  metadata::image_ptr image;
  completion_reply<void> applied;
};
struct directory_failed {
  std::string path;
  std::string reason;
};
// Close everything cleanly; answered when every partition's actor has ended. The value tells whether all logs were flushed.
struct stop_broker {
  completion_reply<bool> done;
};

// From the broker to itself, by completions: a log was not closed cleanly; a deleted partition's directory has its new name.
struct close_failed {
  std::string reason;
};
struct partition_retired {
  topic_partition name;
};

struct describe_log_dirs_request {
  completion_reply<std::vector<net::log_dir_description>> done;
};

struct broker_order {
  std::variant<std::monostate, image_update, directory_failed, stop_broker, close_failed, partition_retired, describe_log_dirs_request>
      what;
};

using broker_actor = caf::typed_actor<caf::result<void>(broker_order), caf::result<void>(caf::tick_atom)>;

// -- to the metadata actor --------------------------------------------------------------------------------------------

struct create_topics_request {
  std::vector<metadata::new_topic> topics;
  bool validate_only = false;
  completion_reply<std::vector<metadata::topic_outcome>> done;
};
struct delete_topics_request {
  std::vector<metadata::topic_ref> topics;
  completion_reply<std::vector<metadata::topic_outcome>> done;
};
struct create_partitions_request {
  std::vector<metadata::new_partitions> topics;
  bool validate_only = false;
  completion_reply<std::vector<metadata::topic_outcome>> done;
};
struct alter_configs_request {
  std::vector<metadata::alter_config> changes;
  bool validate_only = false;
  completion_reply<std::vector<metadata::config_outcome>> done;
};
struct metadata_ground;
// Replays the log, takes its part in the quorum and registers this node's broker; answered when that may serve.
struct start_metadata {
  std::shared_ptr<metadata_ground> ground;
  completion_reply<void> done;
};
// This node's broker takes its leave: its partitions get other leaders. Answered when the controller says that it may go.
struct leave_cluster {
  completion_reply<void> done;
};
struct elect_leaders_request {
  metadata::election_kind kind = metadata::election_kind::preferred;
  std::vector<topic_partition> partitions;
  completion_reply<std::vector<metadata::election_outcome>> done;
};
struct describe_quorum_request {
  completion_reply<election::quorum_description> done;
};
// A partition's leader here proposes an in-sync set; answered by isr_answer.
struct isr_request {
  topic_id_partition partition;
  replication::isr_proposal proposal;
  partition_actor answer_to;
};
// To the controller, from the broker, which says it again until the image shows what came of it. As which incarnation is for the receiver to say.
struct failed_replicas_request {
  metadata::failed_replicas_report report;
};
// Flushes and closes the metadata log, answers this node's broker_epoch and ends.
struct stop_metadata {
  completion_reply<std::int64_t> done;
};

// From itself: this node's broker has acted on the image up to this offset, exclusive; who waited for it.
struct answers_due {
  std::int64_t end_offset = 0;
  std::vector<std::function<void(errc)>> answers;
};

// A producer id that nobody was given before.
struct init_producer_id_request {
  completion_reply<net::producer_id_and_epoch> done;
};

struct metadata_request {
  std::variant<std::monostate, create_topics_request, delete_topics_request, create_partitions_request, alter_configs_request,
               start_metadata, leave_cluster, stop_metadata, answers_due, init_producer_id_request, elect_leaders_request,
               describe_quorum_request, isr_request, failed_replicas_request, link_event>
      what;
};

using metadata_actor =
    caf::typed_actor<caf::result<void>(metadata_request), caf::result<void>(flush_outcome), caf::result<void>(caf::tick_atom),
                     caf::result<void>(quorum_message), caf::result<controller_answer>(controller_call)>;

// -- to the actor that keeps to which cluster this node belongs ---------------------------------------------------------

using former_actor = caf::typed_actor<caf::result<void>(link_event), caf::result<void>(formation_message)>;

// -- to the links, and from them --------------------------------------------------------------------------------------

// A socket on which the greetings are over; whoever takes the message takes the socket.
struct greeted {
  std::shared_ptr<net::links::new_link> made;
};
struct links_order {
  std::variant<std::monostate, greeted, link_refused> what;
};

using links_actor = caf::typed_actor<caf::result<void>(links_order), caf::result<void>(peer_card), caf::result<void>(caf::tick_atom)>;

} // namespace cafka::actors

CAF_BEGIN_TYPE_ID_BLOCK(cafka, caf::id_block::cafka_wire::end)
CAF_ADD_TYPE_ID(cafka, (cafka::actors::produce_request))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::fetch_request))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::partition_query))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::flush_outcome))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::partition_order))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::flush_request))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::directory_order))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::open_request))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::open_outcome))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::broker_order))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::metadata_request))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::partition_actor))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::flush_listener))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::flusher_actor))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::opener_actor))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::broker_actor))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::metadata_actor))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::links_order))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::links_actor))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::link_event))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::former_actor))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::replica_desk_actor))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::replica_outgoing))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::replica_answer))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::replica_request))
CAF_END_TYPE_ID_BLOCK(cafka)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::produce_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::fetch_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::partition_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::flush_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::partition_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::flush_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::directory_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::open_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::open_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::broker_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::metadata_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::links_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::link_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::replica_outgoing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::replica_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::actors::replica_request)
