// Base of an actor that is resumed on shards only: on its home, or on whichever shard woke it. Without a shard (null) it runs where CAF would run
// it: the deterministic coordinator of a test, or CAF's own scheduler. `Base` is a typed interface's `base`.
#pragma once
#include "actors/shard.hpp"

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/scheduled_actor.hpp>

#include <utility>

namespace cafka::actors {

// Where an actor that was idle is resumed.
enum class wakes {
  at_home, // whoever sends to it
  with_sender // on the sender's shard, so that the request of one session is worked on in that session's thread; at home for other senders
};

template <class Base, wakes Where = wakes::at_home>
class shard_actor : public Base {
public:
  shard_actor(caf::actor_config& config, shard* home) : Base(config), home_(home) {}

  using Base::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    return caf::scheduled_actor::enqueue(std::move(element), home_ ? place() : unit);
  }

  void launch(caf::execution_unit* unit, bool lazy, bool hide) override { caf::scheduled_actor::launch(home_ ? home_ : unit, lazy, hide); }

protected:
  [[nodiscard]] shard* home() const noexcept { return home_; }

private:
  [[nodiscard]] shard* place() const noexcept {
    if constexpr (Where == wakes::with_sender)
      if (auto* here = shard::current(); here && &here->system() == &home_->system())
        return here;
    return home_;
  }

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
