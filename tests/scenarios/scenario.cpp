#include "scenarios/scenario.hpp"

#include <sstream>

namespace cafka::test {

namespace {
constexpr std::string_view arrow = "=> ";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  std::istringstream all{std::string{text}};
  for (std::string line; std::getline(all, line);)
    out.push_back(line);
  return out;
}

bool is_command(const std::string& line) { return !line.empty() && line[0] != '#' && !line.starts_with(arrow); }
} // namespace

result<scenario> parse_scenario(std::string_view text) {
  scenario out;
  std::size_t number = 0;
  for (const auto& line : lines_of(text)) {
    ++number;
    if (line.starts_with(arrow)) {
      if (out.commands.empty())
        return fail(errc::bad_format, "line " + std::to_string(number) + ": an effect before the first command");
      out.commands.back().expected.push_back(line.substr(arrow.size()));
    } else if (is_command(line)) {
      std::istringstream parts{line};
      auto& command = out.commands.emplace_back();
      command.line = number;
      for (std::string word; parts >> word;)
        command.content.push_back(word);
      if (command.content.empty())
        return fail(errc::bad_format, "line " + std::to_string(number) + ": blanks only");
    } else if (out.commands.empty() && line.starts_with('#')) {
      out.has_comment = true;
    }
  }
  if (out.commands.empty())
    return fail(errc::bad_format, "no command");
  return out;
}

std::string with_effects(std::string_view text, const std::vector<std::vector<std::string>>& actual) {
  std::string out;
  std::size_t next = 0;
  for (const auto& line : lines_of(text)) {
    if (line.starts_with(arrow) && next > 0 && next <= actual.size())
      continue;
    out += line + '\n';
    if (is_command(line) && next++ < actual.size())
      for (const auto& effect : actual[next - 1])
        out.append(arrow).append(effect).append("\n");
  }
  return out;
}

std::unique_ptr<scenario_world> make_world(const words& first) {
  if (first[0] == "partition")
    return make_partition_world(first);
  if (first[0] == "quorum")
    return make_quorum_world(first);
  if (first[0] == "formation")
    return make_formation_world(first);
  throw scenario_error{"expected partition, quorum or formation, not '" + first[0] + "'"};
}

const std::string& word_at(const words& command, std::size_t index) {
  if (index >= command.size())
    throw scenario_error{"'" + command[0] + "' needs more words"};
  return command[index];
}

std::int64_t number_at(const words& command, std::size_t index) {
  const auto& word = word_at(command, index);
  std::size_t used = 0;
  try {
    const auto value = std::stoll(word, &used);
    if (used == word.size())
      return value;
  } catch (const std::logic_error&) { // no number: below
  }
  throw scenario_error{"expected a number, not '" + word + "'"};
}

} // namespace cafka::test
