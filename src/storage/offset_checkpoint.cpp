#include "storage/offset_checkpoint.hpp"

#include <charconv>
#include <optional>

namespace cafka::storage {

namespace {

class line_source {
public:
  explicit line_source(std::string_view text) noexcept : rest_(text) {}

  // Without its line end; nullopt after the last.
  std::optional<std::string_view> next() noexcept {
    if (rest_.empty())
      return std::nullopt;
    ++number_;
    const auto end = rest_.find('\n');
    auto line = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    return line;
  }
  [[nodiscard]] int number() const noexcept { return number_; }

private:
  std::string_view rest_;
  int number_ = 0;
};

template <class T>
std::optional<T> parse_number(std::string_view text) noexcept {
  T value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::string_view take_word(std::string_view& line) noexcept {
  constexpr std::string_view blanks = " \t";
  const auto begin = line.find_first_not_of(blanks);
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  const auto end = std::min(line.find_first_of(blanks, begin), line.size());
  const auto word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

} // namespace

std::string offset_checkpoint_text(const offset_map& offsets) {
  auto text = "0\n" + std::to_string(offsets.size()) + '\n';
  for (const auto& [name, offset] : offsets)
    text += name.topic + ' ' + std::to_string(name.partition) + ' ' + std::to_string(offset) + '\n';
  return text;
}

result<offset_map> parse_offset_checkpoint(std::string_view text, const std::string& file) {
  line_source lines{text};
  const auto malformed = [&](std::string_view expected) {
    return fail(errc::bad_format, file + ':' + std::to_string(lines.number()) + ": expected " + std::string{expected});
  };
  const auto version = lines.next();
  if (!version || parse_number<int>(*version) != 0)
    return malformed("version 0");
  const auto count_line = lines.next();
  const auto count = count_line ? parse_number<std::int64_t>(*count_line) : std::nullopt;
  if (!count || *count < 0)
    return malformed("the number of entries");
  offset_map offsets;
  std::int64_t entries = 0;
  while (auto line = lines.next()) {
    const auto topic = take_word(*line);
    const auto partition = parse_number<std::int32_t>(take_word(*line));
    const auto offset = parse_number<std::int64_t>(take_word(*line));
    if (topic.empty() || !partition || *partition < 0 || !offset || *offset < 0 || !take_word(*line).empty())
      return malformed("\"topic partition offset\"");
    offsets[{std::string{topic}, *partition}] = *offset;
    ++entries;
  }
  if (entries != *count)
    return malformed(std::to_string(*count) + " entries, " + std::to_string(entries) + " are there");
  return offsets;
}

} // namespace cafka::storage
