// Fills any described message at random, as far as one of its versions can carry it: what is written can be read back equal. Views in the
// message point into the filler.
#pragma once
#include "base/codec/codec.hpp"
#include "base/prng.hpp"

#include <deque>

namespace cafka::test {

class random_filler {
public:
  random_filler(prng& source, std::int16_t version, bool flexible) : source_(source), version_(version), flexible_(flexible) {}

  template <codec::described T>
  void fill(T& value) {
    fields_of<T> fields{*this, value};
    T::describe(fields);
    if constexpr (codec::keeps_unknown_tags<T>)
      if (flexible_ && source_.chance(1, 8))
        value.unknown_tagged_fields = {{1'000, bytes()}, {70'000, bytes()}};
  }

private:
  template <class Owner>
  struct fields_of {
    random_filler& with;
    Owner& owner;
    template <class T>
    void field(std::string_view, T Owner::*member, const codec::field_spec& spec) {
      if (spec.versions.contains(with.version_) && !with.source_.chance(1, 4)) // else it keeps its default, as tagged fields often do
        with.fill_value(owner.*member, spec);
    }
  };

  template <class T>
  void fill_value(T& value, const codec::field_spec& spec) {
    if constexpr (codec::is_optional<T>) {
      value.reset();
      if (!spec.nullable.contains(version_) || source_.chance(2, 3))
        fill_value(value.emplace(), spec);
    } else if constexpr (std::same_as<T, bool>) {
      value = source_.chance(1, 2);
    } else if constexpr (std::integral<T>) {
      value = static_cast<T>(source_.next() >> source_.below(64));
    } else if constexpr (std::same_as<T, double>) {
      value = static_cast<double>(source_.below(1'000'000)) / 16;
    } else if constexpr (std::same_as<T, uuid>) {
      value = uuid::random(source_);
    } else if constexpr (std::same_as<T, std::string>) {
      value = text();
    } else if constexpr (std::same_as<T, std::string_view>) {
      value = texts_.emplace_back(text());
    } else if constexpr (std::same_as<T, byte_vector>) {
      value = bytes();
    } else if constexpr (std::same_as<T, byte_span>) {
      value = bytes_.emplace_back(bytes());
    } else if constexpr (std::same_as<T, codec::records>) {
      value.bytes = bytes_.emplace_back(bytes());
    } else if constexpr (codec::is_array<T>) {
      value.clear();
      for (auto left = source_.below(4); left > 0; --left)
        fill_value(value.emplace_back(), spec);
    } else {
      fill(value);
    }
  }

  std::string text() {
    static constexpr std::string_view pieces[] = {"a", "Z", "_", "-", ".", "0", "\"", "\\", "\n", "\x01", "é", "한", "🙂"};
    std::string made;
    for (auto left = source_.below(20); left > 0; --left)
      made += pieces[source_.below(std::size(pieces))];
    return made;
  }

  byte_vector bytes() {
    byte_vector made(source_.below(30));
    for (auto& one : made)
      one = static_cast<std::byte>(source_.next());
    return made;
  }

  prng& source_;
  std::int16_t version_;
  bool flexible_;
  std::deque<std::string> texts_;
  std::deque<byte_vector> bytes_;
};

} // namespace cafka::test
