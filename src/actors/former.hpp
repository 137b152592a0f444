// To which cluster this node belongs, and who votes in it: the shell of election/formation. Tells the nodes at the other ends of the links what this
// one knows, keeps what they agree on beside the metadata log, and says so once. Lives as long as the node: others may still have to form.
#pragma once
#include "actors/messages.hpp"
#include "actors/shard_actor.hpp"
#include "election/formation.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <map>
#include <memory>

namespace cafka::actors {

struct former_start {
  origin self;
  std::unique_ptr<election::formation> core;
  std::function<result<void>(const election::cluster_identity&)> keep; // durable when it returns
  std::function<void(result<election::cluster_identity>)> formed; // once, from the actor's thread; an error: it cannot be kept
};

class former final : public shard_actor<former_actor::base> {
public:
  former(caf::actor_config& config, shard* home, std::shared_ptr<former_start> start);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "cafka.former"; }

private:
  void carry_out(const election::formation::effects& effects);
  void tell(node_id id);

  std::shared_ptr<former_start> with_;
  struct peer {
    uuid incarnation_id;
    caf::actor former;
  };
  std::map<node_id, peer> peers_;
  bool told_ = false;
};

} // namespace cafka::actors
