// The shrinker on a toy simulation: it breaks when a certain few of its decisions happen, and what shrinking leaves must be those few.
#define CAF_SUITE shrink
#include "support/shrink.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>

using namespace cafka;
using namespace cafka::test;

namespace {

// Each step may lose power, stall and write. Broken once the toy has been written to, has then lost power twice, and has written again.
struct toy {
  std::size_t runs = 0;
  std::uint64_t steps = 0;
  bool also_later = false; // and another invariant breaks at step 400, whatever happened

  run_outcome run(const reproduction& what) {
    ++runs;
    simulation_dice dice{what.seed, what.only};
    int stage = 0;
    run_outcome out;
    while (out.broken.empty() && dice.step() < what.events) {
      dice.next_step();
      const bool writes = dice.happens("write", 2'000);
      (void)dice.happens("stall", 3'000);
      const bool power = dice.happens("power", 100);
      if ((stage == 0 || stage == 3) && writes)
        ++stage;
      else if ((stage == 1 || stage == 2) && power)
        ++stage;
      if (stage == 4)
        out.broken = "toy: broke at step " + std::to_string(dice.step());
      else if (also_later && dice.step() == 400)
        out.broken = "other: at step 400";
    }
    out.events = out.steps = dice.step();
    steps += out.steps;
    out.happened = dice.happened();
    return out;
  }
};

std::vector<std::string> kinds(const reproduction& what) {
  std::vector<std::string> out;
  if (what.only)
    for (const auto& one : *what.only)
      out.push_back(one.kind);
  return out;
}

const std::vector<std::string> the_few = {"write", "power", "power", "write"};

shrunk shrink_toy(toy& one, std::uint64_t seed, std::uint64_t most_steps = 10'000'000) {
  return shrink(
      {"partition", seed, 0, 5'000, {}}, [&](const reproduction& what) { return one.run(what); }, most_steps);
}

} // namespace

CAF_TEST(what is left are the decisions that it takes) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    toy one;
    const auto small = shrink_toy(one, seed);
    CAF_CHECK_EQUAL(kinds(small.smallest), the_few);
    CAF_CHECK_EQUAL(small.after, 4u);
    CAF_CHECK(small.before > 10u);
    CAF_CHECK_EQUAL(one.runs, small.runs);
    CAF_CHECK(small.runs < 1'000u);
    // no more steps than those decisions need, and the same invariant
    CAF_CHECK_EQUAL(small.smallest.events, small.smallest.only->back().step);
    CAF_CHECK_EQUAL(std::string{invariant_of(small.broken)}, "toy");
    CAF_CHECK_EQUAL(one.run(small.smallest).broken, small.broken);
  }
}

CAF_TEST(another invariant is not taken for the same) {
  toy one;
  one.also_later = true;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto first = one.run({"partition", seed, 0, 5'000, {}}).broken;
    const auto small = shrink_toy(one, seed);
    CAF_CHECK_EQUAL(std::string{invariant_of(small.broken)}, std::string{invariant_of(first)});
    CAF_CHECK_EQUAL(kinds(small.smallest).size(), invariant_of(first) == "toy" ? 4u : 0u);
  }
}

CAF_TEST(it stops at the number of steps that it may take) {
  toy one;
  const auto small = shrink_toy(one, 3, 2'000);
  CAF_CHECK(one.steps >= 2'000u && one.steps < 7'000u); // the last one begins before
  CAF_CHECK(small.runs < shrink_toy(one, 3).runs);
  CAF_CHECK(!small.broken.empty());
  CAF_CHECK_EQUAL(one.run(small.smallest).broken, small.broken);
}

CAF_TEST(what does not break is left as it is) {
  const reproduction healthy{"partition", 1, 0, 10, {}};
  const auto small = shrink(healthy, [](const reproduction&) { return run_outcome{}; });
  CAF_CHECK(small.smallest == healthy);
  CAF_CHECK(small.broken.empty());
}

// The point of it: what is left out does not change the rest.
CAF_TEST(a decision does not depend on others) {
  simulation_dice all{7};
  std::vector<std::uint64_t> drawn; // by those that happen
  for (int step = 0; step < 200; ++step) {
    all.next_step();
    for (int i = 0; i < 3; ++i)
      if (all.happens("drop", 2'000))
        drawn.push_back(all.random().next());
    (void)all.random().next();
    if (all.happens("kill", 500))
      drawn.push_back(all.random().next());
  }
  const auto& happened = all.happened();
  CAF_REQUIRE(happened.size() == drawn.size());
  CAF_CHECK(std::any_of(happened.begin(), happened.end(), [](const decision& one) { return one.nth == 2; }));
  for (std::size_t i = 0; i < happened.size(); i += 7) {
    simulation_dice alone{7, std::vector{happened[i]}};
    std::vector<std::uint64_t> draws;
    for (int step = 0; step < 200; ++step) {
      alone.next_step();
      for (int j = 0; j < 3; ++j)
        if (alone.happens("drop", 2'000))
          draws.push_back(alone.random().next());
      if (alone.happens("kill", 500))
        draws.push_back(alone.random().next());
    }
    CAF_CHECK(alone.happened() == std::vector{happened[i]});
    CAF_CHECK(draws == std::vector{drawn[i]});
  }
  simulation_dice never{7};
  CAF_CHECK(!never.happens("kill", 0));
}

CAF_TEST(a reproduction is written and read) {
  const reproduction what{"quorum", 17, 5, 240, std::vector<decision>{{3, "write", 0}, {3, "drop", 2}, {240, "kill", 0}}};
  const auto text = to_text(what, "first: line\nsecond");
  CAF_CHECK_EQUAL(text, "# first: line\n# second\nquorum seed 17 size 5 events 240\n3 write\n3 drop 2\n240 kill\n");
  CAF_CHECK(parse_reproduction(text) == what);
  const reproduction whole{"partition", 9, 0, 5'000, {}};
  CAF_CHECK(parse_reproduction(to_text(whole, "")) == whole);
  const reproduction none{"partition", 9, 0, 0, std::vector<decision>{}};
  CAF_CHECK_EQUAL(to_text(none, ""), "partition seed 9 events 0\nnothing\n");
  CAF_CHECK(parse_reproduction(to_text(none, "")) == none);
  for (const auto* bad : {"", "# nothing\n", "partition seed 1\n", "partition seed x events 3\n", "partition speed 1 events 3\n",
                          "partition seed 1 events 3\nkill 3\n", "partition seed 1 events 3\n3\n", "partition seed 1 events 3\n3 drop x\n"})
    CAF_CHECK(!parse_reproduction(bad));
}
