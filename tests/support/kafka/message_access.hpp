// How one message type becomes a kafka_message. Instantiated for a few messages per file: each costs the compiler a second or more.
#pragma once
#include "support/kafka/messages.hpp"
#include "support/random_message.hpp"

namespace cafka::test {

template <codec::message T>
byte_vector random_bytes(prng& source, std::int16_t version) {
  random_filler filler{source, version, T::info.flexible.contains(version)};
  T value;
  filler.fill(value);
  byte_vector bytes;
  codec::encode(value, version, bytes);
  return bytes;
}

template <codec::message T>
result<reread_message> reread(byte_span bytes, std::int16_t version, std::size_t memory_limit_bytes) {
  const auto value = codec::decode<T>(bytes, version, memory_limit_bytes);
  if (!value)
    return tl::unexpected(value.error());
  reread_message again;
  codec::encode(*value, version, again.bytes);
  again.json = codec::to_json(*value, version);
  return again;
}

template <codec::message T>
std::string find_fault(prng& source, std::int16_t version) {
  random_filler filler{source, version, T::info.flexible.contains(version)};
  T value, kept;
  filler.fill(value);
  filler.fill(kept);
  byte_vector bytes;
  codec::encode(value, version, bytes);
  if (bytes.size() != codec::encoded_size(value, version))
    return "the encoded size is wrong";
  const auto read = codec::decode<T>(bytes, version);
  if (!read)
    return "what was written cannot be read: " + read.error().to_string();
  if (!(*read == value))
    return "what was read differs from what was written";

  byte_reader in{bytes};
  if (!codec::decode_into(kept, in, version) || in.remaining() != 0 || !(kept == value))
    return "reading over another message leaves traces of it";

  if (const auto cut = static_cast<std::size_t>(source.below(bytes.size() + 1)); cut < bytes.size())
    if (codec::decode<T>(byte_span{bytes}.first(cut), version))
      return "cut to " + std::to_string(cut) + " bytes it still reads";

  if (bytes.empty())
    return {};
  bytes[source.below(bytes.size())] ^= static_cast<std::byte>(1u << source.below(8));
  if (const auto once = reread<T>(bytes, version, SIZE_MAX)) {
    const auto twice = reread<T>(once->bytes, version, SIZE_MAX);
    if (!twice || twice->bytes != once->bytes)
      return "what was read of damaged bytes cannot be written and read again";
  }
  return {};
}

template <codec::message... T>
void add_messages(std::vector<kafka_message>& to) {
  (to.push_back({T::info, &codec::schema_of<T>, &random_bytes<T>, &reread<T>, &find_fault<T>}), ...);
}

// One per file.
void add_log_messages(std::vector<kafka_message>& to);
void add_cluster_messages(std::vector<kafka_message>& to);
void add_topic_messages(std::vector<kafka_message>& to);
void add_config_messages(std::vector<kafka_message>& to);
void add_group_offset_messages(std::vector<kafka_message>& to);
void add_group_member_messages(std::vector<kafka_message>& to);
void add_group_admin_messages(std::vector<kafka_message>& to);

} // namespace cafka::test
