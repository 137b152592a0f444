#define CAF_SUITE hello
#include "net/links/hello.hpp"

#include "base/codec/codec.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::net::links;

namespace {

hello node(node_id id, std::string cluster = "cluster") {
  hello said;
  said.id = id;
  said.directory_id = {1, static_cast<std::uint8_t>(id)};
  said.incarnation_id = {2, static_cast<std::uint8_t>(id)};
  said.cluster_id = std::move(cluster);
  return said;
}

std::string reason(const result<std::int16_t>& agreed) { return agreed ? "" : agreed.error().detail; }
bool says(const result<std::int16_t>& agreed, std::string_view part) { return reason(agreed).find(part) != std::string::npos; }

} // namespace

CAF_TEST(what is said is heard) {
  auto said = node(7);
  said.refusal = "왜냐하면";
  const auto bytes = to_bytes(said);
  const byte_span all{bytes};
  const auto size = body_size(all.first(hello_prefix_bytes));
  CAF_REQUIRE(size && *size == bytes.size() - hello_prefix_bytes);
  CAF_CHECK(*parse_body(all.subspan(hello_prefix_bytes)) == said);
}

CAF_TEST(what a later build adds is kept and does not matter) {
  auto said = node(7);
  said.unknown_tagged_fields.push_back({3, byte_vector(5, std::byte{9})});
  const auto bytes = to_bytes(said);
  CAF_CHECK(*parse_body(byte_span{bytes}.subspan(hello_prefix_bytes)) == said);
}

CAF_TEST(whoever is no node is told from one by ten bytes) {
  for (const std::string_view first : {"GET / HTTP", "\0\0\0\x20\0\x12\0\3\0\0", "cafka-nd\x08\x01"}) {
    const std::string text{first.data(), first.size() < hello_prefix_bytes ? hello_prefix_bytes : first.size()};
    CAF_CHECK(!body_size(as_byte_span(text)));
  }
  const auto bytes = to_bytes(node(1));
  for (std::size_t size = hello_prefix_bytes; size < bytes.size(); ++size)
    CAF_CHECK(!parse_body(byte_span{bytes}.subspan(hello_prefix_bytes, size - hello_prefix_bytes)));
}

CAF_TEST(nodes of one cluster agree on the newest version that both speak) {
  auto older = node(1), newer = node(2);
  older.lowest_version = 3, older.highest_version = 4;
  newer.lowest_version = 4, newer.highest_version = 5;
  CAF_CHECK_EQUAL(*agree(older, newer, {}), 4);
  CAF_CHECK_EQUAL(*agree_with_dialler(older, newer), 4);
  newer.lowest_version = 5;
  CAF_CHECK(says(agree(older, newer, {}), "wire versions 5 to 5"));
}

CAF_TEST(a node of no cluster yet may join any) {
  CAF_CHECK(agree(node(1, ""), node(2), {}).has_value());
  CAF_CHECK(agree(node(1), node(2, ""), {}).has_value());
  CAF_CHECK(agree(node(1, ""), node(2, ""), {}).has_value());
  CAF_CHECK(says(agree(node(1, "here"), node(2, "there"), {}), "cluster there, not to here"));
}

CAF_TEST(a past that was given up gets no link) {
  auto recovered = node(1), stale = node(2);
  recovered.recoveries = 1;
  CAF_CHECK(is_superseded(stale, recovered));
  CAF_CHECK(!is_superseded(recovered, stale));
  CAF_CHECK(says(agree(stale, recovered, {}), "was recovered without node 2"));
  CAF_CHECK(says(agree(recovered, stale, {}), "start it empty"));
  stale.recoveries = 1;
  CAF_CHECK(agree(stale, recovered, {}).has_value());
  const auto empty = node(3, "");
  CAF_CHECK(!is_superseded(empty, recovered));
  CAF_CHECK(agree(recovered, empty, {}).has_value());
  CAF_CHECK(!is_superseded(node(3, "another"), recovered));
  const auto bytes = to_bytes(recovered);
  CAF_CHECK_EQUAL(parse_body(byte_span{bytes}.subspan(hello_prefix_bytes))->recoveries, 1);
}

CAF_TEST(one id is one node and the one that was expected) {
  auto twin = node(1);
  twin.incarnation_id = {9, 9};
  CAF_CHECK(says(agree(node(1), twin, {}), "two nodes are node 1"));
  CAF_CHECK(!agree(node(1), node(1), {})); // it dialled itself
  CAF_CHECK(says(agree(node(3), node(2), 1), "node 1 was expected"));
  CAF_CHECK(!agree(node(1), node(-1), {}));
  CAF_CHECK(says(agree_with_dialler(node(3), node(2)), "higher id dials"));
}
