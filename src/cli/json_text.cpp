#include "cli/json_text.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cafka::cli {

bool is_utf8(std::string_view bytes) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* end = at + bytes.size();
  auto follows = [&](int offset, unsigned low, unsigned high) { return end - at > offset && at[offset] >= low && at[offset] <= high; };
  while (at != end) {
    std::uint64_t eight = 0;
    if (end - at >= 8 && (std::memcpy(&eight, at, 8), (eight & 0x8080808080808080ULL) == 0)) {
      at += 8;
    } else if (*at < 0x80) {
      ++at;
    } else if (*at >= 0xc2 && *at <= 0xdf && follows(1, 0x80, 0xbf)) {
      at += 2;
    } else if ((*at & 0xf0) == 0xe0 && follows(1, *at == 0xe0 ? 0xa0 : 0x80, *at == 0xed ? 0x9f : 0xbf) && follows(2, 0x80, 0xbf)) {
      at += 3;
    } else if (*at >= 0xf0 && *at <= 0xf4 && follows(1, *at == 0xf0 ? 0x90 : 0x80, *at == 0xf4 ? 0x8f : 0xbf) && follows(2, 0x80, 0xbf) &&
               follows(3, 0x80, 0xbf)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0; // what is not copied yet begins here
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\')
      continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
    case '"': out += "\\\""; break;
    case '\\': out += "\\\\"; break;
    case '\n': out += "\\n"; break;
    case '\r': out += "\\r"; break;
    case '\t': out += "\\t"; break;
    default: (((out += "\\u00") += hex[c >> 4]) += hex[c & 15]); break;
    }
  }
  out.append(text, plain, text.size() - plain);
  out += '"';
}

void append_base64(std::string& out, std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const auto count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    out += digits[group >> 18];
    out += digits[group >> 12 & 63];
    out += count > 1 ? digits[group >> 6 & 63] : '=';
    out += count > 2 ? digits[group & 63] : '=';
  }
}

void append_json_bytes(std::string& out, std::string_view name, std::string_view bytes) {
  out += '"';
  out += name;
  if (is_utf8(bytes)) {
    out += "\":";
    append_json_string(out, bytes);
  } else {
    out += "_base64\":\"";
    append_base64(out, bytes);
    out += '"';
  }
}

} // namespace cafka::cli
