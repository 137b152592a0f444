#include "actors/node_links.hpp"

#include "base/log.hpp"

#include <caf/io/basp_broker.hpp>
#include <caf/io/scribe.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cafka::actors {

namespace {

constexpr auto tick_interval = std::chrono::milliseconds(250);
// The middleman files what a connection offers under a port. Ours have none; each finds what was offered last, which is always this actor.
constexpr std::uint16_t offered_at = 1;

} // namespace

node_links::node_links(caf::actor_config& config, shard* home, std::shared_ptr<links_start> start)
    : shard_actor(config, home), with_(std::move(start)) {}

node_links::behavior_type node_links::make_behavior() {
  set_down_handler([this](const caf::down_msg& message) { went_down(message.source); });
  delayed_send(this, tick_interval, caf::tick_atom_v);
  return {
      [this](links_order& order) { std::visit([this](auto& what) { obey(what); }, order.what); },
      [this](const peer_card& card) { card_came(card); },
      [this](caf::tick_atom) { tick(); },
  };
}

void node_links::on_exit() {
  for (auto& [id, each] : links_)
    release(id, each);
  links_.clear();
  with_ = nullptr;
}

peer_card node_links::own_card() {
  return {{with_->id, with_->incarnation_id}, caf::actor_cast<caf::actor>(this), with_->former, with_->metadata, with_->replicas};
}

void node_links::obey(greeted& order) {
  const auto id = order.made->peer.id;
  const auto known = links_.find(id);
  if (known == links_.end())
    return hand_over(std::move(order.made));
  if (!order.made->dialled && !with_->linked->check(order.made->peer))
    return; // the door did not know yet; whose link is up keeps it
  // The other side has given the older one up, or has started anew: it would not have dialled else. The middleman must have let go of the old
  // connection first, or it would take the new one for a second of the same node and close it.
  known->second.next = std::move(order.made);
  cut(known->second);
  if (!known->second.remote)
    lost(id);
}

void node_links::hand_over(std::shared_ptr<net::links::new_link> made) {
  link fresh;
  fresh.peer = std::move(made->peer);
  fresh.wire_version = made->wire_version;
  fresh.dialled = made->dialled;
  fresh.card_due_ms = now_ms() + with_->rules.hello_ms;
  const auto id = fresh.peer.id;
  boost::system::error_code failed;
  const auto socket = made->socket.release(failed); // no handler of ours is left on it
  if (!failed)
    fresh.descriptor = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (failed || fresh.descriptor < 0) {
    CAFKA_LOG_ERROR("no link to node {}: {}", id, failed ? failed.message() : std::strerror(errno));
    if (!failed)
      ::close(socket);
    with_->lost(id);
    return;
  }
  auto& middleman = system().middleman();
  const auto basp = middleman.named_broker<caf::io::basp_broker>("BASP");
  auto scribe = middleman.backend().new_scribe(socket); // owns the socket
  const auto incarnation = fresh.peer.incarnation_id;
  const bool dialled = fresh.dialled;
  if (with_->pulse)
    with_->pulse->watch(id, fresh.descriptor);
  links_.insert_or_assign(id, std::move(fresh));
  if (!dialled) {
    caf::anon_send(basp, caf::publish_atom_v, std::move(scribe), offered_at, caf::actor_cast<caf::strong_actor_ptr>(this),
                   std::set<std::string>{});
    return;
  }
  request(basp, std::chrono::milliseconds(with_->rules.hello_ms), caf::connect_atom_v, std::move(scribe), offered_at)
      .then([this, id, incarnation](const caf::node_id&, const caf::strong_actor_ptr& remote,
                                    const std::set<std::string>&) { connected(id, incarnation, remote); },
            [this, id, incarnation](const caf::error&) { connected(id, incarnation, nullptr); });
}

void node_links::connected(node_id id, const uuid& incarnation, const caf::strong_actor_ptr& remote) {
  const auto found = links_.find(id);
  if (found == links_.end() || found->second.peer.incarnation_id != incarnation || found->second.remote)
    return;
  if (!remote) {
    cut(found->second);
    return lost(id);
  }
  found->second.remote = caf::actor_cast<caf::actor>(remote);
  monitor(found->second.remote);
  caf::anon_send(found->second.remote, own_card());
}

void node_links::card_came(const peer_card& card) {
  const auto id = card.from.id;
  const auto found = links_.find(id);
  if (found == links_.end() || found->second.peer.incarnation_id != card.from.incarnation_id || found->second.is_up || !card.links)
    return;
  auto& now = found->second;
  const auto tell = [&](bool may_ask) {
    with_->tell({link_up{id, card.from.incarnation_id, now.peer.directory_id, now.wire_version, may_ask, card.former, card.metadata,
                         card.replicas}});
  };
  if (!now.dialled && !now.is_known) {
    now.remote = card.links;
    now.is_known = true;
    monitor(now.remote);
    tell(false); // before the other side may ask anything
    caf::anon_send(now.remote, own_card());
    return;
  }
  now.is_known = now.is_up = true;
  with_->linked->set(id, card.from.incarnation_id);
  CAFKA_LOG_INFO("linked to node {}, wire version {}", id, now.wire_version);
  tell(true);
  if (now.dialled)
    caf::anon_send(now.remote, own_card());
}

void node_links::went_down(const caf::actor_addr& remote) {
  for (const auto& [id, each] : links_)
    if (each.remote && each.remote.address() == remote)
      return lost(id);
}

void node_links::lost(node_id id) {
  auto gone = std::move(links_.extract(id).mapped());
  with_->linked->erase(id);
  release(id, gone);
  if (gone.is_known) {
    if (gone.is_up)
      CAFKA_LOG_WARN("the link to node {} is gone", id);
    with_->tell({link_down{id, gone.peer.incarnation_id}});
  }
  if (gone.next)
    hand_over(std::move(gone.next));
  else
    with_->lost(id);
}

// The middleman sees the end of the connection and lets go of it.
void node_links::cut(link& which) noexcept { ::shutdown(which.descriptor, SHUT_RDWR); }

void node_links::release(node_id id, link& which) {
  cut(which);
  if (with_->pulse)
    with_->pulse->forget(id);
  ::close(which.descriptor);
}

// A peer that greeted us and then falls silent.
void node_links::tick() {
  delayed_send(this, tick_interval, caf::tick_atom_v);
  std::vector<node_id> silent;
  for (auto& [id, each] : links_)
    if (!each.is_up && each.card_due_ms <= now_ms())
      silent.push_back(id);
  for (const auto id : silent) {
    auto& each = links_.at(id);
    cut(each);
    if (!each.remote)
      lost(id);
  }
}

} // namespace cafka::actors
