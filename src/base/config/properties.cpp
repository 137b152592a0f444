#include "base/config/properties.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace cafka {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

// One logical line: its text with continuations joined (escapes still in place) and the number of its first natural line.
struct logical_line {
  std::string text;
  int number = 0;
};

class line_reader {
public:
  explicit line_reader(std::string_view text) : text_(text) {}

  // False at the end. Comments and blank lines are skipped; a comment is never continued.
  bool next(logical_line& line) {
    while (position_ < text_.size()) {
      auto natural = trimmed(natural_line());
      if (natural.empty() || natural.front() == '#' || natural.front() == '!')
        continue;
      line.number = number_;
      line.text.assign(natural);
      while (is_continued(line.text)) {
        line.text.pop_back();
        if (position_ >= text_.size())
          break;
        line.text += trimmed(natural_line());
      }
      return true;
    }
    return false;
  }

private:
  std::string_view natural_line() {
    ++number_;
    auto end = text_.find_first_of("\r\n", position_);
    auto line = text_.substr(position_, end == std::string_view::npos ? std::string_view::npos : end - position_);
    if (end == std::string_view::npos) {
      position_ = text_.size();
    } else {
      const bool crlf = text_[end] == '\r' && end + 1 < text_.size() && text_[end + 1] == '\n';
      position_ = end + (crlf ? 2 : 1);
    }
    return line;
  }
  static std::string_view trimmed(std::string_view line) {
    while (!line.empty() && is_blank(line.front()))
      line.remove_prefix(1);
    return line;
  }
  static bool is_continued(const std::string& line) {
    std::size_t slashes = 0;
    while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\')
      ++slashes;
    return slashes % 2 == 1;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  int number_ = 0;
};

void append_utf8(std::string& out, std::uint32_t code_point) {
  auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3f));
    put(0x80 | ((code_point >> 6) & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

// The four hex digits after "\u" at `position`; false if they are not there.
bool read_unit(std::string_view text, std::size_t position, std::uint32_t& unit) {
  if (position + 6 > text.size() || text[position] != '\\' || text[position + 1] != 'u')
    return false;
  const auto* first = text.data() + position + 2;
  const auto [end, code] = std::from_chars(first, first + 4, unit, 16);
  return code == std::errc{} && end == first + 4;
}

// \uXXXX at `position`; a surrogate pair is two of them. Moves `position` behind what was read.
bool read_unicode(std::string_view text, std::size_t& position, std::string& out) {
  std::uint32_t high = 0;
  if (!read_unit(text, position, high))
    return false;
  position += 6;
  if (high < 0xd800 || high > 0xdfff) {
    append_utf8(out, high);
    return true;
  }
  std::uint32_t low = 0;
  if (high > 0xdbff || !read_unit(text, position, low) || low < 0xdc00 || low > 0xdfff)
    return false;
  position += 6;
  append_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
  return true;
}

bool unescape(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out.push_back(text[i++]);
      continue;
    }
    if (i + 1 == text.size())
      return true; // a lone backslash at the very end of the file says nothing
    switch (text[i + 1]) {
    case 't': out.push_back('\t'); break;
    case 'n': out.push_back('\n'); break;
    case 'r': out.push_back('\r'); break;
    case 'f': out.push_back('\f'); break;
    case 'u':
      if (!read_unicode(text, i, out))
        return false;
      continue;
    default: out.push_back(text[i + 1]); break;
    }
    i += 2;
  }
  return true;
}

// Where the key ends (first unescaped separator) and where the value begins.
std::pair<std::size_t, std::size_t> split(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] != '=' && line[end] != ':' && !is_blank(line[end]))
    end += line[end] == '\\' ? 2 : 1;
  end = std::min(end, line.size());
  auto begin = end;
  while (begin < line.size() && is_blank(line[begin]))
    ++begin;
  if (begin < line.size() && (line[begin] == '=' || line[begin] == ':'))
    ++begin;
  while (begin < line.size() && is_blank(line[begin]))
    ++begin;
  return {end, begin};
}

// The first byte that cannot be UTF-8; npos if all is well. Overlong forms and surrogates count as wrong.
std::size_t find_bad_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<std::uint8_t>(text[at]) : std::uint8_t{0}; };
    const auto lead = byte(i);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                               : (lead & 0xf0) == 0xe0       ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    if (length == 0)
      return i;
    for (std::size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xc0) != 0x80)
        return i;
    const auto second = byte(i + 1);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
        (lead == 0xf4 && second > 0x8f))
      return i;
    i += length;
  }
  return std::string_view::npos;
}

tl::unexpected<error> fail_at(std::string_view file, std::ptrdiff_t line, std::string_view what) {
  return fail(errc::bad_argument, std::string{file} + ':' + std::to_string(line) + ": " + std::string{what});
}

} // namespace

result<properties> parse_properties(std::string_view text, std::string_view file) {
  if (text.starts_with("\xef\xbb\xbf"))
    text.remove_prefix(3); // a byte order mark, as some editors leave it
  if (const auto bad = find_bad_utf8(text); bad != std::string_view::npos)
    return fail_at(file, 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bad), '\n'),
                   "these bytes are not UTF-8 text");
  properties found;
  line_reader reader{text};
  logical_line line;
  while (reader.next(line)) {
    const auto [key_end, value_begin] = split(line.text);
    property entry;
    entry.line = line.number;
    if (!unescape(std::string_view{line.text}.substr(0, key_end), entry.key) ||
        !unescape(std::string_view{line.text}.substr(value_begin), entry.value))
      return fail_at(file, line.number, "expected four hexadecimal digits after \\u (and a whole surrogate pair)");
    auto same = std::find_if(found.entries.begin(), found.entries.end(), [&](const auto& e) { return e.key == entry.key; });
    if (same != found.entries.end()) {
      found.overwritten.push_back(std::move(*same));
      found.entries.erase(same);
    }
    found.entries.push_back(std::move(entry));
  }
  return found;
}

} // namespace cafka
