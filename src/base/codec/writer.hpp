// Writes a described message in one of its versions, or counts the bytes that would take.
#pragma once
#include "base/codec/fields.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace cafka::codec {

// Is told at which byte of the body each slot that is not empty belongs.
class slot_places {
public:
  virtual void place(std::size_t at, const record_slot& slot) = 0;

protected:
  ~slot_places() = default;
};

// Counts and writes by the same code, so that the two cannot disagree. What does not depend on a message's type is not inline: a node describes
// some hundred messages, and each would be a copy of it.
class writer {
public:
  // Counts only.
  writer(std::int16_t version, bool flexible) noexcept : version_(version), flexible_(flexible) {}
  // Writes to `to`, where there is room for what was counted.
  writer(std::byte* to, slot_places* places, std::int16_t version, bool flexible) noexcept
      : to_(to), places_(places), version_(version), flexible_(flexible) {}

  // Of the bytes that are written; what belongs into slots is counted apart.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t slot_bytes() const noexcept { return slot_bytes_; }

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
    if constexpr (std::same_as<T, double>) {
      put(std::bit_cast<std::uint64_t>(value));
    } else if constexpr (fixed_width<T>) {
      put(static_cast<unsigned_of<T>>(value));
    } else if constexpr (std::same_as<T, uuid>) {
      put_raw(std::as_bytes(std::span{value.bytes}));
    } else if constexpr (text_field<T>) {
      put_text(value, compact);
    } else if constexpr (std::same_as<T, records>) {
      put_bytes(value.bytes, compact);
    } else if constexpr (std::same_as<T, record_slot>) {
      put_slot(value, compact);
    } else if constexpr (bytes_field<T>) {
      put_bytes(value, compact);
    } else if constexpr (is_array<T>) {
      put_length(value.size(), compact);
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
      return put_null(described<T> ? 1 : text_field<T> ? 2 : 4, !described<T> && flexible_ && spec.compact_allowed);
    if constexpr (described<T>)
      if (nullable)
        put(std::uint8_t{1});
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
      writer counter{out.version_, out.flexible_};
      counter.write_value(owner.*member, spec);
      out.put_varint(static_cast<std::uint32_t>(spec.tag_number));
      out.put_varint(static_cast<std::uint32_t>(counter.size()));
      out.write_value(owner.*member, spec);
    }
  };

  template <class T>
  using unsigned_of = std::conditional_t<
      sizeof(T) == 1, std::uint8_t,
      std::conditional_t<sizeof(T) == 2, std::uint16_t, std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;

  [[nodiscard]] bool is_tagged(const field_spec& spec) const noexcept { return flexible_ && spec.tagged.contains(version_); }

  template <described T>
  void write_tagged_section(const T& value) {
    static const tagged_fields none;
    const tagged_fields* unknown = &none;
    if constexpr (keeps_unknown_tags<T>)
      unknown = &value.unknown_tagged_fields;
    if constexpr (!has_tags<T>) {
      put_varint(static_cast<std::uint32_t>(unknown->size()));
      put_unknown(*unknown, 0);
    } else {
      static const T defaults{};
      tagged_scan<T> scan{*this, value, defaults};
      T::describe(scan);
      put_varint(static_cast<std::uint32_t>(scan.count + unknown->size()));
      std::size_t next_unknown = 0;
      for (auto left = scan.count; left > 0; --left) {
        next_unknown = put_unknown(*unknown, next_unknown, scan.lowest);
        tagged_write<T> one{*this, value, scan.lowest};
        T::describe(one);
        scan.from = scan.lowest + 1;
        scan.lowest = -1;
        T::describe(scan);
      }
      put_unknown(*unknown, next_unknown);
    }
  }

  void put(std::uint8_t value) noexcept;
  void put(std::uint16_t value) noexcept;
  void put(std::uint32_t value) noexcept;
  void put(std::uint64_t value) noexcept;
  void put_varint(std::uint32_t value) noexcept;
  void put_raw(byte_span bytes) noexcept;
  void put_length(std::size_t size, bool compact) noexcept; // of bytes and arrays; texts have two bytes instead of four
  void put_text(std::string_view text, bool compact) noexcept;
  void put_bytes(byte_span bytes, bool compact) noexcept;
  void put_slot(const record_slot& slot, bool compact);
  void put_null(unsigned width_bytes, bool compact) noexcept;
  // Those from index `next` on whose tags are lower than `below`; returns the index of the first that is not.
  std::size_t put_unknown(const tagged_fields& unknown, std::size_t next,
                          std::int64_t below = std::numeric_limits<std::int64_t>::max()) noexcept;

  std::byte* to_ = nullptr;
  slot_places* places_ = nullptr;
  std::size_t size_ = 0;
  std::size_t slot_bytes_ = 0;
  std::int16_t version_;
  bool flexible_;
};

template <message T>
writer count_encoded(const T& value, std::int16_t version) {
  writer counted{version, T::info.flexible.contains(version)};
  counted.write(value);
  return counted;
}

// Bytes that encode() appends: what slots stand for is not among them.
template <message T>
std::size_t encoded_size(const T& value, std::int16_t version) {
  return count_encoded(value, version).size();
}

// Appends the message's body, of which `size_bytes` were counted, to `out`. Fields that `version` does not have are left out, whatever they hold.
template <message T>
void encode(const T& value, std::int16_t version, byte_vector& out, std::size_t size_bytes, slot_places* places = nullptr) {
  const auto at = out.size();
  out.resize(at + size_bytes);
  writer to{out.data() + at, places, version, T::info.flexible.contains(version)};
  to.write(value);
  assert(to.size() == size_bytes);
}

// As above, counting first: `out` grows at most once.
template <message T>
void encode(const T& value, std::int16_t version, byte_vector& out) {
  encode(value, version, out, encoded_size(value, version));
}

} // namespace cafka::codec
