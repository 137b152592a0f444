#define CAF_SUITE properties
#include "base/config/properties.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka;

namespace {

std::string shown(const properties& found) {
  std::string text;
  for (const auto& entry : found.entries)
    text += std::to_string(entry.line) + '[' + entry.key + '=' + entry.value + ']';
  return text;
}

std::string parsed(std::string_view text) {
  auto found = parse_properties(text, "f");
  return found ? shown(*found) : found.error().detail;
}

} // namespace

CAF_TEST(separators) {
  CAF_CHECK_EQUAL(parsed("a=1\nb:2\nc 3\nd = 4\ne\t:\t5\nf\ng=\n"), "1[a=1]2[b=2]3[c=3]4[d=4]5[e=5]6[f=]7[g=]");
  CAF_CHECK_EQUAL(parsed("a==b\nc=:d\ne f=g"), "1[a==b]2[c=:d]3[e=f=g]");
}

CAF_TEST(comments and blank lines) {
  CAF_CHECK_EQUAL(parsed("# a=1\n  ! b=2\n\n \t\nc=3#not a comment\n#continued\\\nd=4"), "5[c=3#not a comment]7[d=4]");
}

CAF_TEST(continuation keeps the number of the first line) {
  CAF_CHECK_EQUAL(parsed("a=1,\\\n   2,\\\n\t3\nb=4"), "1[a=1,2,3]4[b=4]");
  CAF_CHECK_EQUAL(parsed("a=even\\\\\nb=4"), "1[a=even\\]2[b=4]");
  CAF_CHECK_EQUAL(parsed("a=1\\"), "1[a=1]");
}

CAF_TEST(line ends of every system) { CAF_CHECK_EQUAL(parsed("a=1\r\nb=2\rc=3\n\r\nd=4"), "1[a=1]2[b=2]3[c=3]5[d=4]"); }

CAF_TEST(escapes) {
  CAF_CHECK_EQUAL(parsed("a\\ b\\=c=\\t\\n\\q\\u0041"), "1[a b=c=\t\nqA]");
  CAF_CHECK_EQUAL(parsed("k=\\uD55C\\uAE00 \\ud83d\\ude00"), "1[k=한글 😀]");
  CAF_CHECK_EQUAL(parsed("a=1\nk=\\u12g4"), "f:2: expected four hexadecimal digits after \\u (and a whole surrogate pair)");
  CAF_CHECK_EQUAL(parsed("k=\\ud83d"), "f:1: expected four hexadecimal digits after \\u (and a whole surrogate pair)");
}

CAF_TEST(text is UTF - 8) {
  CAF_CHECK_EQUAL(parsed("\xef\xbb\xbfrack=서울"), "1[rack=서울]");
  CAF_CHECK_EQUAL(parsed("a=1\nb=\xff"), "f:2: these bytes are not UTF-8 text");
  CAF_CHECK_EQUAL(parsed("a=\xc0\xaf"), "f:1: these bytes are not UTF-8 text");
  CAF_CHECK_EQUAL(parsed("a=\xed\xa0\x80"), "f:1: these bytes are not UTF-8 text");
  CAF_CHECK_EQUAL(parsed("a=\xe4\xbd"), "f:1: these bytes are not UTF-8 text");
}

CAF_TEST(the last of equal keys holds) {
  auto found = parse_properties("a=1\nb=2\na=3", "f");
  CAF_REQUIRE(found);
  CAF_CHECK_EQUAL(shown(*found), "2[b=2]3[a=3]");
  CAF_REQUIRE_EQUAL(found->overwritten.size(), 1u);
  CAF_CHECK_EQUAL(found->overwritten[0].line, 1);
}
