#include "storage/compression.hpp"

#include <algorithm>
#include <array>
#include <lz4frame.h>
#include <lz4hc.h>
#include <memory>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

namespace cafka::storage {

namespace {

constexpr std::array<std::string_view, 5> names = {"none", "gzip", "snappy", "lz4", "zstd"};

auto malformed(std::string_view codec, std::string_view what) {
  return fail(errc::corrupt_message, std::string{codec} + ": " + std::string{what});
}

// Room at the end of a vector for a decoder that does not know how much will come: grows by doubling, never past one byte more than the
// limit. That byte is how the limit shows that it was passed.
class bounded_output {
public:
  bounded_output(byte_vector& bytes, std::size_t input_size, std::size_t limit) : bytes_(bytes), start_(bytes.size()), limit_(limit) {
    grow_to(std::max<std::size_t>(4096, input_size * 4));
  }
  // Never empty unless over().
  [[nodiscard]] mutable_byte_span room() {
    if (start_ + used_ == bytes_.size())
      grow_to(used_ * 2);
    return mutable_byte_span{bytes_}.subspan(start_ + used_);
  }
  void advance(std::size_t count) noexcept { used_ += count; }
  [[nodiscard]] bool over() const noexcept { return used_ > limit_; }
  // Gives back what was not used; nothing at all is kept of a failure.
  result<void> finish(result<void> outcome) {
    if (outcome && over())
      outcome = fail(errc::message_too_large, "decompresses to more than " + std::to_string(limit_) + " bytes");
    bytes_.resize(start_ + (outcome ? used_ : 0));
    return outcome;
  }

private:
  void grow_to(std::size_t size) {
    const auto most = limit_ == SIZE_MAX ? limit_ : limit_ + 1;
    bytes_.resize(start_ + std::min(size, most));
  }

  byte_vector& bytes_;
  const std::size_t start_;
  const std::size_t limit_;
  std::size_t used_ = 0;
};

// ---- gzip

constexpr int gzip_window_bits = 15 + 16; // zlib's way of asking for gzip's header and trailer

result<void> compress_gzip(byte_span input, byte_vector& output, std::int32_t level) {
  z_stream stream{};
  if (deflateInit2(&stream, level == 0 ? Z_DEFAULT_COMPRESSION : level, Z_DEFLATED, gzip_window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return fail(errc::unknown_server_error, "gzip: level " + std::to_string(level) + " or no memory");
  const auto start = output.size();
  output.resize(start + deflateBound(&stream, static_cast<uLong>(input.size())));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data() + start);
  stream.avail_out = static_cast<uInt>(output.size() - start);
  const int status = deflate(&stream, Z_FINISH);
  output.resize(start + stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END)
    return fail(errc::unknown_server_error, "gzip: deflate answers " + std::to_string(status));
  return {};
}

result<void> inflate_all(z_stream& stream, bounded_output& output) {
  for (;;) {
    const auto room = output.room();
    const auto offered = static_cast<uInt>(std::min<std::size_t>(room.size(), 1u << 30));
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = offered;
    const int status = inflate(&stream, Z_NO_FLUSH);
    output.advance(offered - stream.avail_out);
    if (output.over())
      return {};
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0)
        return {};
      if (inflateReset(&stream) != Z_OK) // gzip members may follow one another
        return malformed("gzip", "reset failed");
    } else if (status != Z_OK || (stream.avail_in == 0 && stream.avail_out != 0)) {
      return malformed("gzip", stream.msg ? stream.msg : "it ends too early");
    }
  }
}

result<void> decompress_gzip(byte_span input, bounded_output& output) {
  z_stream stream{};
  if (inflateInit2(&stream, gzip_window_bits) != Z_OK)
    return fail(errc::unknown_server_error, "gzip: no memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  auto outcome = inflate_all(stream, output);
  inflateEnd(&stream);
  return outcome;
}

// ---- snappy
// Framing: 8 bytes of magic, version i32, oldest compatible version i32, and then blocks: length i32, raw snappy.

constexpr std::array<unsigned char, 16> snappy_frame = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr std::size_t snappy_magic_size = 8;
constexpr std::size_t snappy_block_size = 32 << 10;
// An element of two or three bytes yields at most 64: what announces more is lying.
constexpr std::size_t snappy_best_ratio = 64;

result<void> compress_snappy(byte_span input, byte_vector& output) {
  byte_writer writer{output};
  writer.write_bytes(std::as_bytes(std::span{snappy_frame}));
  while (!input.empty()) {
    const auto block = input.first(std::min(snappy_block_size, input.size()));
    const auto start = output.size();
    output.resize(start + sizeof(std::int32_t) + snappy::MaxCompressedLength(block.size()));
    std::size_t size = 0;
    snappy::RawCompress(reinterpret_cast<const char*>(block.data()), block.size(),
                        reinterpret_cast<char*>(output.data() + start + sizeof(std::int32_t)), &size);
    store_be(output.data() + start, static_cast<std::int32_t>(size));
    output.resize(start + sizeof(std::int32_t) + size);
    input = input.subspan(block.size());
  }
  return {};
}

result<void> decompress_snappy_block(byte_span input, std::size_t limit, std::size_t start, byte_vector& output) {
  const auto* source = reinterpret_cast<const char*>(input.data());
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(source, input.size(), &size) || size > input.size() * snappy_best_ratio)
    return malformed("snappy", "a block has no plausible length");
  const auto before = output.size();
  if (size > limit - (before - start))
    return fail(errc::message_too_large, "decompresses to more than " + std::to_string(limit) + " bytes");
  output.resize(before + size);
  if (!snappy::RawUncompress(source, input.size(), reinterpret_cast<char*>(output.data() + before)))
    return malformed("snappy", "a block is malformed");
  return {};
}

result<void> decompress_snappy(byte_span input, std::size_t limit, byte_vector& output) {
  const auto start = output.size();
  const auto magic = std::as_bytes(std::span{snappy_frame}).first(snappy_magic_size);
  if (input.size() < snappy_magic_size || !std::equal(magic.begin(), magic.end(), input.begin()))
    return decompress_snappy_block(input, limit, start, output);
  if (input.size() < snappy_frame.size())
    return malformed("snappy", "the frame header is cut");
  byte_reader reader{input.subspan(snappy_frame.size())};
  while (reader.remaining() > 0) {
    const auto size = reader.read_be<std::int32_t>();
    const auto block = size < 0 ? byte_span{} : reader.read_bytes(static_cast<std::size_t>(size));
    if (!reader.ok() || block.empty())
      return malformed("snappy", "a block is cut");
    CAFKA_TRY(decompress_snappy_block(block, limit, start, output));
  }
  return {};
}

// ---- lz4

result<void> compress_lz4(byte_span input, byte_vector& output, std::int32_t level) {
  // Kafka's readers take independent blocks only.
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.compressionLevel = level;
  const auto start = output.size();
  output.resize(start + LZ4F_compressFrameBound(input.size(), &preferences));
  const auto size = LZ4F_compressFrame(output.data() + start, output.size() - start, input.data(), input.size(), &preferences);
  if (LZ4F_isError(size)) {
    output.resize(start);
    return fail(errc::unknown_server_error, std::string{"lz4: "} + LZ4F_getErrorName(size));
  }
  output.resize(start + size);
  return {};
}

result<void> decompress_lz4(byte_span input, bounded_output& output) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)))
    return fail(errc::unknown_server_error, "lz4: no memory");
  const std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> context{raw, LZ4F_freeDecompressionContext};
  std::size_t wanted = 1; // 0: the frame is complete
  while (!output.over()) {
    const auto room = output.room();
    auto produced = room.size();
    auto consumed = input.size();
    wanted = LZ4F_decompress(raw, room.data(), &produced, input.data(), &consumed, nullptr);
    if (LZ4F_isError(wanted))
      return malformed("lz4", LZ4F_getErrorName(wanted));
    output.advance(produced);
    input = input.subspan(consumed);
    if (wanted == 0 && input.empty())
      return {};
    if (consumed == 0 && produced == 0)
      return malformed("lz4", "it ends too early");
  }
  return {};
}

// ---- zstd

result<void> compress_zstd(byte_span input, byte_vector& output, std::int32_t level) {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
  if (!context)
    return fail(errc::unknown_server_error, "zstd: no memory");
  const auto start = output.size();
  output.resize(start + ZSTD_compressBound(input.size()));
  const auto size = ZSTD_compressCCtx(context.get(), output.data() + start, output.size() - start, input.data(), input.size(),
                                      level == 0 ? ZSTD_CLEVEL_DEFAULT : level);
  if (ZSTD_isError(size)) {
    output.resize(start);
    return fail(errc::unknown_server_error, std::string{"zstd: "} + ZSTD_getErrorName(size));
  }
  output.resize(start + size);
  return {};
}

// A frame may ask for a window far larger than its content. 8 MiB is what every decoder must take (RFC 8878), more only as the limit allows.
int zstd_window_log(std::size_t limit) {
  const auto fitting = static_cast<int>(std::bit_width(std::max<std::size_t>(limit, 1) - 1));
  return std::clamp(fitting, 23, 27);
}

result<void> decompress_zstd_stream(ZSTD_DCtx& context, byte_span input, std::size_t limit, bounded_output& output) {
  ZSTD_DCtx_reset(&context, ZSTD_reset_session_and_parameters);
  ZSTD_DCtx_setParameter(&context, ZSTD_d_windowLogMax, zstd_window_log(limit));
  ZSTD_inBuffer source{input.data(), input.size(), 0};
  while (!output.over()) {
    const auto room = output.room();
    ZSTD_outBuffer target{room.data(), room.size(), 0};
    const auto consumed_before = source.pos;
    const auto wanted = ZSTD_decompressStream(&context, &target, &source);
    if (ZSTD_isError(wanted))
      return malformed("zstd", ZSTD_getErrorName(wanted));
    output.advance(target.pos);
    if (wanted == 0 && source.pos == source.size)
      return {};
    if (target.pos == 0 && source.pos == consumed_before)
      return malformed("zstd", "it ends too early");
  }
  return {};
}

result<void> decompress_zstd(byte_span input, std::size_t limit, byte_vector& output) {
  thread_local std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{nullptr, ZSTD_freeDCtx};
  if (!context)
    context.reset(ZSTD_createDCtx());
  if (!context)
    return fail(errc::unknown_server_error, "zstd: no memory");
  const auto announced = ZSTD_getFrameContentSize(input.data(), input.size());
  if (announced == ZSTD_CONTENTSIZE_ERROR)
    return malformed("zstd", "no frame");
  const bool known = announced != ZSTD_CONTENTSIZE_UNKNOWN;
  if (known && announced > limit)
    return fail(errc::message_too_large, "decompresses to more than " + std::to_string(limit) + " bytes");
  if (known && ZSTD_findFrameCompressedSize(input.data(), input.size()) == input.size()) { // one frame: no window is needed
    const auto start = output.size();
    output.resize(start + announced);
    const auto size = ZSTD_decompressDCtx(context.get(), output.data() + start, announced, input.data(), input.size());
    if (ZSTD_isError(size)) {
      output.resize(start);
      return malformed("zstd", ZSTD_getErrorName(size));
    }
    output.resize(start + size);
    return {};
  }
  bounded_output bounded{output, input.size(), limit};
  auto outcome = bounded.finish(decompress_zstd_stream(*context, input, limit, bounded));
  constexpr std::size_t kept_context_size = 4 << 20;
  if (ZSTD_sizeof_DCtx(context.get()) > kept_context_size)
    context.reset(); // one large window must not stay with every thread
  return outcome;
}

} // namespace

std::string_view to_string(compression codec) noexcept {
  const auto index = static_cast<std::size_t>(codec);
  return index < names.size() ? names[index] : "unknown";
}

std::optional<compression> parse_compression(std::string_view name) noexcept {
  if (name == "uncompressed") // the topic configuration's word for it
    return compression::none;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    return std::nullopt;
  return static_cast<compression>(found - names.begin());
}

result<void> compress(compression codec, byte_span input, byte_vector& output, std::int32_t level) {
  if (input.size() > INT32_MAX)
    return fail(errc::message_too_large, std::to_string(input.size()) + " bytes to compress");
  switch (codec) {
  case compression::none: output.insert(output.end(), input.begin(), input.end()); return {};
  case compression::gzip: return compress_gzip(input, output, level);
  case compression::snappy: return compress_snappy(input, output);
  case compression::lz4: return compress_lz4(input, output, level);
  case compression::zstd: return compress_zstd(input, output, level);
  }
  return fail(errc::unsupported_compression_type, "codec " + std::to_string(static_cast<int>(codec)));
}

result<void> decompress(compression codec, byte_span input, std::size_t limit_bytes, byte_vector& output) {
  if (input.size() > INT32_MAX)
    return fail(errc::message_too_large, std::to_string(input.size()) + " bytes to decompress");
  const auto start = output.size();
  switch (codec) {
  case compression::none:
    if (input.size() > limit_bytes)
      return fail(errc::message_too_large, std::to_string(input.size()) + " bytes, at most " + std::to_string(limit_bytes));
    output.insert(output.end(), input.begin(), input.end());
    return {};
  case compression::gzip: {
    bounded_output bounded{output, input.size(), limit_bytes};
    return bounded.finish(decompress_gzip(input, bounded));
  }
  case compression::snappy: {
    auto outcome = decompress_snappy(input, limit_bytes, output);
    if (!outcome)
      output.resize(start);
    return outcome;
  }
  case compression::lz4: {
    bounded_output bounded{output, input.size(), limit_bytes};
    return bounded.finish(decompress_lz4(input, bounded));
  }
  case compression::zstd: return decompress_zstd(input, limit_bytes, output);
  }
  return fail(errc::unsupported_compression_type, "codec " + std::to_string(static_cast<int>(codec)));
}

} // namespace cafka::storage
