// The log against a plain list of batches under random operations. A failure names its seed: CAFKA_SEED=<n> runs that alone.
#define CAF_SUITE partition_log_model
#include "support/log_model.hpp"
#include "support/memory_file_system.hpp"

#include <caf/test/unit_test.hpp>
#include <cstdlib>

using namespace cafka;
using namespace cafka::storage;
using namespace cafka::test;

namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;
constexpr int operations_per_seed = 500;
constexpr std::uint64_t seeds = 240;

class model_run {
public:
  explicit model_run(std::uint64_t seed)
      : chance_(seed), files_(chance_.chance(1, 2) ? crash_model::ordered : crash_model::reordered), pool_(new_pool()) {
    (void)files_.create_directories("/data"); // the log directory's own affair
    (void)files_.sync_directory("/");
    config_.segment_bytes = 300 + static_cast<std::int64_t>(chance_.below(3000));
    config_.index_interval_bytes = 1 + static_cast<std::int32_t>(chance_.below(400));
    config_.segment_index_bytes = chance_.chance(1, 4) ? 48 : 10 << 20;
    config_.segment_ms = chance_.chance(1, 4) ? 2000 : 1 << 30;
    config_.retention_ms = chance_.chance(1, 2) ? 60'000 : -1;
    config_.retention_bytes = chance_.chance(1, 2) ? 4000 : -1;
    config_.cleanup_compact = chance_.chance(1, 3);
  }

  // What went wrong, and at which step; nullopt if nothing did.
  std::optional<std::string> run() {
    if (auto wrong = open(false))
      return wrong;
    for (int i = 0; i < operations_per_seed; ++i) {
      auto wrong = step();
      if (!wrong)
        wrong = log_->check_invariants();
      if (!wrong && (log_->log_end_offset() != model_.log_end_offset || log_->log_start_offset() != model_.log_start_offset))
        wrong = "the log is [" + std::to_string(log_->log_start_offset()) + ", " + std::to_string(log_->log_end_offset()) +
                "), the model [" + std::to_string(model_.log_start_offset) + ", " + std::to_string(model_.log_end_offset) + ")";
      if (wrong)
        return "step " + std::to_string(i) + ", " + doing_ + ": " + *wrong;
    }
    doing_ = "reading everything at the end";
    return check_all(model_, *log_);
  }

private:
  std::optional<std::string> step() {
    now_ms_ += static_cast<std::int64_t>(chance_.below(50));
    switch (chance_.below(32)) {
    default: return append();
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17: return read();
    case 18: return seek();
    case 19: return max_timestamp();
    case 20: return truncate();
    case 21: return retention();
    case 22: return delete_records();
    case 23: return roll();
    case 24:
    case 25: return flush();
    case 26: return checkpoint();
    case 27: return chance_.chance(1, 2) ? close_and_open() : open_again();
    case 28: return chance_.chance(1, 3) ? crash() : std::nullopt;
    case 29: return chance_.chance(1, 8) ? start_over() : epoch_ends();
    case 30: return old_slices();
    case 31: return chance_.chance(1, 4) ? next_epoch() : std::nullopt;
    }
  }

  std::unique_ptr<file_pool> new_pool() { return std::make_unique<file_pool>(files_, 1 + chance_.below(6)); }
  std::int64_t some_offset() {
    const auto span = static_cast<std::uint64_t>(model_.log_end_offset - model_.log_start_offset);
    return model_.log_start_offset + static_cast<std::int64_t>(chance_.below(span + 1));
  }

  std::optional<std::string> open(bool clean) {
    log_.reset();
    std::string reports;
    log_open_options options;
    options.name = {"t", 0};
    options.topic_id.bytes = {1, 2, 3};
    options.config = config_;
    options.recovery_point = recovery_point_;
    options.log_start_offset = saved_start_offset_;
    options.clean = clean;
    options.now_ms = now_ms_;
    auto log = partition_log::open(*pool_, "/data/t-0", options);
    if (!log)
      return log.error().to_string();
    log_ = std::move(*log);
    return std::nullopt;
  }

  std::optional<std::string> append() {
    doing_ = "append";
    batch_recipe recipe{.base_offset = model_.log_end_offset, .leader_epoch = leader_epoch_};
    if (config_.cleanup_compact && chance_.chance(1, 4)) {
      recipe.base_offset += static_cast<std::int64_t>(chance_.below(10));
      recipe.gap = static_cast<std::int32_t>(chance_.below(3));
    }
    recipe.timestamps.clear();
    for (auto count = 1 + chance_.below(4); count > 0; --count)
      recipe.timestamps.push_back(now_ms_ - static_cast<std::int64_t>(chance_.below(200)));
    recipe.value_bytes = chance_.chance(1, 20) ? chance_.below(1500) : chance_.below(60);
    recipe.log_append_time = chance_.chance(1, 8);
    auto batch = make_batch(recipe);
    if (auto appended = log_->append(batch.header, batch.bytes, now_ms_); !appended)
      return appended.error().to_string();
    model_.append(std::move(batch));
    return std::nullopt;
  }

  std::optional<std::string> read() {
    doing_ = "read";
    auto at = chance_.chance(1, 3) ? reader_offset_ : some_offset();
    if (at < model_.log_start_offset || at > model_.log_end_offset)
      at = model_.log_start_offset;
    read_limits limits;
    limits.max_offset = chance_.chance(1, 2) ? INT64_MAX : some_offset();
    limits.max_bytes = static_cast<std::uint32_t>(chance_.chance(1, 4) ? 0 : chance_.below(5000));
    limits.at_least_one = chance_.chance(3, 4);
    doing_ +=
        " at " + std::to_string(at) + " up to " + std::to_string(limits.max_offset) + ", " + std::to_string(limits.max_bytes) + " bytes";
    auto outcome = log_->read(at, limits);
    if (!outcome)
      return outcome.error().to_string();
    if (auto wrong = check_read(model_, at, limits, *outcome))
      return wrong;
    reader_offset_ = outcome->next_offset;
    for (auto& slice : outcome->slices)
      if (chance_.chance(1, 4))
        kept_.push_back({slice, slice_bytes(slice)});
    if (kept_.size() > 20)
      kept_.erase(kept_.begin());
    return std::nullopt;
  }

  std::optional<std::string> old_slices() {
    doing_ = "looking at slices of long ago";
    for (const auto& [slice, bytes] : kept_)
      if (slice_bytes(slice) != bytes)
        return "bytes that had been handed out have changed";
    return std::nullopt;
  }

  static std::string describe(const std::optional<timestamp_and_offset>& found) {
    return found ? std::to_string(found->offset) + " (" + std::to_string(found->timestamp) + ")" : "nothing";
  }
  std::optional<std::string> compare(const result<std::optional<timestamp_and_offset>>& found,
                                     const std::optional<timestamp_and_offset>& expected) {
    if (!found)
      return found.error().to_string();
    const auto same = found->has_value() == expected.has_value() &&
                      (!expected || ((*found)->offset == expected->offset && (*found)->timestamp == expected->timestamp &&
                                     (*found)->leader_epoch == expected->leader_epoch));
    return same ? std::nullopt : std::optional{"found " + describe(*found) + " instead of " + describe(expected)};
  }
  std::optional<std::string> seek() {
    const auto timestamp = now_ms_ + 10 - static_cast<std::int64_t>(chance_.below(5000));
    doing_ = "seek to time " + std::to_string(timestamp);
    return compare(log_->find_by_timestamp(timestamp), model_.find_by_timestamp(timestamp));
  }
  std::optional<std::string> max_timestamp() {
    doing_ = "greatest timestamp";
    return compare(log_->find_max_timestamp(), model_.find_max_timestamp());
  }

  std::optional<std::string> truncate() {
    if (chance_.chance(1, 2))
      return std::nullopt;
    const auto offset = std::max(some_offset(), model_.log_end_offset - static_cast<std::int64_t>(chance_.below(30)));
    doing_ = "truncate to " + std::to_string(offset);
    model_.truncate_to(offset);
    recovery_point_ = std::min(recovery_point_, model_.log_end_offset); // the caller's part of the promise
    saved_start_offset_ = std::min(saved_start_offset_, model_.log_end_offset);
    flushed_ = std::min(flushed_, model_.log_end_offset);
    if (auto done = log_->truncate_to(offset); !done)
      return done.error().to_string();
    ++leader_epoch_;
    return old_slices();
  }

  std::optional<std::string> start_over() {
    const auto offset = chance_.chance(1, 2) ? model_.log_end_offset + static_cast<std::int64_t>(chance_.below(100)) : some_offset();
    doing_ = "start over at " + std::to_string(offset);
    recovery_point_ = std::min({recovery_point_, offset, model_.log_start_offset});
    saved_start_offset_ = std::min(saved_start_offset_, offset);
    model_.start_over_at(offset);
    if (auto done = log_->start_over_at(offset); !done)
      return done.error().to_string();
    flushed_ = recovery_point_ = offset;
    ++leader_epoch_;
    return old_slices();
  }

  std::optional<std::string> retention() {
    doing_ = "retention";
    now_ms_ += static_cast<std::int64_t>(chance_.below(5000));
    const auto high_watermark = chance_.chance(1, 2) ? model_.log_end_offset : some_offset();
    auto count = log_->apply_retention(high_watermark, now_ms_);
    if (!count)
      return count.error().to_string();
    if (*count > 0 && log_->log_start_offset() > high_watermark)
      return "records at or past the high watermark are gone";
    model_.log_start_offset = log_->log_start_offset(); // segments are the log's own affair
    if (config_.retention_bytes < 0 && config_.retention_ms > 0)
      if (auto first = model_.find_by_timestamp(now_ms_ - config_.retention_ms); first && first->offset < model_.log_start_offset)
        return "a record went before its time";
    for (const auto& path : log_->take_deletable_files(now_ms_ + (chance_.chance(1, 2) ? 0 : 100'000)))
      if (!path.ends_with(".deleted") || !files_.remove(path))
        return path + " cannot be deleted";
    return std::nullopt;
  }

  std::optional<std::string> delete_records() {
    const auto offset = some_offset();
    doing_ = "delete records below " + std::to_string(offset);
    if (chance_.chance(1, 2))
      return std::nullopt;
    if (log_->advance_log_start_offset(model_.log_end_offset + 1, now_ms_))
      return "the log start went past the end";
    if (auto done = log_->advance_log_start_offset(offset, now_ms_); !done)
      return done.error().to_string();
    model_.log_start_offset = std::max(model_.log_start_offset, offset);
    return std::nullopt;
  }

  std::optional<std::string> roll() {
    doing_ = "roll";
    auto done = chance_.chance(1, 2) ? log_->roll(now_ms_) : log_->roll_if_due(now_ms_);
    return done ? std::nullopt : std::optional{done.error().to_string()};
  }

  std::optional<std::string> flush() {
    doing_ = "flush";
    auto ticket = log_->prepare_flush();
    if (!ticket)
      return log_->flushed_end_offset() == model_.log_end_offset ? std::nullopt : std::optional<std::string>{"there is no ticket"};
    if (chance_.chance(1, 8))
      if (auto wrong = append())
        return wrong;
    doing_ = "flush";
    if (auto synced = ticket->sync(); !synced)
      return synced.error().to_string();
    log_->mark_flushed(ticket->end_offset);
    flushed_ = std::max(flushed_, log_->flushed_end_offset());
    if (log_->flushed_end_offset() < ticket->end_offset)
      return "the flush proved nothing";
    return std::nullopt;
  }

  std::optional<std::string> checkpoint() {
    recovery_point_ = std::min(flushed_, log_->flushed_end_offset());
    saved_start_offset_ = model_.log_start_offset;
    return std::nullopt;
  }

  std::optional<std::string> close_and_open() {
    doing_ = "close and open";
    if (auto closed = log_->close(); !closed)
      return closed.error().to_string();
    flushed_ = model_.log_end_offset;
    if (auto wrong = checkpoint())
      return wrong;
    if (chance_.chance(1, 2)) {
      log_.reset();
      kept_.clear();
      files_.crash(chance_);
      pool_ = new_pool();
    }
    return open(true);
  }

  // An actor that died and comes back: same process, slices under way.
  std::optional<std::string> open_again() {
    doing_ = "open again";
    if (chance_.chance(1, 2)) {
      log_.reset();
      kept_.clear();
      pool_ = new_pool();
    }
    auto wrong = open(false);
    saved_start_offset_ = std::max(saved_start_offset_, model_.log_start_offset);
    return wrong                                                              ? wrong
           : log_->advance_log_start_offset(model_.log_start_offset, now_ms_) ? std::nullopt
                                                                              : std::optional<std::string>{"start"};
  }

  std::optional<std::string> crash() {
    doing_ = "crash";
    log_.reset();
    kept_.clear();
    files_.crash(chance_);
    pool_ = new_pool();
    const auto saved_start = saved_start_offset_;
    if (auto wrong = open(false))
      return wrong;
    const auto end = log_->log_end_offset();
    if (end < flushed_)
      return "the log ends at " + std::to_string(end) + ", it was flushed up to " + std::to_string(flushed_);
    if (log_->log_start_offset() > std::max(model_.log_start_offset, end) || log_->log_start_offset() < saved_start)
      return "the log starts at " + std::to_string(log_->log_start_offset());
    if (saved_start > model_.log_end_offset)
      return "model";
    model_.truncate_to(end);
    if (end != model_.log_end_offset) {
      if (end != saved_start)
        return "the log ends at " + std::to_string(end) + ", inside a batch";
      model_.start_over_at(end); // all that was left lay below the deleted records
    }
    model_.log_start_offset = log_->log_start_offset();
    flushed_ = recovery_point_ = end;
    return check_all(model_, *log_);
  }

  std::optional<std::string> next_epoch() {
    doing_ = "leader epoch";
    ++leader_epoch_;
    auto done = log_->begin_leader_epoch(leader_epoch_);
    return done ? std::nullopt : std::optional{done.error().to_string()};
  }

  std::optional<std::string> epoch_ends() {
    const auto epoch = static_cast<std::int32_t>(chance_.below(static_cast<std::uint64_t>(leader_epoch_) + 1));
    doing_ = "end of epoch " + std::to_string(epoch);
    const auto found = log_->end_offset_for_epoch(epoch);
    // By the batches at or past the log start: the end of the epoch's last batch is where the next epoch begins, gaps aside.
    std::int64_t end = -1;
    std::int64_t next = model_.log_end_offset;
    for (const auto& batch : model_.batches) {
      if (batch.header.last_offset() < model_.log_start_offset)
        continue;
      if (batch.header.leader_epoch <= epoch) {
        end = batch.header.last_offset() + 1;
      } else {
        next = batch.header.base_offset;
        break;
      }
    }
    if (end >= 0 && (found.end_offset < end || found.end_offset > std::max(next, end)))
      return "ends at " + std::to_string(found.end_offset) + ", expected " + std::to_string(end) + " to " + std::to_string(next);
    return std::nullopt;
  }

  struct kept_slice {
    log_slice slice;
    byte_vector bytes;
  };

  prng chance_;
  memory_file_system files_;
  std::unique_ptr<file_pool> pool_;
  log_config config_;
  std::unique_ptr<partition_log> log_;
  log_model model_;
  std::vector<kept_slice> kept_;
  std::string doing_ = "open";
  std::int64_t now_ms_ = start_ms;
  std::int64_t reader_offset_ = 0;
  std::int64_t flushed_ = 0;
  std::int64_t recovery_point_ = 0;
  std::int64_t saved_start_offset_ = 0;
  std::int32_t leader_epoch_ = 0;
};

} // namespace

CAF_TEST(the log does what a plain list of batches does) {
  const auto* only = std::getenv("CAFKA_SEED");
  const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t last = only ? first : seeds;
  for (auto seed = first; seed <= last; ++seed)
    if (auto wrong = model_run{seed}.run())
      CAF_FAIL("seed " << seed << ": " << *wrong);
}
