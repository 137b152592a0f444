#include "actors/link_doors.hpp"

#include <caf/send.hpp>

namespace cafka::actors {

using net::links::new_link;

namespace {
net::links::link_opened giving_to(links_actor to) {
  return [to = std::move(to)](new_link made) { caf::anon_send(to, links_order{greeted{std::make_shared<new_link>(std::move(made))}}); };
}
} // namespace

link_doors::link_doors(net::event_loop& loop, const net::links::link_limits& limits, net::links::own_hello own, links_actor to,
                       std::shared_ptr<const net::links::linked_nodes> linked)
    : loop_(loop),
      limits_(limits),
      own_(std::move(own)),
      to_(std::move(to)),
      door_(loop, limits, own_, giving_to(to_), std::move(linked)) {}

result<net::bound_endpoint> link_doors::listen(const std::string& host, std::uint16_t port) { return door_.listen(host, port); }

void link_doors::start(std::vector<net::links::link_dialler::target> lower, std::vector<net::links::link_dialler::target> higher) {
  door_.start();
  loop_.post([self = shared_from_this(), lower = std::move(lower), higher = std::move(higher)] {
    const auto tell_refused = [&self](node_id id) { return [to = self->to_, id] { caf::anon_send(to, links_order{link_refused{id}}); }; };
    for (const auto& each : higher)
      self->probes_[each.id] = std::make_unique<net::links::link_probe>(self->loop_, self->limits_, each, tell_refused(each.id));
    for (const auto& each : lower) {
      auto& made = self->diallers_[each.id];
      made = std::make_unique<net::links::link_dialler>(self->loop_, self->limits_, each, self->own_, giving_to(self->to_),
                                                        tell_refused(each.id));
      made->dial();
    }
  });
}

void link_doors::lost(node_id id) {
  loop_.post([self = shared_from_this(), id] {
    if (const auto found = self->diallers_.find(id); found != self->diallers_.end())
      found->second->dial();
    if (const auto found = self->probes_.find(id); found != self->probes_.end())
      found->second->look();
  });
}

void link_doors::stop() {
  loop_.post([self = shared_from_this()] {
    self->door_.stop();
    for (const auto& [id, each] : self->diallers_)
      each->stop();
    for (const auto& [id, each] : self->probes_)
      each->stop();
  });
}

} // namespace cafka::actors
