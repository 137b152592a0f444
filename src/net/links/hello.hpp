// What two nodes say to each other before their connection becomes a link: who they are, of which cluster, and which wire versions they speak.
// The dialler says it first, the acceptor answers; each is {magic, u16 length, described message}. Nothing follows before the answer, so what
// comes after it belongs to the protocol between actors. Pure.
#pragma once
#include "base/bytes.hpp"
#include "base/codec/fields.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"

#include <optional>
#include <string>

namespace cafka::net::links {

// Versions of the messages between nodes that this build speaks; neighbours overlap.
inline constexpr std::int16_t lowest_wire_version = 1;
inline constexpr std::int16_t highest_wire_version = 1;

inline constexpr std::size_t hello_prefix_bytes = 10; // magic and length
inline constexpr std::size_t max_hello_bytes = 2'048; // after the prefix

struct hello {
  std::int16_t lowest_version = lowest_wire_version;
  std::int16_t highest_version = highest_wire_version;
  node_id id = no_node;
  uuid directory_id; // of the metadata log: which voter this is (KIP-853)
  uuid incarnation_id; // of this start of the process
  std::string cluster_id; // empty: its directories are new and belong to none yet
  std::string refusal; // of an answer: why there will be no link; the rest is true all the same
  std::int32_t recoveries = 0; // of the cluster's quorum, after the loss of a majority, that this node knows of
  codec::tagged_fields unknown_tagged_fields; // what later builds add
  static constexpr codec::message_info info{.name = "Hello", .api_key = -1, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("LowestVersion", &hello::lowest_version, codec::since(0));
    v.field("HighestVersion", &hello::highest_version, codec::since(0));
    v.field("NodeId", &hello::id, codec::since(0));
    v.field("DirectoryId", &hello::directory_id, codec::since(0));
    v.field("IncarnationId", &hello::incarnation_id, codec::since(0));
    v.field("ClusterId", &hello::cluster_id, codec::since(0));
    v.field("Refusal", &hello::refusal, codec::since(0));
    v.field("Recoveries", &hello::recoveries, codec::since(0).tag(0));
  }
  bool operator==(const hello&) const = default;
};

byte_vector to_bytes(const hello& said);
// How many bytes follow the prefix. bad_format: this is no node.
result<std::size_t> body_size(byte_span prefix);
result<hello> parse_body(byte_span body);

// The version both speak. bad_argument, with the reason for both nodes' logs: there can be no link between them. `expected`: whom the dialler wanted.
result<std::int16_t> agree(const hello& own, const hello& other, std::optional<node_id> expected);
// Of one cluster, but of a past of it that was given up: its quorum was recovered without what `own` has.
bool is_superseded(const hello& own, const hello& other) noexcept;
// The acceptor's side as well: of two nodes the one with the higher id dials, so that a pair has one link.
result<std::int16_t> agree_with_dialler(const hello& own, const hello& dialler);

} // namespace cafka::net::links
