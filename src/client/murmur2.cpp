// MurmurHash2, 32 bits, with the seed of Kafka's Java client; arithmetic modulo 2^32.
#include "client/producer.hpp"

#include <cstring>

namespace cafka::client {

std::int32_t murmur2(std::string_view key) noexcept {
  constexpr std::uint32_t seed = 0x9747b28c, multiplier = 0x5bd1e995;
  constexpr int shift = 24;
  auto remaining = key.size();
  const auto* from = reinterpret_cast<const unsigned char*>(key.data());
  auto hash = seed ^ static_cast<std::uint32_t>(key.size());
  for (; remaining >= 4; remaining -= 4, from += 4) {
    std::uint32_t word = from[0] | std::uint32_t{from[1]} << 8 | std::uint32_t{from[2]} << 16 | std::uint32_t{from[3]} << 24;
    word *= multiplier;
    word ^= word >> shift;
    word *= multiplier;
    hash = (hash * multiplier) ^ word;
  }
  if (remaining > 0) {
    for (auto i = remaining; i-- > 0;)
      hash ^= std::uint32_t{from[i]} << (8 * i);
    hash *= multiplier;
  }
  hash ^= hash >> 13;
  hash *= multiplier;
  hash ^= hash >> 15;
  return static_cast<std::int32_t>(hash);
}

std::int32_t partition_for_key(std::string_view key, std::int32_t partition_count) noexcept {
  return (murmur2(key) & 0x7fffffff) % partition_count;
}

} // namespace cafka::client
