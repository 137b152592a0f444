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
void add_fields_of(std::vector<field_schema>& to);

// Of what an array or a nullable field holds, if T is one.
template <class T>
constexpr std::string_view element_type_name() {
  if constexpr (is_optional<T> || is_array<T>)
    return element_type_name<typename T::value_type>();
  else if constexpr (std::is_enum_v<T>)
    return element_type_name<std::underlying_type_t<T>>();
  else if constexpr (std::same_as<T, bool>)
    return "bool";
  else if constexpr (std::same_as<T, double>)
    return "float64";
  else if constexpr (std::integral<T>)
    return sizeof(T) == 1   ? (std::is_unsigned_v<T> ? "uint8" : "int8")
           : sizeof(T) == 2 ? (std::is_unsigned_v<T> ? "uint16" : "int16")
           : sizeof(T) == 4 ? (std::is_unsigned_v<T> ? "uint32" : "int32")
                            : (std::is_unsigned_v<T> ? "uint64" : "int64");
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
inline constexpr bool holds_array = is_array<T>;
template <class T>
inline constexpr bool holds_array<std::optional<T>> = is_array<T>;

template <class T>
void add_nested_fields(std::vector<field_schema>& to) {
  if constexpr (is_optional<T> || is_array<T>)
    add_nested_fields<typename T::value_type>(to);
  else if constexpr (described<T>)
    add_fields_of<T>(to);
}

// The default is still to be printed, and the fields of a struct to be added.
field_schema& add_field(std::vector<field_schema>& to, std::string_view name, bool array, std::string_view element_type,
                        const field_spec& spec);

template <class Owner>
struct schema_visitor {
  std::vector<field_schema>& found;
  template <class T>
  void field(std::string_view name, T Owner::*member, const field_spec& spec) {
    static const Owner defaults{};
    auto& added = add_field(found, name, holds_array<T>, element_type_name<T>(), spec);
    printer{added.default_json, spec.versions.lowest, true}.print_value(defaults.*member);
    add_nested_fields<T>(added.fields);
  }
};

template <described T>
void add_fields_of(std::vector<field_schema>& to) {
  schema_visitor<T> visitor{to};
  T::describe(visitor);
}

template <message T>
message_schema schema_of() {
  message_schema schema{T::info, {}};
  add_fields_of<T>(schema.fields);
  return schema;
}

} // namespace cafka::codec
