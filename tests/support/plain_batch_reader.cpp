#include "plain_batch_reader.hpp"

#include <lz4frame.h>
#include <snappy-c.h>
#include <stdexcept>
#include <zlib.h>
#include <zstd.h>

namespace cafka::test {

namespace {

struct malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class input {
public:
  explicit input(std::string bytes) : bytes_(std::move(bytes)) {}

  std::uint8_t byte() {
    if (next_ >= bytes_.size())
      throw malformed("end of input");
    return static_cast<std::uint8_t>(bytes_[next_++]);
  }
  std::int64_t fixed(int size) {
    std::uint64_t value = 0;
    for (int i = 0; i < size; ++i)
      value = value * 256 + byte();
    const int unused = 64 - 8 * size;
    return static_cast<std::int64_t>(value << unused) >> unused;
  }
  // A zigzag number of at most `bits` bits.
  std::int64_t variable(int bits) {
    unsigned __int128 value = 0;
    const int longest = (bits + 6) / 7;
    for (int i = 0;; ++i) {
      if (i == longest)
        throw malformed("a number is too long");
      const auto next = byte();
      value += static_cast<unsigned __int128>(next % 128) << (7 * i);
      if (next < 128)
        break;
    }
    if (value >> bits)
      throw malformed("a number is too large");
    const auto magnitude = static_cast<std::uint64_t>(value) / 2;
    return value % 2 ? static_cast<std::int64_t>(~magnitude) : static_cast<std::int64_t>(magnitude);
  }
  std::string text(std::int64_t size) {
    if (size < 0 || static_cast<std::uint64_t>(size) > bytes_.size() - next_)
      throw malformed("a length passes the end");
    next_ += static_cast<std::size_t>(size);
    return bytes_.substr(next_ - static_cast<std::size_t>(size), static_cast<std::size_t>(size));
  }
  std::optional<std::string> nullable_text() {
    const auto size = variable(32);
    if (size == -1)
      return std::nullopt;
    return text(size);
  }
  std::string rest() { return bytes_.substr(next_); }
  bool done() const { return next_ == bytes_.size(); }

private:
  std::string bytes_;
  std::size_t next_ = 0;
};

constexpr std::size_t room_size = 4 << 20;

std::string unzip(const std::string& bytes) {
  std::string plain(room_size, '\0');
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  inflateInit2(&stream, 15 + 16);
  const auto status = inflate(&stream, Z_FINISH);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  if (status != Z_STREAM_END)
    throw malformed("gzip");
  return plain;
}

std::string unsnap(const std::string& bytes) {
  const auto block = [](const std::string& source) {
    std::size_t size = 0;
    if (snappy_uncompressed_length(source.data(), source.size(), &size) != SNAPPY_OK || size > room_size)
      throw malformed("snappy");
    std::string plain(size, '\0');
    if (snappy_uncompress(source.data(), source.size(), plain.data(), &size) != SNAPPY_OK)
      throw malformed("snappy");
    return plain;
  };
  if (bytes.compare(0, 8, std::string("\x82SNAPPY\0", 8)) != 0)
    return block(bytes);
  input in{bytes};
  in.text(16);
  std::string plain;
  while (!in.done())
    plain += block(in.text(in.fixed(4)));
  return plain;
}

std::string unlz4(const std::string& bytes) {
  std::string plain(room_size, '\0');
  LZ4F_dctx* context = nullptr;
  LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
  std::size_t produced = plain.size(), consumed = bytes.size();
  const auto left = LZ4F_decompress(context, plain.data(), &produced, bytes.data(), &consumed, nullptr);
  LZ4F_freeDecompressionContext(context);
  if (left != 0 || consumed != bytes.size())
    throw malformed("lz4");
  plain.resize(produced);
  return plain;
}

std::string unzstd(const std::string& bytes) {
  std::string plain(room_size, '\0');
  const auto size = ZSTD_decompress(plain.data(), plain.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size))
    throw malformed("zstd");
  plain.resize(size);
  return plain;
}

std::string plain_payload(int codec, const std::string& bytes) {
  switch (codec) {
  case 0: return bytes;
  case 1: return unzip(bytes);
  case 2: return unsnap(bytes);
  case 3: return unlz4(bytes);
  case 4: return unzstd(bytes);
  default: throw malformed("codec");
  }
}

plain_record read_record(input& from, const plain_batch& batch) {
  input in{from.text(from.variable(32))};
  plain_record record;
  in.byte(); // attributes, unused
  record.timestamp =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(batch.base_timestamp) + static_cast<std::uint64_t>(in.variable(64)));
  if (batch.attributes & 8)
    record.timestamp = batch.max_timestamp;
  record.offset = batch.base_offset + in.variable(32);
  record.key = in.nullable_text();
  record.value = in.nullable_text();
  auto headers = in.variable(32);
  if (headers < 0)
    throw malformed("header count");
  for (; headers > 0; --headers) {
    auto name = in.nullable_text();
    if (!name)
      throw malformed("a header without a key");
    auto value = in.nullable_text();
    record.headers.emplace_back(*name, std::move(value));
  }
  if (!in.done())
    throw malformed("bytes after a record");
  return record;
}

plain_batch read_batch(std::string& bytes) {
  input frame{bytes};
  plain_batch batch;
  batch.base_offset = frame.fixed(8);
  const auto length = frame.fixed(4);
  const auto body = frame.text(length);
  input in{body};
  batch.leader_epoch = static_cast<std::int32_t>(in.fixed(4));
  if (in.byte() != 2)
    throw malformed("magic");
  batch.crc = static_cast<std::uint32_t>(in.fixed(4));
  batch.computed_crc = plain_crc32c(in.rest());
  batch.attributes = static_cast<std::int16_t>(in.fixed(2));
  batch.last_offset_delta = static_cast<std::int32_t>(in.fixed(4));
  batch.base_timestamp = in.fixed(8);
  batch.max_timestamp = in.fixed(8);
  batch.producer_id = in.fixed(8);
  batch.producer_epoch = static_cast<std::int16_t>(in.fixed(2));
  batch.base_sequence = static_cast<std::int32_t>(in.fixed(4));
  const auto count = in.fixed(4);
  if (count < 0)
    throw malformed("record count");
  input records{plain_payload(batch.attributes & 7, in.rest())};
  for (std::int64_t i = 0; i < count; ++i)
    batch.records.push_back(read_record(records, batch));
  if (!records.done())
    throw malformed("bytes after the records");
  bytes.erase(0, 12 + static_cast<std::size_t>(length));
  return batch;
}

} // namespace

std::optional<plain_batch> read_plain_batch(std::string& bytes) {
  try {
    return read_batch(bytes);
  } catch (const malformed&) {
    return std::nullopt;
  }
}

std::uint32_t plain_crc32c(const std::string& bytes) {
  std::uint32_t state = 0xffffffff;
  for (const char c : bytes) {
    state ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit)
      state = state & 1 ? (state >> 1) ^ 0x82f63b78 : state >> 1; // 0x1EDC6F41 reflected
  }
  return ~state;
}

} // namespace cafka::test
