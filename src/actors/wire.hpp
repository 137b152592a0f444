// The messages that cross from node to node. What stands here stays: the numbers of the types are on the wire, so the block is only ever appended to,
// and a message that changes becomes a new type of a higher wire version (net/links/hello.hpp).
#pragma once
#include "base/ids.hpp"

#include <caf/actor.hpp>
#include <caf/type_id.hpp>

namespace cafka::actors {

// The first message on a link, from both sides: whom to send the rest to.
struct peer_card {
  node_id id = no_node;
  uuid incarnation_id;
  caf::actor links; // who sends this
};

template <class Inspector>
bool inspect(Inspector& f, peer_card& card) {
  return f.object(card).fields(f.field("id", card.id), f.field("incarnation_id", card.incarnation_id.bytes), f.field("links", card.links));
}

} // namespace cafka::actors

CAF_BEGIN_TYPE_ID_BLOCK(cafka_wire, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(cafka_wire, (cafka::actors::peer_card))
CAF_END_TYPE_ID_BLOCK(cafka_wire)
