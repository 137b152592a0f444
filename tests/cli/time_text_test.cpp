#define CAF_SUITE time_text
#include "cli/time_text.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::cli;

namespace {
std::int64_t at(std::string_view text) {
  auto ms = parse_time(text, 1'000'000'000);
  return ms ? *ms : -1;
}
} // namespace

CAF_TEST(numbers and ages) {
  CAF_CHECK_EQUAL(at("0"), 0);
  CAF_CHECK_EQUAL(at("1700000000000"), 1'700'000'000'000);
  CAF_CHECK_EQUAL(at("-90s"), 1'000'000'000 - 90'000);
  CAF_CHECK_EQUAL(at("-15m"), 1'000'000'000 - 900'000);
  CAF_CHECK_EQUAL(at("-2h"), 1'000'000'000 - 7'200'000);
  CAF_CHECK_EQUAL(at("-1d"), 1'000'000'000 - 86'400'000);
}

CAF_TEST(dates) {
  CAF_CHECK_EQUAL(at("1970-01-02"), 86'400'000);
  CAF_CHECK_EQUAL(at("2023-11-14T22:13:20Z"), 1'700'000'000'000);
  CAF_CHECK_EQUAL(at("2023-11-15T07:13:20+09:00"), 1'700'000'000'000);
  CAF_CHECK_EQUAL(at("2023-11-14T17:13:20-0500"), 1'700'000'000'000);
  CAF_CHECK_EQUAL(at("2023-11-14 22:13:20.25"), 1'700'000'000'250);
  CAF_CHECK_EQUAL(at("2023-11-14T22:13"), 1'699'999'980'000);
}

CAF_TEST(nonsense) {
  for (const auto* text : {"", "yesterday", "-5", "-5y", "2023-13-01", "2023-02-30", "2023-11-14T25:00", "2023-11-14T22:13:20X", "12e3",
                           "-99999999999999999h"})
    CAF_CHECK_EQUAL(at(text), -1);
}

CAF_TEST(and back) {
  CAF_CHECK_EQUAL(time_text(1'700'000'000'250), "2023-11-14T22:13:20.250Z");
  CAF_CHECK_EQUAL(time_text(0), "1970-01-01T00:00:00.000Z");
  CAF_CHECK_EQUAL(at(time_text(1'234'567'890'123)), 1'234'567'890'123);
}
