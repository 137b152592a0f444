// Which of a broker's addresses to tell a client.
#pragma once
#include "metadata/image.hpp"

#include <algorithm>
#include <string>

namespace cafka::net {

// The address of `broker` on the listener that the asking client came in by; its first one if it has no such listener. Null: it has none.
inline const metadata::endpoint* endpoint_for(const metadata::broker_registration& broker, const std::string& listener) {
  auto found = std::find_if(broker.endpoints.begin(), broker.endpoints.end(),
                            [&](const metadata::endpoint& each) { return each.listener == listener; });
  if (found == broker.endpoints.end())
    found = broker.endpoints.begin();
  return found == broker.endpoints.end() ? nullptr : &*found;
}

} // namespace cafka::net
