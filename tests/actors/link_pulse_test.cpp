#define CAF_SUITE link_pulse
#include "actors/link_pulse.hpp"

#include <caf/test/dsl.hpp>

#include <sys/socket.h>
#include <unistd.h>

using namespace cafka;
using namespace cafka::actors;

namespace {

struct fixture {
  fixture() {
    for (auto& pair : pairs)
      CAF_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pulse.watch(2, pairs[0][0]);
    pulse.watch(3, pairs[1][0]);
  }
  ~fixture() {
    for (auto& pair : pairs)
      for (const int each : pair)
        ::close(each);
  }
  void end(int& other) {
    ::close(other);
    other = -1;
  }
  int pairs[2][2];
  link_pulse pulse;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(link_pulse_tests, fixture)

CAF_TEST(a link whose other end is gone has ended even if something is unread) {
  CAF_CHECK(pulse.ended().empty());
  CAF_CHECK_EQUAL(::write(pairs[1][1], "x", 1), 1);
  CAF_CHECK(pulse.ended().empty());
  end(pairs[1][1]);
  CAF_CHECK(pulse.ended() == std::vector<node_id>{3});
  end(pairs[0][1]);
  CAF_CHECK((pulse.ended() == std::vector<node_id>{2, 3}));
}

CAF_TEST(what is forgotten or replaced is not asked about) {
  end(pairs[1][1]);
  pulse.watch(3, pairs[0][0]);
  CAF_CHECK(pulse.ended().empty());
  pulse.watch(3, pairs[1][0]);
  pulse.forget(3);
  CAF_CHECK(pulse.ended().empty());
  CAF_CHECK(link_pulse{}.ended().empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
