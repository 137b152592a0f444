// Small things that several handlers say.
#pragma once
#include "base/error.hpp"
#include "metadata/image.hpp"
#include "net/kafka/apis.hpp"

#include <optional>
#include <string>
#include <utility>

namespace cafka::net::kafka {

inline std::int16_t error_code_of(errc code) noexcept { return static_cast<std::int16_t>(to_wire(code)); }

// `Message` has the fields error_code and error_message. Success leaves both as they are.
template <class Message>
void set_error(Message& to, errc code, std::string message) {
  if (code == errc::none)
    return;
  to.error_code = error_code_of(code);
  to.error_message = message.empty() ? std::string(to_string(to_wire(code))) : std::move(message);
}
template <class Message>
void set_error(Message& to, const error& why) {
  set_error(to, why.code, why.detail);
}

// Bit n is Kafka's AclOperation n. Without an authorizer everybody may do everything that there is to do with a topic or the cluster.
inline constexpr std::int32_t all_topic_operations = 0xdf8;
inline constexpr std::int32_t all_cluster_operations = 0x1fa0;

inline std::optional<std::string> rack_of(const metadata::broker_registration& broker) {
  return broker.rack.empty() ? std::nullopt : std::optional(broker.rack);
}

} // namespace cafka::net::kafka
