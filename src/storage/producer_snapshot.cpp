#include "storage/producer_snapshot.hpp"

#include "storage/crc32c.hpp"
#include "storage/record_batch.hpp"

#include <algorithm>

namespace cafka::storage {

namespace {

constexpr std::int16_t version = 1;
constexpr std::size_t crc_position = 2;
constexpr std::size_t checked_from = 6;
constexpr std::size_t entries_from = 10;
constexpr std::size_t entry_size = 46;
constexpr std::size_t rows_from = 22;
constexpr std::size_t row_size = 32;

auto lies(std::int64_t offset, const std::string& what) {
  return fail(errc::bad_format, "the producer snapshot at offset " + std::to_string(offset) + ": " + what);
}

// Of either file: it is at the same place.
std::uint32_t crc_of(byte_span bytes) { return bytes.size() < checked_from ? 0 : load_be<std::uint32_t>(bytes.data() + crc_position); }

producer_snapshot_entry parse_entry(const std::byte* at) {
  producer_snapshot_entry entry;
  entry.producer_id = load_be<std::int64_t>(at);
  entry.producer_epoch = load_be<std::int16_t>(at + 8);
  entry.last_sequence = load_be<std::int32_t>(at + 10);
  entry.last_offset = load_be<std::int64_t>(at + 14);
  entry.offset_delta = load_be<std::int32_t>(at + 22);
  entry.timestamp = load_be<std::int64_t>(at + 26);
  entry.coordinator_epoch = load_be<std::int32_t>(at + 34);
  entry.current_txn_first_offset = load_be<std::int64_t>(at + 38);
  return entry;
}

bool is_possible(const producer_snapshot_entry& entry, std::int64_t offset) {
  if (entry.producer_id < 0 || entry.current_txn_first_offset >= offset || entry.last_offset >= offset)
    return false;
  return entry.last_offset < 0 || (entry.offset_delta >= 0 && entry.offset_delta <= entry.last_offset);
}

} // namespace

byte_vector producer_snapshot_bytes(std::span<const producer_snapshot_entry> entries) {
  byte_vector bytes(entries_from + entries.size() * entry_size);
  store_be(bytes.data(), version);
  store_be(bytes.data() + checked_from, static_cast<std::int32_t>(entries.size()));
  auto* at = bytes.data() + entries_from;
  for (const auto& entry : entries) {
    store_be(at, entry.producer_id);
    store_be(at + 8, entry.producer_epoch);
    store_be(at + 10, entry.last_sequence);
    store_be(at + 14, entry.last_offset);
    store_be(at + 22, entry.offset_delta);
    store_be(at + 26, entry.timestamp);
    store_be(at + 34, entry.coordinator_epoch);
    store_be(at + 38, entry.current_txn_first_offset);
    at += entry_size;
  }
  store_be(bytes.data() + crc_position, crc32c(byte_span{bytes}.subspan(checked_from)));
  return bytes;
}

result<std::vector<producer_snapshot_entry>> parse_producer_snapshot(byte_span bytes, std::int64_t offset) {
  if (bytes.size() < entries_from)
    return lies(offset, std::to_string(bytes.size()) + " bytes");
  if (const auto found = load_be<std::int16_t>(bytes.data()); found != version)
    return lies(offset, "version " + std::to_string(found));
  if (load_be<std::uint32_t>(bytes.data() + crc_position) != crc32c(bytes.subspan(checked_from)))
    return lies(offset, "its CRC is wrong");
  const auto count = load_be<std::int32_t>(bytes.data() + checked_from);
  if (count < 0 || (bytes.size() - entries_from) != static_cast<std::size_t>(count) * entry_size)
    return lies(offset, std::to_string(count) + " entries in " + std::to_string(bytes.size()) + " bytes");
  std::vector<producer_snapshot_entry> entries;
  entries.reserve(static_cast<std::size_t>(count));
  std::vector<std::int64_t> ids;
  ids.reserve(static_cast<std::size_t>(count));
  for (const auto* at = bytes.data() + entries_from; at != bytes.data() + bytes.size(); at += entry_size) {
    const auto& entry = entries.emplace_back(parse_entry(at));
    ids.push_back(entry.producer_id);
    if (!is_possible(entry, offset))
      return lies(offset, "producer " + std::to_string(entry.producer_id) + " with last offset " + std::to_string(entry.last_offset));
  }
  std::sort(ids.begin(), ids.end());
  if (const auto twice = std::adjacent_find(ids.begin(), ids.end()); twice != ids.end())
    return lies(offset, "producer " + std::to_string(*twice) + " twice");
  return entries;
}

byte_vector earlier_batches_bytes(std::span<const earlier_batch> batches, std::int64_t offset, byte_span snapshot) {
  byte_vector bytes(rows_from + batches.size() * row_size);
  store_be(bytes.data(), version);
  store_be(bytes.data() + checked_from, offset);
  store_be(bytes.data() + 14, crc_of(snapshot));
  store_be(bytes.data() + 18, static_cast<std::int32_t>(batches.size()));
  auto* at = bytes.data() + rows_from;
  for (const auto& batch : batches) {
    store_be(at, batch.producer_id);
    store_be(at + 8, batch.last_sequence);
    store_be(at + 12, batch.offset_delta);
    store_be(at + 16, batch.last_offset);
    store_be(at + 24, batch.timestamp);
    at += row_size;
  }
  store_be(bytes.data() + crc_position, crc32c(byte_span{bytes}.subspan(checked_from)));
  return bytes;
}

result<std::vector<earlier_batch>> parse_earlier_batches(byte_span bytes, std::int64_t offset, byte_span snapshot) {
  const auto refused = [&](const std::string& what) {
    return fail(errc::bad_format, "the earlier batches of producers at offset " + std::to_string(offset) + ": " + what);
  };
  if (bytes.size() < rows_from)
    return refused(std::to_string(bytes.size()) + " bytes");
  if (const auto found = load_be<std::int16_t>(bytes.data()); found != version)
    return refused("version " + std::to_string(found));
  if (crc_of(bytes) != crc32c(bytes.subspan(checked_from)))
    return refused("the CRC is wrong");
  if (load_be<std::int64_t>(bytes.data() + checked_from) != offset || load_be<std::uint32_t>(bytes.data() + 14) != crc_of(snapshot))
    return refused("they are those of another snapshot");
  const auto count = load_be<std::int32_t>(bytes.data() + 18);
  if (count < 0 || (bytes.size() - rows_from) != static_cast<std::size_t>(count) * row_size)
    return refused(std::to_string(count) + " rows in " + std::to_string(bytes.size()) + " bytes");
  std::vector<earlier_batch> batches;
  batches.reserve(static_cast<std::size_t>(count));
  for (const auto* at = bytes.data() + rows_from; at != bytes.data() + bytes.size(); at += row_size)
    batches.push_back({.producer_id = load_be<std::int64_t>(at),
                       .last_sequence = load_be<std::int32_t>(at + 8),
                       .offset_delta = load_be<std::int32_t>(at + 12),
                       .last_offset = load_be<std::int64_t>(at + 16),
                       .timestamp = load_be<std::int64_t>(at + 24)});
  return batches;
}

std::optional<transaction_marker> find_transaction_marker(byte_span batch) {
  constexpr std::int16_t abort_type = 0;
  constexpr std::int16_t commit_type = 1;
  std::optional<transaction_marker> marker;
  const auto walked = for_each_record(batch, {}, [&](const record_view& record) {
    // key: version i16, type i16; value: version i16, coordinator epoch i32. Later versions may append.
    if (!record.key || record.key->size() < 4 || !record.value || record.value->size() < 6)
      return false;
    const auto type = load_be<std::int16_t>(record.key->data() + 2);
    if (type == abort_type || type == commit_type)
      marker = {load_be<std::int32_t>(record.value->data() + 2), record.timestamp, type == commit_type};
    return false;
  });
  return walked ? marker : std::nullopt;
}

} // namespace cafka::storage
