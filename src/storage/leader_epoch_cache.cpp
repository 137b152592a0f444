#include "storage/leader_epoch_cache.hpp"

#include <algorithm>
#include <charconv>

namespace cafka::storage {

namespace {
constexpr std::size_t max_entries = 1 << 20;

// The next line without its end; false if no line end is left.
bool take_line(std::string_view& text, std::string_view& line) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos)
    return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  return problem == std::errc{} && stop == end && number >= 0;
}

auto malformed(const std::string& what) { return fail(errc::bad_format, "leader-epoch-checkpoint: " + what); }
} // namespace

result<leader_epoch_cache> leader_epoch_cache::parse(std::string_view text) {
  std::string_view line;
  std::size_t count = 0;
  if (!take_line(text, line) || line != "0")
    return malformed("the first line is not version 0");
  if (!take_line(text, line) || !parse_number(line, count) || count > max_entries)
    return malformed("the second line is not a count");
  leader_epoch_cache cache;
  for (std::size_t i = 0; i < count; ++i) {
    epoch_start entry;
    if (!take_line(text, line))
      return malformed("it ends after " + std::to_string(i) + " of " + std::to_string(count) + " entries");
    const auto space = line.find(' ');
    if (space == std::string_view::npos || !parse_number(line.substr(0, space), entry.leader_epoch) ||
        !parse_number(line.substr(space + 1), entry.start_offset))
      return malformed("entry " + std::to_string(i) + " is not \"epoch offset\"");
    if (!cache.entries_.empty() && (entry.leader_epoch <= cache.latest() || entry.start_offset <= cache.entries_.back().start_offset))
      return malformed("entry " + std::to_string(i) + " does not rise above the one before");
    cache.entries_.push_back(entry);
  }
  if (!text.empty())
    return malformed("more than " + std::to_string(count) + " entries");
  return cache;
}

std::string leader_epoch_cache::to_text() const {
  auto text = "0\n" + std::to_string(entries_.size()) + '\n';
  for (const auto& entry : entries_)
    text.append(std::to_string(entry.leader_epoch)).append(1, ' ').append(std::to_string(entry.start_offset)).append(1, '\n');
  return text;
}

std::int32_t leader_epoch_cache::epoch_at(std::int64_t offset) const noexcept {
  auto after =
      std::upper_bound(entries_.begin(), entries_.end(), offset, [](std::int64_t at, const epoch_start& e) { return at < e.start_offset; });
  return after == entries_.begin() ? -1 : std::prev(after)->leader_epoch;
}

epoch_end end_for(std::span<const epoch_start> entries, std::int32_t leader_epoch, std::int64_t log_end_offset) noexcept {
  const auto after = std::upper_bound(entries.begin(), entries.end(), leader_epoch,
                                      [](std::int32_t asked, const epoch_start& e) { return asked < e.leader_epoch; });
  if (after == entries.begin())
    return {};
  return {std::prev(after)->leader_epoch, after == entries.end() ? log_end_offset : after->start_offset};
}

bool leader_epoch_cache::assign(std::int32_t leader_epoch, std::int64_t start_offset) {
  if (leader_epoch < 0 || leader_epoch <= latest())
    return false;
  truncate_from_end(start_offset);
  entries_.push_back({leader_epoch, start_offset});
  return true;
}

bool leader_epoch_cache::truncate_from_end(std::int64_t offset) {
  const auto before = entries_.size();
  while (!entries_.empty() && entries_.back().start_offset >= offset)
    entries_.pop_back();
  return entries_.size() != before;
}

bool leader_epoch_cache::truncate_from_start(std::int64_t offset) {
  auto after =
      std::upper_bound(entries_.begin(), entries_.end(), offset, [](std::int64_t at, const epoch_start& e) { return at < e.start_offset; });
  if (after == entries_.begin())
    return false;
  auto holder = std::prev(after);
  if (holder == entries_.begin() && holder->start_offset == offset)
    return false;
  holder->start_offset = offset;
  entries_.erase(entries_.begin(), holder);
  return true;
}

} // namespace cafka::storage
