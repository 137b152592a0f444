// This node's end of all links before they are links: the door and the diallers, on the loop of one shard.
#pragma once
#include "actors/node_links.hpp"
#include "net/links/link_port.hpp"

#include <map>
#include <memory>

namespace cafka::actors {

class link_doors : public std::enable_shared_from_this<link_doors> {
public:
  link_doors(net::event_loop& loop, const net::links::link_limits& limits, net::links::own_hello own, links_actor to,
             std::shared_ptr<const net::links::linked_nodes> linked = nullptr);

  // Before start(): where nodes with higher ids find this one. Blocks for the name's look-up.
  result<net::bound_endpoint> listen(const std::string& host, std::uint16_t port);
  // From here on links come. `lower`: the nodes to dial; `higher`: those that dial this one. Any thread.
  void start(std::vector<net::links::link_dialler::target> lower, std::vector<net::links::link_dialler::target> higher = {});
  // The link to that node is gone: dials again, or looks whether it is still there. Any thread.
  void lost(node_id id);
  void stop(); // any thread; the loop runs on until it is done

private:
  net::event_loop& loop_;
  net::links::link_limits limits_;
  net::links::own_hello own_;
  links_actor to_;
  net::links::link_door door_;
  std::map<node_id, std::unique_ptr<net::links::link_dialler>> diallers_;
  std::map<node_id, std::unique_ptr<net::links::link_probe>> probes_;
};

} // namespace cafka::actors
