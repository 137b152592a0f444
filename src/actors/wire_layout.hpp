// How the messages of wire.hpp are laid out: their fields, in the order in which they are on the wire. Included by it alone.
// An enumeration travels as its number; one that this build does not know makes the message unreadable, and it is dropped with a log line.
#pragma once
#include "actors/wire.hpp"

#include <type_traits>

namespace cafka {

template <class Inspector>
bool inspect(Inspector& f, uuid& id) {
  return f.object(id).fields(f.field("bytes", id.bytes));
}
template <class Inspector>
bool inspect(Inspector& f, topic_partition& name) {
  return f.object(name).fields(f.field("topic", name.topic), f.field("partition", name.partition));
}
template <class Inspector>
bool inspect(Inspector& f, topic_id_partition& name) {
  return f.object(name).fields(f.field("topic_id", name.topic_id), f.field("partition", name.partition));
}

// As its number; any above `highest` or below `lowest` is refused.
template <class Inspector, class Enumeration>
bool inspect_number(Inspector& f, Enumeration& value, Enumeration lowest, Enumeration highest) {
  using number = std::underlying_type_t<Enumeration>;
  const auto get = [&] { return static_cast<number>(value); };
  const auto set = [&](number read) {
    if (read < static_cast<number>(lowest) || read > static_cast<number>(highest))
      return false;
    value = static_cast<Enumeration>(read);
    return true;
  };
  return f.apply(get, set);
}
template <class Inspector>
bool inspect(Inspector& f, errc& code) { // what a later build calls an error is one here too
  return inspect_number(f, code, static_cast<errc>(INT32_MIN), static_cast<errc>(INT32_MAX));
}
template <class Inspector>
bool inspect(Inspector& f, error& why) {
  return f.object(why).fields(f.field("code", why.code), f.field("detail", why.detail));
}

} // namespace cafka

namespace cafka::election {

template <class Inspector>
bool inspect(Inspector& f, replica_key& key) {
  return f.object(key).fields(f.field("id", key.id), f.field("directory_id", key.directory_id));
}
template <class Inspector>
bool inspect(Inspector& f, log_position& place) {
  return f.object(place).fields(f.field("leader_epoch", place.leader_epoch), f.field("end_offset", place.end_offset));
}
template <class Inspector>
bool inspect(Inspector& f, voter_set& voters) {
  const auto get = [&] { return std::vector<replica_key>(voters.begin(), voters.end()); };
  const auto set = [&](std::vector<replica_key> read) {
    voters = voter_set{std::move(read)};
    return true;
  };
  return f.apply(get, set);
}
template <class Inspector>
bool inspect(Inspector& f, cluster_identity& of) {
  return f.object(of).fields(f.field("cluster_id", of.cluster_id), f.field("voters", of.voters));
}
template <class Inspector>
bool inspect(Inspector& f, formation_report& said) {
  return f.object(said).fields(f.field("from", said.from), f.field("configured", said.configured), f.field("formed", said.formed),
                               f.field("confirmed", said.confirmed));
}
template <class Inspector>
bool inspect(Inspector& f, vote_request& said) {
  return f.object(said).fields(f.field("leader_epoch", said.leader_epoch), f.field("candidate", said.candidate),
                               f.field("voter", said.voter), f.field("last", said.last), f.field("pre_vote", said.pre_vote));
}
template <class Inspector>
bool inspect(Inspector& f, vote_response& said) {
  return f.object(said).fields(f.field("leader_epoch", said.leader_epoch), f.field("leader", said.leader), f.field("granted", said.granted),
                               f.field("pre_vote", said.pre_vote));
}
template <class Inspector>
bool inspect(Inspector& f, begin_epoch_request& said) {
  return f.object(said).fields(f.field("leader_epoch", said.leader_epoch), f.field("leader", said.leader), f.field("voter", said.voter));
}
template <class Inspector>
bool inspect(Inspector& f, begin_epoch_response& said) {
  return f.object(said).fields(f.field("leader_epoch", said.leader_epoch), f.field("leader", said.leader));
}
template <class Inspector>
bool inspect(Inspector& f, end_epoch_request& said) {
  return f.object(said).fields(f.field("leader_epoch", said.leader_epoch), f.field("leader", said.leader),
                               f.field("preferred_successors", said.preferred_successors));
}
template <class Inspector>
bool inspect(Inspector& f, fetch_request& said) {
  return f.object(said).fields(f.field("leader_epoch", said.leader_epoch), f.field("replica", said.replica),
                               f.field("fetch_offset", said.fetch_offset), f.field("last_fetched_epoch", said.last_fetched_epoch),
                               f.field("high_watermark", said.high_watermark));
}
template <class Inspector>
bool inspect(Inspector& f, fetch_response& said) {
  return f.object(said).fields(f.field("leader_epoch", said.leader_epoch), f.field("leader", said.leader),
                               f.field("accepted", said.accepted), f.field("high_watermark", said.high_watermark),
                               f.field("diverging", said.diverging), f.field("snapshot", said.snapshot),
                               f.field("fetch_offset", said.fetch_offset), f.field("last_fetched_epoch", said.last_fetched_epoch),
                               f.field("has_records", said.has_records));
}

template <class Inspector>
bool inspect(Inspector& f, quorum_description::replica& one) {
  return f.object(one).fields(f.field("key", one.key), f.field("log_end_offset", one.log_end_offset),
                              f.field("last_fetch_ms", one.last_fetch_ms), f.field("last_caught_up_ms", one.last_caught_up_ms));
}
template <class Inspector>
bool inspect(Inspector& f, quorum_description::address& one) {
  return f.object(one).fields(f.field("id", one.id), f.field("listener", one.listener), f.field("host", one.host),
                              f.field("port", one.port));
}
template <class Inspector>
bool inspect(Inspector& f, quorum_description& of) {
  return f.object(of).fields(f.field("leader", of.leader), f.field("leader_epoch", of.leader_epoch),
                             f.field("high_watermark", of.high_watermark), f.field("voters", of.voters), f.field("observers", of.observers),
                             f.field("addresses", of.addresses));
}

} // namespace cafka::election

namespace cafka::metadata {

template <class Inspector>
bool inspect(Inspector& f, recovery_state& value) {
  return inspect_number(f, value, recovery_state::recovered, recovery_state::recovering);
}
template <class Inspector>
bool inspect(Inspector& f, config_resource& value) {
  return inspect_number(f, value, config_resource::topic, config_resource::broker);
}
template <class Inspector>
bool inspect(Inspector& f, config_operation& value) {
  return inspect_number(f, value, config_operation::set, config_operation::subtract);
}
template <class Inspector>
bool inspect(Inspector& f, election_kind& value) {
  return inspect_number(f, value, election_kind::preferred, election_kind::unclean);
}
template <class Inspector>
bool inspect(Inspector& f, new_topic& topic) {
  return f.object(topic).fields(f.field("name", topic.name), f.field("partition_count", topic.partition_count),
                                f.field("replication_factor", topic.replication_factor), f.field("assignment", topic.assignment),
                                f.field("configs", topic.configs), f.field("flaw", topic.flaw));
}
template <class Inspector>
bool inspect(Inspector& f, topic_outcome& outcome) {
  return f.object(outcome).fields(f.field("name", outcome.name), f.field("topic_id", outcome.topic_id), f.field("code", outcome.code),
                                  f.field("message", outcome.message), f.field("partition_count", outcome.partition_count),
                                  f.field("replication_factor", outcome.replication_factor));
}
template <class Inspector>
bool inspect(Inspector& f, topic_ref& topic) {
  return f.object(topic).fields(f.field("name", topic.name), f.field("topic_id", topic.topic_id));
}
template <class Inspector>
bool inspect(Inspector& f, new_partitions& wanted) {
  return f.object(wanted).fields(f.field("topic", wanted.topic), f.field("total_count", wanted.total_count),
                                 f.field("assignment", wanted.assignment), f.field("is_assigned", wanted.is_assigned));
}
template <class Inspector>
bool inspect(Inspector& f, config_key& key) {
  return f.object(key).fields(f.field("type", key.type), f.field("name", key.name));
}
template <class Inspector>
bool inspect(Inspector& f, config_change& change) {
  return f.object(change).fields(f.field("key", change.key), f.field("operation", change.operation), f.field("value", change.value));
}
template <class Inspector>
bool inspect(Inspector& f, alter_config& wanted) {
  return f.object(wanted).fields(f.field("resource", wanted.resource), f.field("changes", wanted.changes),
                                 f.field("replaces_all", wanted.replaces_all));
}
template <class Inspector>
bool inspect(Inspector& f, config_outcome& outcome) {
  return f.object(outcome).fields(f.field("resource", outcome.resource), f.field("code", outcome.code),
                                  f.field("message", outcome.message));
}
template <class Inspector>
bool inspect(Inspector& f, endpoint& address) {
  return f.object(address).fields(f.field("listener", address.listener), f.field("host", address.host), f.field("port", address.port),
                                  f.field("security_protocol", address.security_protocol));
}
template <class Inspector>
bool inspect(Inspector& f, broker_registration_request& request) {
  return f.object(request).fields(
      f.field("id", request.id), f.field("incarnation_id", request.incarnation_id), f.field("endpoints", request.endpoints),
      f.field("rack", request.rack), f.field("directories", request.directories), f.field("features", request.features),
      f.field("previous_broker_epoch", request.previous_broker_epoch), f.field("page_cache_survived", request.page_cache_survived),
      f.field("directory_lost", request.directory_lost));
}
template <class Inspector>
bool inspect(Inspector& f, broker_registration_outcome& outcome) {
  return f.object(outcome).fields(f.field("code", outcome.code), f.field("message", outcome.message),
                                  f.field("broker_epoch", outcome.broker_epoch));
}
template <class Inspector>
bool inspect(Inspector& f, broker_heartbeat& beat) {
  return f.object(beat).fields(f.field("id", beat.id), f.field("broker_epoch", beat.broker_epoch),
                               f.field("metadata_offset", beat.metadata_offset), f.field("want_fence", beat.want_fence),
                               f.field("want_shutdown", beat.want_shutdown));
}
template <class Inspector>
bool inspect(Inspector& f, broker_heartbeat_outcome& outcome) {
  return f.object(outcome).fields(f.field("code", outcome.code), f.field("message", outcome.message),
                                  f.field("caught_up", outcome.caught_up), f.field("fenced", outcome.fenced),
                                  f.field("should_shut_down", outcome.should_shut_down));
}
template <class Inspector>
bool inspect(Inspector& f, partition_registration& partition) {
  return f.object(partition).fields(f.field("replicas", partition.replicas), f.field("directories", partition.directories),
                                    f.field("isr", partition.isr), f.field("adding_replicas", partition.adding_replicas),
                                    f.field("removing_replicas", partition.removing_replicas), f.field("elr", partition.elr),
                                    f.field("last_known_elr", partition.last_known_elr), f.field("leader", partition.leader),
                                    f.field("leader_recovery", partition.leader_recovery), f.field("leader_epoch", partition.leader_epoch),
                                    f.field("partition_epoch", partition.partition_epoch));
}
template <class Inspector>
bool inspect(Inspector& f, isr_member& member) {
  return f.object(member).fields(f.field("id", member.id), f.field("broker_epoch", member.broker_epoch));
}
template <class Inspector>
bool inspect(Inspector& f, alter_partition_request& request) {
  return f.object(request).fields(f.field("leader", request.leader), f.field("broker_epoch", request.broker_epoch),
                                  f.field("partition", request.partition), f.field("leader_epoch", request.leader_epoch),
                                  f.field("partition_epoch", request.partition_epoch), f.field("isr", request.isr),
                                  f.field("leader_recovery", request.leader_recovery));
}
template <class Inspector>
bool inspect(Inspector& f, alter_partition_outcome& outcome) {
  return f.object(outcome).fields(f.field("code", outcome.code), f.field("message", outcome.message),
                                  f.field("partition", outcome.partition));
}
template <class Inspector>
bool inspect(Inspector& f, failed_replica& failed) {
  return f.object(failed).fields(f.field("partition", failed.partition), f.field("directory", failed.directory),
                                 f.field("anew_in", failed.anew_in));
}
template <class Inspector>
bool inspect(Inspector& f, failed_replicas_report& report) {
  return f.object(report).fields(f.field("id", report.id), f.field("broker_epoch", report.broker_epoch),
                                 f.field("directories", report.directories), f.field("replicas", report.replicas));
}
template <class Inspector>
bool inspect(Inspector& f, failed_replicas_outcome& outcome) {
  return f.object(outcome).fields(f.field("code", outcome.code), f.field("message", outcome.message));
}
template <class Inspector>
bool inspect(Inspector& f, producer_id_block& block) {
  return f.object(block).fields(f.field("code", block.code), f.field("message", block.message), f.field("first", block.first),
                                f.field("count", block.count));
}
template <class Inspector>
bool inspect(Inspector& f, election_outcome& outcome) {
  return f.object(outcome).fields(f.field("partition", outcome.partition), f.field("code", outcome.code),
                                  f.field("message", outcome.message));
}

} // namespace cafka::metadata

namespace cafka::storage {

template <class Inspector>
bool inspect(Inspector& f, epoch_end& end) {
  return f.object(end).fields(f.field("leader_epoch", end.leader_epoch), f.field("end_offset", end.end_offset));
}

} // namespace cafka::storage

namespace cafka::replication {

template <class Inspector>
bool inspect(Inspector& f, replica_fetch_request& request) {
  return f.object(request).fields(f.field("current_leader_epoch", request.current_leader_epoch),
                                  f.field("fetch_offset", request.fetch_offset), f.field("last_fetched_epoch", request.last_fetched_epoch),
                                  f.field("flushed_end_offset", request.flushed_end_offset), f.field("broker_epoch", request.broker_epoch),
                                  f.field("high_watermark", request.high_watermark), f.field("log_start_offset", request.log_start_offset));
}
template <class Inspector>
bool inspect(Inspector& f, replica_fetch_response& response) {
  return f.object(response).fields(f.field("current_leader_epoch", response.current_leader_epoch),
                                   f.field("fetch_offset", response.fetch_offset),
                                   f.field("last_fetched_epoch", response.last_fetched_epoch), f.field("code", response.code),
                                   f.field("diverging", response.diverging), f.field("high_watermark", response.high_watermark),
                                   f.field("log_start_offset", response.log_start_offset), f.field("has_records", response.has_records));
}

} // namespace cafka::replication

namespace cafka::actors {

template <class Inspector>
bool inspect(Inspector& f, replica_progress& progress) {
  return f.object(progress).fields(f.field("position", progress.position));
}

template <class Inspector>
bool inspect(Inspector& f, origin& of) {
  return f.object(of).fields(f.field("id", of.id), f.field("incarnation_id", of.incarnation_id));
}
template <class Inspector>
bool inspect(Inspector& f, peer_card& card) {
  return f.object(card).fields(f.field("from", card.from), f.field("links", card.links), f.field("former", card.former),
                               f.field("metadata", card.metadata), f.field("replicas", card.replicas));
}
template <class Inspector>
bool inspect(Inspector& f, formation_message& message) {
  return f.object(message).fields(f.field("from", message.from), f.field("report", message.report));
}
template <class Inspector>
bool inspect(Inspector& f, quorum_message& message) {
  return f.object(message).fields(f.field("from", message.from), f.field("content", message.content), f.field("batches", message.batches));
}
template <class Inspector>
bool inspect(Inspector& f, create_topics_call& call) {
  return f.object(call).fields(f.field("topics", call.topics), f.field("validate_only", call.validate_only));
}
template <class Inspector>
bool inspect(Inspector& f, delete_topics_call& call) {
  return f.object(call).fields(f.field("topics", call.topics));
}
template <class Inspector>
bool inspect(Inspector& f, create_partitions_call& call) {
  return f.object(call).fields(f.field("topics", call.topics), f.field("validate_only", call.validate_only));
}
template <class Inspector>
bool inspect(Inspector& f, alter_configs_call& call) {
  return f.object(call).fields(f.field("changes", call.changes), f.field("validate_only", call.validate_only));
}
template <class Inspector>
bool inspect(Inspector& f, alter_partition_call& call) {
  return f.object(call).fields(f.field("partitions", call.partitions));
}
template <class Inspector>
bool inspect(Inspector& f, elect_leaders_call& call) {
  return f.object(call).fields(f.field("kind", call.kind), f.field("partitions", call.partitions));
}
template <class Inspector>
bool inspect(Inspector& f, producer_ids_call& call) {
  return f.object(call).fields(f.field("broker", call.broker), f.field("broker_epoch", call.broker_epoch));
}
template <class Inspector>
bool inspect(Inspector& f, describe_quorum_call& call) {
  return f.object(call).fields(f.field("unused", call.unused));
}
template <class Inspector>
bool inspect(Inspector& f, controller_call& call) {
  return f.object(call).fields(f.field("from", call.from), f.field("what", call.what));
}
template <class Inspector>
bool inspect(Inspector& f, topic_outcomes& outcomes) {
  return f.object(outcomes).fields(f.field("all", outcomes.all));
}
template <class Inspector>
bool inspect(Inspector& f, config_outcomes& outcomes) {
  return f.object(outcomes).fields(f.field("all", outcomes.all));
}
template <class Inspector>
bool inspect(Inspector& f, alter_partition_outcomes& outcomes) {
  return f.object(outcomes).fields(f.field("all", outcomes.all));
}
template <class Inspector>
bool inspect(Inspector& f, election_outcomes& outcomes) {
  return f.object(outcomes).fields(f.field("all", outcomes.all));
}
template <class Inspector>
bool inspect(Inspector& f, replica_message& message) {
  return f.object(message).fields(f.field("from", message.from), f.field("partition", message.partition),
                                  f.field("content", message.content), f.field("batches", message.batches));
}
template <class Inspector>
bool inspect(Inspector& f, controller_answer& answer) {
  return f.object(answer).fields(f.field("code", answer.code), f.field("message", answer.message), f.field("what", answer.what));
}

} // namespace cafka::actors
