// Writes a described message in one of its versions, or counts the bytes that would take.
#pragma once
#include "base/codec/fields.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace cafka::codec {

// Where a writer's bytes go: counted, or kept.
class counting_sink {
public:
  template <std::integral T>
  void write_be(T) noexcept {
    size_ += sizeof(T);
  }
  void write_unsigned_varint(std::uint32_t value) noexcept { size_ += unsigned_varlong_size(value); }
  void write_bytes(byte_span bytes) noexcept { size_ += bytes.size(); }
  void write_slot(const record_slot& slot) noexcept { slot_bytes_ += slot.size_bytes; }
  // Of the bytes that are written; what belongs into slots is counted apart.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t slot_bytes() const noexcept { return slot_bytes_; }

private:
  std::size_t size_ = 0;
  std::size_t slot_bytes_ = 0;
};

template <class Sink>
class writer {
public:
  writer(Sink& sink, std::int16_t version, bool flexible) noexcept : sink_(sink), version_(version), flexible_(flexible) {}

  // A struct and, in flexible versions, its tagged fields.
  template <described T>
  void write(const T& value) {
    plain_fields<T> plain{*this, value};
    T::describe(plain);
    if (flexible_)
      write_tagged_section(value);
  }

  template <class T>
  void write_value(const T& value, const field_spec& spec) {
    const bool compact = flexible_ && spec.compact_allowed;
    if constexpr (std::same_as<T, bool>) {
      sink_.write_be(static_cast<std::int8_t>(value));
    } else if constexpr (std::is_enum_v<T>) {
      sink_.write_be(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::integral<T>) {
      sink_.write_be(value);
    } else if constexpr (std::same_as<T, double>) {
      sink_.write_be(std::bit_cast<std::uint64_t>(value));
    } else if constexpr (std::same_as<T, uuid>) {
      sink_.write_bytes(std::as_bytes(std::span{value.bytes}));
    } else if constexpr (text_field<T>) {
      const auto text = std::string_view{value}.substr(0, max_text_bytes);
      write_length<std::int16_t>(text.size(), compact);
      sink_.write_bytes(as_byte_span(text));
    } else if constexpr (std::same_as<T, records>) {
      write_value(value.bytes, spec);
    } else if constexpr (std::same_as<T, record_slot>) {
      write_length<std::int32_t>(value.size_bytes, compact);
      sink_.write_slot(value);
    } else if constexpr (bytes_field<T>) {
      write_length<std::int32_t>(value.size(), compact);
      sink_.write_bytes(value);
    } else if constexpr (is_array<T>) {
      write_length<std::int32_t>(value.size(), compact);
      for (const auto& element : value) // by index for vector<bool> would be no better: no message has one
        write_value(element, spec);
    } else {
      static_assert(described<T>, "no wire form is defined for this type");
      write(value);
    }
  }

  // Null in a version that knows no null is written as the type's empty value.
  template <class T>
  void write_value(const std::optional<T>& value, const field_spec& spec) {
    const bool nullable = spec.nullable.contains(version_);
    if (!value && nullable)
      return write_null<T>(flexible_ && spec.compact_allowed);
    if constexpr (described<T>)
      if (nullable)
        sink_.write_be(std::int8_t{1});
    value ? write_value(*value, spec) : write_value(T{}, spec);
  }

private:
  template <class Owner>
  struct plain_fields {
    writer& out;
    const Owner& owner;
    template <class T>
    void field(std::string_view, T Owner::*member, const field_spec& spec) {
      if (spec.versions.contains(out.version_) && !out.is_tagged(spec))
        out.write_value(owner.*member, spec);
    }
  };

  // Finds what is to be sent as tagged field number `wanted`, or counts and finds the lowest number at or above it.
  template <class Owner>
  struct tagged_scan {
    const writer& out;
    const Owner& owner;
    const Owner& defaults;
    std::uint32_t count = 0;
    std::int64_t lowest = -1, from = 0;
    template <class T>
    void field(std::string_view, T Owner::*member, const field_spec& spec) {
      if (!out.is_tagged(spec) || same_value(owner.*member, defaults.*member))
        return;
      ++count;
      if (spec.tag_number >= from && (lowest < 0 || spec.tag_number < lowest))
        lowest = spec.tag_number;
    }
  };

  template <class Owner>
  struct tagged_write {
    writer& out;
    const Owner& owner;
    std::int64_t wanted;
    template <class T>
    void field(std::string_view, T Owner::*member, const field_spec& spec) {
      if (!out.is_tagged(spec) || spec.tag_number != wanted)
        return;
      counting_sink counted;
      writer<counting_sink> counter{counted, out.version_, out.flexible_};
      counter.write_value(owner.*member, spec);
      out.sink_.write_unsigned_varint(static_cast<std::uint32_t>(spec.tag_number));
      out.sink_.write_unsigned_varint(static_cast<std::uint32_t>(counted.size()));
      out.write_value(owner.*member, spec);
    }
  };

  template <class>
  friend class writer;

  [[nodiscard]] bool is_tagged(const field_spec& spec) const noexcept { return flexible_ && spec.tagged.contains(version_); }

  template <described T>
  void write_tagged_section(const T& value) {
    static const T defaults{};
    tagged_scan<T> scan{*this, value, defaults};
    T::describe(scan);
    auto known = scan.count;
    const tagged_fields* unknown = nullptr;
    if constexpr (keeps_unknown_tags<T>)
      unknown = &value.unknown_tagged_fields;
    const auto unknown_count = unknown ? unknown->size() : 0;
    sink_.write_unsigned_varint(static_cast<std::uint32_t>(known + unknown_count));
    std::size_t next_unknown = 0;
    auto write_unknown_below = [&](std::int64_t tag) {
      for (; next_unknown < unknown_count && (*unknown)[next_unknown].tag < tag; ++next_unknown) {
        const auto& raw = (*unknown)[next_unknown];
        sink_.write_unsigned_varint(raw.tag);
        sink_.write_unsigned_varint(static_cast<std::uint32_t>(raw.data.size()));
        sink_.write_bytes(raw.data);
      }
    };
    while (known-- > 0) {
      write_unknown_below(scan.lowest);
      tagged_write<T> one{*this, value, scan.lowest};
      T::describe(one);
      scan.from = scan.lowest + 1;
      scan.lowest = -1;
      T::describe(scan);
    }
    write_unknown_below(std::numeric_limits<std::int64_t>::max());
  }

  template <std::signed_integral Length>
  void write_length(std::size_t size, bool compact) {
    compact ? sink_.write_unsigned_varint(static_cast<std::uint32_t>(size + 1)) : sink_.write_be(static_cast<Length>(size));
  }

  template <class T>
  void write_null(bool compact) {
    if constexpr (described<T>)
      sink_.write_be(std::int8_t{-1});
    else if (compact)
      sink_.write_unsigned_varint(0);
    else if constexpr (text_field<T>)
      sink_.write_be(std::int16_t{-1});
    else
      sink_.write_be(std::int32_t{-1});
  }

  Sink& sink_;
  std::int16_t version_;
  bool flexible_;
};

template <message T>
counting_sink count_encoded(const T& value, std::int16_t version) {
  counting_sink sink;
  writer<counting_sink>{sink, version, T::info.flexible.contains(version)}.write(value);
  return sink;
}

// Bytes that encode() appends: what slots stand for is not among them.
template <message T>
std::size_t encoded_size(const T& value, std::int16_t version) {
  return count_encoded(value, version).size();
}

struct no_slots {
  void operator()(std::size_t, const record_slot&) const noexcept {}
};

// Into bytes that were counted before. `place(at, slot)` is told where in them each slot that is not empty belongs.
template <class Place>
class counted_sink {
public:
  counted_sink(byte_vector& out, std::size_t at, Place& place) noexcept : begin_(out.data()), to_(begin_ + at), place_(place) {}

  template <std::integral T>
  void write_be(T value) noexcept {
    store_be(to_, value);
    to_ += sizeof(T);
  }
  void write_unsigned_varint(std::uint32_t value) noexcept {
    for (; value >= 0x80; value >>= 7)
      *to_++ = static_cast<std::byte>(value | 0x80);
    *to_++ = static_cast<std::byte>(value);
  }
  void write_bytes(byte_span bytes) noexcept { to_ = std::copy(bytes.begin(), bytes.end(), to_); }
  void write_slot(const record_slot& slot) {
    if (slot.size_bytes != 0)
      place_(static_cast<std::size_t>(to_ - begin_), slot);
  }
  [[nodiscard]] std::size_t position() const noexcept { return static_cast<std::size_t>(to_ - begin_); }

private:
  std::byte* begin_;
  std::byte* to_;
  Place& place_;
};

// Appends the message's body to `out`, which grows at most once. Fields that `version` does not have are left out, whatever they hold.
template <message T, class Place = no_slots>
void encode(const T& value, std::int16_t version, byte_vector& out, Place&& place = {}) {
  const auto at = out.size();
  out.resize(at + encoded_size(value, version));
  counted_sink<std::remove_reference_t<Place>> sink{out, at, place};
  writer<decltype(sink)>{sink, version, T::info.flexible.contains(version)}.write(value);
  assert(sink.position() == out.size());
}

} // namespace cafka::codec
