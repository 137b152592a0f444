// Reads a described message in one of its versions from bytes that nobody vouches for: never past their end, and no allocation
// that the bytes still to come could not fill, at any depth.
#pragma once
#include "base/codec/writer.hpp"
#include "base/error.hpp"

#include <algorithm>

namespace cafka::codec {

// Fewest bytes that a value of type T can take in `version`; at least 1.
template <class T>
std::size_t min_encoded_size(std::int16_t version, bool flexible, const field_spec& spec) {
  if constexpr (is_optional<T>) {
    return 1;
  } else {
    static const T defaults{};
    counting_sink sink;
    writer<counting_sink>{sink, version, flexible}.write_value(defaults, spec);
    return std::max<std::size_t>(sink.size(), 1);
  }
}

class reader {
public:
  // `memory_limit_bytes` bounds what arrays may take in memory, which can be a multiple of the bytes that describe them.
  reader(byte_reader& in, std::int16_t version, bool flexible, std::size_t memory_limit_bytes = SIZE_MAX) noexcept
      : in_(in), version_(version), flexible_(flexible), memory_left_(memory_limit_bytes) {}

  // Whatever `value` held is gone: fields that the version lacks, or that were not sent, have their defaults. Arrays keep their memory, so that
  // reading message after message into one object allocates little. Look at in.ok() afterwards.
  template <described T>
  void read(T& value) {
    static const T defaults{};
    plain_fields<T> plain{*this, value, defaults};
    T::describe(plain);
    if constexpr (keeps_unknown_tags<T>)
      value.unknown_tagged_fields.clear();
    if (flexible_)
      read_tagged_section(value);
  }

  template <class T>
  void read_value(T& value, const field_spec& spec) {
    const bool compact = flexible_ && spec.compact_allowed;
    if constexpr (std::same_as<T, bool>) {
      value = in_.template read_be<std::int8_t>() != 0;
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(in_.template read_be<std::underlying_type_t<T>>());
    } else if constexpr (std::integral<T>) {
      value = in_.template read_be<T>();
    } else if constexpr (std::same_as<T, double>) {
      value = std::bit_cast<double>(in_.template read_be<std::uint64_t>());
    } else if constexpr (std::same_as<T, uuid>) {
      const auto bytes = in_.read_bytes(value.bytes.size());
      std::transform(bytes.begin(), bytes.end(), value.bytes.begin(), std::to_integer<std::uint8_t>);
    } else if constexpr (described<T>) {
      read(value);
    } else {
      const auto length = read_length<T>(compact);
      if (length < 0)
        in_.mark_bad(); // null, or nonsense, where a value must be
      else
        read_sized(value, static_cast<std::size_t>(length), spec);
    }
  }

  template <class T>
  void read_value(std::optional<T>& value, const field_spec& spec) {
    const bool nullable = spec.nullable.contains(version_);
    if constexpr (described<T>) {
      if (nullable && in_.template read_be<std::int8_t>() < 0) {
        value.reset();
        return;
      }
      read(value ? *value : value.emplace());
    } else {
      const auto length = read_length<T>(flexible_ && spec.compact_allowed);
      if (length < 0) {
        value.reset();
        if (!nullable || length != -1)
          in_.mark_bad();
        return;
      }
      read_sized(value ? *value : value.emplace(), static_cast<std::size_t>(length), spec);
    }
  }

private:
  template <class Owner>
  struct plain_fields {
    reader& from;
    Owner& owner;
    const Owner& defaults;
    template <class T>
    void field(std::string_view, T Owner::*member, const field_spec& spec) {
      if (spec.versions.contains(from.version_) && !from.is_tagged(spec))
        from.read_value(owner.*member, spec);
      else
        owner.*member = defaults.*member;
    }
  };

  template <class Owner>
  struct tagged_field {
    reader& from;
    Owner& owner;
    std::uint32_t tag;
    bool known = false;
    template <class T>
    void field(std::string_view, T Owner::*member, const field_spec& spec) {
      if (from.is_tagged(spec) && static_cast<std::uint32_t>(spec.tag_number) == tag) {
        known = true;
        from.read_value(owner.*member, spec);
      }
    }
  };

  [[nodiscard]] bool is_tagged(const field_spec& spec) const noexcept { return flexible_ && spec.tagged.contains(version_); }

  // −1 is null; other negative lengths are malformed.
  template <class T>
  std::int64_t read_length(bool compact) {
    if (compact)
      return static_cast<std::int64_t>(in_.read_unsigned_varint()) - 1;
    if constexpr (text_field<T>)
      return in_.template read_be<std::int16_t>();
    else
      return in_.template read_be<std::int32_t>();
  }

  template <class T>
  void read_sized(T& value, std::size_t size, const field_spec& spec) {
    if constexpr (is_array<T>) {
      using element = typename T::value_type;
      if (size > in_.remaining() / min_encoded_size<element>(version_, flexible_, spec) || size > memory_left_ / sizeof(element)) {
        in_.mark_bad();
        return;
      }
      memory_left_ -= size * sizeof(element);
      value.reserve(size);
      value.resize(size);
      for (std::size_t i = 0; i < size && in_.ok(); ++i)
        read_value(value[i], spec);
    } else {
      if (text_field<T> && size > max_text_bytes)
        return in_.mark_bad();
      const auto bytes = in_.read_bytes(size);
      if constexpr (std::same_as<T, std::string>)
        value.assign(as_text(bytes));
      else if constexpr (std::same_as<T, std::string_view>)
        value = as_text(bytes);
      else if constexpr (std::same_as<T, byte_vector>)
        value.assign(bytes.begin(), bytes.end());
      else if constexpr (std::same_as<T, records>)
        value.bytes = bytes;
      else
        value = bytes;
    }
  }

  // Tags ascend; each field takes exactly the size it claims.
  template <described T>
  void read_tagged_section(T& value) {
    const auto count = in_.read_unsigned_varint();
    std::int64_t previous = -1;
    for (std::uint32_t i = 0; i < count && in_.ok(); ++i) {
      const auto tag = in_.read_unsigned_varint();
      const auto size = in_.read_unsigned_varint();
      const auto data = in_.read_bytes(size);
      if (!in_.ok() || tag <= previous)
        return in_.mark_bad();
      previous = tag;
      byte_reader inner{data};
      reader nested{inner, version_, flexible_, memory_left_};
      tagged_field<T> one{nested, value, tag};
      T::describe(one);
      if (one.known) {
        memory_left_ = nested.memory_left_;
        if (!inner.ok() || inner.remaining() != 0)
          return in_.mark_bad();
      } else if constexpr (keeps_unknown_tags<T>) {
        value.unknown_tagged_fields.push_back({tag, byte_vector(data.begin(), data.end())});
      }
    }
  }

  byte_reader& in_;
  std::int16_t version_;
  bool flexible_;
  std::size_t memory_left_;
};

// Reads one body over whatever `value` held and leaves `in` behind it. bad_format names the message and how far it got; what `value` holds is
// then anything.
template <message T>
result<void> decode_into(T& value, byte_reader& in, std::int16_t version, std::size_t memory_limit_bytes = SIZE_MAX) {
  const auto start = in.position();
  const auto size = in.remaining();
  if (!T::info.valid.contains(version))
    return fail(errc::unsupported_version, std::string{T::info.name} + " has no version " + std::to_string(version) + " here: " +
                                               std::to_string(T::info.valid.lowest) + " to " + std::to_string(T::info.valid.highest));
  reader{in, version, T::info.flexible.contains(version), memory_limit_bytes}.read(value);
  if (!in.ok())
    return fail(errc::bad_format, std::string{T::info.name} + " version " + std::to_string(version) + " is malformed or cut short in the " +
                                      std::to_string(size) + " bytes from position " + std::to_string(start));
  return {};
}

template <message T>
result<T> decode_from(byte_reader& in, std::int16_t version, std::size_t memory_limit_bytes = SIZE_MAX) {
  T value{};
  if (auto read = decode_into(value, in, version, memory_limit_bytes); !read)
    return tl::unexpected(std::move(read.error()));
  return value;
}

// As decode_from, of bytes that hold nothing else.
template <message T>
result<T> decode(byte_span bytes, std::int16_t version, std::size_t memory_limit_bytes = SIZE_MAX) {
  byte_reader in{bytes};
  auto value = decode_from<T>(in, version, memory_limit_bytes);
  if (value && in.remaining() != 0)
    return fail(errc::bad_format, std::string{T::info.name} + " version " + std::to_string(version) + " leaves " +
                                      std::to_string(in.remaining()) + " bytes unread");
  return value;
}

} // namespace cafka::codec
