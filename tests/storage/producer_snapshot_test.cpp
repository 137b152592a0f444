#define CAF_SUITE producer_snapshot
#include "storage/producer_snapshot.hpp"

#include "storage/crc32c.hpp"
#include "storage/partition_log.hpp"
#include "storage/segment_files.hpp"
#include "support/faulting_file_system.hpp"
#include "support/memory_file_system.hpp"
#include "support/producer_batches.hpp"

#include <caf/test/unit_test.hpp>

#include <fstream>

using namespace cafka;
using namespace cafka::storage;
using namespace cafka::test;

namespace {

using entries = std::vector<producer_snapshot_entry>;
using offsets = std::vector<std::int64_t>;

std::string file_text(const std::string& name) {
  std::ifstream file{CAFKA_TEST_DATA "/producers/" + name, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void seal(byte_vector& bytes) { store_be(bytes.data() + 2, crc32c(byte_span{bytes}.subspan(6))); }

const entries two = {{1, 0, 2, 9, 1, 1'000, -1, -1}, {7, 3, -1, -1, 0, 2'000, 4, 5}};

constexpr std::int64_t start_ms = 1'700'000'000'000;
const std::string directory = "/data/t-0";

struct fixture {
  fixture() {
    (void)files.create_directories("/data");
    (void)files.sync_directory("/");
    options.name = {"t", 0};
    options.config.file_delete_delay_ms = 1'000;
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
  void append(int count = 1) {
    for (int i = 0; i < count; ++i) {
      const auto made = build({.sequence = static_cast<std::int32_t>(log->log_end_offset()), .base_offset = log->log_end_offset()});
      CAF_REQUIRE(log->append(made.header, made.bytes, start_ms).has_value());
    }
  }
  void snapshot(std::int64_t offset) {
    CAF_REQUIRE(log->write_producer_snapshot(offset, entries{{1, 0, 0, offset - 1, 0, 1, -1, -1}}, earlier).has_value());
  }
  bool exists(std::int64_t offset, std::string_view suffix = ".snapshot") { return *files.exists(segment_path(directory, offset, suffix)); }

  memory_file_system files;
  faulting_file_system disk{files};
  file_pool pool{disk, 8};
  log_open_options options;
  std::string reports;
  std::unique_ptr<partition_log> log;
  std::vector<earlier_batch> earlier;
};

} // namespace

CAF_TEST(kafka s own bytes are read and written again the same) {
  for (const auto& [name, offset, count] :
       {std::tuple{"answers.snapshot", 25, 6u}, {"transactions-0/00000000000000000032.snapshot", 32, 1u}}) {
    const auto text = file_text(name);
    auto parsed = parse_producer_snapshot(as_byte_span(text), offset);
    CAF_REQUIRE(parsed.has_value());
    CAF_CHECK_EQUAL(parsed->size(), count);
    const auto again = producer_snapshot_bytes(*parsed);
    CAF_CHECK(std::equal(again.begin(), again.end(), as_byte_span(text).begin(), as_byte_span(text).end()));
  }
  const auto empty = producer_snapshot_bytes({});
  CAF_CHECK_EQUAL(empty.size(), 10u); // what Kafka leaves where there are no producers
  CAF_CHECK(parse_producer_snapshot(empty, 0)->empty());
}

CAF_TEST(each field has its place) {
  const auto bytes = producer_snapshot_bytes(two);
  CAF_CHECK_EQUAL(bytes.size(), 10u + 2 * 46u);
  const auto* at = bytes.data() + 10 + 46;
  CAF_CHECK_EQUAL(load_be<std::int16_t>(bytes.data()), 1);
  CAF_CHECK_EQUAL(load_be<std::int32_t>(bytes.data() + 6), 2);
  CAF_CHECK_EQUAL(load_be<std::int64_t>(at), 7);
  CAF_CHECK_EQUAL(load_be<std::int16_t>(at + 8), 3);
  CAF_CHECK_EQUAL(load_be<std::int32_t>(at + 10), -1);
  CAF_CHECK_EQUAL(load_be<std::int64_t>(at + 14), -1);
  CAF_CHECK_EQUAL(load_be<std::int64_t>(at + 26), 2'000);
  CAF_CHECK_EQUAL(load_be<std::int32_t>(at + 34), 4);
  CAF_CHECK_EQUAL(load_be<std::int64_t>(at + 38), 5);
  CAF_CHECK(*parse_producer_snapshot(bytes, 10) == two);
}

CAF_TEST(every flipped bit and every cut is seen) {
  const auto good = producer_snapshot_bytes(two);
  for (std::size_t i = 0; i < good.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto bytes = good;
      bytes[i] ^= std::byte{1} << bit;
      auto parsed = parse_producer_snapshot(bytes, 10);
      CAF_CHECK(!parsed && parsed.error().code == errc::bad_format);
    }
  for (std::size_t size = 0; size < good.size(); ++size)
    CAF_CHECK(!parse_producer_snapshot(byte_span{good}.first(size), 10));
}

CAF_TEST(what a right crc covers may still lie) {
  const auto refused = [](const std::function<void(byte_vector&)>& lie) {
    auto bytes = producer_snapshot_bytes(two);
    lie(bytes);
    seal(bytes);
    return !parse_producer_snapshot(bytes, 10).has_value();
  };
  CAF_CHECK(!refused([](byte_vector&) {}));
  CAF_CHECK(refused([](byte_vector& b) { store_be(b.data(), std::int16_t{2}); }));
  for (const std::int32_t count : {-1, 0, 1, 3, INT32_MAX})
    CAF_CHECK(refused([=](byte_vector& b) { store_be(b.data() + 6, count); }));
  CAF_CHECK(refused([](byte_vector& b) { b.resize(b.size() + 46); }));
  CAF_CHECK(refused([](byte_vector& b) { store_be(b.data() + 10, std::int64_t{7}); })); // an id twice
  CAF_CHECK(refused([](byte_vector& b) { store_be(b.data() + 10, std::int64_t{-1}); }));
  CAF_CHECK(refused([](byte_vector& b) { store_be(b.data() + 24, std::int64_t{10}); })); // last offset at the snapshot's own
  CAF_CHECK(refused([](byte_vector& b) { store_be(b.data() + 32, std::int32_t{10}); })); // begins before 0
  CAF_CHECK(refused([](byte_vector& b) { store_be(b.data() + 32, std::int32_t{-1}); }));
  CAF_CHECK(refused([](byte_vector& b) { store_be(b.data() + 48, std::int64_t{10}); })); // a transaction from past the end
}

CAF_TEST(earlier batches belong to one snapshot and no other) {
  const std::vector<earlier_batch> rows = {{1, 0, 0, 3, 900}, {1, 1, 0, 4, 950}};
  const auto snapshot = producer_snapshot_bytes(two);
  const auto good = earlier_batches_bytes(rows, 10, snapshot);
  CAF_CHECK_EQUAL(good.size(), 22u + 2 * 32u);
  CAF_CHECK(*parse_earlier_batches(good, 10, snapshot) == rows);
  const auto refused = [&](byte_span bytes, std::int64_t offset, byte_span beside) {
    const auto parsed = parse_earlier_batches(bytes, offset, beside);
    return !parsed && parsed.error().code == errc::bad_format;
  };
  CAF_CHECK(refused(good, 11, snapshot));
  auto other = two;
  other[0].timestamp += 1;
  CAF_CHECK(refused(good, 10, producer_snapshot_bytes(other)));
  CAF_CHECK(refused(good, 10, {}));
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    auto bytes = good;
    bytes[i / 8] ^= std::byte{1} << (i % 8);
    CAF_CHECK(refused(bytes, 10, snapshot));
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    CAF_CHECK(refused(byte_span{good}.first(size), 10, snapshot));
  for (const std::int32_t count : {-1, 0, 1, 3, INT32_MAX}) {
    auto bytes = good;
    store_be(bytes.data() + 18, count);
    seal(bytes);
    CAF_CHECK(refused(bytes, 10, snapshot));
  }
  auto later = good;
  store_be(later.data(), std::int16_t{2});
  seal(later);
  CAF_CHECK(refused(later, 10, snapshot));
}

CAF_TEST(markers are told from other control batches) {
  const auto commit = find_transaction_marker(build_marker(3, 1, 8, 500, true, 0).bytes);
  CAF_REQUIRE(commit.has_value());
  CAF_CHECK_EQUAL(commit->coordinator_epoch, 8);
  CAF_CHECK_EQUAL(commit->timestamp, 500);
  CAF_CHECK(commit->commits);
  CAF_CHECK(!find_transaction_marker(build_marker(3, 1, 8, 500, false, 0).bytes)->commits);
  batch_builder builder;
  const std::array<std::byte, 4> leader_change{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{2}};
  builder.add(1, byte_span{leader_change}, as_byte_span("123456"));
  CAF_CHECK(!find_transaction_marker(finish(builder, {.is_control = true}).bytes));
  builder.add(1, std::nullopt, as_byte_span("123456"));
  CAF_CHECK(!find_transaction_marker(finish(builder, {.is_control = true}).bytes));
  CAF_CHECK(!find_transaction_marker({}));
}

CAF_TEST_FIXTURE_SCOPE(beside_a_log, fixture)

CAF_TEST(written snapshots are listed read and survive a power loss after the flush) {
  open();
  append(3);
  snapshot(3);
  CAF_CHECK(log->producer_snapshots() == offsets{3});
  auto ticket = log->prepare_flush();
  CAF_REQUIRE(ticket && ticket->sync().has_value());
  log->mark_flushed(ticket->end_offset);
  append();
  snapshot(4);
  snapshot(2); // no order is asked for
  CAF_CHECK((log->producer_snapshots() == offsets{2, 3, 4}));
  prng chance{3};
  for (int i = 0; i < 20; ++i) {
    auto after = files.crashed_copy(chance);
    file_pool other{*after, 4};
    auto recovered = partition_log::open(other, directory, options);
    CAF_REQUIRE(recovered.has_value());
    const auto& found = (*recovered)->producer_snapshots();
    CAF_REQUIRE_EQUAL(found.size(), 1u); // strays but the newest go
    const auto read = (*recovered)->read_producer_snapshot(found.back());
    CAF_CHECK(read || (found.back() != 3 && read.error().code == errc::bad_format));
  }
}

CAF_TEST(opening keeps those at segments and the newest past them) {
  open();
  append(2);
  CAF_REQUIRE(log->roll(start_ms).has_value());
  append(2);
  CAF_REQUIRE(log->roll(start_ms).has_value());
  append(3); // segments at 0, 2, 4; the end is 7
  for (const std::int64_t at : {1, 2, 3, 4, 5, 6})
    snapshot(at);
  CAF_REQUIRE(log->close().has_value());
  const auto keep = log->read_producer_snapshot(2);
  files.write(segment_path(directory, 9, ".snapshot"), producer_snapshot_bytes({}));
  files.write(directory + "/00000000000000000006.snapshot.tmp", as_byte_span("torn"));
  options.recovery_point = 7;
  open(true);
  CAF_CHECK((log->producer_snapshots() == offsets{2, 4, 6}));
  for (const std::int64_t at : {1, 3, 5, 9})
    CAF_CHECK(!exists(at));
  CAF_CHECK(!exists(6, ".snapshot.tmp"));
  CAF_CHECK(*log->read_producer_snapshot(2) == *keep);
  CAF_CHECK_EQUAL(log->read_producer_snapshot(3).error().code, errc::not_found);
  CAF_CHECK_EQUAL(reports, "");
}

CAF_TEST(earlier batches live and go with their snapshot) {
  earlier = {{1, 0, 0, 0, 900}};
  open();
  for (int i = 0; i < 4; ++i) {
    append(2);
    CAF_REQUIRE(log->roll(start_ms).has_value());
    snapshot(log->log_end_offset());
  }
  append(2); // segments at 0, 2, 4, 6, 8; the end is 10
  snapshot(10);
  CAF_CHECK(*log->read_earlier_batches(10, *log->read_producer_snapshot(10)) == earlier);
  CAF_CHECK_EQUAL(log->read_earlier_batches(10, *log->read_producer_snapshot(8)).error().code, errc::bad_format);
  CAF_CHECK_EQUAL(log->read_earlier_batches(9, *log->read_producer_snapshot(8)).error().code, errc::not_found);
  CAF_REQUIRE(log->advance_log_start_offset(4, start_ms).has_value());
  CAF_CHECK(!exists(2, ".sequences") && exists(2, ".sequences.deleted"));
  for (const auto& path : log->take_deletable_files(start_ms + 5'000))
    CAF_REQUIRE(files.remove(path).has_value());
  CAF_CHECK(!exists(2, ".sequences.deleted"));
  CAF_REQUIRE(log->truncate_to(9).has_value());
  CAF_CHECK(exists(8, ".sequences") && !exists(10, ".sequences"));
  CAF_REQUIRE(log->truncate_to(7).has_value());
  CAF_CHECK(exists(6, ".sequences") && !exists(8, ".sequences"));
  CAF_REQUIRE(log->remove_producer_snapshot(6).has_value());
  CAF_CHECK(!exists(6, ".sequences"));
  CAF_REQUIRE(log->close().has_value());
  files.write(directory + "/00000000000000000004.sequences.tmp", as_byte_span("torn"));
  files.write(segment_path(directory, 6, ".sequences"), as_byte_span("whose snapshot is gone")); // say Kafka took it away
  options.recovery_point = 7;
  options.log_start_offset = 4;
  open(true);
  CAF_CHECK(exists(4, ".sequences") && !exists(6, ".sequences") && !exists(4, ".sequences.tmp"));
  CAF_CHECK(*log->read_earlier_batches(4, *log->read_producer_snapshot(4)) == earlier);
  CAF_CHECK_EQUAL(reports, "");
  CAF_REQUIRE(log->start_over_at(100).has_value());
  CAF_CHECK(!exists(4, ".sequences"));
}

CAF_TEST(one from past the end does not come back when the log has grown there) {
  open();
  append(4);
  auto ticket = log->prepare_flush();
  CAF_REQUIRE(ticket && ticket->sync().has_value());
  log->mark_flushed(ticket->end_offset);
  files.write(segment_path(directory, 5, ".snapshot"), producer_snapshot_bytes(two)); // durable; the batches that it knew were lost
  open();
  CAF_CHECK(log->producer_snapshots().empty());
  append(2);
  prng chance{5};
  for (int i = 0; i < 20; ++i)
    CAF_CHECK(!files.crashed_copy(chance)->content(segment_path(directory, 5, ".snapshot")));
}

CAF_TEST(segments take their snapshot along and truncation those past the new end) {
  open();
  for (int i = 0; i < 4; ++i) {
    append(2);
    CAF_REQUIRE(log->roll(start_ms).has_value());
    snapshot(log->log_end_offset());
  }
  append(); // segments at 0, 2, 4, 6, 8; the end is 9
  snapshot(9);
  CAF_REQUIRE(log->advance_log_start_offset(4, start_ms).has_value());
  CAF_CHECK((log->producer_snapshots() == offsets{4, 6, 8, 9}));
  CAF_CHECK(!exists(2) && exists(2, ".snapshot.deleted"));
  for (const auto& path : log->take_deletable_files(start_ms + 5'000))
    CAF_REQUIRE(files.remove(path).has_value());
  CAF_CHECK(!exists(2, ".snapshot.deleted"));
  CAF_REQUIRE(log->truncate_to(7).has_value());
  CAF_CHECK((log->producer_snapshots() == offsets{4, 6}));
  CAF_CHECK(!exists(8) && !exists(9));
  CAF_REQUIRE(log->start_over_at(100).has_value());
  CAF_CHECK(log->producer_snapshots().empty());
  CAF_CHECK(!exists(4) && !exists(6));
}

CAF_TEST(the roll hook comes before the segment and can forbid it) {
  open();
  options.config.segment_bytes = 150;
  log->set_config(options.config);
  offsets rolled;
  bool may = true;
  log->on_roll([&](std::int64_t at) -> result<void> {
    CAF_CHECK_EQUAL(log->log_end_offset(), at);
    CAF_CHECK(!exists(at, ".log"));
    rolled.push_back(at);
    return may ? result<void>{} : fail(errc::no_space, "full");
  });
  append(3);
  CAF_REQUIRE(!rolled.empty());
  const auto end = log->log_end_offset();
  const auto segments = log->segment_count();
  may = false;
  const auto made = build({.value_bytes = 200, .base_offset = end});
  CAF_CHECK_EQUAL(log->append(made.header, made.bytes, start_ms).error().code, errc::no_space);
  CAF_CHECK_EQUAL(log->log_end_offset(), end);
  CAF_CHECK_EQUAL(log->segment_count(), segments);
  CAF_CHECK(!log->check_invariants());
  may = true;
  CAF_CHECK(log->append(made.header, made.bytes, start_ms).has_value());
  CAF_CHECK_EQUAL(rolled.back(), end);
  // retention that takes the last segment rolls first
  const auto before = rolled.size();
  CAF_REQUIRE(log->apply_retention(log->log_end_offset(), start_ms + 10 * options.config.retention_ms).has_value());
  CAF_CHECK_EQUAL(rolled.size(), before + 1);
  CAF_CHECK_EQUAL(rolled.back(), log->log_end_offset());
}

CAF_TEST(walking shows every header from the batch that holds the offset and the markers in them) {
  open();
  const auto put = [&](const built_batch& made) { CAF_REQUIRE(log->append(made.header, made.bytes, start_ms).has_value()); };
  put(build({.id = 4, .records = 3, .transactional = true}));
  put(build_marker(4, 0, 6, start_ms + 1, false, 3));
  CAF_REQUIRE(log->roll(start_ms).has_value());
  put(build({.id = 5, .sequence = 2, .records = 2, .base_offset = 4}));
  put(build({.id = -1, .epoch = -1, .sequence = -1, .base_offset = 6}));
  const auto walked = [&](std::int64_t from) {
    std::string seen;
    const auto done = log->walk_headers(from, [&](const batch_header& header, const std::optional<transaction_marker>& marker) {
      seen += std::to_string(header.base_offset) + ':' + std::to_string(header.producer_id);
      if (marker)
        seen += " ends " + std::to_string(marker->coordinator_epoch) + ' ' + std::to_string(marker->timestamp - start_ms);
      seen += ", ";
    });
    return done ? seen : done.error().to_string();
  };
  CAF_CHECK_EQUAL(walked(0), "0:4, 3:4 ends 6 1, 4:5, 6:-1, ");
  CAF_CHECK_EQUAL(walked(2), "0:4, 3:4 ends 6 1, 4:5, 6:-1, ");
  CAF_CHECK_EQUAL(walked(3), "3:4 ends 6 1, 4:5, 6:-1, ");
  CAF_CHECK_EQUAL(walked(5), "4:5, 6:-1, ");
  CAF_CHECK_EQUAL(walked(7), "");
  CAF_REQUIRE(log->advance_log_start_offset(2, start_ms).has_value());
  CAF_CHECK_EQUAL(walked(0), "0:4, 3:4 ends 6 1, 4:5, 6:-1, "); // as far as the segments reach
  files.flip(segment_path(directory, 4, ".log"), 16, std::byte{0x40});
  CAF_CHECK(walked(4).starts_with("CORRUPT_MESSAGE"));
}

CAF_TEST_FIXTURE_SCOPE_END()
