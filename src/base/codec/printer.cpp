#include "base/codec/printer.hpp"

#include <charconv>
#include <cstdio>

namespace cafka::codec {

void print_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  out += '"';
}

void print_base64(byte_span bytes, std::string& out) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out += '"';
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    const auto held = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      bits = (bits << 8) | (k < held ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= held ? alphabet[(bits >> (18 - 6 * k)) & 63] : '=';
  }
  out += '"';
}

std::string json_field_name(std::string_view name) {
  std::string text{name};
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

void printer::print_raw(const char* text) { out_ += text; }
void printer::print_number(std::int64_t value) { out_ += std::to_string(value); }
void printer::print_number(std::uint64_t value) { out_ += std::to_string(value); }

void printer::print_number(double value) {
  char text[32];
  const std::string_view shortest{text, static_cast<std::size_t>(std::to_chars(text, text + sizeof text, value).ptr - text)};
  out_ += shortest;
  if (shortest.find_first_not_of("-0123456789") == std::string_view::npos)
    out_ += ".0";
}

void printer::print_id(const uuid& value) { out_ += '"' + value.to_string() + '"'; }

void printer::begin_field(std::string_view name, bool first, bool size_only) {
  out_ += first ? "\"" : ",\"";
  out_ += json_field_name(name) + (size_only ? "SizeInBytes\":" : "\":");
}

} // namespace cafka::codec
