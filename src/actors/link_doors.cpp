#include "actors/link_doors.hpp"

#include <caf/send.hpp>

namespace cafka::actors {

using net::links::new_link;

namespace {
net::links::link_opened giving_to(links_actor to) {
  return [to = std::move(to)](new_link made) { caf::anon_send(to, links_order{greeted{std::make_shared<new_link>(std::move(made))}}); };
}
} // namespace

link_doors::link_doors(net::event_loop& loop, const net::links::link_limits& limits, net::links::own_hello own, links_actor to)
    : loop_(loop), limits_(limits), own_(std::move(own)), to_(std::move(to)), door_(loop, limits, own_, giving_to(to_)) {}

result<net::bound_endpoint> link_doors::listen(const std::string& host, std::uint16_t port) { return door_.listen(host, port); }

void link_doors::start(std::vector<net::links::link_dialler::target> lower) {
  door_.start();
  loop_.post([self = shared_from_this(), lower = std::move(lower)] {
    for (const auto& each : lower) {
      auto refused = [to = self->to_, id = each.id] { caf::anon_send(to, links_order{link_refused{id}}); };
      auto& made = self->diallers_[each.id];
      made = std::make_unique<net::links::link_dialler>(self->loop_, self->limits_, each, self->own_, giving_to(self->to_),
                                                        std::move(refused));
      made->dial();
    }
  });
}

void link_doors::redial(node_id id) {
  loop_.post([self = shared_from_this(), id] {
    if (const auto found = self->diallers_.find(id); found != self->diallers_.end())
      found->second->dial();
  });
}

void link_doors::stop() {
  loop_.post([self = shared_from_this()] {
    self->door_.stop();
    for (const auto& [id, each] : self->diallers_)
      each->stop();
  });
}

} // namespace cafka::actors
