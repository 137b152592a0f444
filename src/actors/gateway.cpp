#include "actors/gateway.hpp"

#include "actors/describe_configs.hpp"

#include <caf/send.hpp>

namespace cafka::actors {

net::node_description gateway::describe_node() const {
  net::node_description description;
  description.id = with_.config->id;
  description.cluster_id = with_.cluster_id;
  description.version = CAFKA_VERSION;
  description.max_frame_bytes = with_.config->socket_request_max_bytes;
  description.max_message_bytes = with_.config->topic_defaults.max_message_bytes;
  description.max_fetch_bytes = with_.config->fetch_max_bytes;
  return description;
}

void gateway::when_settled(net::completion<void> done) {
  caf::anon_send(with_.metadata, metadata_request{settled_request{with_.pulse->ended(), std::move(done)}});
}

// Clients take it for a broker: they look it up among the brokers and send changes there. So a controller that is none is not told; any broker passes
// changes on, and this node is one (as KIP-590 has it).
node_id gateway::controller_id() const {
  const auto active = with_.controller->load(std::memory_order_acquire);
  return active == no_node || with_.image->load()->brokers().contains(active) ? active : with_.config->id;
}

const partition_actor* gateway::find(const topic_id_partition& partition, error& why) const {
  const auto* routes = with_.routes->load()->find(partition.topic_id);
  const auto number = static_cast<std::size_t>(partition.partition);
  if (routes && partition.partition >= 0 && number < routes->by_partition.size() && routes->by_partition[number])
    return &routes->by_partition[number];
  if (routes)
    if (const auto offline = routes->offline_reasons.find(partition.partition); offline != routes->offline_reasons.end()) {
      why = {errc::kafka_storage_error, offline->second};
      return nullptr;
    }
  const auto& image = with_.image->load();
  const auto* topic = image->find_topic(partition.topic_id);
  if (!topic)
    why = {errc::unknown_topic_id, "no topic has the id " + partition.topic_id.to_string()};
  else if (const auto* known = topic->find_partition(partition.partition); !known)
    why = {errc::unknown_topic_or_partition, "topic " + topic->name + " has " + std::to_string(topic->partitions.size()) +
                                                 " partitions, none is numbered " + std::to_string(partition.partition)};
  else
    why = {errc::not_leader_or_follower, "the leader of " + topic->name + '-' + std::to_string(partition.partition) + " is node " +
                                             std::to_string(known->leader) + "; node " + std::to_string(with_.config->id) +
                                             " does not serve it now"};
  return nullptr;
}

void gateway::produce(net::produce_task task, std::uint32_t index, std::shared_ptr<net::produce_sink> sink) {
  produce_reply reply{std::move(sink), index};
  error why;
  if (const auto* actor = find(task.partition, why))
    caf::anon_send(*actor, produce_request{std::move(task), std::move(reply)});
  else
    reply.fail(why.code, std::move(why.detail));
}

void gateway::fetch(net::fetch_task task, std::uint32_t index, std::shared_ptr<net::fetch_sink> sink) {
  fetch_reply reply{std::move(sink), index};
  error why;
  if (const auto* actor = find(task.partition, why))
    caf::anon_send(*actor, fetch_request{std::move(task), std::move(reply)});
  else
    reply.fail(why.code, std::move(why.detail));
}

void gateway::list_offset(topic_id_partition partition, std::int32_t current_leader_epoch, std::int64_t timestamp, net::isolation level,
                          net::completion<storage::timestamp_and_offset> done) {
  error why;
  if (const auto* actor = find(partition, why))
    caf::anon_send(*actor, partition_query{list_offset_query{current_leader_epoch, timestamp, level, std::move(done)}});
  else
    done(fail(why.code, std::move(why.detail)));
}

void gateway::delete_records(topic_id_partition partition, std::int64_t offset, std::int64_t deadline_monotonic_ms,
                             net::completion<std::int64_t> done) {
  error why;
  if (const auto* actor = find(partition, why))
    caf::anon_send(*actor, partition_query{delete_records_query{offset, deadline_monotonic_ms, std::move(done)}});
  else
    done(fail(why.code, std::move(why.detail)));
}

void gateway::end_offset_for_epoch(topic_id_partition partition, std::int32_t current_leader_epoch, std::int32_t leader_epoch,
                                   net::completion<storage::epoch_end> done) {
  error why;
  if (const auto* actor = find(partition, why))
    caf::anon_send(*actor, partition_query{epoch_end_query{current_leader_epoch, leader_epoch, std::move(done)}});
  else
    done(fail(why.code, std::move(why.detail)));
}

void gateway::create_topics(std::vector<metadata::new_topic> topics, bool validate_only,
                            net::completion<std::vector<metadata::topic_outcome>> done) {
  caf::anon_send(with_.metadata, metadata_request{create_topics_request{std::move(topics), validate_only, std::move(done)}});
}

void gateway::delete_topics(std::vector<metadata::topic_ref> topics, net::completion<std::vector<metadata::topic_outcome>> done) {
  if (!with_.config->delete_topics) {
    done(fail(errc::topic_deletion_disabled, "Topic deletion is disabled (delete.topic.enable is false)."));
    return;
  }
  caf::anon_send(with_.metadata, metadata_request{delete_topics_request{std::move(topics), std::move(done)}});
}

void gateway::create_partitions(std::vector<metadata::new_partitions> topics, bool validate_only,
                                net::completion<std::vector<metadata::topic_outcome>> done) {
  caf::anon_send(with_.metadata, metadata_request{create_partitions_request{std::move(topics), validate_only, std::move(done)}});
}

void gateway::elect_leaders(metadata::election_kind kind, std::vector<topic_partition> partitions,
                            net::completion<std::vector<metadata::election_outcome>> done) {
  caf::anon_send(with_.metadata, metadata_request{elect_leaders_request{kind, std::move(partitions), std::move(done)}});
}

void gateway::describe_quorum(net::completion<election::quorum_description> done) {
  net::completion<election::quorum_description> with_addresses = [config = with_.config,
                                                                  done = std::move(done)](result<election::quorum_description> described) {
    if (described && !config->controller_listener_names.empty())
      for (const auto& voter : config->quorum_voters)
        described->addresses.push_back({voter.id, config->controller_listener_names.front(), voter.host, voter.port});
    done(std::move(described));
  };
  caf::anon_send(with_.metadata, metadata_request{describe_quorum_request{std::move(with_addresses)}});
}

void gateway::alter_configs(std::vector<metadata::alter_config> changes, bool validate_only,
                            net::completion<std::vector<metadata::config_outcome>> done) {
  caf::anon_send(with_.metadata, metadata_request{alter_configs_request{std::move(changes), validate_only, std::move(done)}});
}

void gateway::describe_configs(metadata::config_key resource, net::completion<std::vector<metadata::config_entry>> done) {
  done(actors::describe_configs(*with_.config, *with_.image->load(), resource));
}

std::vector<metadata::config_entry> gateway::topic_configs(const metadata::config_map& own) const {
  return describe_topic_configs(*with_.config, *with_.image->load(), own);
}

void gateway::describe_log_dirs(net::completion<std::vector<net::log_dir_description>> done) {
  caf::anon_send(with_.broker, broker_order{describe_log_dirs_request{std::move(done)}});
}

void gateway::init_producer_id(net::completion<net::producer_id_and_epoch> done) {
  caf::anon_send(with_.metadata, metadata_request{init_producer_id_request{std::move(done)}});
}

} // namespace cafka::actors
