// How a message of Kafka's formats is described: each field once, with the versions in which it exists. Readers, writers, printers
// and the schema are visitors over that one description, so they cannot disagree. A message looks like this:
//
//   struct topic_record {
//     std::string name;
//     uuid topic_id;
//     codec::tagged_fields unknown_tagged_fields; // optional: without it unknown tags are skipped
//     static constexpr codec::message_info info{.name = "TopicRecord", .api_key = 2, .valid = {0, 0}, .flexible = {0}};
//     static constexpr void describe(auto& v) {
//       v.field("Name", &topic_record::name, codec::since(0));
//       v.field("TopicId", &topic_record::topic_id, codec::since(0));
//     }
//   };
//
// Defaults are the member initialisers. Structs inside messages have describe() only. std::optional is a nullable field.
// Text and bytes may be std::string/byte_vector (owned) or std::string_view/byte_span (views of the bytes that were read).
#pragma once
#include "base/bytes.hpp"
#include "base/uuid.hpp"

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace cafka::codec {

// Both ends inclusive; {0} is "0+".
struct version_range {
  std::int16_t lowest = 0;
  std::int16_t highest = std::numeric_limits<std::int16_t>::max();
  [[nodiscard]] constexpr bool contains(std::int16_t version) const noexcept { return version >= lowest && version <= highest; }
  constexpr bool operator==(const version_range&) const = default;
};
inline constexpr version_range no_versions{1, 0};

struct message_info {
  std::string_view name;
  std::int16_t api_key = -1;
  version_range valid{0, 0};
  version_range flexible = no_versions; // compact lengths and tagged fields
};

struct field_spec {
  version_range versions;
  version_range nullable = no_versions;
  std::int32_t tag_number = -1;
  version_range tagged = no_versions;
  bool compact_allowed = true;

  [[nodiscard]] constexpr field_spec or_null() const { return or_null(versions); }
  [[nodiscard]] constexpr field_spec or_null(version_range in) const {
    auto spec = *this;
    spec.nullable = in;
    return spec;
  }
  // Sent only when it differs from its default, in every version that has the field unless `in` says otherwise.
  [[nodiscard]] constexpr field_spec tag(std::int32_t number) const { return tag(number, versions); }
  [[nodiscard]] constexpr field_spec tag(std::int32_t number, version_range in) const {
    auto spec = *this;
    spec.tag_number = number;
    spec.tagged = in;
    return spec;
  }
  // Long lengths even in flexible versions (the client id of a request header).
  [[nodiscard]] constexpr field_spec never_compact() const {
    auto spec = *this;
    spec.compact_allowed = false;
    return spec;
  }
};

constexpr field_spec since(std::int16_t lowest) { return {.versions = {lowest}}; }
constexpr field_spec in_versions(std::int16_t lowest, std::int16_t highest) { return {.versions = {lowest, highest}}; }

// Kafka has no longer text, whatever form its length takes: readers refuse it, and writers cut it, since a peer could not read the rest either.
inline constexpr std::size_t max_text_bytes = std::numeric_limits<std::int16_t>::max();

struct raw_tagged_field {
  std::uint32_t tag = 0;
  byte_vector data;
  bool operator==(const raw_tagged_field&) const = default;
};
// In ascending order of tags. What a newer writer sent, kept so that it can be written again.
using tagged_fields = std::vector<raw_tagged_field>;

// Record batches inside a message: bytes on the wire, but a type of its own in Kafka's schemas.
struct records {
  byte_span bytes;
  bool operator==(const records& other) const noexcept { return as_text(bytes) == as_text(other.bytes); }
};

// Record batches that the message does not hold: only their length is written, and the writer says at which byte of the output they belong.
struct record_slot {
  std::uint32_t size_bytes = 0;
  std::uint32_t index = 0; // whatever tells the owner which batches are meant
  bool operator==(const record_slot&) const = default;
};

// Stands in for a visitor in the concepts below, which only ask whether describe() is there.
struct probe_visitor {
  template <class Owner, class T>
  constexpr void field(std::string_view, T Owner::*, const field_spec&) {}
};

template <class T>
concept described = std::is_class_v<T> && requires(probe_visitor& v) { T::describe(v); };
template <class T>
concept message = described<T> && requires {
  { T::info } -> std::convertible_to<const message_info&>;
};
template <class T>
concept keeps_unknown_tags = requires(T& value) {
  { value.unknown_tagged_fields } -> std::same_as<tagged_fields&>;
};

// Whether any version of T sends some field by its tag.
template <class Owner>
struct tag_probe {
  bool found = false;
  template <class T>
  constexpr void field(std::string_view, T Owner::*, const field_spec& spec) {
    found = found || spec.tag_number >= 0;
  }
};
template <described T>
inline constexpr bool has_tags = [] {
  tag_probe<T> probe;
  T::describe(probe);
  return probe.found;
}();

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept fixed_width = std::integral<T> || std::is_enum_v<T> || std::same_as<T, double>;
template <class T>
concept text_field = std::same_as<T, std::string> || std::same_as<T, std::string_view>;
template <class T>
concept bytes_field = std::same_as<T, byte_vector> || std::same_as<T, byte_span> || std::same_as<T, records>;

template <class T>
inline constexpr bool is_array = false;
template <class T>
inline constexpr bool is_array<std::vector<T>> = !std::same_as<T, std::byte>;

// std::span has no comparison of its own.
template <class T>
bool same_value(const T& a, const T& b) {
  if constexpr (std::same_as<T, byte_span>)
    return as_text(a) == as_text(b);
  else if constexpr (is_optional<T>)
    return a.has_value() == b.has_value() && (!a || same_value(*a, *b));
  else
    return a == b;
}

} // namespace cafka::codec
