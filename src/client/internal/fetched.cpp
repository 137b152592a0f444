#include "client/internal/fetched.hpp"

#include <utility>

namespace cafka::client {

namespace {

constexpr std::size_t attributes_at = 21;

// The same batch with its records plain: the walk over it then gives spans that live as long as the result.
result<std::shared_ptr<byte_vector>> decompressed(const fetched_batch& from, std::size_t limit_bytes) {
  auto plain = std::make_shared<byte_vector>();
  plain->reserve(from.bytes.size() * 4);
  plain->assign(from.bytes.begin(), from.bytes.begin() + storage::batch_header_size);
  CAFKA_TRY(storage::decompress(from.header.codec(), from.bytes.subspan(storage::batch_header_size), limit_bytes, *plain));
  auto length = static_cast<std::int32_t>(plain->size() - storage::batch_prefix_size);
  store_be(plain->data() + 8, length);
  store_be(plain->data() + attributes_at, static_cast<std::int16_t>(from.header.attributes & ~0x7));
  return plain;
}

std::optional<std::string_view> text_of(const std::optional<byte_span>& bytes) {
  if (!bytes)
    return std::nullopt;
  return as_text(*bytes);
}

} // namespace

result<void> split_batches(const std::shared_ptr<const std::byte[]>& frame, byte_span bytes, std::vector<fetched_batch>& out) {
  while (bytes.size() >= storage::batch_header_size) {
    auto header = storage::parse_batch_header(bytes);
    if (!header)
      return tl::unexpected(header.error());
    if (header->size_bytes() > bytes.size())
      break;
    out.push_back({frame, bytes.first(header->size_bytes()), *header});
    bytes = bytes.subspan(header->size_bytes());
  }
  return {};
}

result<void> records_builder::add(const taken_batch& taken, std::size_t decompressed_limit_bytes) {
  const auto& [frame, bytes, header] = taken.batch;
  auto located = [&](error why) {
    auto where = topic_partition{*taken.topic, taken.partition}.to_string();
    why.detail = where + " at offset " + std::to_string(header.base_offset) + ": " + why.detail;
    return tl::unexpected(std::move(why));
  };
  if (auto intact = storage::verify_crc(header, bytes); !intact)
    return located(intact.error());
  if (header.is_control())
    return {};
  std::shared_ptr<const void> memory = frame;
  auto walked_bytes = bytes;
  if (header.codec_bits() != 0) {
    auto plain = decompressed(taken.batch, decompressed_limit_bytes);
    if (!plain)
      return located(plain.error().code == errc::message_too_large ? error{errc::corrupt_message, plain.error().detail} : plain.error());
    walked_bytes = **plain;
    memory = std::move(*plain);
  }
  auto before = made_.all_.size();
  auto headers_before = headers_.size();
  auto spans_before = spans_.size();
  auto walked = storage::for_each_record(walked_bytes, {}, [&](const storage::record_view& from) {
    if (from.offset < taken.first_offset)
      return true;
    if (!from.headers.empty())
      spans_.push_back({made_.all_.size(), headers_.size(), from.headers.size()});
    for (const auto& one : from.headers)
      headers_.push_back({one.key, text_of(one.value)});
    made_.all_.push_back({*taken.topic, taken.partition, from.offset, from.timestamp, text_of(from.key), text_of(from.value), {}});
    return true;
  });
  if (!walked) {
    made_.all_.resize(before);
    headers_.resize(headers_before);
    spans_.resize(spans_before);
    return located(walked.error());
  }
  if (made_.all_.size() == before)
    return {};
  // Batches of one frame and one topic stand together: each is kept once.
  if (memory.get() != std::exchange(last_memory_, memory.get()))
    made_.memory_.push_back(std::move(memory));
  if (taken.topic.get() != std::exchange(last_topic_, taken.topic.get()))
    made_.memory_.push_back(taken.topic);
  return {};
}

records records_builder::finish() {
  if (!headers_.empty()) {
    auto place = std::make_shared<std::vector<header>>(std::move(headers_));
    for (auto [record, first, count] : spans_)
      made_.all_[record].headers = {place->data() + first, count};
    made_.memory_.push_back(std::move(place));
  }
  return std::move(made_);
}

records::records() = default;
records::~records() = default;
records::records(records&&) noexcept = default;
records& records::operator=(records&&) noexcept = default;

} // namespace cafka::client
