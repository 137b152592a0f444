// Where replicas on this node and their leaders or followers on other nodes exchange messages: a partition's actor here is found by the routing
// table, a node by its link. A fetch that is out is kept until it is answered, and asked again over the next link: what the old one still had is lost.
// Owned by the node. Decides nothing and reads no file. Nothing survives a crash.
#pragma once
#include "actors/messages.hpp"
#include "actors/routing_table.hpp"
#include "actors/shard_actor.hpp"
#include "actors/snapshot.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <unordered_map>

namespace cafka::actors {

class replica_desk final : public shard_actor<replica_desk_actor::base> {
public:
  replica_desk(caf::actor_config& config, shard* home, origin self, const snapshot<routing_table>* routes);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "cafka.replica_desk"; }

private:
  struct peer {
    uuid incarnation_id;
    caf::actor desk; // null: no link
    bool may_ask = false;
    link_load load;
    std::unordered_map<topic_id_partition, replication::replica_fetch_request>
        unanswered; // this node's fetches; one per partition that follows
  };

  void obey(const link_event& event);
  void receive(replica_message& message);
  void send(replica_outgoing& message);
  [[nodiscard]] partition_actor find(const topic_id_partition& which) const;

  origin self_;
  const snapshot<routing_table>* routes_;
  std::map<node_id, peer> peers_;
};

} // namespace cafka::actors
