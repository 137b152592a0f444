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
    writer counter{version, flexible};
    counter.write_value(defaults, spec);
    return std::max<std::size_t>(counter.size(), 1);
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
      value = take<1>() != 0;
    } else if constexpr (std::same_as<T, double>) {
      value = std::bit_cast<double>(take<8>());
    } else if constexpr (fixed_width<T>) {
      value = static_cast<T>(take<sizeof(T)>());
    } else if constexpr (std::same_as<T, uuid>) {
      take(value);
    } else if constexpr (described<T>) {
      read(value);
    } else {
      const auto length = read_length(text_field<T>, compact);
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
      if (nullable && static_cast<std::int8_t>(take<1>()) < 0) {
        value.reset();
        return;
      }
      read(value ? *value : value.emplace());
    } else {
      const auto length = read_length(text_field<T>, flexible_ && spec.compact_allowed);
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

  // What does not depend on a message's type is not inline, as in the writer. Zero when too little is left.
  template <std::size_t WidthBytes>
  std::uint64_t take() noexcept {
    if constexpr (WidthBytes == 1)
      return take_1();
    else if constexpr (WidthBytes == 2)
      return take_2();
    else if constexpr (WidthBytes == 4)
      return take_4();
    else
      return take_8();
  }
  std::uint8_t take_1() noexcept;
  std::uint16_t take_2() noexcept;
  std::uint32_t take_4() noexcept;
  std::uint64_t take_8() noexcept;
  void take(uuid& value) noexcept;
  // Of a text, or of bytes or an array. −1 is null; other negative lengths are malformed.
  std::int64_t read_length(bool text, bool compact) noexcept;
  // Whether as many elements can still come, and are allowed; if not, the message is bad.
  bool may_hold(std::size_t elements, std::size_t least_encoded_bytes, std::size_t memory_bytes) noexcept;
  void read_text(std::string& value, std::size_t size);
  void read_text(std::string_view& value, std::size_t size) noexcept;

  template <class T>
  void read_sized(T& value, std::size_t size, const field_spec& spec) {
    if constexpr (is_array<T>) {
      using element = typename T::value_type;
      if (!may_hold(size, min_encoded_size<element>(version_, flexible_, spec), sizeof(element)))
        return;
      value.reserve(size);
      value.resize(size);
      for (std::size_t i = 0; i < size && in_.ok(); ++i)
        read_value(value[i], spec);
    } else {
      if constexpr (text_field<T>)
        return read_text(value, size);
      const auto bytes = in_.read_bytes(size);
      if constexpr (std::same_as<T, byte_vector>)
        value.assign(bytes.begin(), bytes.end());
      else if constexpr (std::same_as<T, records>)
        value.bytes = bytes;
      else if constexpr (std::same_as<T, byte_span>)
        value = bytes;
    }
  }

  // Tags ascend; each field takes exactly the size it claims.
  template <described T>
  void read_tagged_section(T& value) {
    const auto count = in_.read_unsigned_varint();
    raw_tag tag;
    for (std::uint32_t i = 0; i < count && next_tag(tag); ++i) {
      bool known = false;
      if constexpr (has_tags<T>) {
        byte_reader inner{tag.data};
        reader nested{inner, version_, flexible_, memory_left_};
        tagged_field<T> one{nested, value, static_cast<std::uint32_t>(tag.number)};
        T::describe(one);
        known = one.known;
        if (known) {
          memory_left_ = nested.memory_left_;
          if (!inner.ok() || inner.remaining() != 0)
            return in_.mark_bad();
        }
      }
      if constexpr (keeps_unknown_tags<T>)
        if (!known)
          value.unknown_tagged_fields.push_back({static_cast<std::uint32_t>(tag.number), byte_vector(tag.data.begin(), tag.data.end())});
    }
  }

  struct raw_tag {
    std::int64_t number = -1;
    byte_span data;
  };
  // The one behind `tag`; false, and the message is bad, if there is none.
  bool next_tag(raw_tag& tag) noexcept;

  byte_reader& in_;
  std::int16_t version_;
  bool flexible_;
  std::size_t memory_left_;
};

// What the templates below say of bytes that they cannot read.
error unknown_version(const message_info& info, std::int16_t version);
error malformed_body(const message_info& info, std::int16_t version, std::size_t start, std::size_t size_bytes);
error unread_bytes(const message_info& info, std::int16_t version, std::size_t left_bytes);

// Reads one body over whatever `value` held and leaves `in` behind it. bad_format names the message and how far it got; what `value` holds is
// then anything.
template <message T>
result<void> decode_into(T& value, byte_reader& in, std::int16_t version, std::size_t memory_limit_bytes = SIZE_MAX) {
  const auto start = in.position();
  const auto size = in.remaining();
  if (!T::info.valid.contains(version))
    return tl::unexpected(unknown_version(T::info, version));
  reader{in, version, T::info.flexible.contains(version), memory_limit_bytes}.read(value);
  if (!in.ok())
    return tl::unexpected(malformed_body(T::info, version, start, size));
  return {};
}

template <message T>
result<T> decode_from(byte_reader& in, std::int16_t version, std::size_t memory_limit_bytes = SIZE_MAX) {
  result<T> value{};
  if (auto read = decode_into(*value, in, version, memory_limit_bytes); !read)
    value = tl::unexpected(std::move(read.error()));
  return value;
}

// As decode_into and decode_from, of bytes that hold nothing else.
template <message T>
result<void> decode_all_into(T& value, byte_span bytes, std::int16_t version, std::size_t memory_limit_bytes = SIZE_MAX) {
  byte_reader in{bytes};
  auto read = decode_into(value, in, version, memory_limit_bytes);
  if (read && in.remaining() != 0)
    read = tl::unexpected(unread_bytes(T::info, version, in.remaining()));
  return read;
}

template <message T>
result<T> decode(byte_span bytes, std::int16_t version, std::size_t memory_limit_bytes = SIZE_MAX) {
  result<T> value{};
  if (auto read = decode_all_into(*value, bytes, version, memory_limit_bytes); !read)
    value = tl::unexpected(std::move(read.error()));
  return value;
}

} // namespace cafka::codec
