#include "base/config/value_text.hpp"

namespace cafka {

std::string_view trim_value(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool parse_boolean(std::string_view text) noexcept {
  text = trim_value(text);
  return !text.empty() && (text.front() == 't' || text.front() == 'T');
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  text = trim_value(text);
  while (!text.empty()) {
    const auto comma = text.find(',');
    items.emplace_back(trim_value(text.substr(0, comma)));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return items;
}

std::string join_list(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty())
      text += ',';
    text += item;
  }
  return text;
}

std::string real_text(double value) {
  char text[32];
  const auto [end, code] = std::to_chars(text, text + sizeof text, value);
  return code == std::errc{} ? std::string{text, end} : std::string{};
}

void read_value(std::string_view text, double& to) {
  text = trim_value(text);
  if (text.starts_with('+'))
    text.remove_prefix(1);
  std::from_chars(text.data(), text.data() + text.size(), to);
}

} // namespace cafka
