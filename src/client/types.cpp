#include "client/types.hpp"

#include "storage/compression.hpp"

namespace cafka::client {

static_assert(static_cast<int>(compression::zstd) == static_cast<int>(storage::compression::zstd));

std::optional<compression> parse_compression(std::string_view name) noexcept {
  for (auto codec : {compression::none, compression::gzip, compression::snappy, compression::lz4, compression::zstd})
    if (to_string(codec) == name)
      return codec;
  return std::nullopt;
}

std::string_view to_string(compression codec) noexcept {
  switch (codec) {
  case compression::none: return "none";
  case compression::gzip: return "gzip";
  case compression::snappy: return "snappy";
  case compression::lz4: return "lz4";
  case compression::zstd: return "zstd";
  }
  return "unknown";
}

} // namespace cafka::client
