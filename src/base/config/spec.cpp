#include "base/config/spec.hpp"

#include "base/config/spec_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace cafka {

namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <class T>
bool is_number(std::string_view text, double min, double max) {
  if (text.starts_with('+'))
    text.remove_prefix(1);
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size() && static_cast<double>(value) >= min &&
         static_cast<double>(value) <= max && !std::isnan(static_cast<double>(value));
}

template <class Visit>
void for_each_item(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    visit(trimmed(list.substr(0, comma)));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
}

bool is_choice(std::string_view choices, std::string_view value) {
  bool found = false;
  for_each_item(choices, [&](std::string_view choice) { found = found || choice == value; });
  return found;
}

// Levenshtein's distance, with a swap of neighbours as one step (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string number_text(double value) {
  char text[32];
  const auto [end, code] = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 15);
  return code == std::errc{} ? std::string{text, end} : std::string{};
}

double type_max(value_type type) {
  switch (type) {
  case value_type::int16: return std::numeric_limits<std::int16_t>::max();
  case value_type::int32: return std::numeric_limits<std::int32_t>::max();
  default: return std::numeric_limits<double>::infinity(); // not worth saying
  }
}

std::string joined_choices(std::string_view choices) {
  std::string text;
  for_each_item(choices, [&](std::string_view choice) { text += (text.empty() ? "" : ", ") + std::string{choice}; });
  return text;
}

} // namespace

std::span<const key_spec> all_key_specs() noexcept {
  static const auto rows = [] {
    std::vector<key_spec> all;
    for (const auto group : key_spec_groups())
      all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return rows;
}

const key_spec* find_node_key(std::string_view name) noexcept {
  if (name.empty())
    return nullptr;
  for (const auto group : key_spec_groups())
    for (const auto& spec : group)
      if (spec.name == name)
        return &spec;
  return nullptr;
}

const key_spec* find_topic_key(std::string_view name) noexcept {
  if (name.empty())
    return nullptr;
  for (const auto group : key_spec_groups())
    for (const auto& spec : group)
      if (spec.topic_name == name)
        return &spec;
  return nullptr;
}

const key_spec* find_ineffective_key(std::string_view name, bool topic_level) noexcept {
  const auto specs = ineffective_key_specs(topic_level);
  const auto member = topic_level ? &key_spec::topic_name : &key_spec::name;
  const auto found = std::ranges::lower_bound(specs, name, {}, member);
  return found != specs.end() && (*found).*member == name ? &*found : nullptr;
}

std::optional<std::string> nearest_key(std::string_view name, bool topic_level) {
  std::optional<std::string> nearest;
  std::size_t best = std::max<std::size_t>(2, name.size() / 4) + 1; // further away it is another word
  auto consider = [&](std::string_view candidate) {
    if (const auto distance = candidate.empty() ? best : edit_distance(name, candidate); distance < best) {
      best = distance;
      nearest = std::string{candidate};
    }
  };
  for (const auto& spec : all_key_specs())
    consider(topic_level ? spec.topic_name : spec.name);
  for (const auto known : ignored_kafka_names(topic_level))
    consider(known);
  return nearest;
}

std::string_view to_string(value_type type) noexcept {
  switch (type) {
  case value_type::boolean: return "boolean";
  case value_type::int16: return "short";
  case value_type::int32: return "int";
  case value_type::int64: return "long";
  case value_type::real: return "double";
  case value_type::text: return "string";
  case value_type::list: return "list";
  case value_type::class_name: return "class";
  case value_type::password: return "password";
  }
  return "string";
}

std::string expectation(const key_spec& spec) {
  switch (spec.type) {
  case value_type::boolean: return "true or false";
  case value_type::list: return spec.choices.empty() ? "a list separated by commas" : "a list of: " + joined_choices(spec.choices);
  case value_type::class_name:
  case value_type::password:
  case value_type::text: return spec.choices.empty() ? "text" : "one of: " + joined_choices(spec.choices);
  default: break;
  }
  std::string text = spec.type == value_type::real ? "a number" : "a whole number";
  const double max = std::min(spec.max, type_max(spec.type));
  const bool has_min = std::isfinite(spec.min);
  if (has_min && std::isfinite(max))
    text += " from " + number_text(spec.min) + " to " + number_text(max);
  else if (has_min)
    text += " of at least " + number_text(spec.min);
  if (!spec.unit.empty())
    text += " (" + std::string{spec.unit} + ')';
  return text;
}

std::string complaint(const key_spec& spec, std::string_view value) {
  if (is_acceptable(spec, value))
    return {};
  const auto no_number = [](std::string_view type) { return "Not a number of type " + std::string{type}; };
  constexpr auto any = std::numeric_limits<double>::infinity();
  value = trimmed(value);
  switch (spec.type) {
  case value_type::boolean: return "Expected value to be either true or false";
  case value_type::int16:
    if (!is_number<std::int16_t>(value, -any, any))
      return no_number("SHORT");
    break;
  case value_type::int32:
    if (!is_number<std::int32_t>(value, -any, any))
      return no_number("INT");
    break;
  case value_type::int64:
    if (!is_number<std::int64_t>(value, -any, any))
      return no_number("LONG");
    break;
  case value_type::real:
    if (!is_number<double>(value, -any, any))
      return no_number("DOUBLE");
    break;
  default: return "String must be one of: " + joined_choices(spec.choices);
  }
  return is_number<double>(value, spec.min, any) ? "Value must be no more than " + number_text(spec.max)
                                                 : "Value must be at least " + number_text(spec.min);
}

bool is_acceptable(const key_spec& spec, std::string_view value) {
  value = trimmed(value);
  switch (spec.type) {
  case value_type::boolean: return equals_ignoring_case(value, "true") || equals_ignoring_case(value, "false");
  case value_type::int16: return is_number<std::int16_t>(value, spec.min, spec.max);
  case value_type::int32: return is_number<std::int32_t>(value, spec.min, spec.max);
  case value_type::int64: return is_number<std::int64_t>(value, spec.min, spec.max);
  case value_type::real: return is_number<double>(value, spec.min, spec.max);
  case value_type::text: return spec.choices.empty() || is_choice(spec.choices, value);
  case value_type::class_name:
  case value_type::password: return true;
  case value_type::list: break;
  }
  bool good = !value.empty() || spec.choices.empty() || spec.may_be_empty;
  for_each_item(value,
                [&](std::string_view item) { good = good && (spec.choices.empty() ? !item.empty() : is_choice(spec.choices, item)); });
  return good;
}

} // namespace cafka
