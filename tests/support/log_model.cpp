#include "support/log_model.hpp"

#include "support/generate.hpp"

#include <algorithm>

namespace cafka::test {

using namespace storage;

model_batch make_batch(const batch_recipe& recipe) {
  batch_builder builder{recipe.codec};
  model_batch made;
  std::int32_t delta = 0;
  for (std::size_t i = 0; i < recipe.timestamps.size(); ++i, delta += 1 + recipe.gap) {
    std::string value(recipe.value_bytes, static_cast<char>('a' + (recipe.base_offset + delta) % 26));
    const auto key = std::to_string(recipe.base_offset + delta);
    builder.add_at(delta, recipe.timestamps[i], as_byte_span(key), as_byte_span(value));
    made.records.push_back({recipe.timestamps[i], recipe.base_offset + delta, recipe.leader_epoch});
  }
  if (!builder.build({.base_offset = recipe.base_offset, .leader_epoch = recipe.leader_epoch}, made.bytes))
    std::abort();
  if (recipe.log_append_time) {
    made.bytes[22] |= std::byte{8};
    repair_crc(made.bytes);
    const auto now = *std::max_element(recipe.timestamps.begin(), recipe.timestamps.end());
    for (auto& record : made.records)
      record.timestamp = now;
  }
  made.header = parse_batch_header(made.bytes).value();
  return made;
}

void log_model::append(model_batch batch) {
  log_end_offset = batch.header.last_offset() + 1;
  batches.push_back(std::move(batch));
}

std::size_t log_model::index_of(std::int64_t offset) const {
  const auto found =
      std::partition_point(batches.begin(), batches.end(), [=](const model_batch& b) { return b.header.last_offset() < offset; });
  return static_cast<std::size_t>(found - batches.begin());
}

void log_model::truncate_to(std::int64_t offset) {
  if (offset >= log_end_offset)
    return;
  const auto first = index_of(offset);
  batches.resize(first);
  log_end_offset = batches.empty() ? base_offset : batches.back().header.last_offset() + 1;
  log_start_offset = std::min(log_start_offset, log_end_offset);
}

void log_model::start_over_at(std::int64_t offset) {
  batches.clear();
  base_offset = log_start_offset = log_end_offset = offset;
}

std::int32_t log_model::latest_leader_epoch() const { return batches.empty() ? -1 : batches.back().header.leader_epoch; }

byte_vector log_model::bytes(std::int64_t from, std::int64_t to) const {
  byte_vector all;
  for (auto i = index_of(from); i < batches.size() && batches[i].header.last_offset() < to; ++i)
    all.insert(all.end(), batches[i].bytes.begin(), batches[i].bytes.end());
  return all;
}

std::optional<timestamp_and_offset> log_model::find_by_timestamp(std::int64_t timestamp) const {
  for (const auto& batch : batches)
    for (const auto& record : batch.records)
      if (record.offset >= log_start_offset && record.timestamp >= timestamp)
        return record;
  return std::nullopt;
}

std::optional<timestamp_and_offset> log_model::find_max_timestamp() const {
  std::optional<timestamp_and_offset> best;
  for (const auto& batch : batches)
    for (const auto& record : batch.records)
      if (record.offset >= log_start_offset && (!best || record.timestamp > best->timestamp))
        best = record;
  return best;
}

byte_vector slice_bytes(const log_slice& slice) {
  byte_vector bytes(slice.size_bytes);
  const auto count = slice.source->read_at(slice.position, bytes);
  if (!count || *count != bytes.size())
    bytes.clear();
  return bytes;
}

std::optional<std::string> check_read(const log_model& model, std::int64_t offset, const read_limits& limits, const read_outcome& outcome) {
  byte_vector got;
  for (const auto& slice : outcome.slices) {
    const auto part = slice_bytes(slice);
    if (part.size() != slice.size_bytes || part.empty())
      return "a slice of " + std::to_string(slice.size_bytes) + " bytes cannot be read";
    got.insert(got.end(), part.begin(), part.end());
  }
  if (got.size() != outcome.size_bytes)
    return "the outcome says " + std::to_string(outcome.size_bytes) + " bytes, the slices have " + std::to_string(got.size());
  if (got != model.bytes(offset, outcome.next_offset))
    return "other bytes than were written, from " + std::to_string(offset) + " to " + std::to_string(outcome.next_offset);
  const auto first = model.index_of(offset);
  if (got.empty()) {
    if (outcome.next_offset != offset)
      return "nothing was read, but the next offset is " + std::to_string(outcome.next_offset);
    if (first < model.batches.size() && model.batches[first].header.last_offset() < limits.max_offset &&
        (limits.at_least_one || model.batches[first].bytes.size() <= limits.max_bytes))
      return "nothing was read at " + std::to_string(offset) + ", there is a batch";
    return std::nullopt;
  }
  if (outcome.next_offset > limits.max_offset)
    return "read past the limit";
  const bool first_alone = limits.at_least_one && got.size() == model.batches[first].bytes.size();
  if (got.size() > limits.max_bytes && !first_alone)
    return "read " + std::to_string(got.size()) + " bytes of at most " + std::to_string(limits.max_bytes);
  return std::nullopt;
}

std::optional<std::string> check_all(const log_model& model, partition_log& log) {
  if (log.log_end_offset() != model.log_end_offset)
    return "the log ends at " + std::to_string(log.log_end_offset()) + ", the model at " + std::to_string(model.log_end_offset);
  for (auto at = log.log_start_offset(); at < log.log_end_offset();) {
    const read_limits limits{.max_offset = INT64_MAX, .max_bytes = 100'000, .at_least_one = true};
    auto outcome = log.read(at, limits);
    if (!outcome)
      return outcome.error().to_string();
    if (auto wrong = check_read(model, at, limits, *outcome))
      return wrong;
    if (outcome->slices.empty())
      break;
    at = outcome->next_offset;
  }
  return std::nullopt;
}

} // namespace cafka::test
