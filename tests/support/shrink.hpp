// A seed that breaks an invariant, made small: few decisions (simulation_dice.hpp), none of which can be left out, and few steps, as a
// text that can be kept and replayed:
//
//   # what it was, for people
//   partition seed 17 events 240
//   31 write
//   57 kill
//   57 drop 2
//
// After the first line one decision each: step, kind, and which of that kind in its step if not the first; or the line "nothing", if it takes none. Without
// any line more: everything that the seed says.
#pragma once
#include "base/error.hpp"
#include "support/simulation_dice.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace cafka::test {

struct reproduction {
  std::string simulation; // "partition", "quorum"
  std::uint64_t seed = 0;
  std::uint64_t size = 0; // of the cluster; 0: the seed chooses it
  std::uint64_t events = 0;
  std::optional<std::vector<decision>> only;
  bool operator==(const reproduction&) const = default;
};

struct run_outcome {
  std::string broken; // "invariant: what was found"; empty: all held
  std::uint64_t events = 0; // after how many it broke; all of them if it was afterwards, when the faults had ended
  std::uint64_t steps = 0; // all that it took, those after the faults too
  std::vector<decision> happened;
};

struct shrunk {
  reproduction smallest;
  std::string broken; // what the smallest run ends with
  std::size_t runs = 0;
  std::size_t before = 0, after = 0; // decisions
};

// `run` does the same for the same reproduction, always. No other is begun once they have taken `most_steps` together: some ten seconds by default.
shrunk shrink(const reproduction& failing, const std::function<run_outcome(const reproduction&)>& run,
              std::uint64_t most_steps = 10'000'000);

// The name of what broke: the text before the first ": ".
std::string_view invariant_of(std::string_view broken) noexcept;

std::string to_text(const reproduction& what, std::string_view comment);
// bad_format: says which line.
result<reproduction> parse_reproduction(std::string_view text);

// Regression files: each *.txt in tests/simulation/regressions that is of `simulation`, with its file name. Throws if one cannot be read.
std::vector<std::pair<std::string, reproduction>> kept_reproductions(std::string_view simulation);

// Shrinks, keeps the result as a regression file and says all that a person wants to know: what broke, the few decisions, the file, the
// command that replays it. REGRESSIONS=folder: the file goes there; REGRESSIONS=none: nothing is shrunk or kept, as for planted mistakes.
// `trace` runs it once more and tells its steps.
std::string shrink_and_keep(const reproduction& failing, const std::string& broken,
                            const std::function<run_outcome(const reproduction&)>& run,
                            const std::function<std::vector<std::string>(const reproduction&)>& trace, std::string_view replay_command);

} // namespace cafka::test
