// Prints a described message as JSON in the form of Kafka's own tools: field names begin in lower case, tagged fields only when
// they are not at their default, ids as text, bytes in base64.
#pragma once
#include "base/codec/fields.hpp"

#include <charconv>

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
    out_ += '{';
    object_fields<T> fields{*this, value, defaults};
    T::describe(fields);
    out_ += '}';
  }

  template <class T>
  void print_value(const T& value) {
    if constexpr (is_optional<T>) {
      if (value)
        print_value(*value);
      else
        out_ += "null";
    } else if constexpr (std::same_as<T, bool>) {
      out_ += value ? "true" : "false";
    } else if constexpr (std::is_enum_v<T>) {
      out_ += std::to_string(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::integral<T>) {
      out_ += std::to_string(value);
    } else if constexpr (std::same_as<T, double>) {
      char text[32];
      const std::string_view shortest{text, static_cast<std::size_t>(std::to_chars(text, text + sizeof text, value).ptr - text)};
      out_ += shortest;
      if (shortest.find_first_not_of("-0123456789") == std::string_view::npos)
        out_ += ".0";
    } else if constexpr (std::same_as<T, uuid>) {
      out_ += '"' + value.to_string() + '"';
    } else if constexpr (text_field<T>) {
      print_json_string(value, out_);
    } else if constexpr (std::same_as<T, records>) {
      out_ += std::to_string(value.bytes.size()); // Kafka's tools print the size only
    } else if constexpr (bytes_field<T>) {
      print_base64(value, out_);
    } else if constexpr (is_array<T>) {
      out_ += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        out_ += i == 0 ? "" : ",";
        print_value(value[i]);
      }
      out_ += ']';
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
      to.out_ += first ? "\"" : ",\"";
      first = false;
      to.out_ += json_field_name(name) + (prints_size(owner.*member) ? "SizeInBytes\":" : "\":");
      to.print_value(owner.*member);
    }
  };

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
