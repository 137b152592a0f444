#include "cli/record_format.hpp"

#include "base/bytes.hpp"
#include "cli/json_text.hpp"

#include <charconv>

namespace cafka::cli {

namespace {

// The escape that begins at text[at]; moves `at` behind it.
result<char> read_escape(std::string_view text, std::size_t& at) {
  const auto wrong = [&] {
    return fail(errc::bad_argument,
                "'" + std::string{text.substr(at, 4)} + "' at " + std::to_string(at + 1) + ": expected \\n \\r \\t \\0 \\\\ or \\xHH");
  };
  if (at + 1 >= text.size())
    return wrong();
  char out = 0;
  switch (text[at + 1]) {
  case 'n': out = '\n'; break;
  case 'r': out = '\r'; break;
  case 't': out = '\t'; break;
  case '0': out = '\0'; break;
  case '\\': out = '\\'; break;
  case 'x': {
    std::uint8_t value = 0;
    const auto digits = text.substr(at + 2, 2);
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (code != std::errc{} || digits.size() != 2 || end != digits.data() + 2)
      return wrong();
    at += 4;
    return static_cast<char>(value);
  }
  default: return wrong();
  }
  at += 2;
  return out;
}

void append_number(std::string& out, std::int64_t number) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

std::int64_t length_of(const std::optional<std::string_view>& bytes) { return bytes ? static_cast<std::int64_t>(bytes->size()) : -1; }

} // namespace

result<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    CAFKA_TRY_ASSIGN(c, read_escape(text, at));
    out += c;
  }
  return out;
}

result<record_format> record_format::parse(std::string_view text, std::string null_text) {
  constexpr std::string_view kinds = "tpoThkKsSR";
  record_format format;
  format.null_text_ = std::move(null_text);
  auto literal = [&format](char c) {
    if (format.pieces_.empty() || format.pieces_.back().kind != 0)
      format.pieces_.push_back({});
    format.pieces_.back().text += c;
  };
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\') {
      CAFKA_TRY_ASSIGN(c, read_escape(text, at));
      literal(c);
    } else if (text[at] != '%') {
      literal(text[at++]);
    } else {
      const char kind = at + 1 < text.size() ? text[at + 1] : '\0';
      if (kind == '%')
        literal('%');
      else if (kind != '\0' && kinds.find(kind) != std::string_view::npos)
        format.pieces_.push_back({kind});
      else
        return fail(errc::bad_argument, "'" + std::string{text.substr(at, 2)} + "' at " + std::to_string(at + 1) +
                                            ": expected one of %t %p %o %T %h %k %K %s %S %R %%");
      at += 2;
    }
  }
  return format;
}

record_format record_format::json() {
  record_format format;
  format.json_ = true;
  return format;
}

void record_format::append(std::string& out, const client::record& record) const {
  if (json_)
    return append_json(out, record);
  for (const auto& one : pieces_)
    append_piece(out, one, record);
}

void record_format::append_piece(std::string& out, const piece& one, const client::record& record) const {
  switch (one.kind) {
  case 0: out += one.text; break;
  case 't': out += record.topic; break;
  case 'p': append_number(out, record.partition); break;
  case 'o': append_number(out, record.offset); break;
  case 'T': append_number(out, record.timestamp); break;
  case 'k': out += record.key.value_or(null_text_); break;
  case 'K': append_number(out, length_of(record.key)); break;
  case 's': out += record.value.value_or(null_text_); break;
  case 'S': append_number(out, length_of(record.value)); break;
  case 'R': {
    std::byte raw[4];
    store_be(raw, static_cast<std::int32_t>(length_of(record.value)));
    out += as_text(raw);
    break;
  }
  case 'h': {
    bool first = true;
    for (const auto& header : record.headers) {
      if (!first)
        out += ',';
      first = false;
      out += header.key;
      out += '=';
      out += header.value.value_or(null_text_);
    }
    break;
  }
  default: break;
  }
}

void record_format::append_json(std::string& out, const client::record& record) {
  auto field = [&out](std::string_view name, const std::optional<std::string_view>& bytes) {
    if (bytes)
      return append_json_bytes(out, name, *bytes);
    ((out += '"') += name) += "\":null";
  };
  out += "{\"topic\":";
  append_json_string(out, record.topic);
  out += ",\"partition\":";
  append_number(out, record.partition);
  out += ",\"offset\":";
  append_number(out, record.offset);
  out += ",\"timestamp\":";
  append_number(out, record.timestamp);
  if (!record.headers.empty()) {
    out += ",\"headers\":[";
    for (const auto& header : record.headers) {
      out += &header == record.headers.data() ? "{" : ",{";
      append_json_bytes(out, "key", header.key);
      out += ',';
      field("value", header.value);
      out += '}';
    }
    out += ']';
  }
  out += ',';
  field("key", record.key);
  out += ',';
  field("value", record.value);
  out += "}\n";
}

} // namespace cafka::cli
