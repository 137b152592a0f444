// Every history of tests/scenarios/*.txt, played with the real cores: see scenario.hpp for the language. SCENARIO=name plays that one alone, and
// SCENARIOS=rewrite writes what came out into the files: read the difference, it is a claim about the protocol.
#define CAF_SUITE scenarios
#include "scenarios/scenario.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace cafka;
using namespace cafka::test;

namespace {

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream{path}.rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> scenario_files() {
  const char* one = std::getenv("SCENARIO");
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator{std::filesystem::path{CAFKA_TEST_DATA}.parent_path() / "scenarios"})
    if (entry.path().extension() == ".txt" && (!one || entry.path().stem() == one))
      out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

// What came out, command by command, up to a command that could not be done: `error` then says why.
std::vector<std::vector<std::string>> play(const scenario& what, std::string& error) {
  std::vector<std::vector<std::string>> actual;
  std::unique_ptr<scenario_world> world;
  for (const auto& command : what.commands)
    try {
      if (!world)
        world = make_world(command.content);
      actual.push_back(world->perform(command.content));
    } catch (const scenario_error& wrong) {
      error = "line " + std::to_string(command.line) + ": " + wrong.what();
      break;
    }
  return actual;
}

// The first command whose effects differ, with both.
std::string difference(const scenario& what, const std::vector<std::vector<std::string>>& actual, const std::string& file) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const auto& [line, content, expected] = what.commands[i];
    if (actual[i] == expected)
      continue;
    std::string text = file + ":" + std::to_string(line) + ":";
    for (const auto& word : content)
      text += ' ' + word;
    const auto same = [&](const auto& list, const std::string& effect) {
      return std::find(list.begin(), list.end(), effect) != list.end();
    };
    for (const auto& effect : expected)
      text += (same(actual[i], effect) ? "\n    => " : "\n  - => ") + effect;
    for (const auto& effect : actual[i])
      if (!same(expected, effect))
        text += "\n  + => " + effect;
    return text +
           (actual[i].size() == expected.size() ? "\n  (- expected, + came out; or in another order)" : "\n  (- expected, + came out)");
  }
  return {};
}

} // namespace

CAF_TEST(histories) {
  const char* mode = std::getenv("SCENARIOS");
  const auto files = scenario_files();
  CAF_CHECK(!files.empty());
  std::size_t commands = 0;
  for (const auto& path : files) {
    const auto text = read(path);
    const auto name = "tests/scenarios/" + path.filename().string();
    const auto parsed = parse_scenario(text);
    if (!parsed) {
      CAF_ERROR(name << ": " << parsed.error().detail);
      continue;
    }
    std::string error;
    const auto actual = play(*parsed, error);
    commands += actual.size();
    if (mode && std::string_view{mode} == "rewrite")
      std::ofstream{path} << with_effects(text, actual);
    if (!parsed->has_comment)
      CAF_ERROR(name << " does not say what it is about");
    const auto wrong = difference(*parsed, actual, name);
    if (!wrong.empty()) {
      std::cout << wrong << '\n';
      CAF_ERROR(name << " has other effects");
    } else if (!error.empty()) {
      CAF_ERROR(name << ": " << error);
    } else {
      CAF_CHECK(std::any_of(actual.begin(), actual.end(), [](const auto& effects) { return !effects.empty(); }));
    }
  }
  CAF_MESSAGE(files.size() << " histories, " << commands << " commands");
}

CAF_TEST(the language) {
  const std::string text = "# about\nquorum 3\n\ntimeout 1\n=> 1 asks\n=> again\n# more\nlog 1\n";
  const auto parsed = parse_scenario(text);
  CAF_REQUIRE(parsed);
  CAF_CHECK(parsed->has_comment);
  CAF_REQUIRE_EQUAL(parsed->commands.size(), 3u);
  CAF_CHECK_EQUAL(parsed->commands[1].line, 4u);
  CAF_CHECK(parsed->commands[1].content == words({"timeout", "1"}));
  CAF_CHECK(parsed->commands[1].expected == std::vector<std::string>({"1 asks", "again"}));
  CAF_CHECK_EQUAL(with_effects(text, {{}, {"new"}, {"x", "y"}}), "# about\nquorum 3\n\ntimeout 1\n=> new\n# more\nlog 1\n=> x\n=> y\n");
  CAF_CHECK_EQUAL(with_effects(text, {{}}), text); // stopped after the first: the rest as it was
  CAF_CHECK_EQUAL(difference(*parsed, {{}, {"1 asks", "again"}, {}}, "f"), "");
  CAF_CHECK_EQUAL(difference(*parsed, {{}, {"1 asks", "no"}, {}}, "f"),
                  "f:4: timeout 1\n    => 1 asks\n  - => again\n  + => no\n  (- expected, + came out; or in another order)");
  CAF_CHECK(!parse_scenario("=> nothing\nquorum 3\n"));
  CAF_CHECK(!parse_scenario("# only\n"));
  CAF_CHECK(!parse_scenario("quorum 3\n  \n"));
  for (const auto& first : {words{"cluster", "3"}, words{"partition"}, words{"partition", "x", "min_isr", "1", "fsync"},
                            words{"quorum", "0"}, words{"formation"}})
    try {
      (void)make_world(first)->perform(first);
      CAF_ERROR("taken: " << first[0]);
    } catch (const scenario_error&) {
      CAF_CHECK(true);
    }
}
