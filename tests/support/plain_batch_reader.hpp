// A second reading of the record batch format, written from its layout and sharing no code with src/storage but the codec libraries,
// called in another way: slow, plain, one byte at a time. Property tests hold it against the real path.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cafka::test {

struct plain_record {
  std::int64_t offset = 0;
  std::int64_t timestamp = 0;
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
  bool operator==(const plain_record&) const = default;
};

struct plain_batch {
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = 0;
  std::int32_t last_offset_delta = 0;
  std::uint32_t crc = 0, computed_crc = 0;
  std::int16_t attributes = 0;
  std::int64_t base_timestamp = 0, max_timestamp = 0, producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::int32_t base_sequence = 0;
  std::vector<plain_record> records;
};

// The batch at the front of `bytes`, which is cut off them; nullopt if it is not well-formed (the CRC is reported, not judged).
std::optional<plain_batch> read_plain_batch(std::string& bytes);

// CRC-32C bit by bit.
std::uint32_t plain_crc32c(const std::string& bytes);

} // namespace cafka::test
