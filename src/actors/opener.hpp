// Opens partition logs, which may mean recovering gigabytes: detached, a few per log directory (num.recovery.threads.per.data.dir).
// Stateless: what it opens it gives away.
#pragma once
#include "actors/messages.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace cafka::actors {

opener_actor::behavior_type open_logs(opener_actor::pointer self, storage::file_pool* pool);

} // namespace cafka::actors
