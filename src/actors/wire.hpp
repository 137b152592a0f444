// The messages that cross from node to node. What stands here stays: the numbers of the types are on the wire, so the block is only ever appended to,
// and a message that changes becomes a new type of a higher wire version (net/links/hello.hpp). How each is laid out: wire_layout.hpp.
// Every message says which process sent it: one that is not, or no longer, at the other end of a link is not listened to.
#pragma once
#include "base/ids.hpp"
#include "election/formation.hpp"
#include "election/messages.hpp"
#include "election/quorum_description.hpp"
#include "metadata/controller.hpp"
#include "replication/replica_fetch.hpp"

#include <caf/actor.hpp>
#include <caf/type_id.hpp>

#include <string>
#include <variant>
#include <vector>

namespace cafka::actors {

struct origin {
  node_id id = no_node;
  uuid incarnation_id;
  bool operator==(const origin&) const = default;
};

// The first message on a link, from both sides: whom to send the rest to.
struct peer_card {
  origin from;
  caf::actor links; // who sends this
  caf::actor former;
  caf::actor metadata;
  caf::actor replicas;
};

struct formation_message {
  origin from;
  election::formation_report report;
};

// `batches`: of a fetch_response with records, whole and one after the other; at most 1 MiB unless the first alone is larger.
struct quorum_message {
  origin from;
  election::message content;
  std::string batches;
};

// -- what any node asks the active controller -------------------------------------------------------------------------

struct create_topics_call {
  std::vector<metadata::new_topic> topics;
  bool validate_only = false;
};
struct delete_topics_call {
  std::vector<metadata::topic_ref> topics;
};
struct create_partitions_call {
  std::vector<metadata::new_partitions> topics;
  bool validate_only = false;
};
struct alter_configs_call {
  std::vector<metadata::alter_config> changes;
  bool validate_only = false;
};
struct alter_partition_call {
  std::vector<metadata::alter_partition_request> partitions;
};
struct elect_leaders_call {
  metadata::election_kind kind = metadata::election_kind::preferred;
  std::vector<topic_partition> partitions;
};
struct producer_ids_call {
  node_id broker = no_node;
  std::int64_t broker_epoch = -1;
};
struct describe_quorum_call {
  std::int8_t unused = 0;
};
using controller_question = std::variant<create_topics_call, delete_topics_call, create_partitions_call, alter_configs_call,
                                         metadata::broker_registration_request, metadata::broker_heartbeat, alter_partition_call,
                                         elect_leaders_call, producer_ids_call, describe_quorum_call, metadata::failed_replicas_report>;

struct controller_call {
  origin from;
  controller_question what;
};

struct topic_outcomes {
  std::vector<metadata::topic_outcome> all;
};
struct config_outcomes {
  std::vector<metadata::config_outcome> all;
};
struct alter_partition_outcomes {
  std::vector<metadata::alter_partition_outcome> all;
};
struct election_outcomes {
  std::vector<metadata::election_outcome> all;
};
using controller_reply = std::variant<topic_outcomes, config_outcomes, metadata::broker_registration_outcome,
                                      metadata::broker_heartbeat_outcome, alter_partition_outcomes, election_outcomes,
                                      metadata::producer_id_block, election::quorum_description, metadata::failed_replicas_outcome>;

struct controller_answer {
  errc code = errc::none; // none: `what` holds the outcomes; not_controller: nothing was done, ask who is
  std::string message;
  controller_reply what;
};

// -- between the replicas of a partition -------------------------------------------------------------------------------

// More of what a follower has is on its disk: neither answered nor parked.
struct replica_progress {
  replication::replica_fetch_request position;
};
// `batches`: of a response with records, whole and one after the other.
struct replica_message {
  origin from;
  topic_id_partition partition;
  std::variant<replication::replica_fetch_request, replica_progress, replication::replica_fetch_response> content;
  std::string batches;
};

} // namespace cafka::actors

CAF_BEGIN_TYPE_ID_BLOCK(cafka_wire, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::peer_card))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::formation_message))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::quorum_message))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::election::vote_request))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::election::vote_response))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::election::begin_epoch_request))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::election::begin_epoch_response))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::election::end_epoch_request))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::election::fetch_request))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::election::fetch_response))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::controller_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::create_topics_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::delete_topics_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::create_partitions_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::alter_configs_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::metadata::broker_registration_request))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::metadata::broker_heartbeat))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::alter_partition_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::elect_leaders_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::producer_ids_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::controller_answer))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::topic_outcomes))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::config_outcomes))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::metadata::broker_registration_outcome))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::metadata::broker_heartbeat_outcome))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::alter_partition_outcomes))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::election_outcomes))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::metadata::producer_id_block))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::replica_message))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::replica_progress))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::replication::replica_fetch_request))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::replication::replica_fetch_response))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::describe_quorum_call))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::election::quorum_description))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::metadata::failed_replicas_report))
CAF_ADD_TYPE_ID(cafka_wire, (cafka::metadata::failed_replicas_outcome))
CAF_END_TYPE_ID_BLOCK(cafka_wire)

#include "actors/wire_layout.hpp"
