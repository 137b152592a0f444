// A scripted life of one partition, interrupted at every single write, sync, rename and cut: by a power loss with several random losses of
// what was not synced, under both disk models, or by one operation that fails (EIO, disk full, short write, no descriptors).
#define CAF_SUITE power_loss
#include "storage/log_directory.hpp"
#include "support/faulting_file_system.hpp"
#include "support/log_model.hpp"
#include "support/memory_file_system.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::storage;
using namespace cafka::test;

namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;
const topic_partition name{"t", 0};

log_config small_config() {
  log_config config;
  config.segment_bytes = 700;
  config.index_interval_bytes = 100;
  config.retention_ms = 10'000;
  config.file_delete_delay_ms = 1000;
  return config;
}

// What may be on disk: a log whose content is a prefix of this, at least up to `acked`.
struct expectation {
  log_model model;
  std::int64_t acked = 0;
};

class partition_life {
public:
  explicit partition_life(file_system& files) : pool_(std::make_unique<file_pool>(files, 3)) {}

  // Goes on until something fails or the script is over. With `stubborn` it goes on after a failed step, as a broker does.
  void run(bool stubborn) {
    stubborn_ = stubborn;
    if (!open())
      return;
    for (const auto act : script) {
      const auto done = (this->*act)();
      if (!done && !stubborn_)
        return;
      if (!log_ || offline_)
        return;
    }
  }

  // The state that a crash now may leave, any one of these.
  std::vector<expectation> expectations() const {
    std::vector<expectation> all{{model_, acked_}};
    if (unsure_)
      all.push_back(*unsure_);
    return all;
  }
  std::optional<std::string> check() {
    if (!log_ || offline_ || unsure_)
      return std::nullopt;
    if (auto wrong = log_->check_invariants())
      return wrong;
    return check_all(model_, *log_);
  }
  void let_go() {
    log_.reset();
    directory_.reset();
    pool_.reset();
  }

  // Opens what a crash left, and compares with what may be there. The log must then be of full use.
  static std::optional<std::string> examine(file_system& files, const std::vector<expectation>& expected) {
    file_pool pool{files, 4};
    auto directory = log_directory::open(pool, "/data", true);
    if (!directory)
      return "log directory: " + directory.error().to_string();
    auto log = open_log(pool, **directory);
    if (!log)
      return log.error().to_string();
    if (auto wrong = (*log)->check_invariants())
      return wrong;
    std::string reasons;
    for (const auto& each : expected) {
      auto wrong = compare(each, **log);
      if (!wrong)
        return goes_on(files, **log);
      reasons += *wrong + "; ";
    }
    return reasons;
  }

private:
  static result<std::unique_ptr<partition_log>> open_log(file_pool& pool, const log_directory& directory) {
    log_open_options options;
    options.name = name;
    options.topic_id.bytes = {7};
    options.config = small_config();
    const auto at = [](const offset_map& offsets) { return offsets.contains(name) ? offsets.at(name) : 0; };
    options.recovery_point = at(directory.recovery_points());
    options.log_start_offset = at(directory.log_start_offsets());
    options.clean = directory.clean_marker().has_value();
    options.now_ms = start_ms;
    return partition_log::open(pool, directory.partition_path(name), options);
  }

  static std::optional<std::string> compare(const expectation& expected, partition_log& log) {
    const auto end = log.log_end_offset();
    if (end < expected.acked)
      return "the log ends at " + std::to_string(end) + ", acknowledged are " + std::to_string(expected.acked);
    if (end > expected.model.log_end_offset)
      return "the log ends at " + std::to_string(end) + ", only " + std::to_string(expected.model.log_end_offset) + " were written";
    // Of a log that was never flushed the first segment may be what is lost.
    const auto start = expected.model.log_start_offset;
    if (log.log_start_offset() > start && expected.acked > start)
      return "the log starts at " + std::to_string(log.log_start_offset()) + " instead of " + std::to_string(start);
    auto model = expected.model;
    model.truncate_to(end);
    model.log_end_offset = end;
    return check_all(model, log);
  }

  static std::optional<std::string> goes_on(file_system& files, partition_log& log) {
    const auto at = log.log_end_offset();
    auto batch = make_batch({.base_offset = at, .leader_epoch = std::max(log.latest_leader_epoch(), 0) + 1});
    if (auto appended = log.append(batch.header, batch.bytes, start_ms); !appended)
      return appended.error().to_string();
    if (auto closed = log.close(); !closed)
      return closed.error().to_string();
    file_pool pool{files, 4};
    log_open_options options;
    options.config = small_config();
    options.recovery_point = log.log_end_offset();
    options.clean = true;
    std::string reports;
    options.report = [&](std::string_view line) {
      if (line.find("left alone") == std::string_view::npos) // an index whose .log was lost
        reports.append(line).append("; ");
    };
    auto again = partition_log::open(pool, log.directory(), options);
    if (!again)
      return "opened again: " + again.error().to_string();
    auto outcome = (*again)->read(at, {});
    if (!outcome || outcome->slices.empty() || slice_bytes(outcome->slices.front()) != batch.bytes)
      return std::string{"what was appended after recovery cannot be read"};
    if (!reports.empty())
      return "after a clean close: " + reports;
    return std::nullopt;
  }

  bool open() {
    auto directory = log_directory::open(*pool_, "/data", true);
    if (!directory)
      return false;
    directory_ = std::move(*directory);
    auto log = open_log(*pool_, *directory_);
    if (directory_->clean_marker() && !directory_->remove_clean_marker())
      return false;
    if (!log)
      return false;
    log_ = std::move(*log);
    return true;
  }

  bool produce() {
    batch_recipe recipe{.base_offset = model_.log_end_offset, .leader_epoch = leader_epoch_};
    recipe.timestamps = {start_ms + model_.log_end_offset * 10, start_ms + model_.log_end_offset * 10 + 5};
    recipe.value_bytes = 40 + static_cast<std::size_t>(model_.log_end_offset % 7) * 20;
    auto batch = make_batch(recipe);
    if (!log_->append(batch.header, batch.bytes, start_ms))
      return false;
    model_.append(std::move(batch));
    return true;
  }
  bool produce_many() {
    for (int i = 0; i < 6; ++i)
      if (!produce() && !stubborn_)
        return false;
    return true;
  }

  // What the log says is durable it is held to, whoever told it.
  void hold_to_claim() { acked_ = std::max(acked_, log_->flushed_end_offset()); }

  bool flush() {
    auto ticket = log_->prepare_flush();
    hold_to_claim();
    if (!ticket)
      return true;
    if (!ticket->sync()) {
      offline_ = true; // never tried again
      return false;
    }
    log_->mark_flushed(ticket->end_offset);
    acked_ = std::max(acked_, log_->flushed_end_offset());
    return true;
  }
  // Appends between the two halves of a flush are not covered by it.
  bool flush_under_load() {
    auto ticket = log_->prepare_flush();
    hold_to_claim();
    if (!produce_many() && !stubborn_)
      return false;
    if (!ticket)
      return true;
    if (!ticket->sync()) {
      offline_ = true;
      return false;
    }
    log_->mark_flushed(ticket->end_offset);
    acked_ = std::max(acked_, ticket->end_offset);
    return true;
  }

  bool checkpoint() { return write_points(log_->flushed_end_offset()); }
  bool write_points(std::int64_t recovery_point) {
    auto done = directory_->write_recovery_points({{name, recovery_point}});
    if (done)
      done = directory_->write_log_start_offsets({{name, log_->log_start_offset()}});
    offline_ = offline_ || !done;
    return done.has_value();
  }

  bool roll() { return log_->roll(start_ms).has_value(); }
  bool next_epoch() { return log_->begin_leader_epoch(++leader_epoch_).has_value(); }
  bool read_some() { return log_->read(log_->log_start_offset(), {}).has_value(); } // exposes

  bool truncate(std::int64_t by) {
    const auto offset = model_.log_end_offset - by;
    auto after = model_;
    after.truncate_to(offset);
    if (!write_points(std::min(log_->flushed_end_offset(), after.log_end_offset)))
      return false;
    acked_ = std::min(acked_, after.log_end_offset);
    unsure_ = expectation{after, acked_};
    if (!log_->truncate_to(offset)) {
      offline_ = true;
      return false;
    }
    model_ = std::move(after);
    unsure_.reset();
    return true;
  }
  bool truncate_little() { return truncate(3); }
  bool truncate_much() { return truncate(17); }

  bool start_over() {
    const auto offset = model_.log_end_offset + 100;
    if (!write_points(std::min(log_->flushed_end_offset(), model_.log_start_offset)))
      return false;
    auto after = model_;
    after.start_over_at(offset);
    acked_ = std::min(acked_, model_.log_start_offset);
    unsure_ = expectation{after, offset};
    if (!log_->start_over_at(offset)) {
      offline_ = true;
      return false;
    }
    model_ = std::move(after);
    acked_ = offset;
    unsure_.reset();
    return true;
  }

  bool retain() {
    const auto newest = start_ms + model_.log_end_offset * 10;
    auto done = log_->apply_retention(acked_, newest + 10'000 - 200);
    model_.log_start_offset = log_->log_start_offset();
    return done.has_value();
  }
  bool delete_files() {
    for (const auto& path : log_->take_deletable_files(INT64_MAX))
      if (!pool_->files().remove(path))
        return false;
    return true;
  }
  bool delete_records() {
    const auto offset = (model_.log_start_offset + acked_) / 2;
    const auto done = log_->advance_log_start_offset(offset, start_ms);
    model_.log_start_offset = log_->log_start_offset();
    return done.has_value();
  }

  bool stop_and_start() {
    if (!log_->close()) {
      offline_ = true;
      return false;
    }
    acked_ = model_.log_end_offset;
    if (!write_points(acked_) || !directory_->write_clean_marker({.broker_epoch = 1, .incarnation_id = {}}))
      return false;
    return reopen();
  }
  bool die_and_start() { return reopen(); }
  bool reopen() {
    log_.reset();
    directory_.reset();
    return open();
  }

  using step = bool (partition_life::*)();
  static constexpr step script[] = {
      &partition_life::next_epoch,
      &partition_life::produce_many,
      &partition_life::flush,
      &partition_life::produce_many,
      &partition_life::flush_under_load,
      &partition_life::checkpoint,
      &partition_life::produce_many,
      &partition_life::flush,
      &partition_life::read_some,
      &partition_life::truncate_little,
      &partition_life::next_epoch,
      &partition_life::produce_many,
      &partition_life::flush,
      &partition_life::truncate_much,
      &partition_life::next_epoch,
      &partition_life::produce_many,
      &partition_life::flush,
      &partition_life::die_and_start,
      &partition_life::produce_many,
      &partition_life::roll,
      &partition_life::flush,
      &partition_life::checkpoint,
      &partition_life::retain,
      &partition_life::delete_files,
      &partition_life::produce_many,
      &partition_life::flush,
      &partition_life::delete_records,
      &partition_life::checkpoint,
      &partition_life::produce_many,
      &partition_life::stop_and_start,
      &partition_life::next_epoch,
      &partition_life::produce_many,
      &partition_life::flush,
      &partition_life::start_over,
      &partition_life::produce_many,
      &partition_life::flush,
      &partition_life::checkpoint,
      &partition_life::produce_many,
      &partition_life::flush,
      &partition_life::stop_and_start,
  };

  std::unique_ptr<file_pool> pool_;
  std::unique_ptr<log_directory> directory_;
  std::unique_ptr<partition_log> log_;
  log_model model_;
  std::optional<expectation> unsure_; // the other possibility while a change is under way
  std::int64_t acked_ = 0;
  std::int32_t leader_epoch_ = 0;
  bool offline_ = false;
  bool stubborn_ = false;
};

void prepare(memory_file_system& files) {
  (void)files.create_directories("/data");
  (void)files.sync_directory("/");
}

// The changing operations of an undisturbed run.
std::vector<operation_kind> all_operations() {
  memory_file_system files;
  prepare(files);
  std::vector<operation_kind> kinds;
  faulting_file_system disk{files, [&](const operation& each) {
                              if (each.number > 0)
                                kinds.push_back(each.kind);
                              return fault::none;
                            }};
  partition_life life{disk};
  life.run(false);
  CAF_REQUIRE_EQUAL(life.check().value_or(""), "");
  return kinds;
}

} // namespace

CAF_TEST(a power loss at any operation costs nothing that was acknowledged) {
  const auto operations = all_operations().size();
  CAF_CHECK(operations > 200);
  std::size_t crashes = 0;
  for (auto model : {crash_model::ordered, crash_model::reordered}) {
    for (std::uint64_t at = 1; at <= operations + 1; ++at) {
      memory_file_system files{model};
      prepare(files);
      faulting_file_system disk{files, power_off_at(at)};
      partition_life life{disk};
      life.run(false);
      const auto expected = life.expectations();
      life.let_go();
      for (std::uint64_t loss = 0; loss < 6; ++loss, ++crashes) {
        prng chance{at * 100 + loss};
        const auto after = loss == 0 ? files.copy() : files.crashed_copy(chance); // 0: kill -9, nothing is lost
        if (auto wrong = partition_life::examine(*after, expected))
          CAF_FAIL((model == crash_model::ordered ? "ordered" : "reordered")
                   << ", operation " << at << ", loss " << loss << ": " << *wrong);
      }
    }
  }
  CAF_MESSAGE(crashes << " crashes");
}

CAF_TEST(a single failure at any operation costs nothing that was acknowledged) {
  const auto operations = all_operations();
  for (auto what : {fault::io_error, fault::no_space, fault::short_write, fault::too_many_files}) {
    for (std::uint64_t at = 1; at <= operations.size(); ++at) {
      const auto kind = operations[at - 1];
      if (what != fault::io_error && kind != (what == fault::too_many_files ? operation_kind::open : operation_kind::append))
        continue;
      memory_file_system files;
      prepare(files);
      faulting_file_system disk{files, fail_at(at, what)};
      partition_life life{disk};
      life.run(true);
      const auto where = "fault " + std::to_string(static_cast<int>(what)) + " at operation " + std::to_string(at) + ": ";
      if (auto wrong = life.check())
        CAF_FAIL(where << *wrong);
      const auto expected = life.expectations();
      life.let_go();
      prng chance{at};
      const auto after = files.crashed_copy(chance);
      if (auto wrong = partition_life::examine(*after, expected))
        CAF_FAIL(where << "and then the power: " << *wrong);
    }
  }
}
