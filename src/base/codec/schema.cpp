#include "base/codec/schema.hpp"

namespace cafka::codec {

namespace {
// As Kafka writes them: "0", "0-3", "2+", "none".
std::string text_of(const version_range& range) {
  if (range == no_versions)
    return "none";
  if (range.highest == version_range{}.highest)
    return std::to_string(range.lowest) + "+";
  return range.lowest == range.highest ? std::to_string(range.lowest) : std::to_string(range.lowest) + "-" + std::to_string(range.highest);
}

void add_member(std::string_view name, std::string_view value, std::string& out) {
  print_json_string(name, out);
  out += ':';
  print_json_string(value, out);
}

void add_fields(const std::vector<field_schema>& fields, std::string& out) {
  out += "\"fields\":[";
  bool first = true;
  for (const auto& field : fields) {
    out += first ? "{" : ",{";
    first = false;
    add_member("name", field.name, out);
    out += ',';
    add_member("type", field.type, out);
    out += ',';
    add_member("versions", text_of(field.spec.versions), out);
    out += ',';
    add_member("nullableVersions", text_of(field.spec.nullable), out);
    if (field.spec.tag_number >= 0) {
      out += ',';
      add_member("taggedVersions", text_of(field.spec.tagged), out);
      out += ",\"tag\":" + std::to_string(field.spec.tag_number);
    }
    if (!field.spec.compact_allowed)
      out += R"(,"flexibleVersions":"none")";
    out += ",\"default\":" + field.default_json + ',';
    add_fields(field.fields, out);
    out += '}';
  }
  out += ']';
}
} // namespace

field_schema& add_field(std::vector<field_schema>& to, std::string_view name, bool array, std::string_view element_type,
                        const field_spec& spec) {
  return to.emplace_back(field_schema{std::string{name}, (array ? "[]" : "") + std::string{element_type}, spec, {}, {}});
}

std::string to_json(const message_schema& schema) {
  std::string out = "{";
  add_member("name", schema.info.name, out);
  out += ",\"apiKey\":" + std::to_string(schema.info.api_key) + ',';
  add_member("validVersions", text_of(schema.info.valid), out);
  out += ',';
  add_member("flexibleVersions", text_of(schema.info.flexible), out);
  out += ',';
  add_fields(schema.fields, out);
  return out + '}';
}

} // namespace cafka::codec
