#define CAF_SUITE line_source
#include "cli/line_source.hpp"

#include <array>
#include <caf/test/dsl.hpp>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

using namespace cafka;
using namespace cafka::cli;

namespace {

// What a reader makes of `text` that comes through a pipe in pieces of `piece` bytes.
std::vector<std::string> read_all(const std::string& text, std::size_t piece, const std::string& delimiter = "\n",
                                  std::size_t max_bytes = 1 << 20) {
  std::array<int, 2> ends{};
  CAF_REQUIRE_EQUAL(::pipe(ends.data()), 0);
  std::thread writer{[&] {
    for (std::size_t at = 0; at < text.size(); at += piece)
      if (::write(ends[1], text.data() + at, std::min(piece, text.size() - at)) < 0)
        break;
    ::close(ends[1]);
  }};
  std::vector<std::string> lines;
  {
    line_source source{ends[0], "pipe", delimiter, max_bytes};
    for (;;) {
      auto line = source.next(-1);
      if (!line) {
        lines.push_back("error: " + line.error().detail);
        break;
      }
      if (!*line)
        break;
      lines.emplace_back(**line);
      CAF_CHECK_EQUAL(source.line(), lines.size());
    }
  }
  writer.join();
  return lines;
}

using strings = std::vector<std::string>;

} // namespace

CAF_TEST(lines however the bytes come) {
  const std::string text = "one\n\n셋\r\nfour";
  for (const std::size_t piece : {1, 2, 3, 100})
    CAF_CHECK((read_all(text, piece) == strings{"one", "", "셋\r", "four"}));
  CAF_CHECK((read_all("", 1).empty()));
  CAF_CHECK((read_all("\n", 1) == strings{""}));
  CAF_CHECK((read_all("a\n", 1) == strings{"a"}));
}

CAF_TEST(delimiters of several bytes) {
  for (const std::size_t piece : {1, 2, 3, 5})
    CAF_CHECK((read_all("a--b-c---d--", piece, "--") == strings{"a", "b-c", "-d"}));
  CAF_CHECK((read_all(std::string("a\0b\nc\0", 6), 2, std::string(1, '\0')) == strings{"a", "b\nc"}));
}

CAF_TEST(a long line is refused with its number) {
  const auto lines = read_all("ok\n" + std::string(200'000, 'x') + "\n", 65536, "\n", 100'000);
  CAF_REQUIRE_EQUAL(lines.size(), 2u);
  CAF_CHECK_EQUAL(lines[1], "error: pipe:2: longer than 100000 bytes");
}

CAF_TEST(many lines through a small buffer) {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += std::to_string(i) + '\n';
  const auto lines = read_all(text, 60'000);
  CAF_REQUIRE_EQUAL(lines.size(), 100'000u);
  CAF_CHECK_EQUAL(lines[99'999], "99999");
}

CAF_TEST(an interrupt ends the wait) {
  std::array<int, 2> input{}, interrupt{};
  CAF_REQUIRE_EQUAL(::pipe(input.data()), 0);
  CAF_REQUIRE_EQUAL(::pipe(interrupt.data()), 0);
  CAF_REQUIRE_EQUAL(::write(interrupt[1], "x", 1), 1);
  {
    line_source source{input[0], "pipe", "\n", 100};
    auto line = source.next(interrupt[0]);
    CAF_REQUIRE(line);
    CAF_CHECK(!*line);
  }
  for (const int descriptor : {input[1], interrupt[0], interrupt[1]})
    ::close(descriptor);
}

CAF_TEST(the rest as one piece) {
  char name[] = "/tmp/cafka-line-XXXXXX";
  const int descriptor = ::mkstemp(name);
  const std::string text = std::string(300'000, 'y') + "\n\xff end";
  CAF_REQUIRE_EQUAL(::write(descriptor, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::lseek(descriptor, 0, SEEK_SET);
  ::unlink(name);
  line_source source{descriptor, name, "\n", 1 << 20};
  auto all = source.rest(-1);
  CAF_REQUIRE(all);
  CAF_CHECK(*all == text);
}
