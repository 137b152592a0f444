// Names of things in a cluster. Offsets are std::int64_t named by the table in docs/ARCHITECTURE.md (log_end_offset, high_watermark, …);
// byte places in a file are always called `position` and are std::uint64_t.
#pragma once
#include "base/uuid.hpp"

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace cafka {

using node_id = std::int32_t; // ≥ 0; −1 is "nobody"
inline constexpr node_id no_node = -1;

struct topic_partition {
  std::string topic;
  std::int32_t partition = 0;

  // "<topic>-<partition>": also the name of the partition's directory.
  [[nodiscard]] std::string to_string() const { return topic + '-' + std::to_string(partition); }
  auto operator<=>(const topic_partition&) const = default;
};

struct topic_id_partition {
  uuid topic_id;
  std::int32_t partition = 0;
  auto operator<=>(const topic_id_partition&) const = default;
};

} // namespace cafka

template <>
struct std::hash<cafka::topic_partition> {
  std::size_t operator()(const cafka::topic_partition& p) const noexcept {
    return std::hash<std::string>{}(p.topic) * 31 + static_cast<std::size_t>(p.partition);
  }
};
template <>
struct std::hash<cafka::topic_id_partition> {
  std::size_t operator()(const cafka::topic_id_partition& p) const noexcept {
    return std::hash<cafka::uuid>{}(p.topic_id) * 31 + static_cast<std::size_t>(p.partition);
  }
};
