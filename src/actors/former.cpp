#include "actors/former.hpp"

#include "base/log.hpp"

#include <caf/send.hpp>

namespace cafka::actors {

former::former(caf::actor_config& config, shard* home, std::shared_ptr<former_start> start)
    : shard_actor(config, home), with_(std::move(start)) {}

former::behavior_type former::make_behavior() {
  carry_out(with_->core->start());
  return {
      [this](link_event& event) {
        if (const auto* up = std::get_if<link_up>(&event.what)) {
          auto& known = peers_[up->id];
          const auto is_new = known.incarnation_id != up->incarnation_id;
          known = {up->incarnation_id, up->former};
          auto effects = is_new ? with_->core->link_up(up->id) : with_->core->report_to(up->id);
          if (up->may_ask)
            carry_out(effects);
        } else if (const auto* down = std::get_if<link_down>(&event.what)) {
          peers_.erase(down->id);
          with_->core->link_down(down->id);
        }
      },
      [this](const formation_message& message) {
        const auto known = peers_.find(message.from.id);
        if (known != peers_.end() && known->second.incarnation_id == message.from.incarnation_id &&
            message.report.from.id == message.from.id)
          carry_out(with_->core->handle(message.report));
      },
  };
}

void former::on_exit() {
  peers_.clear();
  with_.reset();
}

void former::carry_out(const election::formation::effects& effects) {
  if (!effects.problem.empty())
    CAFKA_LOG_ERROR("{}", effects.problem);
  if (effects.persist) {
    if (auto kept = with_->keep(*effects.persist); !kept) {
      with_->formed(tl::unexpected<error>(std::move(kept.error())));
      told_ = true;
      return quit();
    }
    return carry_out(with_->core->persisted());
  }
  for (const auto id : effects.tell)
    tell(id);
  if (const auto* identity = with_->core->formed(); identity && !std::exchange(told_, true))
    with_->formed(*identity);
  if (const auto missing = with_->core->missing(); !missing.empty())
    CAFKA_LOG_DEBUG("{} more voters must report before the cluster is formed", missing.size());
}

void former::tell(node_id id) {
  if (const auto known = peers_.find(id); known != peers_.end())
    caf::anon_send(known->second.former, formation_message{with_->self, with_->core->report()});
}

} // namespace cafka::actors
