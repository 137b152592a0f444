// Between the text of a configuration value and the typed member that holds it. Text was checked against its key_spec before.
#pragma once
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

std::string_view trim_value(std::string_view text) noexcept;
bool parse_boolean(std::string_view text) noexcept;
// Items without the blanks around them.
std::vector<std::string> split_list(std::string_view text);
std::string join_list(const std::vector<std::string>& items);
std::string real_text(double value);

// Zero for what is not a number: is_acceptable has said that it is one.
template <std::integral T>
T parse_integer(std::string_view text) noexcept {
  text = trim_value(text);
  if (text.starts_with('+'))
    text.remove_prefix(1);
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// One overload per type of member: read_value(text, member) and value_text(member).
inline void read_value(std::string_view text, bool& to) { to = parse_boolean(text); }
inline void read_value(std::string_view text, std::string& to) { to = trim_value(text); }
inline void read_value(std::string_view text, std::vector<std::string>& to) { to = split_list(text); }
template <std::integral T>
void read_value(std::string_view text, T& to) {
  to = parse_integer<T>(text);
}
void read_value(std::string_view text, double& to);

inline std::string value_text(bool value) { return value ? "true" : "false"; }
inline std::string value_text(const std::string& value) { return value; }
inline std::string value_text(const std::vector<std::string>& value) { return join_list(value); }
template <std::integral T>
std::string value_text(T value) {
  return std::to_string(value);
}
inline std::string value_text(double value) { return real_text(value); }

} // namespace cafka
