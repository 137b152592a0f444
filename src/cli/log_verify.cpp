#include "cli/log_verify.hpp"

#include "base/uuid.hpp"
#include "cli/batch_file.hpp"
#include "cli/log_files.hpp"

#include <algorithm>
#include <sstream>

namespace cafka::cli {

namespace {

// What an index is checked against.
struct batch_place {
  std::uint64_t position;
  std::int64_t last_offset;
  std::int64_t max_timestamp;
};

class verifier {
public:
  verifier(storage::file_system& files, const std::string& directory, const verify_options& how, verify_totals& totals,
           const finding_sink& tell)
      : files_(files), directory_(directory), how_(how), totals_(totals), tell_(tell) {}

  result<void> run() {
    CAFKA_TRY_ASSIGN(entries, files_.list(directory_));
    auto has = [&entries](const std::string& name) {
      return std::any_of(entries.begin(), entries.end(), [&](const auto& entry) { return entry.name == name; });
    };
    ++totals_.partitions;
    for (const auto& entry : entries) {
      auto name = parse_log_file_name(entry.name);
      name.directory = directory_;
      if (entry.is_directory || !name.base_offset || name.suffix != ".log")
        continue;
      CAFKA_TRY(segment(name));
      for (const auto* suffix : {".index", ".timeindex"}) {
        auto index = name;
        index.name = index.name.substr(0, 20) + suffix;
        index.suffix = suffix;
        if (has(index.name))
          CAFKA_TRY(index_file(index));
        else if (!batches_.empty())
          note(index.path(), "is missing; a start builds it again");
      }
    }
    if (has("leader-epoch-checkpoint"))
      epochs(directory_ + "/leader-epoch-checkpoint");
    if (has("partition.metadata"))
      partition_metadata(directory_ + "/partition.metadata");
    return {};
  }

private:
  void damage(const std::string& place, std::string_view what) {
    ++totals_.damages;
    tell_(finding::damage, place, what);
  }
  void note(const std::string& place, std::string_view what) {
    ++totals_.notes;
    tell_(finding::note, place, what);
  }

  result<void> segment(const log_file_name& name) {
    batches_.clear();
    ++totals_.segments;
    CAFKA_TRY_ASSIGN(source, files_.open(name.path(), storage::open_mode::read));
    batch_file found{*source};
    if (*name.base_offset < next_offset_)
      damage(name.path(), "begins below offset " + std::to_string(next_offset_) + ", where the segment before ends");
    for (;;) {
      auto batch = found.next();
      if (!batch && batch.error().code != errc::corrupt_message)
        return tl::unexpected{batch.error()};
      if (!batch) {
        damage(name.path(), batch.error().detail + "; what follows is not checked");
        break;
      }
      if (!*batch)
        break;
      check_batch(name, **batch);
    }
    return {};
  }

  void check_batch(const log_file_name& name, const batch_in_file& batch) {
    const auto& header = batch.header;
    const auto place = name.path() + ", position " + std::to_string(batch.position);
    ++totals_.batches;
    totals_.bytes += header.size_bytes();
    if (auto intact = storage::verify_crc(header, batch.bytes); !intact)
      damage(place, intact.error().detail);
    else if (!how_.skip_records)
      check_records(place, batch);
    check_order(place, *name.base_offset, header);
    batches_.push_back({batch.position, header.last_offset(), header.max_timestamp});
  }

  void check_records(const std::string& place, const batch_in_file& batch) {
    std::int32_t count = 0;
    std::int64_t last = batch.header.base_offset - 1;
    bool in_order = true;
    const auto walked = storage::for_each_record(batch.bytes, {}, [&](const storage::record_view& record) {
      in_order = in_order && record.offset > last && record.offset <= batch.header.last_offset();
      last = record.offset;
      ++count;
      return true;
    });
    totals_.records += static_cast<std::uint64_t>(count);
    if (!walked)
      damage(place, walked.error().to_string());
    else if (!in_order)
      damage(place, "records are not in the order of their offsets");
    else if (how_.gapless && count != batch.header.last_offset_delta + 1)
      damage(place,
             std::to_string(count) + " records for " + std::to_string(std::int64_t{batch.header.last_offset_delta} + 1) + " offsets");
  }

  void check_order(const std::string& place, std::int64_t base_offset, const storage::batch_header& header) {
    if (header.base_offset < base_offset)
      damage(place, "offset " + std::to_string(header.base_offset) + " is below the file's name");
    else if (header.base_offset < next_offset_)
      damage(place, "offset " + std::to_string(header.base_offset) + " comes after " + std::to_string(next_offset_ - 1));
    else if (started_ && header.base_offset > next_offset_ && how_.gapless)
      damage(place, "offsets " + std::to_string(next_offset_) + " to " + std::to_string(header.base_offset - 1) + " are missing");
    else if (started_ && header.base_offset > next_offset_)
      note(place, "no records with offsets " + std::to_string(next_offset_) + " to " + std::to_string(header.base_offset - 1));
    if (header.leader_epoch < leader_epoch_)
      damage(place, "leader epoch " + std::to_string(header.leader_epoch) + " comes after " + std::to_string(leader_epoch_));
    started_ = true;
    next_offset_ = std::max(next_offset_, header.last_offset() + 1);
    leader_epoch_ = std::max(leader_epoch_, header.leader_epoch);
  }

  result<void> index_file(const log_file_name& name) {
    const bool is_time = name.suffix == ".timeindex";
    const std::size_t entry_bytes = is_time ? 12 : 8;
    CAFKA_TRY_ASSIGN(source, files_.open(name.path(), storage::open_mode::read));
    CAFKA_TRY_ASSIGN(size, source->size());
    constexpr std::uint64_t largest = 1ULL << 31;
    if (size % entry_bytes != 0 || size > largest) {
      damage(name.path(), std::to_string(size) + " bytes: not a number of whole entries");
      return {};
    }
    byte_vector bytes(size);
    CAFKA_TRY_ASSIGN(count, source->read_at(0, bytes));
    byte_reader entries{byte_span{bytes.data(), count - count % entry_bytes}};
    std::int64_t before_first = -1, before_second = -1;
    for (std::uint64_t number = 0; entries.remaining() != 0; ++number) {
      const auto first = is_time ? entries.read_be<std::int64_t>() : std::int64_t{entries.read_be<std::int32_t>()};
      const std::int64_t second = entries.read_be<std::int32_t>();
      if (number != 0 && first == 0 && second == 0) {
        note(name.path(), "is padded with zeros, as an unclean stop of Kafka leaves it");
        return {};
      }
      const auto place = name.path() + ", entry " + std::to_string(number);
      const bool ascends = is_time ? first >= before_first && second >= before_second : first > before_first && second > before_second;
      if (!ascends) {
        damage(place, "is not above the entry before it; what follows is not checked");
        return {};
      }
      before_first = first;
      before_second = second;
      const bool right =
          is_time ? time_entry_is_right(*name.base_offset + second, first) : offset_entry_is_right(*name.base_offset + first, second);
      if (!right)
        damage(place,
               is_time ? "no batch has that offset and greatest timestamp" : "no batch with that last offset begins at that position");
    }
    return {};
  }

  bool offset_entry_is_right(std::int64_t offset, std::int64_t position) const {
    const auto found = std::partition_point(batches_.begin(), batches_.end(),
                                            [&](const auto& batch) { return static_cast<std::int64_t>(batch.position) < position; });
    return found != batches_.end() && static_cast<std::int64_t>(found->position) == position && found->last_offset == offset;
  }
  bool time_entry_is_right(std::int64_t offset, std::int64_t timestamp) const {
    const auto found =
        std::partition_point(batches_.begin(), batches_.end(), [&](const auto& batch) { return batch.last_offset < offset; });
    return found != batches_.end() && found->max_timestamp == timestamp;
  }

  // Version 0, a count, then "epoch start_offset" lines.
  void epochs(const std::string& path) {
    const auto text = files_.read_text(path);
    if (!text)
      return damage(path, text.error().detail);
    std::istringstream in{*text};
    std::int64_t version = -1, count = -1, epoch = 0, offset = 0, before_epoch = -1, before_offset = -1, seen = 0;
    in >> version >> count;
    if (!in || version != 0 || count < 0)
      return damage(path, "expected version 0 and a count in its first lines");
    while (in >> epoch >> offset) {
      ++seen;
      if (epoch <= before_epoch || offset < before_offset)
        return damage(path, "epoch " + std::to_string(epoch) + " at offset " + std::to_string(offset) + " is not above the one before");
      before_epoch = epoch;
      before_offset = offset;
    }
    if (seen != count || !in.eof())
      damage(path, "has " + std::to_string(seen) + " entries and says " + std::to_string(count));
  }

  void partition_metadata(const std::string& path) {
    const auto text = files_.read_text(path);
    const auto at = text ? text->find("topic_id: ") : std::string::npos;
    if (at == std::string::npos || !uuid::parse(std::string_view{*text}.substr(at + 10, 22)))
      damage(path, "names no topic id");
  }

  storage::file_system& files_;
  const std::string& directory_;
  const verify_options& how_;
  verify_totals& totals_;
  const finding_sink& tell_;
  std::vector<batch_place> batches_; // of the segment at hand
  std::int64_t next_offset_ = 0;
  std::int32_t leader_epoch_ = -1;
  bool started_ = false;
};

} // namespace

result<void> verify_partition(storage::file_system& files, const std::string& directory, const verify_options& how, verify_totals& totals,
                              const finding_sink& tell) {
  return verifier{files, directory, how, totals, tell}.run();
}

} // namespace cafka::cli
