// Prints a described message as JSON in the form of Kafka's own tools: field names begin in lower case, tagged fields only when
// they are not at their default, ids as text, bytes in base64.
#pragma once
#include "base/codec/fields.hpp"

#include <utility>

namespace cafka::codec {

void print_json_string(std::string_view text, std::string& out);
void print_base64(byte_span bytes, std::string& out);
// "TopicId" → "topicId", "KRaftVersion" → "kRaftVersion".
std::string json_field_name(std::string_view name);

class printer {
public:
  printer(std::string& out, std::int16_t version, bool flexible) noexcept : out_(out), version_(version), flexible_(flexible) {}

  template <described T>
  void print(const T& value) {
    static const T defaults{};
    print_raw("{");
    object_fields<T> fields{*this, value, defaults};
    T::describe(fields);
    print_raw("}");
  }

  template <class T>
  void print_value(const T& value) {
    if constexpr (is_optional<T>) {
      if (value)
        print_value(*value);
      else
        print_raw("null");
    } else if constexpr (std::same_as<T, bool>) {
      print_raw(value ? "true" : "false");
    } else if constexpr (std::same_as<T, double>) {
      print_number(value);
    } else if constexpr (std::same_as<T, std::uint64_t>) {
      print_number(value);
    } else if constexpr (fixed_width<T>) {
      print_number(static_cast<std::int64_t>(value));
    } else if constexpr (std::same_as<T, uuid>) {
      print_id(value);
    } else if constexpr (text_field<T>) {
      print_json_string(value, out_);
    } else if constexpr (std::same_as<T, records>) {
      print_number(static_cast<std::int64_t>(value.bytes.size())); // Kafka's tools print the size only
    } else if constexpr (bytes_field<T>) {
      print_base64(value, out_);
    } else if constexpr (is_array<T>) {
      auto separator = "[";
      for (const auto& element : value) {
        print_raw(std::exchange(separator, ","));
        print_value(element);
      }
      print_raw(value.empty() ? "[]" : "]");
    } else {
      print(value);
    }
  }

private:
  template <class T>
  static bool prints_size(const T& value) {
    if constexpr (std::same_as<T, std::optional<records>>)
      return value.has_value();
    return std::same_as<T, records>;
  }

  template <class Owner>
  struct object_fields {
    printer& to;
    const Owner& owner;
    const Owner& defaults;
    bool first = true;
    template <class T>
    void field(std::string_view name, T Owner::*member, const field_spec& spec) {
      if (!spec.versions.contains(to.version_))
        return;
      if (to.flexible_ && spec.tagged.contains(to.version_) && same_value(owner.*member, defaults.*member))
        return;
      to.begin_field(name, std::exchange(first, false), prints_size(owner.*member));
      to.print_value(owner.*member);
    }
  };

  // What does not depend on a message's type is not inline, as in the writer.
  void print_raw(const char* text);
  void print_number(std::int64_t value);
  void print_number(std::uint64_t value);
  void print_number(double value);
  void print_id(const uuid& value);
  void begin_field(std::string_view name, bool first, bool size_only);

  std::string& out_;
  std::int16_t version_;
  bool flexible_;
};

template <message T>
std::string to_json(const T& value, std::int16_t version) {
  std::string text;
  printer{text, version, T::info.flexible.contains(version)}.print(value);
  return text;
}

} // namespace cafka::codec
