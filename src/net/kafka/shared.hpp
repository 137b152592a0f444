// Small things that several handlers say.
#pragma once
#include "base/error.hpp"
#include "metadata/image.hpp"
#include "net/endpoints.hpp"
#include "net/kafka/apis.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace cafka::net::kafka {

// Partitions up to which a message object that a shard uses again and again keeps its memory.
inline constexpr std::size_t kept_partitions = 4096;

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

inline tl::unexpected<error> too_many_partitions(std::size_t asked) {
  return fail(errc::invalid_request, std::to_string(asked) + " partitions in one request");
}

// For a client that came to the wrong node: who leads `partition`, in `row`, and the address of that node, in `response`, as views of `from`.
template <class Response, class Leader>
void name_leader(Response& response, Leader& row, const metadata::image& from, const std::string& listener,
                 const topic_id_partition& partition) {
  const auto* topic = from.find_topic(partition.topic_id);
  const auto* known = topic != nullptr ? topic->find_partition(partition.partition) : nullptr;
  if (known == nullptr)
    return;
  row.leader_id = known->leader;
  row.leader_epoch = known->leader_epoch;
  const auto broker = from.brokers().find(known->leader);
  const auto* address = broker != from.brokers().end() ? endpoint_for(broker->second, listener) : nullptr;
  auto& named = response.node_endpoints;
  if (address == nullptr || std::ranges::any_of(named, [&](const auto& each) { return each.node_id == known->leader; }))
    return;
  named.push_back({known->leader, address->host, address->port,
                   broker->second.rack.empty() ? std::nullopt : std::optional<std::string_view>(broker->second.rack)});
}

} // namespace cafka::net::kafka
