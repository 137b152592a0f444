#include "base/uuid.hpp"

#include "base/prng.hpp"

#include <cstring>

namespace cafka {

namespace {
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t text_length = 22; // 128 bits at 6 bits a character, the last carrying 2
} // namespace

std::string uuid::to_string() const {
  std::string text;
  text.reserve(text_length);
  std::uint32_t bits = 0;
  int held = 0;
  for (auto byte : bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      text.push_back(alphabet[(bits >> held) & 63]);
    }
  }
  text.push_back(alphabet[(bits << (6 - held)) & 63]);
  return text;
}

std::optional<uuid> uuid::parse(std::string_view text) {
  if (text.size() != text_length)
    return std::nullopt;
  uuid id;
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t next = 0;
  for (char c : text) {
    auto value = alphabet.find(c);
    if (value == std::string_view::npos)
      return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      if (next < id.bytes.size())
        id.bytes[next++] = static_cast<std::uint8_t>(bits >> held);
    }
  }
  return id;
}

uuid uuid::random(prng& source) {
  for (;;) {
    uuid id;
    const std::uint64_t words[2] = {source.next(), source.next()};
    std::memcpy(id.bytes.data(), words, sizeof words);
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
    if ((id.bytes[0] >> 2) != 62) // 62 is '-'
      return id;
  }
}

} // namespace cafka

std::size_t std::hash<cafka::uuid>::operator()(const cafka::uuid& id) const noexcept {
  std::uint64_t words[2];
  std::memcpy(words, id.bytes.data(), sizeof words);
  return static_cast<std::size_t>(words[0] ^ (words[1] * 0x9e3779b97f4a7c15ULL));
}
