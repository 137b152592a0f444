// Base of an actor that is resumed on its shard, whoever sends to it, unless it chooses enqueue_here. Without a shard (null) it runs where CAF would
// run it: the deterministic coordinator of a test, or CAF's own scheduler. `Base` is a typed interface's `base`.
#pragma once
#include "actors/shard.hpp"

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/scheduled_actor.hpp>

#include <utility>

namespace cafka::actors {

template <class Base>
class shard_actor : public Base {
public:
  shard_actor(caf::actor_config& config, shard* home) : Base(config), home_(home) {}

  using Base::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    return caf::scheduled_actor::enqueue(std::move(element), home_ ? home_ : unit);
  }

  void launch(caf::execution_unit* unit, bool lazy, bool hide) override { caf::scheduled_actor::launch(home_ ? home_ : unit, lazy, hide); }

protected:
  [[nodiscard]] shard* home() const noexcept { return home_; }
  // As enqueue, but if this wakes the actor, it is resumed on the shard whose thread calls: what a session asks for is then done in that session's thread.
  bool enqueue_here(caf::mailbox_element_ptr element, caf::execution_unit* unit) {
    auto* here = shard::current();
    if (home_ && here && &here->system() == &home_->system())
      return caf::scheduled_actor::enqueue(std::move(element), here);
    return shard_actor::enqueue(std::move(element), unit);
  }

private:
  shard* home_;
};

// Makes a `Type`, whose constructor takes (actor_config&, shard*, arguments…), and sets it to work. From any thread.
template <class Type, class... Arguments>
typename Type::actor_hdl spawn_on(caf::actor_system& system, shard* home, Arguments&&... arguments) {
  if (!home)
    return system.spawn<Type>(home, std::forward<Arguments>(arguments)...);
  caf::actor_config config{home};
  auto handle = caf::make_actor<Type, typename Type::actor_hdl>(system.next_actor_id(), system.node(), &system, config, home,
                                                                std::forward<Arguments>(arguments)...);
  static_cast<Type*>(caf::actor_cast<caf::abstract_actor*>(handle))->launch(home, false, false);
  return handle;
}

} // namespace cafka::actors
