#define CAF_SUITE version
#include <caf/test/dsl.hpp>

#include <string_view>

CAF_TEST(the version is three numbers) {
  std::string_view version = CAFKA_VERSION;
  CAF_CHECK_EQUAL(std::count(version.begin(), version.end(), '.'), 2);
}
