// The node's side of the door that sessions knock on (net/service.hpp): finds a partition's actor in the routing table and sends to it
// directly; answers on the spot what this node does not serve. Holds no state but two snapshots. Thread-safe.
#pragma once
#include "actors/link_pulse.hpp"
#include "actors/messages.hpp"
#include "actors/routing_table.hpp"
#include "actors/snapshot.hpp"
#include "base/clock.hpp"
#include "base/config/node_config.hpp"
#include "metadata/failover_watch.hpp"
#include "net/service.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace cafka::actors {

class gateway final : public net::service {
public:
  struct parts {
    std::shared_ptr<const node_config> config;
    std::string cluster_id;
    const snapshot<metadata::image>* image = nullptr;
    const snapshot<routing_table>* routes = nullptr;
    const std::atomic<node_id>* controller = nullptr; // where the active one is, or −1
    const snapshot<metadata::failover_view>* failover = nullptr;
    const link_pulse* pulse = nullptr;
    const clock* time = nullptr;
    metadata_actor metadata;
    broker_actor broker;
  };
  explicit gateway(parts with) : with_(std::move(with)) {}
  // Before the first call comes in.
  void set_actors(std::string cluster_id, metadata_actor metadata, broker_actor broker) {
    with_.cluster_id = std::move(cluster_id);
    with_.metadata = std::move(metadata);
    with_.broker = std::move(broker);
  }

  net::node_description describe_node() const override;
  metadata::image_ptr image() const override { return with_.image->load(); }
  node_id controller_id() const override;
  std::int64_t lately_fenced(node_id broker) const override {
    return with_.failover->load()->lately_fenced(broker, with_.time->monotonic_ms());
  }
  bool is_settled() const override {
    return with_.failover->load()->is_settled(with_.time->monotonic_ms()) && with_.pulse->ended().empty();
  }
  void when_settled(net::completion<void> done) override;

  void produce(net::produce_task task, std::uint32_t index, std::shared_ptr<net::produce_sink> sink) override;
  void fetch(net::fetch_task task, std::uint32_t index, std::shared_ptr<net::fetch_sink> sink) override;
  void list_offset(topic_id_partition partition, std::int32_t current_leader_epoch, std::int64_t timestamp, net::isolation level,
                   net::completion<storage::timestamp_and_offset> done) override;
  void delete_records(topic_id_partition partition, std::int64_t offset, std::int64_t deadline_monotonic_ms,
                      net::completion<std::int64_t> done) override;
  void end_offset_for_epoch(topic_id_partition partition, std::int32_t current_leader_epoch, std::int32_t leader_epoch,
                            net::completion<storage::epoch_end> done) override;

  void create_topics(std::vector<metadata::new_topic> topics, bool validate_only,
                     net::completion<std::vector<metadata::topic_outcome>> done) override;
  void delete_topics(std::vector<metadata::topic_ref> topics, net::completion<std::vector<metadata::topic_outcome>> done) override;
  void create_partitions(std::vector<metadata::new_partitions> topics, bool validate_only,
                         net::completion<std::vector<metadata::topic_outcome>> done) override;
  void alter_configs(std::vector<metadata::alter_config> changes, bool validate_only,
                     net::completion<std::vector<metadata::config_outcome>> done) override;
  void describe_configs(metadata::config_key resource, net::completion<std::vector<metadata::config_entry>> done) override;
  [[nodiscard]] std::vector<metadata::config_entry> topic_configs(const metadata::config_map& own) const override;
  void describe_log_dirs(net::completion<std::vector<net::log_dir_description>> done) override;
  void elect_leaders(metadata::election_kind kind, std::vector<topic_partition> partitions,
                     net::completion<std::vector<metadata::election_outcome>> done) override;
  void describe_quorum(net::completion<election::quorum_description> done) override;
  void init_producer_id(net::completion<net::producer_id_and_epoch> done) override;

private:
  // Null, with the reason in `why`, if no actor of this node serves the partition.
  [[nodiscard]] const partition_actor* find(const topic_id_partition& partition, error& why) const;

  parts with_;
};

} // namespace cafka::actors
