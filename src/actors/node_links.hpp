// The links of this node: one per other node, made by net/links, carried by CAF's middleman (BASP), replaced when they break.
// Whoever dialled sends its card first, gets the other's, and sends its own once more. So each side's actors know of the link before anything comes over it:
// the acceptor's, told at the first card, may answer what they are asked; told again at the second, they may ask.
// Owned by the node. Nothing here decides who is alive: a link that is down is a hint (docs/replication.md).
#pragma once
#include "actors/messages.hpp"
#include "actors/shard_actor.hpp"
#include "net/links/link_port.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <map>
#include <memory>

namespace cafka::actors {

struct links_start {
  clock* time = nullptr;
  node_id id = no_node;
  uuid incarnation_id;
  net::links::link_limits limits;
  caf::actor former, metadata, replicas; // to whom other nodes send the rest; may be null in tests
  std::shared_ptr<net::links::linked_nodes> linked = std::make_shared<net::links::linked_nodes>(); // kept up to date
  std::function<void(node_id)> lost; // a link is gone, and nothing has taken its place; any thread
  std::function<void(link_event)> tell; // from the actor's thread
};

class node_links final : public shard_actor<links_actor::base> {
public:
  node_links(caf::actor_config& config, shard* home, std::shared_ptr<links_start> start);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "cafka.links"; }

private:
  // handed over: the middleman has the socket; up: the cards are exchanged.
  struct link {
    net::links::hello peer;
    std::int16_t wire_version = 0;
    bool dialled = false, is_known = false, is_up = false; // known: told to this node's actors
    int descriptor = -1; // a second one of the same socket: by it the link is cut
    caf::actor remote;
    std::int64_t card_due_ms = 0;
    std::shared_ptr<net::links::new_link> next; // greeted while this one was still there
  };

  void obey(greeted& order);
  void obey(link_refused& order) { with_->tell({order}); }
  void obey(std::monostate&) {}

  void hand_over(std::shared_ptr<net::links::new_link> made);
  void connected(node_id id, const uuid& incarnation, const caf::strong_actor_ptr& remote);
  void card_came(const peer_card& card);
  void went_down(const caf::actor_addr& remote);
  void lost(node_id id);
  void tick();
  static void cut(link& which) noexcept;
  [[nodiscard]] peer_card own_card();
  [[nodiscard]] std::int64_t now_ms() const { return with_->time->monotonic_ms(); }

  std::shared_ptr<links_start> with_;
  std::map<node_id, link> links_;
};

} // namespace cafka::actors
