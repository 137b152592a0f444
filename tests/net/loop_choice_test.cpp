#define CAF_SUITE loop_choice
#include "net/loop_choice.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using net::loop_choice;

namespace {

struct loops {
  std::vector<loop_choice::totals> all;
  loop_choice choice;
  std::int64_t now_ms = 1'000'000;

  explicit loops(std::size_t count) : all(count) {}
  std::size_t connect() {
    const auto chosen = choice.choose(all, now_ms);
    ++all[chosen].open_connections;
    return chosen;
  }
};

} // namespace

CAF_TEST(without work they take turns) {
  loops three{3};
  for (int i = 0; i < 30; ++i)
    three.connect();
  for (const auto& each : three.all)
    CAF_CHECK_EQUAL(each.open_connections, 10u);
}

CAF_TEST(the work of clients with an idle connection each is spread) {
  loops two{2};
  std::vector<std::size_t> busy(2);
  for (int client = 0; client < 8; ++client) {
    two.connect(); // to learn of the brokers
    const auto chosen = two.connect();
    ++busy[chosen];
    for (std::size_t i = 0; i < 2; ++i) { // every client that is there goes on
      two.all[i].requests += busy[i] * 100;
      two.all[i].bytes += busy[i] * 100'000;
    }
    two.now_ms += 1'000;
  }
  CAF_MESSAGE("busy connections: " << busy[0] << " and " << busy[1]); // in turns it would be 0 and 8
  CAF_CHECK(busy[0] >= 3 && busy[1] >= 3);
}

CAF_TEST(work of long ago is forgotten) {
  loops two{2};
  two.all[0].bytes = 1'000'000'000;
  CAF_CHECK_EQUAL(two.connect(), 1u);
  two.now_ms += 600'000;
  two.all[1].bytes += 1'000;
  CAF_CHECK_EQUAL(two.connect(), 0u);
}
