// A described message as data: what its JSON definition at Kafka says, so that a test can compare the two.
#pragma once
#include "base/codec/printer.hpp"

namespace cafka::codec {

struct field_schema {
  std::string name;
  std::string type; // "int32", "string", "[]uuid"; a struct is "struct", an array of them "[]struct"
  field_spec spec;
  std::string default_json;         // of the member initialiser
  std::vector<field_schema> fields; // of a struct
};

struct message_schema {
  message_info info;
  std::vector<field_schema> fields;
};

// One JSON object: name, apiKey, validVersions, flexibleVersions, fields[{name, type, versions, …}].
std::string to_json(const message_schema& schema);

template <described T>
std::vector<field_schema> fields_of();

template <class T>
std::string type_name() {
  if constexpr (is_optional<T>)
    return type_name<typename T::value_type>();
  else if constexpr (is_array<T>)
    return "[]" + type_name<typename T::value_type>();
  else if constexpr (std::is_enum_v<T>)
    return type_name<std::underlying_type_t<T>>();
  else if constexpr (std::same_as<T, bool>)
    return "bool";
  else if constexpr (std::integral<T>)
    return (std::is_unsigned_v<T> ? "uint" : "int") + std::to_string(sizeof(T) * 8);
  else if constexpr (std::same_as<T, double>)
    return "float64";
  else if constexpr (std::same_as<T, uuid>)
    return "uuid";
  else if constexpr (text_field<T>)
    return "string";
  else if constexpr (std::same_as<T, records>)
    return "records";
  else if constexpr (bytes_field<T>)
    return "bytes";
  else
    return "struct";
}

template <class T>
std::vector<field_schema> nested_fields() {
  if constexpr (is_optional<T> || is_array<T>)
    return nested_fields<typename T::value_type>();
  else if constexpr (described<T>)
    return fields_of<T>();
  else
    return {};
}

template <class Owner>
struct schema_visitor {
  std::vector<field_schema> found;
  template <class T>
  void field(std::string_view name, T Owner::*member, const field_spec& spec) {
    static const Owner defaults{};
    field_schema described_field{std::string{name}, type_name<T>(), spec, {}, nested_fields<T>()};
    printer{described_field.default_json, spec.versions.lowest, true}.print_value(defaults.*member);
    found.push_back(std::move(described_field));
  }
};

template <described T>
std::vector<field_schema> fields_of() {
  schema_visitor<T> visitor;
  T::describe(visitor);
  return std::move(visitor.found);
}

template <message T>
message_schema schema_of() {
  return {T::info, fields_of<T>()};
}

} // namespace cafka::codec
