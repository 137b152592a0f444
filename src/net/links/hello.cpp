#include "net/links/hello.hpp"

#include "base/codec/codec.hpp"

#include <algorithm>
#include <array>

namespace cafka::net::links {

namespace {
constexpr std::array<char, 8> magic{'c', 'a', 'f', 'k', 'a', '-', 'n', 'd'};
constexpr std::int16_t layout_version = 0; // of the hello itself: only ever extended by tagged fields
}// namespace

byte_vector to_bytes(const hello& said) {
  byte_vector body;
  codec::encode(said, layout_version, body);
  byte_vector all(hello_prefix_bytes);
  std::transform(magic.begin(), magic.end(), all.begin(), [](char each) { return static_cast<std::byte>(each); });
  store_be(all.data() + magic.size(), static_cast<std::uint16_t>(body.size()));
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

bool speaks_tls(byte_span first) noexcept {
  constexpr std::byte alert{0x15}, handshake{0x16}, major_version{0x03};
  return first.size() >= 2 && (first[0] == alert || first[0] == handshake) && first[1] == major_version;
}

result<std::size_t> body_size(byte_span prefix) {
  if (speaks_tls(prefix))
    return fail(errc::bad_format,
                "it speaks TLS, which this node's listener for nodes does not: listener.security.protocol.map must say SSL for it "
                "on every node or on none");
  if (prefix.size() != hello_prefix_bytes || as_text(prefix.first(magic.size())) != std::string_view{magic.data(), magic.size()})
    return fail(errc::bad_format, "it is no node of cafka: this port is for nodes only; clients have the ports of `listeners`");
  const auto size = load_be<std::uint16_t>(prefix.data() + magic.size());
  if (size > max_hello_bytes)
    return fail(errc::bad_format, "its greeting is " + std::to_string(size) + " bytes, more than " + std::to_string(max_hello_bytes));
  return size;
}

result<hello> parse_body(byte_span body) { return codec::decode<hello>(body, layout_version, 4 * max_hello_bytes); }

result<std::int16_t> agree(const hello& own, const hello& other, std::optional<node_id> expected) {
  const auto name = "node " + std::to_string(other.id);
  if (other.id == own.id && other.incarnation_id != own.incarnation_id)
    return fail(errc::bad_argument, "two nodes are " + name + ": give each its own node.id");
  if (other.id == own.id || other.id < 0)
    return fail(errc::bad_argument, name + " cannot be linked to node " + std::to_string(own.id));
  if (expected && other.id != *expected)
    return fail(errc::bad_argument, "node " + std::to_string(*expected) + " was expected at this address, " + name +
                                        " answered: mend controller.quorum.voters");
  if (!own.cluster_id.empty() && !other.cluster_id.empty() && other.cluster_id != own.cluster_id)
    return fail(errc::bad_argument, name + " belongs to cluster " + other.cluster_id + ", not to " + own.cluster_id);
  if (is_superseded(own, other))
    return fail(errc::bad_argument, "the quorum of cluster " + own.cluster_id + " was recovered without node " + std::to_string(own.id) +
                                        ": " + name + " knows of recovery " + std::to_string(other.recoveries) + ", this node of " +
                                        std::to_string(own.recoveries) +
                                        ". What it has is of a past that was given up: see cafka quorum recover --help");
  if (is_superseded(other, own))
    return fail(errc::bad_argument, name + " is of a past of cluster " + own.cluster_id + " that was given up (recovery " +
                                        std::to_string(other.recoveries) + ", now " + std::to_string(own.recoveries) +
                                        "): move its data directories away and start it empty");
  const auto version = std::min(own.highest_version, other.highest_version);
  if (version < std::max(own.lowest_version, other.lowest_version))
    return fail(errc::bad_argument, name + " speaks wire versions " + std::to_string(other.lowest_version) + " to " +
                                        std::to_string(other.highest_version) + ", node " + std::to_string(own.id) + ' ' +
                                        std::to_string(own.lowest_version) + " to " + std::to_string(own.highest_version) +
                                        ": upgrade one step at a time");
  return version;
}

bool is_superseded(const hello& own, const hello& other) noexcept {
  return !own.cluster_id.empty() && own.cluster_id == other.cluster_id && own.recoveries < other.recoveries;
}

bool dials(node_id from, node_id to, const std::vector<node_id>& voters) {
  const auto votes = [&](node_id id) { return std::find(voters.begin(), voters.end(), id) != voters.end(); };
  return votes(from) == votes(to) ? from > to : votes(to);
}

result<std::int16_t> agree_with_dialler(const hello& own, const hello& dialler, const std::vector<node_id>& voters) {
  CAFKA_TRY_ASSIGN(version, agree(own, dialler, {}));
  if (!dials(dialler.id, own.id, voters))
    return fail(errc::bad_argument, "of two nodes the one with the higher id dials, or the one that is no voter: node " +
                                        std::to_string(own.id) + " will, if controller.quorum.voters is the same on both");
  return version;
}

} // namespace cafka::net::links
