#include "support/shrink.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace cafka::test {

namespace {

// What is being made smaller: the smallest reproduction so far and how it ended.
class search {
public:
  search(const reproduction& failing, const std::function<run_outcome(const reproduction&)>& run, std::uint64_t most_steps)
      : run_(run), most_steps_(most_steps), best_(failing) {
    auto first = run_(best_);
    runs_ = 1;
    steps_ = first.steps;
    invariant_ = invariant_of(first.broken);
    broken_ = first.broken;
    if (broken_.empty())
      return;
    before_ = first.happened.size();
    auto all = best_;
    all.only = first.happened;
    all.events = first.events;
    (void)take_if_broken(std::move(all)); // from here on a list
  }

  void run() {
    if (broken_.empty() || !best_.only)
      return;
    for (auto smaller = true; smaller && steps_ < most_steps_;) {
      const auto before = std::pair{best_.only->size(), best_.events};
      without_kinds();
      without_chunks();
      with_fewer_events();
      smaller = std::pair{best_.only->size(), best_.events} < before;
    }
  }

  [[nodiscard]] shrunk result() const { return {best_, broken_, runs_, before_, best_.only ? best_.only->size() : before_}; }

private:
  bool take_if_broken(reproduction smaller) {
    if (steps_ >= most_steps_)
      return false;
    ++runs_;
    auto outcome = run_(smaller);
    steps_ += outcome.steps;
    if (outcome.broken.empty() || invariant_of(outcome.broken) != invariant_)
      return false;
    smaller.events = std::min(smaller.events, outcome.events);
    smaller.only = std::move(outcome.happened); // what it did not come to is not needed
    best_ = std::move(smaller);
    broken_ = std::move(outcome.broken);
    return true;
  }

  bool without(const std::function<bool(std::size_t, const decision&)>& goes) {
    auto smaller = best_;
    smaller.only->clear();
    for (std::size_t i = 0; i < best_.only->size(); ++i)
      if (!goes(i, (*best_.only)[i]))
        smaller.only->push_back((*best_.only)[i]);
    return smaller.only->size() < best_.only->size() && take_if_broken(std::move(smaller));
  }

  void without_kinds() {
    std::map<std::string, std::size_t> kinds;
    for (const auto& one : *best_.only)
      ++kinds[one.kind];
    std::vector<std::pair<std::size_t, std::string>> by_count;
    for (const auto& [kind, count] : kinds)
      by_count.emplace_back(count, kind);
    std::sort(by_count.rbegin(), by_count.rend());
    for (const auto& [count, kind] : by_count)
      (void)without([&](std::size_t, const decision& one) { return one.kind == kind; });
  }

  // Delta debugging: ever smaller parts are left out, the latest first, down to single decisions.
  void without_chunks() {
    for (auto size = std::max<std::size_t>(best_.only->size() / 2, 1);; size = std::max<std::size_t>(size / 2, 1)) {
      auto end = best_.only->size();
      while (end > 0 && steps_ < most_steps_) {
        const auto begin = end > size ? end - size : 0;
        (void)without([&](std::size_t i, const decision&) { return i >= begin && i < end; });
        end = std::min(begin, best_.only->size());
      }
      if (size == 1)
        return;
    }
  }

  // Matters only for what is found after the faults have ended: else the events end where it broke.
  void with_fewer_events() {
    const auto last = best_.only->empty() ? 0 : best_.only->back().step;
    for (auto events = last; events < best_.events; events += (best_.events - events + 1) / 2) {
      auto smaller = best_;
      smaller.events = events;
      if (take_if_broken(std::move(smaller)))
        return;
    }
  }

  const std::function<run_outcome(const reproduction&)>& run_;
  std::uint64_t most_steps_, steps_ = 0;
  std::size_t runs_ = 0, before_ = 0;
  reproduction best_;
  std::string invariant_, broken_;
};

std::filesystem::path source_folder() { return std::filesystem::path{CAFKA_TEST_DATA}.parent_path() / "simulation" / "regressions"; }

std::string write(const std::filesystem::path& folder, const std::string& name, const std::string& text) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  const auto path = folder / (name + ".txt");
  std::ofstream file{path};
  file << text;
  file.close();
  return file ? path.string() : std::string{};
}

} // namespace

std::string_view invariant_of(std::string_view broken) noexcept { return broken.substr(0, broken.find(": ")); }

shrunk shrink(const reproduction& failing, const std::function<run_outcome(const reproduction&)>& run, std::uint64_t most_steps) {
  search one{failing, run, most_steps};
  one.run();
  return one.result();
}

std::string to_text(const reproduction& what, std::string_view comment) {
  std::string text;
  std::istringstream lines{std::string{comment}};
  for (std::string line; std::getline(lines, line);)
    text += "# " + line + '\n';
  text += what.simulation + " seed " + std::to_string(what.seed);
  if (what.size > 0)
    text += " size " + std::to_string(what.size);
  text += " events " + std::to_string(what.events) + '\n';
  if (what.only && what.only->empty())
    text += "nothing\n";
  if (what.only)
    for (const auto& one : *what.only)
      text += std::to_string(one.step) + ' ' + one.kind + (one.nth > 0 ? ' ' + std::to_string(one.nth) : "") + '\n';
  return text;
}

result<reproduction> parse_reproduction(std::string_view text) {
  reproduction out;
  bool has_events = false;
  std::istringstream lines{std::string{text}};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line[0] == '#')
      continue;
    std::istringstream words{line};
    auto bad = [&](const char* why) { return fail(errc::bad_format, "line " + std::to_string(number) + ": " + why + ": " + line); };
    if (out.simulation.empty()) {
      words >> out.simulation;
      for (std::string key; words >> key;) {
        auto* value = key == "seed" ? &out.seed : key == "size" ? &out.size : key == "events" ? &out.events : nullptr;
        if (!value || !(words >> *value))
          return bad("expected \"NAME seed N [size N] events N\"");
        has_events = has_events || key == "events";
      }
      continue;
    }
    if (line == "nothing") {
      out.only.emplace();
      continue;
    }
    decision one;
    if (!(words >> one.step >> one.kind))
      return bad("expected \"STEP KIND [NTH]\"");
    if (!words.eof() && !(words >> one.nth))
      return bad("expected \"STEP KIND [NTH]\"");
    if (!out.only)
      out.only.emplace();
    out.only->push_back(std::move(one));
  }
  if (!has_events)
    return fail(errc::bad_format, "no line \"NAME seed N [size N] events N\"");
  return out;
}

std::vector<std::pair<std::string, reproduction>> kept_reproductions(std::string_view simulation) {
  std::vector<std::pair<std::string, reproduction>> found;
  for (const auto& entry : std::filesystem::directory_iterator{source_folder()}) {
    if (entry.path().extension() != ".txt")
      continue;
    std::ostringstream text;
    text << std::ifstream{entry.path()}.rdbuf();
    auto parsed = parse_reproduction(text.str());
    if (!parsed)
      throw std::runtime_error{entry.path().string() + ": " + parsed.error().detail};
    if (parsed->simulation != "partition" && parsed->simulation != "quorum")
      throw std::runtime_error{entry.path().string() + ": there is no simulation '" + parsed->simulation + "'"};
    if (parsed->simulation == simulation)
      found.emplace_back(entry.path().filename().string(), std::move(*parsed));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return found;
}

std::string shrink_and_keep(const reproduction& failing, const std::string& broken,
                            const std::function<run_outcome(const reproduction&)>& run,
                            const std::function<std::vector<std::string>(const reproduction&)>& trace, std::string_view replay_command) {
  const char* wanted = std::getenv("REGRESSIONS");
  const std::string folder = wanted ? wanted : source_folder().string();
  std::ostringstream out;
  if (folder == "none") {
    for (const auto& line : trace(failing))
      out << "  " << line << '\n';
    return out.str();
  }
  const auto small = shrink(failing, run);
  const auto name =
      failing.simulation + "_seed_" + std::to_string(failing.seed) + (failing.size > 0 ? "_size_" + std::to_string(failing.size) : "");
  const auto text = to_text(small.smallest, small.broken);
  for (const auto& line : trace(small.smallest))
    out << "  " << line << '\n';
  out << "seed " << failing.seed << " broke " << broken << '\n';
  out << "shrunk from " << small.before << " decisions to " << small.after << " in " << small.runs << " runs:\n" << text;
  if (const auto file = write(folder, name, text); !file.empty())
    out << "kept in " << file << ", replayed by every test run from now on, alone by: " << replay_command << '\n';
  else
    out << "cannot be written to " << folder << ": keep the lines above as a file there\n";
  return out.str();
}

} // namespace cafka::test
