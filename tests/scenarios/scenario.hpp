// A history told as text: a comment, then commands, one a line, each followed by what must come of it, "=> " before each effect. A command gives
// exactly the effects that stand below it. The first command says in which world it happens: `partition`, `quorum`, `formation`; each world's
// header lists its commands.
//
//   # What this is about, for people.
//   partition 3 min_isr 2 fsync
//   => 1 leads in epoch 0 from 0
//   write 1 a
//   => 1 writes a at 0
#pragma once
#include "base/error.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace cafka::test {

using words = std::vector<std::string>;

struct scenario_command {
  std::size_t line = 0; // from 1
  words content;
  std::vector<std::string> expected;
};

struct scenario {
  std::vector<scenario_command> commands;
  bool has_comment = false; // before the first command
};

// bad_format: which line, and why.
result<scenario> parse_scenario(std::string_view text);
// The same text with other effects: `actual` has those of each command, in order; of what is missing there the old ones stay.
std::string with_effects(std::string_view text, const std::vector<std::vector<std::string>>& actual);

// A command that is not known, or cannot be done now: the scenario is wrong, not the code.
struct scenario_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class scenario_world {
public:
  virtual ~scenario_world() = default;
  // What came of it, one effect a line. Throws scenario_error.
  virtual std::vector<std::string> perform(const words& command) = 0;
};
// By the first command, which it is then given too.
std::unique_ptr<scenario_world> make_world(const words& first);
std::unique_ptr<scenario_world> make_partition_world(const words& first);
std::unique_ptr<scenario_world> make_quorum_world(const words& first);
std::unique_ptr<scenario_world> make_formation_world(const words& first);

// Words of a command: the one at `index` as a number, or as text. Throws if there is none.
std::int64_t number_at(const words& command, std::size_t index);
const std::string& word_at(const words& command, std::size_t index);

} // namespace cafka::test
