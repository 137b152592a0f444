#define CAF_SUITE partition_log
#include "storage/partition_log.hpp"

#include "storage/offset_index.hpp"
#include "storage/segment_files.hpp"
#include "storage/time_index.hpp"
#include "support/faulting_file_system.hpp"
#include "support/log_model.hpp"
#include "support/memory_file_system.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::storage;
using namespace cafka::test;

namespace {

const std::string directory = "/data/t-0";
constexpr std::int64_t start_ms = 1'700'000'000'000;

struct fixture {
  fixture() {
    (void)files.create_directories("/data");
    options.name = {"t", 0};
    options.topic_id.bytes = {5};
    options.config.index_interval_bytes = 100;
    options.config.file_delete_delay_ms = 1000;
    options.now_ms = start_ms;
    options.report = [this](std::string_view line) { reports.append(line).append("\n"); };
  }
  void open(bool clean = false) {
    log.reset();
    options.clean = clean;
    auto opened = partition_log::open(pool, directory, options);
    if (!opened)
      CAF_FAIL(opened.error().to_string());
    log = std::move(*opened);
  }
  result<void> append(std::int64_t timestamp = start_ms, std::size_t value_bytes = 10) {
    auto batch = make_batch({.base_offset = log->log_end_offset(),
                             .leader_epoch = leader_epoch,
                             .timestamps = {timestamp, timestamp},
                             .value_bytes = value_bytes});
    return log->append(batch.header, batch.bytes, start_ms);
  }
  void append_many(int count) {
    for (int i = 0; i < count; ++i)
      CAF_REQUIRE(append(start_ms + i).has_value());
  }
  void flush() {
    auto ticket = log->prepare_flush();
    CAF_REQUIRE(ticket.has_value());
    CAF_REQUIRE(ticket->sync().has_value());
    log->mark_flushed(ticket->end_offset);
  }
  std::string path(std::int64_t base, std::string_view suffix) { return segment_path(directory, base, suffix); }

  memory_file_system files;
  faulting_file_system disk{files};
  file_pool pool{disk, 4};
  log_open_options options;
  std::unique_ptr<partition_log> log;
  std::string reports;
  std::int32_t leader_epoch = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_log_tests, fixture)

CAF_TEST(an idle log holds no descriptor and no file of records) {
  open();
  CAF_CHECK_EQUAL(pool.open_count(), 0u);
  CAF_CHECK_EQUAL(files.list(directory).value().size(), 1u); // partition.metadata
  CAF_CHECK(!log->prepare_flush());
  CAF_CHECK(log->read(0, {}).value().slices.empty());
  CAF_CHECK(log->read(1, {}).error().code == errc::offset_out_of_range);
  CAF_CHECK(!log->find_by_timestamp(0).value());
  CAF_CHECK(!log->find_max_timestamp().value());
  CAF_CHECK_EQUAL(log->next_maintenance_ms(), INT64_MAX);
  CAF_CHECK_EQUAL(log->next_retention_ms(), INT64_MAX);
  CAF_CHECK(log->close().has_value());
}

CAF_TEST(what must not be appended) {
  open();
  append_many(2);
  leader_epoch = 3;
  append_many(1);
  auto batch = make_batch({.base_offset = 5, .leader_epoch = 3});
  CAF_CHECK(log->append(batch.header, batch.bytes, start_ms).error().code == errc::offset_out_of_range);
  batch = make_batch({.base_offset = 6, .leader_epoch = 2});
  CAF_CHECK(log->append(batch.header, batch.bytes, start_ms).error().code == errc::fenced_leader_epoch);
  batch = make_batch({.base_offset = 6, .leader_epoch = 3});
  CAF_CHECK(log->append(batch.header, byte_span{batch.bytes}.first(70), start_ms).error().code == errc::corrupt_message);
  CAF_CHECK(log->begin_leader_epoch(2).error().code == errc::fenced_leader_epoch);
  CAF_CHECK_EQUAL(log->log_end_offset(), 6);
}

CAF_TEST(a flush counts when it was marked and not before) {
  open();
  append_many(3);
  auto first = log->prepare_flush();
  CAF_REQUIRE(first.has_value());
  CAF_CHECK_EQUAL(first->end_offset, 6);
  CAF_CHECK_EQUAL(log->flushed_end_offset(), 0);
  append_many(1);
  CAF_REQUIRE(first->sync().has_value());
  CAF_CHECK_EQUAL(log->flushed_end_offset(), 0);
  log->mark_flushed(6);
  CAF_CHECK_EQUAL(log->flushed_end_offset(), 6);
  log->mark_flushed(8); // nobody prepared that
  CAF_CHECK_EQUAL(log->flushed_end_offset(), 6);
  flush();
  CAF_CHECK_EQUAL(log->flushed_end_offset(), 8);
  CAF_CHECK(!log->prepare_flush());
}

CAF_TEST(a flush that was under way during a truncation proves only what was kept) {
  open();
  append_many(5);
  auto ticket = log->prepare_flush();
  CAF_REQUIRE(ticket.has_value());
  CAF_REQUIRE(log->truncate_to(4).has_value());
  append_many(3);
  CAF_REQUIRE(ticket->sync().has_value());
  log->mark_flushed(ticket->end_offset);
  CAF_CHECK_EQUAL(log->log_end_offset(), 10);
  CAF_CHECK_EQUAL(log->flushed_end_offset(), 4);
}

CAF_TEST(unsynced files stay open whatever the size of the pool) {
  options.config.segment_bytes = 300;
  open();
  append_many(20);
  CAF_CHECK(log->segment_count() > 5);
  auto ticket = log->prepare_flush();
  CAF_CHECK(ticket->dirty_files.size() >= log->segment_count());
  CAF_CHECK_EQUAL(ticket->dirty_directory, directory);
  CAF_REQUIRE(ticket->sync().has_value());
  log->mark_flushed(ticket->end_offset);
  ticket.reset();
  CAF_CHECK(pool.create("/data/other").has_value()); // makes the pool close what nobody holds
  CAF_CHECK(pool.open_count() <= 5);
}

CAF_TEST(an append that fails leaves the log as it was) {
  open();
  append_many(2);
  disk.set_plan([](const operation& each) { return each.kind == operation_kind::append ? fault::no_space : fault::none; });
  CAF_CHECK(append().error().code == errc::no_space);
  disk.set_plan({});
  CAF_CHECK_EQUAL(log->log_end_offset(), 4);
  CAF_CHECK_EQUAL(log->check_invariants().value_or(""), "");
  append_many(1);
  // If it cannot even be undone, nothing more is written until the log was opened again.
  disk.set_plan([](const operation& each) {
    return each.kind == operation_kind::append || each.kind == operation_kind::truncate ? fault::short_write : fault::none;
  });
  CAF_CHECK(!append());
  disk.set_plan({});
  CAF_CHECK(!append());
  CAF_CHECK_EQUAL(log->read(0, {}).value().next_offset, 6);
  open();
  CAF_CHECK_EQUAL(log->log_end_offset(), 6);
  append_many(1);
}

CAF_TEST(index files hold what Kafka expects) {
  open();
  for (int i = 0; i < 12; ++i)
    CAF_REQUIRE(append(start_ms + (i == 5 ? 1000 : i)).has_value());
  CAF_REQUIRE(log->roll(start_ms).has_value());
  const auto records = files.content(path(0, log_suffix)).value();
  const auto index = files.content(path(0, index_suffix)).value();
  const auto times = files.content(path(0, time_index_suffix)).value();
  CAF_CHECK(index.size() > 8 && index.size() % 8 == 0);
  for (std::size_t at = 0; at < index.size(); at += 8) {
    const auto entry = offset_entry::load(index.data() + at);
    const auto header = parse_batch_header(byte_span{records}.subspan(entry.position)).value();
    CAF_CHECK_EQUAL(header.last_offset(), std::int64_t{entry.relative_offset});
  }
  CAF_REQUIRE(times.size() % 12 == 0 && times.size() >= 12);
  const auto last = time_entry::load(times.data() + times.size() - 12);
  CAF_CHECK_EQUAL(last.timestamp, start_ms + 1000);
  CAF_CHECK_EQUAL(last.relative_offset, 11u);
}

CAF_TEST(a log rolls by size by time and by what an index can hold) {
  options.config.segment_ms = 1000;
  open();
  append_many(1);
  CAF_REQUIRE(append(start_ms + 1000).has_value());
  CAF_CHECK_EQUAL(log->segment_count(), 1u);
  CAF_REQUIRE(append(start_ms + 1001).has_value());
  CAF_CHECK_EQUAL(log->segment_count(), 2u);
  CAF_REQUIRE(log->roll_if_due(start_ms + 1000).has_value());
  CAF_CHECK_EQUAL(log->segment_count(), 2u);
  CAF_CHECK_EQUAL(log->next_maintenance_ms() <= start_ms + 1001, true);
  CAF_REQUIRE(log->roll_if_due(start_ms + 1001).has_value());
  CAF_CHECK_EQUAL(log->segment_count(), 3u);
  auto config = options.config;
  config.segment_index_bytes = 48;
  config.index_interval_bytes = 1;
  log->set_config(config);
  append_many(10);
  CAF_CHECK(log->segment_count() > 4);
}

CAF_TEST(retention by size and time never passes the high watermark) {
  options.config.segment_bytes = 300;
  options.config.retention_bytes = 400;
  options.config.retention_ms = 5000;
  open();
  append_many(12);
  const auto end = log->log_end_offset();
  CAF_CHECK(log->next_retention_ms() <= start_ms);
  CAF_CHECK_EQUAL(log->apply_retention(0, start_ms).value(), 0u);
  CAF_CHECK(log->apply_retention(end, start_ms).value() > 0);
  CAF_CHECK(log->size_bytes() >= 400);
  CAF_CHECK(log->log_start_offset() > 0);
  CAF_CHECK(log->read(0, {}).error().code == errc::offset_out_of_range);
  CAF_CHECK(log->take_deletable_files(start_ms).empty());
  CAF_CHECK(!log->take_deletable_files(start_ms + 1000).empty());
  // All of it is too old: the last segment goes too, and the log is empty at its end.
  CAF_CHECK(log->apply_retention(end, start_ms + 10'000).value() > 0);
  CAF_CHECK_EQUAL(log->log_start_offset(), end);
  CAF_CHECK_EQUAL(log->log_end_offset(), end);
  options.recovery_point = end;
  CAF_REQUIRE(log->close().has_value());
  open(true);
  CAF_CHECK_EQUAL(log->log_end_offset(), end);
}

CAF_TEST(a slice outlives retention truncation and a new start) {
  options.config.segment_bytes = 300;
  open();
  append_many(8);
  auto outcome = log->read(0, {}).value();
  std::vector<byte_vector> before;
  for (const auto& slice : outcome.slices)
    before.push_back(slice_bytes(slice));
  const auto same = [&] {
    for (std::size_t i = 0; i < before.size(); ++i)
      if (before[i].empty() || slice_bytes(outcome.slices[i]) != before[i])
        return false;
    return true;
  };
  CAF_REQUIRE(log->truncate_to(14).has_value());
  CAF_CHECK(same());
  leader_epoch = 1;
  append_many(2);
  CAF_CHECK(same());
  CAF_REQUIRE(log->advance_log_start_offset(6, start_ms).has_value());
  for (const auto& file : log->take_deletable_files(INT64_MAX))
    CAF_CHECK(files.remove(file).has_value());
  CAF_CHECK(same());
  // The actor dies and comes back in the same process: what it had exposed still is.
  open();
  CAF_REQUIRE(log->truncate_to(8).has_value());
  append_many(2);
  CAF_CHECK(same());
  CAF_REQUIRE(log->start_over_at(100).has_value());
  CAF_CHECK(same());
  CAF_CHECK_EQUAL(log->log_start_offset(), 100);
  CAF_CHECK(log->epoch_starts().empty());
  open();
  CAF_CHECK_EQUAL(log->log_end_offset(), 100);
}

CAF_TEST(leader epochs follow the log) {
  open();
  append_many(2);
  CAF_REQUIRE(log->begin_leader_epoch(2).has_value());
  CAF_CHECK_EQUAL(log->latest_leader_epoch(), 2);
  CAF_REQUIRE(log->begin_leader_epoch(4).has_value());
  leader_epoch = 4;
  append_many(2);
  const std::vector<epoch_start> expected{{0, 0}, {4, 4}};
  CAF_CHECK(log->epoch_starts() == expected);
  CAF_CHECK_EQUAL(log->end_offset_for_epoch(3).end_offset, 4);
  CAF_CHECK_EQUAL(log->end_offset_for_epoch(4).end_offset, 8);
  CAF_REQUIRE(log->truncate_to(4).has_value());
  CAF_CHECK_EQUAL(log->latest_leader_epoch(), 0);
  // An epoch that began without a record goes when the log is cut where it began, though no byte does.
  CAF_REQUIRE(log->begin_leader_epoch(6).has_value());
  CAF_REQUIRE(log->truncate_to(4).has_value());
  CAF_CHECK_EQUAL(log->latest_leader_epoch(), 0);
  open();
  CAF_CHECK_EQUAL(log->latest_leader_epoch(), 0);
}

CAF_TEST(the directory of another topic is refused) {
  open();
  append_many(1);
  flush();
  log.reset();
  options.topic_id.bytes = {6};
  CAF_CHECK(partition_log::open(pool, directory, options).error().code == errc::inconsistent_topic_id);
  options.topic_id = {};
  open();
  CAF_CHECK_EQUAL(log->log_end_offset(), 2);
  options.create = false;
  CAF_CHECK(partition_log::open(pool, "/data/u-0", options).error().code == errc::not_found);
}

CAF_TEST(a torn tail is cut and said so and damage below the recovery point is left alone) {
  open();
  append_many(3);
  flush();
  CAF_REQUIRE(log->close().has_value());
  log.reset();
  auto content = files.content(path(0, log_suffix)).value();
  const auto whole = content.size();
  content.resize(whole - 5);
  files.write(path(0, log_suffix), content);
  options.recovery_point = 6;
  auto refused = partition_log::open(pool, directory, options);
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::quarantined);
  CAF_CHECK(refused.error().detail.find("offset 4") != std::string::npos);
  CAF_CHECK_EQUAL(files.content(path(0, log_suffix))->size(), whole - 5);
  options.recovery_point = 4;
  open();
  CAF_CHECK_EQUAL(log->log_end_offset(), 4);
  CAF_CHECK(reports.find("cut at") != std::string::npos);
  CAF_CHECK_EQUAL(files.content(path(0, log_suffix))->size(), log->size_bytes());
}

CAF_TEST(zero padding of an index that Kafka left is ignored) {
  open();
  append_many(20);
  CAF_REQUIRE(log->close().has_value());
  log.reset();
  for (auto suffix : {index_suffix, time_index_suffix}) {
    auto padded = files.content(path(0, suffix)).value();
    padded.resize(10'000);
    files.write(path(0, suffix), padded);
  }
  for (const bool clean : {false, true}) {
    options.recovery_point = clean ? 40 : 0;
    open(clean);
    for (std::int64_t at = 0; at < 40; ++at)
      CAF_CHECK_EQUAL(log->read(at, {.max_offset = INT64_MAX, .max_bytes = 1, .at_least_one = true}).value().next_offset, at / 2 * 2 + 2);
    CAF_REQUIRE(log->close().has_value());
    CAF_CHECK(files.content(path(0, index_suffix))->size() < 10'000);
  }
}

CAF_TEST(a log of Kafka that begins past zero with compacted gaps) {
  byte_vector bytes;
  for (const std::int64_t base : {1005, 1020, 1021}) {
    const auto batch =
        make_batch({.base_offset = base, .leader_epoch = 7, .timestamps = {start_ms, start_ms + 1}, .gap = base == 1005 ? 3 : 0});
    bytes.insert(bytes.end(), batch.bytes.begin(), batch.bytes.end());
    if (base == 1020)
      bytes.resize(bytes.size() - batch.bytes.size()); // only 1005 and 1021
  }
  files.write(path(1000, log_suffix), bytes);
  files.write(path(1000, snapshot_suffix), as_byte_span("x"));
  options.config.cleanup_compact = true;
  options.recovery_point = 1010;
  open();
  CAF_CHECK_EQUAL(log->log_start_offset(), 1000);
  CAF_CHECK_EQUAL(log->log_end_offset(), 1023);
  CAF_CHECK_EQUAL(log->read(1000, {}).value().next_offset, 1023);
  CAF_CHECK_EQUAL(log->read(1011, {}).value().slices.front().position > 0, true);
  CAF_CHECK_EQUAL(log->latest_leader_epoch(), 7);
  CAF_CHECK(files.exists(path(1000, snapshot_suffix)).value());
}

CAF_TEST_FIXTURE_SCOPE_END()
