// The codecs of record batches: gzip, snappy (Kafka's xerial framing, and raw blocks when reading), lz4 (frame format), zstd.
// Source: KIP-110, Kafka's record format documentation.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"

#include <optional>
#include <string_view>

namespace cafka::storage {

enum class compression : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

std::string_view to_string(compression codec) noexcept;
std::optional<compression> parse_compression(std::string_view name) noexcept;

// Appends the compressed form of `input` to `output`. `level` is the codec's own scale (gzip 1–9, lz4 1–12, zstd −131072–22); 0: its default.
result<void> compress(compression codec, byte_span input, byte_vector& output, std::int32_t level = 0);

// Appends the plain form to `output`. Stops with message_too_large as soon as more than `limit_bytes` would come out, having allocated
// no more than that: a decompression bomb costs its limit, not its promise. corrupt_message for malformed input.
result<void> decompress(compression codec, byte_span input, std::size_t limit_bytes, byte_vector& output);

} // namespace cafka::storage
