// Kinds of resources that have configuration, by Kafka's numbers. Those that do not exist here yet (groups, client metrics) are refused.
#pragma once
#include "metadata/image.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cafka::net::kafka {

enum class resource_kind : std::int8_t { topic = 2, broker = 4, broker_logger = 8, client_metrics = 16, group = 32 };

inline std::optional<node_id> parse_node_id(std::string_view text) {
  node_id id = no_node;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() ? std::optional(id) : std::nullopt;
}

} // namespace cafka::net::kafka
