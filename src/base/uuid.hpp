// A 128-bit identifier: topic ids, directory ids, incarnation ids, cluster ids.
// Text form is Kafka's: URL-safe base64 without padding, 22 characters.
#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace cafka {

class prng;

struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  // All bits zero: Kafka's "no id".
  [[nodiscard]] bool is_zero() const noexcept { return *this == uuid{}; }
  [[nodiscard]] std::string to_string() const;

  // Accepts exactly 22 characters of URL-safe base64.
  static std::optional<uuid> parse(std::string_view text);

  // A version 4 id. Like Kafka, never one whose text starts with '-' (it would look like an option), and never zero or one (reserved).
  static uuid random(prng& source);

  auto operator<=>(const uuid&) const = default;
};

} // namespace cafka

template <>
struct std::hash<cafka::uuid> {
  std::size_t operator()(const cafka::uuid& id) const noexcept;
};
